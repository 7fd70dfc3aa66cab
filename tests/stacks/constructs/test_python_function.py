"""What a deployed function is made of: its own modules and those that all functions share, and nothing else is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stacks.constructs.python_function import FOLDER, SHARED, staged
from tests.synthesis import Assembly

pytestmark = pytest.mark.xdist_group("synth")

FUNCTIONS = sorted(path.parent.name for path in FOLDER.glob("*/handler.py"))


def modules(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".py"}


def deployed(*assemblies: Assembly) -> list[Path]:
    """The folders that are zipped for functions of ours, each once; others are CDK's own, or images."""
    found = {
        function["Code"]["S3Key"].removesuffix(".zip"): assembly.folder
        for assembly in assemblies
        for function in assembly.properties("AWS::Lambda::Function")
        if function.get("Handler") == "handler.handle"
    }
    return sorted(folder / f"asset.{key.rpartition('/')[2]}" for key, folder in found.items())


def test_every_function_is_deployed_with_its_own_modules_and_the_shared_ones(dev, prod, reviews):
    expected = [modules(FOLDER / name) | modules(SHARED) for name in FUNCTIONS]
    found = [modules(folder) for folder in deployed(dev, prod, reviews)]
    assert {name for name in FUNCTIONS if modules(FOLDER / name) | modules(SHARED) in found} == set(FUNCTIONS)
    assert all(asset in expected for asset in found)


def test_a_handler_is_imported_from_its_asset_alone(dev, prod, reviews):
    environment = {"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"}
    code = "import json, sys, aws, handler; handler.handle; print(json.dumps([aws.__file__, handler.__file__]))"
    for folder in deployed(dev, prod, reviews):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert {Path(file).parent.resolve() for file in json.loads(done.stdout)} == {folder.resolve()}


def test_no_module_of_a_function_hides_a_shared_one():
    for name in FUNCTIONS:
        assert not modules(FOLDER / name).keys() & modules(SHARED).keys()


def test_a_function_is_staged_without_what_tools_leave_beside_it(tmp_path, monkeypatch):
    monkeypatch.setattr("stacks.constructs.python_function.FOLDER", tmp_path)
    (tmp_path / "one" / "__pycache__").mkdir(parents=True)
    (tmp_path / "one" / "handler.py").write_text("handle = print\n")
    folder = staged("one")
    assert {path.name for path in Path(folder).iterdir()} == {"handler.py", *modules(SHARED)}


def test_a_function_carries_the_modules_of_the_core_that_it_names(tmp_path, monkeypatch):
    monkeypatch.setattr("stacks.constructs.python_function.FOLDER", tmp_path)
    (tmp_path / "one").mkdir()
    folder = staged("one", core=("model_monitor.review.records", "model_monitor.review.store"))
    found = {path.relative_to(folder).as_posix() for path in (Path(folder) / "model_monitor").rglob("*.py")}
    names = ("__init__", "review/__init__", "review/records", "review/store")
    assert found == {f"model_monitor/{name}.py" for name in names}
