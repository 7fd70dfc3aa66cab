"""The compiled reader stays inside its buffers, whatever captured files hold."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ROOT / "monitor_image" / "native" / "src"
STUB = SOURCES.parent / "model_monitor_native.pyi"
FUZZ = Path(__file__).with_name("fuzz.py")
FLAGS = ("-std=c++17", "-O1", "-g1", "-fPIC", "-DPy_LIMITED_API=0x030B0000")
SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
PORTABLE = ("-U__SSE2__",)  # block.hpp as on other processors
ITERATIONS = 1000
FEW_ITERATIONS = 100


def functions() -> set[str]:
    stub = ast.parse(STUB.read_text())
    return {node.name for node in stub.body if isinstance(node, ast.FunctionDef)}


@pytest.fixture(scope="module")
def compiler() -> str:
    found = shutil.which("g++")
    if found is None or not Path(sysconfig.get_path("include"), "Python.h").exists():
        pytest.skip("no C++ compiler of GNU, or no headers of Python")
    return found


@pytest.fixture(scope="module")
def sanitizer(compiler) -> Path:
    """The library that a program must load first."""
    command = [compiler, "-print-file-name=libasan.so"]
    library = Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    if not library.is_absolute():  # the bare name: not found
        pytest.skip("no address sanitizer beside g++")
    return library


def build(compiler: str, folder: Path, *flags: str) -> Path:
    """All sources, each in a process of its own, then one module."""
    folder.mkdir(exist_ok=True)
    include = f"-I{sysconfig.get_path('include')}"
    sources = sorted(SOURCES.glob("*.cpp"))
    for started in [
        subprocess.Popen([compiler, *FLAGS, *flags, include, "-c", source, "-o", folder / f"{source.stem}.o"])
        for source in sources
    ]:
        assert started.wait() == 0
    objects = [folder / f"{source.stem}.o" for source in sources]
    module = folder / "model_monitor_native.abi3.so"
    subprocess.run([compiler, *FLAGS, *flags, "-shared", *objects, "-o", module], check=True)
    return folder


def fuzz(folder: Path, iterations: int, **variables: str) -> dict[str, str]:
    """Function → what its calls on the build in this folder came to."""
    done = subprocess.run(
        [sys.executable, FUZZ, folder / "last", str(iterations)],
        env=os.environ | {"PYTHONPATH": f"{folder}:{ROOT}"} | variables,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    last = (folder / "last").read_text().splitlines()[0]
    assert done.returncode == 0, f"{FUZZ.name} ended at '{last}':\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
    told = dict(re.findall(r"^(\w+): (.+ calls answered, \w+)$", done.stdout, re.MULTILINE))
    assert set(told) == functions()
    return told


@pytest.mark.slow
def test_no_input_makes_it_read_outside_of_a_buffer_or_do_what_cpp_leaves_undefined(tmp_path, compiler, sanitizer):
    told = fuzz(
        build(compiler, tmp_path, *SANITIZED),
        ITERATIONS,
        LD_PRELOAD=str(sanitizer),
        PYTHONMALLOC="malloc",  # an allocation each, so that the sanitizer knows where it ends
        ASAN_OPTIONS="detect_leaks=0",  # the interpreter's own
        UBSAN_OPTIONS="print_stacktrace=1",
    )
    assert told.keys() == functions(), "each was called to the end"


@pytest.mark.slow
def test_processors_that_compare_one_byte_at_a_time_read_the_same(tmp_path, compiler, native):
    portable = fuzz(build(compiler, tmp_path / "portable", *PORTABLE), FEW_ITERATIONS)
    usual = tmp_path / "usual"  # without a module of its own: the installed one
    usual.mkdir()
    assert portable == fuzz(usual, FEW_ITERATIONS)
