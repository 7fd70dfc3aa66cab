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
    path.relative_to(CORE).with_suffix("").as_posix().replace("/", ".").removesuffix("__init__").rstrip("."): path
    for path in sorted(CORE.rglob("*.py"))
}

# room -> rooms or modules it may import, besides its own. A room is a module of the core's root, a folder of it, or a monitor's
# folder; `monitors` alone stands for the modules that all monitors share, and their registry is a room of its own.
GROUND = {"contract", "errors", "formats", "packing", "schema", "words", "label_text", "reader", "command"}
GROUND |= {"collection", "tree"}
ANALYSES = ("data_quality", "model_quality", "model_bias", "model_explainability", "custom_metrics")
SHARED_BY_MONITORS = GROUND | {"job", "sketches", "labels", "monitors", "outputs.metric"}
ALLOWED = {
    # the ground floor
    "contract": set(),
    "words": set(),
    "formats": set(),
    "schema": set(),
    "collection": set(),  # of garbage, put off while all that is made stays
    "tree": {"errors"},  # files below a folder, of datasets and labels alike
    "packing": {"contract", "errors"},  # what is compressed, datasets and labels alike
    "logs": set(),
    "command": set(),  # what a command of the command line is
    "errors": {"words"},
    "label_text": {"schema"},  # labels in one spelling, wherever they come from
    "reader": {"contract", "errors"},  # whether the compiled one runs, for the loops that it has
    # what every run needs
    "aws": {"errors", "contract"},
    "arguments": {"aws", "job"},  # types that commands of several rooms take
    "sketches": GROUND,
    "job": GROUND | {"aws", "monitors.registry"},  # a configuration asks each monitor for its options, by its key
    "dataset": GROUND | {"job"},
    "labels": GROUND | {"job", "dataset", "aws", "outputs.files", "outputs.score"},
    "predictors": GROUND | {"job", "aws", "logs"},  # asks models: leaves the process through aws
    "runners": {"contract", "errors"},
    # the monitors
    "monitors": GROUND | {"job", "sketches", "outputs.metric"},
    "monitors.registry": {"contract", "monitors"},
    **{f"monitors.{name}": SHARED_BY_MONITORS for name in ANALYSES},
    "monitors.model_explainability": SHARED_BY_MONITORS | {"predictors"},  # a model is asked once all rows are read
    # two models on the same rows: what monitors measure, once for each
    "comparison": GROUND
    | {"job", "dataset", "labels", "sketches", "monitors", "monitors.model_quality", "monitors.model_bias"}
    | {"outputs.files"},
    # what leaves a run, the two jobs, the front doors
    "outputs": GROUND | {"job", "sketches", "monitors", "monitors.registry"},
    "pages": GROUND | {"outputs.files", "arguments"},  # from report.json alone
    "flow": GROUND
    | {"job", "dataset", "labels", "sketches", "monitors", "monitors.registry", "outputs", "runners", "review"},
    "late": GROUND | {"job", "labels", "monitors.registry", "outputs", "flow", "logs"},  # windows before a run's
    "windows": GROUND | {"job", "dataset", "outputs"},  # many of them, one run each
    # from SageMaker's own monitors: an account as an environment file, and its past windows once more
    "migration": GROUND | {"arguments", "job", "aws", "outputs", "runners", "flow", "windows", ""},
    "container": GROUND | {"job", "aws", "outputs", "runners", "flow", "late", "logs", ""},
    "function": GROUND  # a container whose service is Lambda
    | {"job", "aws", "container", "runners", "logs", "flow", "late", "comparison", "outputs"},
    "laptop": GROUND | {"arguments", "job", "outputs", "runners", "flow", "windows", ""},
    "cli": GROUND | {"laptop", "job", "labels", "comparison", "outputs", "pages", "review", "migration", "runners", ""},
    "review": GROUND | {"job", "sketches", "labels", "outputs"},  # predictions that people look at, and their answers
    "__main__": {"cli", "container", "function", "collection", "contract", "runners"},
    "": set(),
    # public doors
    "api": GROUND | {"job", "aws", "dataset", "outputs", "pages", "laptop", "cli"},  # the command as functions
    "custom": {"monitors.custom_metrics"},
    "ground_truth_writer": {"labels"},
}
PURE_ROOMS = {
    *("contract", "formats", "words", "schema", "errors", "label_text", "sketches", "monitors", "monitors.registry"),
    *(f"monitors.{name}" for name in ANALYSES),
}
PURE_MODULES = {"job.job", "labels.maturity", "labels.coverage"}
ONE_ROOM = {
    "boto3": {"aws"},
    "botocore": {"aws"},
    "jinja2": {"pages"},
    "rich": {"runners"},  # the progress bar
    "multiprocessing": {"runners"},
    "scipy": {"monitors.model_bias"},  # nearest neighbours of the flip test
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
OPENS_BASELINES = {"monitors.baseline_files"}  # monitors load a baseline through it, from paths the job names


def room_of(module: str) -> str:
    first, *rest = module.split(".")
    if first == "monitors" and rest and (rest[0] == "registry" or rest[0] in ANALYSES):
        return f"{first}.{rest[0]}"
    return first


def is_pure(module: str) -> bool:
    return room_of(module) in PURE_ROOMS or module in PURE_MODULES


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text())


