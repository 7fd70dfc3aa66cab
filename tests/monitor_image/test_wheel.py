"""`pip install ./monitor_image` is enough: a wheel of Python alone, whose command and functions run from where it was put."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.captures import events_of, write_capture, write_csv
from tests.conftest import ROOT
from tests.monitor_image.conftest import FEATURES, OUTPUT, land

pytestmark = pytest.mark.xdist_group("wheel")  # built once

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
OFFLINE = ("--no-index", "--no-build-isolation", "--no-deps", "--quiet")
SOURCES = ROOT / "monitor_image"


def run(*command: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """A process that knows nothing of the repository."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return subprocess.run(
        [str(part) for part in command], env=kept | environment, cwd="/", capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = run(*PIP, "wheel", *OFFLINE, "--wheel-dir", folder, SOURCES)
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel) -> Path:
    folder = wheel.parent / "installed"
    done = run(*PIP, "install", *OFFLINE, "--target", folder, wheel)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_wheel_is_for_every_machine_and_holds_the_core_alone(wheel):
    assert wheel.name.endswith("-py3-none-any.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    sources = {
        path.relative_to(SOURCES).as_posix()
        for path in (SOURCES / "model_monitor").rglob("*")
        if path.is_file() and path.suffix in (".py", ".json", ".j2", ".html", ".js", ".css")
    }
    assert names == sources


def test_the_installed_command_learns_and_compares(tmp_path, installed):
    config = tmp_path / "monitoring.json"
    config.write_text(json.dumps({"version": 1, "payload": {"features": list(FEATURES), "output": OUTPUT}}))
    training = write_csv(tmp_path / "training.csv", land(400, seed=7))
    capture = write_capture(tmp_path / "capture", events_of(land(120)))
    command, known = installed / "bin" / "model-monitor", {"PYTHONPATH": str(installed)}
    common = ("--config", config, "--output")
    learnt = run(command, "baseline", "--dataset", training, *common, tmp_path / "b", **known)
    assert learnt.returncode == 0, learnt.stderr
    window = ("monitor", "--dataset", capture, "--baseline", tmp_path / "b", *common, tmp_path / "r")
    assert run(command, *window, **known).returncode == 0
    assert json.loads((tmp_path / "r" / "report.json").read_text())["verdict"] == "ok"
    assert run(command, "report", tmp_path / "r", **known).returncode == 0
    assert "No violation" in (tmp_path / "r" / "report.html").read_text()


def test_the_installed_functions_are_the_wheels_own(installed):
    code = "import model_monitor.api as api; print(api.__file__, *api.__all__)"
    done = run(sys.executable, "-c", code, PYTHONPATH=str(installed))
    assert done.stdout.split() == [
        str(installed / "model_monitor" / "api.py"),
        "MonitorError",
        "Result",
        "baseline",
        "draw_index",
        "draw_report",
        "frames",
        "monitor",
        "read_report",
    ]


@pytest.mark.parametrize("page", ["README.md", "monitor_image/README.md"])
def test_a_page_shows_it(page):
    assert "pip install ./monitor_image" in (ROOT / page).read_text()
