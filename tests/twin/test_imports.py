"""Who knows whom in the twin: nobody in a circle, nobody the server, and the README everybody."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = {
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__"): path
    for path in sorted((ROOT / "twin").rglob("*.py"))
}


def imports_of(module: str) -> set[str]:
    """The twin's modules that one names in an import, wherever it stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in names}
    return (found & set(MODULES)) - {module}


def room_of(module: str) -> str:
    """The package of a service, or a module beside them."""
    return ".".join(module.split(".")[:2])


def test_no_module_imports_in_a_circle() -> None:
    TopologicalSorter({module: imports_of(module) for module in MODULES}).prepare()


def test_no_service_imports_in_a_circle() -> None:
    rooms: dict[str, set[str]] = {}
    for module in MODULES:
        room = room_of(module)
        rooms.setdefault(room, set()).update(name for name in map(room_of, imports_of(module)) if name != room)
    TopologicalSorter(rooms).prepare()


def test_no_service_knows_the_server() -> None:
    assert {module for module in MODULES if "twin.server" in imports_of(module)} == {"twin"}


def test_the_readme_names_every_module() -> None:
    picture = (ROOT / "twin" / "README.md").read_text().partition("## Where things are")[2].partition("\n\nA call")[0]
    assert {module.rpartition(".")[2] for module in MODULES} - {"twin"} <= set(re.findall(r"\w+", picture))
