"""The compiled reader stays inside its buffers, whatever captured files hold."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ROOT / "monitor_image" / "native" / "src"
FUZZ = Path(__file__).with_name("fuzz.py")
FLAGS = ("-std=c++17", "-O1", "-g", "-fPIC", "-DPy_LIMITED_API=0x030B0000", "-fsanitize=address,undefined",
         "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")  # fmt: skip
ITERATIONS = 3000


@pytest.fixture(scope="module")
def sanitizer() -> tuple[str, Path]:
    """The compiler, and the library that a program must load first."""
    compiler = shutil.which("g++")
    if compiler is None or not Path(sysconfig.get_path("include"), "Python.h").exists():
        pytest.skip("no C++ compiler of GNU, or no headers of Python")
    command = [compiler, "-print-file-name=libasan.so"]
    library = Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    if not library.is_absolute():  # the bare name: not found
        pytest.skip("no address sanitizer beside g++")
    return compiler, library


def build(compiler: str, folder: Path) -> None:
    """All sources, each in a process of its own, then one module."""
    include = f"-I{sysconfig.get_path('include')}"
    sources = sorted(SOURCES.glob("*.cpp"))
    for started in [
        subprocess.Popen([compiler, *FLAGS, include, "-c", source, "-o", folder / f"{source.stem}.o"])
        for source in sources
    ]:
        assert started.wait() == 0
    objects = [folder / f"{source.stem}.o" for source in sources]
    subprocess.run([compiler, *FLAGS, "-shared", *objects, "-o", folder / "model_monitor_native.abi3.so"], check=True)


@pytest.mark.slow
def test_no_input_makes_it_read_outside_of_a_buffer_or_do_what_cpp_leaves_undefined(tmp_path, sanitizer):
    compiler, library = sanitizer
    build(compiler, tmp_path)
    done = subprocess.run(
        [sys.executable, FUZZ, tmp_path / "last", str(ITERATIONS)],
        env=os.environ
        | {
            "PYTHONPATH": f"{tmp_path}:{ROOT}",
            "LD_PRELOAD": str(library),
            "PYTHONMALLOC": "malloc",  # an allocation each, so that the sanitizer knows where it ends
            "ASAN_OPTIONS": "detect_leaks=0",  # the interpreter's own
            "UBSAN_OPTIONS": "print_stacktrace=1",
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    last = (tmp_path / "last").read_text().splitlines()[0]
    assert done.returncode == 0, f"{FUZZ.name} ended at '{last}':\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
    assert done.stdout.count("calls answered") >= 2