@cache
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


def test_every_folder_of_a_monitor_is_a_room_of_its_own():
    assert set(ANALYSES) == {
        folder.name for folder in (CORE / "monitors").iterdir() if (folder / "monitor.py").is_file()
    }


@pytest.mark.parametrize("module", sorted(filter(is_pure, MODULES)))
def test_what_computes_reads_no_clock_no_environment_and_no_chance(module):
    assert not imports_of(module) & CHANCE_MODULES
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert node.attr not in CLOCKS_AND_CHANCE.get(node.value.id, set()), f"{module}:{node.lineno}"


@pytest.mark.parametrize("module", sorted(name for name in MODULES if is_pure(name) and name not in OPENS_BASELINES))
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
    assert not loaded & {"boto3", "botocore", "rich", "jmespath", "pandas", "jinja2"}


def test_a_client_of_aws_waits_for_no_library_that_it_does_not_need():
    keys = "import os; os.environ.update(AWS_REGION='eu-west-1', AWS_ACCESS_KEY_ID='a', AWS_SECRET_ACCESS_KEY='b')"
    loaded = loaded_by(f"{keys}; from model_monitor.aws import s3; s3.prepare()")
    assert "botocore.client" in loaded
    assert not loaded & {"boto3", "s3transfer"}


@pytest.mark.parametrize(
    ("importers", "forbidden"),
    [
        ("stacks", {"twin", "demo", "benchmarks", "tests"}),
        ("monitor_image", {"stacks", "twin", "demo", "benchmarks", "tests", "aws_cdk"}),
        ("lambda", {"stacks", "twin", "demo", "benchmarks", "tests"}),
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


SHARED = {f"{PACKAGE}.contract", f"{PACKAGE}.formats"}  # names, and how files of older versions are read


@pytest.mark.parametrize("importers", ["stacks", "twin", "app.py"])
def test_of_the_core_stacks_and_twin_know_only_the_contract_and_its_formats(importers):
    base = ROOT / importers
    for path in [base] if base.is_file() else sorted(base.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                assert node.module in SHARED or names <= SHARED, f"{path.relative_to(ROOT)}:{node.lineno}"
            if isinstance(node, ast.Import):
                ours = {alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE}
                assert ours <= SHARED, f"{path.relative_to(ROOT)}:{node.lineno}"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "lambda").rglob("*.py")), ids=lambda path: path.parent.name + "." + path.stem
)
def test_a_lambda_needs_only_the_standard_library_boto3_and_what_it_may_carry(path):
    beside = {module.stem for folder in (path.parent, ROOT / "lambda" / "shared") for module in folder.glob("*.py")}
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        foreign = {name for name in names if name.removeprefix(f"{PACKAGE}.") not in CARRIED}
        tops = {name.split(".")[0] for name in foreign}
        assert tops <= set(sys.stdlib_module_names) | {"boto3", "botocore"} | beside, f"{path}:{node.lineno}"


# modules of the core that functions carry: their own neighbours on this list, and the standard library
CARRIED = {"labels.truth_lines"} | {
    f"review.{name}"
    for name in ("augmented_ai", "backend", "desk", "labelling_tool", "outside", "records", "service", "store")
}


@pytest.mark.parametrize("module", sorted(CARRIED))
def test_what_a_function_carries_of_the_core_needs_the_standard_library_alone(module):
    packages = {".".join(module.split(".")[:depth]) for depth in range(module.count(".") + 1)}
    assert own_imports(module) - packages <= CARRIED
    assert not {name for package in packages for name in own_imports(package)}
    foreign = {name.split(".")[0] for each in (module, *packages) for name in imports_of(each)} - {PACKAGE}
    assert foreign <= set(sys.stdlib_module_names)
