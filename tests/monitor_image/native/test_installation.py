"""The compiled reader is there, and built from these sources, wherever it can be built."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
NATIVE = ROOT / "monitor_image" / "native"
VENVS = ROOT / "build" / "venv"
PYTHONS = {
    "development": Path(sys.executable),
    "image": VENVS / "image/bin/python",
    "models": VENVS / "models/bin/python",
}
CLEAN = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # a build by hand may be on it


@pytest.fixture(scope="module")
def compiler() -> Path:
    """As the Makefile finds and tries it."""
    found = [path for name in (os.environ.get("CXX", "g++"), "c++", "clang++") if (path := shutil.which(name))]
    if not found or not Path(sysconfig.get_path("include"), "Python.h").exists():
        pytest.skip("no C++ compiler, or no headers of Python")
    tried = subprocess.run(
        [found[0], "-std=c++17", "-fsyntax-only", NATIVE / "probe.cpp"], capture_output=True, check=False
    )
    if tried.returncode != 0:
        pytest.skip(f"no C++ compiler that is new enough: {found[0]}")
    return Path(found[0])


def digest_of_sources() -> str:
    content = hashlib.sha256()
    for path in sorted((NATIVE / "src").iterdir()):
        content.update(f"src/{path.name}".encode() + b"\0" + path.read_bytes())
    return content.hexdigest()


@pytest.mark.parametrize("environment", ["development", "image", pytest.param("models", marks=pytest.mark.slow)])
def test_where_it_can_be_compiled_it_is_installed_and_of_these_sources(environment, compiler):
    python = PYTHONS[environment]
    if environment == "models" and not python.exists():
        pytest.skip("models environment not installed")
    done = subprocess.run(
        [python, "-c", "import model_monitor_native as native; print(native.sources)"],
        env=CLEAN,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{compiler} is here and the compiled reader is not: run make setup. {done.stderr}"
    assert done.stdout.strip() == digest_of_sources(), "it was compiled from other sources: run make setup"


def test_the_stub_says_what_the_module_offers(native):
    stub = ast.parse((NATIVE / "model_monitor_native.pyi").read_text())
    told = {node.name for node in stub.body if isinstance(node, ast.FunctionDef)}
    assert told == {name for name in dir(native) if callable(getattr(native, name)) and not name.startswith("_")}


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (["COMPILER="], "a C++ compiler (g++, c++ or clang++) was not found."),
        (["COMPILER=c++", "HEADER=/none/Python.h"], "/none/Python.h (Python's headers) was not found."),
        (
            ["COMPILER=/bin/false", f"HEADER={NATIVE}/setup.py"],
            "as GCC 11 does (which /bin/false does not) was not found.",
        ),
    ],
)
def test_where_it_cannot_be_compiled_the_setup_goes_on_and_says_what_is_missing(given, missing):
    command = ["make", "--dry-run", "--always-make", "build/.main-native", "CXX=g++", *given]
    done = subprocess.run(command, cwd=ROOT, env=CLEAN, capture_output=True, text=True, timeout=60, check=True)
    (told,) = [line for line in done.stdout.splitlines() if "left out" in line]
    assert missing in told
    assert "uv build" not in done.stdout


@pytest.mark.slow
def test_a_build_makes_one_wheel_for_every_python_and_leaves_the_sources_alone(tmp_path, compiler):
    sources = shutil.copytree(NATIVE, tmp_path / "native")
    before = sorted(sources.rglob("*"))
    python = VENVS / "native/bin/python"
    build = [ROOT / ".venv/bin/uv", "build", "--wheel", "--no-build-isolation", "--python", python]
    subprocess.run([*build, "--out-dir", tmp_path / "wheels", sources], env=CLEAN, check=True, capture_output=True)
    assert sorted(sources.rglob("*")) == before
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    assert "-cp311-abi3-" in wheel.name
    names = zipfile.ZipFile(wheel).namelist()
    assert [name for name in names if ".dist-info/" not in name] == ["model_monitor_native.abi3.so"]
