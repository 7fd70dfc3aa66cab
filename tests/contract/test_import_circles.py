"""No module imports itself, however far around: neither at load, nor inside a function, nor for the type checker alone."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOUSES = {  # folder -> what its modules are called by
    "monitor_image/model_monitor": "model_monitor",
    "twin": "twin",
    "stacks": "stacks",
    "demo": "demo",
    "benchmarks": "benchmarks",
}


def imports_between(folder: Path, package: str) -> dict[str, set[str]]:
    """Module -> modules of the same package that it names in an import, wherever the import stands."""
    modules = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        modules[".".join([package, *(part for part in parts if part != "__init__")])] = path
    return {name: imported_by(name, path, set(modules)) for name, path in modules.items()}


def imported_by(name: str, path: Path, modules: set[str]) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in modules else node.module or "")
    return (found & modules) - {name}


def circle_in(imports: dict[str, set[str]]) -> list[str]:
    """The modules of one circle, in order; none when there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("folder", sorted(HOUSES))
def test_there_is_no_import_circle(folder: str) -> None:
    imports = imports_between(ROOT / folder, HOUSES[folder])
    assert len(imports) > 5
    assert not circle_in(imports)


def test_a_circle_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "inner" / "__init__.py").write_text("")
    (tmp_path / "one.py").write_text("from house.inner import two")
    (tmp_path / "inner" / "two.py").write_text("def later():\n    import house.three")
    (tmp_path / "three.py").write_text("if TYPE_CHECKING:\n    from house.one import Thing")
    circle = circle_in(imports_between(tmp_path, "house"))
    assert set(circle) == {"house.one", "house.inner.two", "house.three"}
