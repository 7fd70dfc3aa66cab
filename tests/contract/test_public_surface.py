"""What users may import is named in one place, and everything that users are shown keeps to it."""

from __future__ import annotations

import ast
import importlib
import re

import pytest

import model_monitor
from tests.conftest import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "monitor_image" / "README.md"])
USERS_CODE = sorted((ROOT / "environments").rglob("*.py"))
IMPORT = re.compile(r"^\s*from (model_monitor(?:\.\w+)*) import ([\w, ]+)", re.MULTILINE)
OF_A_MONITOR = ("model_monitor.monitors", "model_monitor.schema", "model_monitor.contract", "model_monitor.job")


@pytest.mark.parametrize("name", sorted(model_monitor.PUBLIC))
def test_a_public_module_offers_what_is_promised_and_nothing_else(name: str) -> None:
    module = importlib.import_module(name)
    assert sorted(module.__all__) == sorted(model_monitor.PUBLIC[name])
    assert all(getattr(module, each).__doc__ for each in module.__all__)


def shown_imports() -> list[tuple[str, str, str]]:
    """(where, module, name) of every import of ours in a page or in users' code."""
    found = []
    for path in (*PAGES, *USERS_CODE):
        for module, names in IMPORT.findall(path.read_text()):
            found += [(path.name, module, name.strip()) for name in names.split(",")]
    return found


def test_pages_and_users_code_import_public_names_only() -> None:
    shown = [each for each in shown_imports() if not each[1].startswith(OF_A_MONITOR)]
    assert len(shown) >= 3
    for where, module, name in shown:
        assert name in model_monitor.PUBLIC.get(module, ()), f"{where} shows {module}.{name}"


SHARED_MODULES = {"model_monitor.contract", "model_monitor.formats"}  # with the stacks, which stand beside the core


@pytest.mark.parametrize("folder", ["stacks", "demo", "environments"])
def test_programs_of_the_kit_outside_the_core_need_no_more(folder: str) -> None:
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "model_monitor":
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                is_shared = node.module in SHARED_MODULES or names <= SHARED_MODULES
                public = {f"{module}.{name}" for module, names_ in model_monitor.PUBLIC.items() for name in names_}
                assert is_shared or names <= public, f"{path.relative_to(ROOT)}:{node.lineno}"
