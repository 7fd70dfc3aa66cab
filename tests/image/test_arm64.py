"""The image's other processor: the locked wheels, the compiled reader and the core on linux/arm64, run by an emulator.

Not the build by the Dockerfile, whose compiler would be emulated, too: what it installs, and the bytes that runs leave. Needs
debootstrap, bubblewrap, qemu-user-static and g++-aarch64-linux-gnu, of Debian's packages, as root; some minutes.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.golden.test_golden import CASES, EXIT_STATUS, WINDOW, outputs_of
from tests.image.sandbox import ROOT

pytestmark = [pytest.mark.image, pytest.mark.xdist_group("image")]
EMULATOR = "qemu-aarch64-static"
TOOLS = ("debootstrap", "bwrap", EMULATOR, "aarch64-linux-gnu-g++")
VARIABLES = {
    "PATH": "/usr/bin",
    "HOME": "/tmp",
    "PYTHONPATH": "/opt/site:/opt/model-monitor",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


@pytest.fixture(scope="module")
def machine() -> Path:
    """The file system, with today's core."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"no emulator of arm64: {', '.join(missing) or 'root'} is missing")
    root = Path(os.environ.get("IMAGE_WORK", ROOT / "build/image")) / "arm64"
    root.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([ROOT / "tests/image/arm64.sh", root], check=True)
    shutil.rmtree(root / "opt/model-monitor", ignore_errors=True)
    shutil.copytree(ROOT / "monitor_image/model_monitor", root / "opt/model-monitor/model_monitor")
    shutil.copy(str(shutil.which(EMULATOR)), root / "usr/bin" / EMULATOR)
    return root


def python(machine: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python of the machine, without network; folder: what it sees as /tmp, it starts in its folder case."""
    told = [word for name, value in VARIABLES.items() for word in ("--setenv", name, value)]
    binds = ["--ro-bind", str(machine), "/", "--bind", str(folder), "/tmp", "--dev", "/dev", "--proc", "/proc"]
    emulated = ["/usr/bin/" + EMULATOR, "/usr/bin/python3.11", *arguments]
    command = ["bwrap", *binds, "--unshare-net", "--clearenv", *told, "--chdir", "/tmp/case", *emulated]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_is_another_processor_and_reads_with_the_compiled_reader(machine: Path, tmp_path: Path) -> None:
    (tmp_path / "case").mkdir()
    said = "import platform; from model_monitor import reader; print(platform.machine(), reader.used().value)"
    done = python(machine, tmp_path, "-c", said)
    assert done.stdout.split() == ["aarch64", "compiled"], done.stderr


@pytest.mark.parametrize("case", sorted(EXIT_STATUS))
def test_runs_leave_the_golden_files(machine: Path, tmp_path: Path, case: str) -> None:
    """Byte for byte but for the last digits of report.json, where SciPy's functions of this processor round otherwise."""
    shutil.copytree(CASES / case, tmp_path / "case", ignore=shutil.ignore_patterns("expected*"))
    start = ("-m", "model_monitor")
    common = ("--config", "config.json", "--workers", "1")
    baseline = python(
        machine, tmp_path, *start, "baseline", "--dataset", "baseline.csv", "--output", "../baseline", *common
    )
    assert baseline.returncode == 0, baseline.stderr
    given = ("--dataset", "capture", "--baseline", "../baseline", "--output", "../monitor", *WINDOW, *common)
    assert python(machine, tmp_path, *start, "monitor", *given).returncode == EXIT_STATUS[case]
    for kind in ("baseline", "monitor"):
        found, folder = outputs_of(tmp_path / kind), CASES / case / "expected" / kind
        expected = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        assert found.keys() == expected.keys()
        for name, content in found.items():
            if name == "report.json":
                assert is_close(json.loads(content), json.loads(expected[name].read_bytes()))
            else:
                assert content == expected[name].read_bytes(), name


def is_close(found: Any, expected: Any) -> bool:
    """Equal, but for digits of floating point beyond the twelfth."""
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and found.keys() == expected.keys()
            and all(is_close(found[k], expected[k]) for k in expected)
        )
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(is_close, found, expected))
    if isinstance(expected, float):
        return isinstance(found, float) and math.isclose(found, expected, rel_tol=1e-12)
    return bool(found == expected)
