"""The compiled reader is there, and built from these sources, wherever it can be built."""

from __future__ import annotations

import ast
import hashlib
import os
import platform
import re
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
PROCESSOR = ["-march=x86-64-v2"] if platform.machine() == "x86_64" else []
CLEAN = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # a build by hand may be on it


@pytest.fixture(scope="module")
def compiler() -> Path:
    """As the Makefile finds and tries it."""
    found = [path for name in (os.environ.get("CXX", "g++"), "c++", "clang++") if (path := shutil.which(name))]
    if not found or not Path(sysconfig.get_path("include"), "Python.h").exists():
        pytest.skip("no C++ compiler, or no headers of Python")
    tried = subprocess.run(
        [found[0], "-std=c++17", *PROCESSOR, "-fsyntax-only", NATIVE / "probe.cpp"], capture_output=True, check=False
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


@pytest.fixture
def workshop(tmp_path) -> Path:
    """A tree of which `make` knows the recipes of the reader, with environments of its own and nothing to resolve."""
    for name in ("Makefile", "monitor_image"):
        (tmp_path / name).symlink_to(ROOT / name)
    for environment in (tmp_path / ".venv", tmp_path / "build/venv/image"):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (tmp_path / ".venv/bin/uv").symlink_to(ROOT / ".venv/bin/uv")
    for stamp in ("tests/requirements.txt", "build/.main-venv", "build/.image-venv"):
        (tmp_path / stamp).parent.mkdir(exist_ok=True)
        (tmp_path / stamp).touch()
    return tmp_path


def make(workshop: Path, *given: str) -> str:
    command = ["make", "--no-print-directory", "build/.main-native", "build/.image-native", "CXX=g++", *given]
    done = subprocess.run(command, cwd=workshop, env=CLEAN, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def stub(folder: Path, *lines: str) -> Path:
    """A compiler that does what the lines say."""
    path = folder / "compiler"
    path.write_text("\n".join(("#!/bin/sh", *lines)) + "\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (["COMPILER="], "a C++ compiler (g++, c++ or clang++) was not found. "),
        (["COMPILER=c++", "HEADER=/none/Python.h"], "/none/Python.h (Python's headers) was not found. "),
    ],
)
def test_where_it_cannot_be_compiled_the_setup_goes_on_and_says_what_is_missing(workshop, given, missing):
    (told,) = make(workshop, *given).splitlines()
    assert told.startswith(f"The compiled reader is left out: {missing}")
    assert (workshop / "build/native/left-out").read_text().strip() + ". " == missing


def test_a_compiler_that_fails_is_heard_and_is_tried_as_the_build_would_use_it(workshop):
    compiler = stub(workshop, 'echo "cc1plus is gone: $*" >&2', "exit 1")
    said, told = make(workshop, f"COMPILER={compiler}", f"HEADER={NATIVE}/setup.py").splitlines()
    assert said.startswith("    cc1plus is gone: -std=c++17")
    assert f"left out: {compiler} cannot compile monitor_image/native/probe.cpp." in told
    if platform.machine() == "x86_64":
        (processor,) = re.findall(r'"(-march=[^"]+)"', (NATIVE / "setup.py").read_text())
        assert f" {processor} " in said


@pytest.mark.slow
def test_a_compiler_that_fails_at_the_sources_alone_is_heard_too(workshop, compiler):
    late = stub(workshop, 'case "$*" in *fsyntax-only*) exit 0;; esac', "echo cannot find ld >&2", "exit 1")
    told = make(workshop, f"COMPILER={late}")
    assert "\n    cannot find ld\n" in told
    assert f"left out: {late} could not build it." in told
    assert not (workshop / "build/.native-wheel").exists()


def test_a_setup_mends_an_installed_reader_that_was_removed_or_damaged(workshop):
    wheel = workshop / "build/native/model_monitor_native-1-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("model_monitor_native.py", "sources = 'these'\n")
        file.writestr(
            "model_monitor_native-1.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: model-monitor-native\nVersion: 1\n",
        )
        file.writestr("model_monitor_native-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr("model_monitor_native-1.dist-info/RECORD", "")
    (workshop / "build/.native-wheel").touch()
    make(workshop)
    (module,) = (workshop / ".venv").rglob("model_monitor_native.py")
    (of_image,) = (workshop / "build/venv/image").rglob("model_monitor_native.py")
    module.unlink()
    of_image.write_text("no Python")
    make(workshop)
    assert module.read_text() == of_image.read_text() == "sources = 'these'\n"


def test_a_setup_ends_with_what_is_ready(workshop):
    for path in ("build/.xgboost-venv", "twin/xgboost_container.txt", "package-lock.json"):
        (workshop / path).parent.mkdir(exist_ok=True)
        (workshop / path).touch()
    (workshop / "node_modules").mkdir()
    for stamp in ("build/.xgboost-venv", "node_modules/.package-lock.json"):
        (workshop / stamp).touch()
    *_, last = make(workshop, "setup", "COMPILER=").splitlines()
    assert last == (
        "Ready, without the compiled reader: a C++ compiler (g++, c++ or clang++) was not found. Next: make demo"
    )
    (site,) = (workshop / ".venv").rglob("site-packages")
    (site / "model_monitor_native.py").touch()
    *_, last = make(workshop, "setup", "COMPILER=").splitlines()
    assert last == "Ready, with the compiled reader. Next: make demo"


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
