"""Who may import whom: the core's rooms from left to right, and what each room must never touch."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "monitor_image" / "model_monitor"
PACKAGE = "model_monitor"
MODULES = {
    path.relative_to(CORE).with_suffix("").as_posix().replace("/", "."): path for path in sorted(CORE.rglob("*.py"))
}

# room -> rooms it may import, besides its own; a room is a package, or a module of the core's root
TYPES = {"contract", "errors", "schema", "job", "words", "labels"}
FORMULAS = TYPES | {"profiles", "metrics"}
RULES = FORMULAS | {"constraints", "registry", "blocks"}
AWS_FILES = {
    f"outputs.{name}"
    for name in ("metric", "statistics", "constraints", "violations", "model_quality", "bias", "attribution")
}
ALLOWED = {
    "contract": set(),
    "words": set(),
    "errors": {"words"},
    "schema": set(),
    "blocks": set(),
    "threads": set(),
    "logs": set(),
    "job": {"contract", "schema"},
    "labels": {"schema"},
    "reader": {"contract", "errors"},  # whether the compiled one runs, for the loops that it has
    "profiles": TYPES | {"reader"},
    "metrics": TYPES | {"profiles"},
    "constraints": RULES,
    "registry": TYPES | {"constraints", "monitors"},
    "user_code": {"contract", "errors", "job", "s3"},  # fetches and imports scripts and metrics of the user's own
    "custom": TYPES
    | {"profiles", "user_code"},  # declared by users, loaded and called here: the one room that runs their code
    "monitors": RULES
    | AWS_FILES
    | {"custom", "predictors"},  # a model is asked through its door, once all rows are read
    "dataset": TYPES
    | {"ground_truth_writer", "reader", "user_code"},  # merged records spell labels as ground truth does
    "outputs": FORMULAS | {"constraints"},
    "runners": TYPES,
    "configuration": TYPES | {"blocks", "registry", "analysis_documents"},
    "analysis_documents": {"blocks", "s3", "constraints"},  # Clarify's own files, named by a configuration
    "variables": TYPES | {"reader"},
    "s3": {"errors"},
    "ground_truth_writer": {"errors", "s3", "outputs.files"},  # an application's door: nothing of a run
    "baselines": TYPES | {"s3"},
    "endpoints": {"errors"},  # SageMaker's own calls: asking an endpoint, making and removing one
    "predictors": TYPES
    | {"blocks", "s3", "endpoints", "logs"},  # asks models: leaves the process through s3 and endpoints
    "flow": RULES | {"monitors", "dataset", "runners", "outputs", "baselines"},
    "progress": {"runners"},
    "maturity": TYPES,
    "fetching": {"errors", "schema", "s3"},
    "history": TYPES | {"maturity", "outputs", "s3"},
    "container_job": TYPES | {"configuration", "variables", "s3", "baselines", "user_code", "fetching"},
    "late": TYPES
    | {
        "flow",
        "registry",
        "container_job",
        "fetching",
        "history",
        "maturity",
        "outputs",
        "logs",
    },  # windows before a run's
    "container": TYPES
    | {
        "flow",
        "late",
        "container_job",
        "variables",
        "logs",
        "outputs",
        "runners",
        "s3",
        "user_code",
        "reader",
        "",
    },
    "cli_job": TYPES | {"reader", "configuration", "s3", "baselines", "dataset", "user_code"},
    "cli_labels": {"errors", "words", "s3", "ground_truth_writer"},
    "cli": TYPES
    | {
        "flow",
        "cli_job",
        "cli_labels",
        "variables",
        "outputs",
        "runners",
        "progress",
        "threads",
        "s3",
        "user_code",
        "reader",  # light: tells which one runs
        "",
    },
    "__main__": {"cli", "container", "contract", "threads"},
    "__init__": set(),
}
PURE_ROOMS = (
    "profiles",
    "metrics",
    "constraints",
    "monitors",
    "schema",
    "contract",
    "errors",
    "job",
    "words",
    "labels",
    "maturity",
)
ONE_ROOM = {
    "boto3": {"s3", "endpoints"},
    "botocore": {"s3", "endpoints"},
    "rich": {"progress"},
    "multiprocessing": {"runners"},
    "scipy": {"metrics"},  # nearest neighbours of the flip test
}
CLOCKS_AND_CHANCE = {
    "time": {"time", "time_ns", "monotonic", "perf_counter", "localtime", "gmtime"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "os": {"environ", "getenv", "urandom", "open", "listdir", "walk"},
    "np": {"random"},
    "numpy": {"random"},
}
CHANCE_MODULES = {"random", "secrets", "uuid", "socket", "subprocess", "tempfile", "shutil"}
FILE_METHODS = {
    "read_text",
    "read_bytes",
    "write_text",
    "write_bytes",
    "unlink",
    "mkdir",
    "iterdir",
    "glob",
    "rglob",
    "exists",
}
READS_BASELINES = {
    "constraints.baseline",
    "monitors.data_quality",
    "monitors.custom_metrics",
}  # load_baseline is given files that are already local

OPENS_BASELINES = {"constraints.baseline"}  # monitors load a baseline through it, from paths the job names


def room_of(module: str) -> str:
    return module.split(".")[0]


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text())


def imports_of(module: str, at_load: bool = False) -> set[str]:
    """Full names of imported modules; `at_load`: only what importing the module imports at once."""
    found: set[str] = set()
    names = set(MODULES)
    for node in _nodes(tree_of(module), at_load):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            source = node.module or ""
            for alias in node.names:
                inner = f"{source}.{alias.name}".removeprefix(f"{PACKAGE}.")
                found.add(f"{PACKAGE}.{inner}" if inner in names and source.startswith(PACKAGE) else source)
    return found


def _nodes(tree: ast.AST, at_load: bool):
    for node in ast.iter_child_nodes(tree):
        if at_load and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue  # for the type checker only
        yield node
        yield from _nodes(node, at_load)


def own_imports(module: str) -> set[str]:
    """Imports of our own, as names below the package; "" is the package itself."""
    own = {name for name in imports_of(module) if name == PACKAGE or name.startswith(f"{PACKAGE}.")}
    return {name.removeprefix(PACKAGE).lstrip(".") for name in own}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_room_imports_only_what_stands_left_of_it(module):
    room = room_of(module)
    assert room in ALLOWED, f"a new room: add {room} to the table, and to the picture in the README"
    allowed = ALLOWED[room]
    wrong = {name for name in own_imports(module) if room_of(name) not in allowed | {room} and name not in allowed}
    assert not wrong, f"{module} must not import {sorted(wrong)}"


@pytest.mark.parametrize("module", sorted(name for name in MODULES if room_of(name) in PURE_ROOMS))
def test_what_computes_reads_no_clock_no_environment_and_no_chance(module):
    assert not imports_of(module) & CHANCE_MODULES
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert node.attr not in CLOCKS_AND_CHANCE.get(node.value.id, set()), f"{module}:{node.lineno}"


@pytest.mark.parametrize(
    "module", sorted(name for name in MODULES if room_of(name) in PURE_ROOMS and name not in OPENS_BASELINES)
)
def test_what_computes_opens_no_file(module):
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert name not in FILE_METHODS | {"open"}, f"{module}:{node.lineno} opens a file"


@pytest.mark.parametrize("library", sorted(ONE_ROOM))
def test_a_heavy_library_is_known_in_one_room(library):
    users = {room_of(module) for module in MODULES if library in {name.split(".")[0] for name in imports_of(module)}}
    assert users <= ONE_ROOM[library]
    at_load = {
        module for module in MODULES if library in {name.split(".")[0] for name in imports_of(module, at_load=True)}
    }
    assert library == "multiprocessing" or not at_load, f"{library} must be imported where it is used"


@pytest.mark.parametrize("library", ["pandas", "polars", "dask", "shap", "sagemaker", "sklearn", "aws_cdk"])
def test_the_core_knows_nothing_of(library):
    assert not {module for module in MODULES if library in {name.split(".")[0] for name in imports_of(module)}}


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CORE.parent, capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_a_synth_imports_the_contract_without_numpy():
    loaded = loaded_by("import model_monitor.contract")
    ours = {name for name in loaded if name.startswith(PACKAGE)}
    assert ours == {PACKAGE, f"{PACKAGE}.contract"}
    assert not loaded & {"numpy", "pyarrow", "boto3", "orjson"}


def test_help_and_wrong_settings_wait_for_no_heavy_import():
    loaded = loaded_by("import model_monitor.cli; model_monitor.cli.parser()")
    assert not loaded & {"numpy", "pyarrow", "boto3", "rich"}


def test_a_run_loads_no_aws_client_no_terminal_library_and_no_jmespath():
    loaded = loaded_by("import model_monitor.container, model_monitor.flow; model_monitor.flow.registry.monitors()")
    assert not loaded & {"boto3", "botocore", "rich", "jmespath", "pandas"}


@pytest.mark.parametrize(
    ("importers", "forbidden"),
    [
        ("stacks", {"twin", "demo", "benchmarks", "tests"}),
        ("monitor_image", {"stacks", "twin", "demo", "benchmarks", "tests", "aws_cdk"}),
        ("lambda", {"stacks", "twin", "demo", "benchmarks", "tests", "model_monitor"}),
        ("twin", {"stacks", "demo", "benchmarks", "tests"}),
    ],
)
def test_nobody_imports_demo_benchmarks_or_tests_and_the_kit_never_imports_the_twin(importers, forbidden):
    for path in sorted((ROOT / importers).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            wrong = {name.split(".")[0] for name in names} & forbidden
            assert not wrong, f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)} imports {wrong}"


@pytest.mark.parametrize("importers", ["stacks", "twin", "app.py"])
def test_of_the_core_stacks_and_twin_know_only_the_contract(importers):
    base = ROOT / importers
    for path in [base] if base.is_file() else sorted(base.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                is_contract = node.module == f"{PACKAGE}.contract" or names == {f"{PACKAGE}.contract"}
                assert is_contract, f"{path.relative_to(ROOT)}:{node.lineno}"
            if isinstance(node, ast.Import):
                ours = {alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE}
                assert ours <= {f"{PACKAGE}.contract"}, f"{path.relative_to(ROOT)}:{node.lineno}"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "lambda").rglob("*.py")), ids=lambda path: path.parent.name + "." + path.stem
)
def test_a_lambda_needs_only_the_standard_library_and_boto3(path):
    siblings = {sibling.stem for sibling in path.parent.glob("*.py")}
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        tops = {name.split(".")[0] for name in names}
        assert tops <= set(sys.stdlib_module_names) | {"boto3", "botocore"} | siblings, f"{path}:{node.lineno}"
