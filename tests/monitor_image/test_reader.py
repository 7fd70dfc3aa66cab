"""Which reader runs is an operator's choice, and told in the report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from model_monitor import reader
from model_monitor.contract import Reader
from model_monitor.errors import SettingsError
from tests.captures import write_capture
from tests.monitor_image.conftest import healthy_events

CORE = Path(reader.__file__).resolve().parents[1]
MODULE = "model_monitor_native"


@pytest.fixture
def installed(monkeypatch) -> ModuleType:
    module = ModuleType(MODULE)
    setattr(module, reader.NEWEST, lambda data, word: word in data)
    monkeypatch.setitem(sys.modules, MODULE, module)
    return module


@pytest.mark.parametrize("environment", [{}, {"monitor_reader": ""}, {"monitor_reader": " Auto "}])
def test_the_compiled_reader_runs_where_it_is_installed(installed, environment):
    assert reader.load(environment) is installed


def test_a_compiled_reader_of_an_older_version_is_told_and_done_without(installed, caplog):
    delattr(installed, reader.NEWEST)
    environment = {"monitor_reader": "auto"}
    assert reader.load(environment) is None
    assert environment["monitor_reader"] == "python"
    assert "it is older than this version. Build it again" in caplog.text


@pytest.mark.parametrize("choice", ["python", "Python"])
def test_pythons_reader_runs_where_somebody_asks_for_it(installed, choice):
    assert reader.load({"monitor_reader": choice}) is None


def test_without_the_compiled_reader_python_s_runs(monkeypatch):
    monkeypatch.setitem(sys.modules, MODULE, None)  # how Python spells: cannot be imported
    assert reader.load({}) is None
    assert reader.used() is Reader.PYTHON


def damaged(folder: Path) -> None:
    (folder / f"{MODULE}.abi3.so").write_bytes(b"of another machine")


def test_a_compiled_reader_that_does_not_load_is_told_once_and_done_without(tmp_path, monkeypatch, caplog):
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    damaged(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("monitor_reader", "auto")  # put back afterwards
    for _ in range(3):
        assert reader.load() is None
        assert reader.used() is Reader.PYTHON
    (told,) = caplog.messages
    assert "does not load, Python's runs instead" in told
    assert "make setup" in told


def test_a_run_whose_compiled_reader_is_damaged_says_so_in_one_line(tmp_path):
    damaged(tmp_path)
    done = run("auto", tmp_path, workers=2, PYTHONPATH=str(tmp_path))
    assert done.returncode == 3, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("The compiled reader does not load, Python's runs instead (the same results, more slowly): ")


def test_the_reader_of_this_process_is_told(installed, monkeypatch):
    monkeypatch.delenv("monitor_reader", raising=False)
    assert reader.used() is Reader.COMPILED
    monkeypatch.setenv("monitor_reader", "python")
    assert reader.used() is Reader.PYTHON


def test_another_choice_is_refused_by_the_variables_name():
    with pytest.raises(SettingsError, match=r"^environment variable monitor_reader: .*, found 'fast'\. Correct it"):
        reader.load({"monitor_reader": "fast"})


def run(choice: str, folder: Path, workers: int = 1, **variables: str) -> subprocess.CompletedProcess[str]:
    capture = folder / "capture"
    if not capture.exists():
        write_capture(capture, healthy_events())
    command = [sys.executable, "-m", "model_monitor", "monitor", "--dataset", str(capture)]
    return subprocess.run(
        [*command, "--output", str(folder / choice), "--workers", str(workers)],
        cwd=CORE,
        env=os.environ | {"monitor_reader": choice} | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def other_files(folder: Path) -> dict[Path, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "report.json")
    return {path.relative_to(folder): path.read_bytes() for path in files}


def test_reports_of_both_choices_differ_in_the_run_alone(tmp_path):
    reports = {}
    for choice in ("auto", "python"):
        assert run(choice, tmp_path).stderr == ""
        reports[choice] = json.loads((tmp_path / choice / "report.json").read_text())
    runs = {choice: report.pop("run") for choice, report in reports.items()}
    assert runs["python"]["reader"] == "python"
    assert runs["auto"]["reader"] == reader.used()
    assert reports["auto"]["reading"]["records"] == 120
    assert reports["auto"] == reports["python"]
    others = {choice: other_files(tmp_path / choice) for choice in reports}
    assert Path("statistics.json") in others["python"]
    assert others["auto"] == others["python"]


def test_a_laptops_run_is_ended_by_a_wrong_choice(tmp_path):
    done = run("fast", tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "model-monitor: environment variable monitor_reader: should be auto or python, found 'fast'. "
        "Correct it, or unset it.\n"
    )
    assert json.loads((tmp_path / "fast/report.json").read_text())["verdict"] == "error"


@pytest.mark.slow
def test_pythons_reader_leaves_the_golden_files_too(native):
    """The suite runs with the compiled one where it is installed."""
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider", "tests/golden"]
    environment = os.environ | {"monitor_reader": "python"}
    done = subprocess.run(command, cwd=CORE.parent, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert " passed" in done.stdout
