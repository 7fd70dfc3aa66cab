"""The Dockerfile keeps the processing contract; `make image-test` builds it and runs the image."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import runpy
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from model_monitor import __version__
from model_monitor.contract import CONTAINER_ENTRYPOINT

TIDY = importlib.util.spec_from_file_location("tidy", Path(__file__).resolve().parents[2] / "monitor_image/tidy.py")
tidy = importlib.util.module_from_spec(TIDY)
TIDY.loader.exec_module(tidy)
ROOT = Path(__file__).resolve().parents[2]
IMAGE = ROOT / "monitor_image"


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    text = (IMAGE / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def test_the_entry_point_is_the_contracts_in_exec_form(instructions):
    (entrypoint,) = [rest for name, rest in instructions if name == "ENTRYPOINT"]
    assert tuple(json.loads(entrypoint)) == CONTAINER_ENTRYPOINT
    assert not [rest for name, rest in instructions if name == "CMD"]


def test_nothing_is_put_where_the_service_mounts(instructions):
    assert not [rest for _, rest in instructions if "/opt/ml/" in rest or rest.split()[-1] == "/opt/ml"]


def test_every_copied_path_exists_and_reaches_the_build(instructions):
    sent = (IMAGE / ".dockerignore").read_text().splitlines()
    for name, rest in instructions:
        if name == "COPY" and not rest.startswith("--from=build "):
            source = rest.split()[0]
            assert (IMAGE / source).exists()
            assert f"!{source.split('/')[0]}" in sent


def test_packages_are_installed_by_hash_and_compiled_by_one_step_alone(instructions):
    commands = re.findall(r"pip \w+ [^;&]+", " ".join(rest for name, rest in instructions if name == "RUN"))
    assert len(commands) > 3
    assert all("--require-hashes" in command or "--no-index" in command for command in commands)
    assert all("--no-deps" in command for command in commands)
    assert all("--no-compile" in command for command in commands if "--prefix /site" in command)


def test_the_base_is_pinned_by_suite_and_digest_for_every_platform(instructions):
    (base,) = [rest for name, rest in instructions if name == "ARG" and rest.startswith("BASE=")]
    assert re.fullmatch(r"BASE=docker\.io/library/python:3\.11-slim-[a-z]+@sha256:[0-9a-f]{64}", base)
    assert [rest for name, rest in instructions if name == "FROM"] == ["${BASE} AS build", "${BASE}"]


def test_nothing_of_the_build_is_for_one_processor_alone(instructions):
    told = " ".join(rest for _, rest in instructions) + (IMAGE / "build.sh").read_text()
    named = re.sub(r"PLATFORM=linux/arm64", "", told)
    assert not re.findall(r"amd64|x86|arm64|aarch64|--platform(?! \"\$PLATFORM)", named)


@pytest.mark.parametrize(("machine", "expected"), [("x86_64", ["-march=x86-64-v2"]), ("aarch64", []), ("arm64", [])])
def test_the_compiled_reader_has_flags_of_its_processor_and_the_same_digits_on_each(monkeypatch, machine, expected):
    compiled: list[Any] = []
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("setuptools.setup", lambda **given: compiled.extend(given["ext_modules"]))
    runpy.run_path(str(IMAGE / "native/setup.py"))
    (extension,) = compiled
    assert [flag for flag in extension.extra_compile_args if flag.startswith("-m")] == expected
    assert "-ffp-contract=off" in extension.extra_compile_args, "compilers for arm64 contract by default"


def test_no_source_of_the_compiled_reader_needs_one_processor():
    for path in (IMAGE / "native/src").iterdir():
        text = path.read_text()
        for found in re.finditer(r"#include <(immintrin|emmintrin|x86intrin|arm_neon|nmmintrin)\.h>", text):
            before = text[: found.start()]
            assert before.count("#if") > before.count("#endif"), f"{path.name}: {found[0]} should be guarded"


def test_the_image_says_which_version_it_is_and_reports_to_nobody(instructions):
    (labels,) = [rest for name, rest in instructions if name == "LABEL"]
    assert f'org.opencontainers.image.version="{__version__}"' in labels
    last = max(place for place, (name, _) in enumerate(instructions) if name == "FROM")
    (variables,) = [rest for name, rest in instructions[last:] if name == "ENV"]
    assert "ORT_DISABLE_TELEMETRY=1" in variables


def test_the_linter_of_dockerfiles_finds_nothing():
    linter = ROOT / "build/venv/hadolint/bin/hadolint"
    if not linter.is_file():
        pytest.skip("hadolint environment not installed")
    done = subprocess.run([str(linter), str(IMAGE / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_compiler_stays_in_the_stage_that_needs_it(instructions):
    last = max(place for place, (name, _) in enumerate(instructions) if name == "FROM")
    assert any("apt-get" in rest for _, rest in instructions[:last])
    assert not any("apt-get" in rest for _, rest in instructions[last:])
    handed_over = [rest for name, rest in instructions[last:] if name == "COPY"]
    assert handed_over == ["--from=build /site /usr/local", "--from=build /application ./"]


@pytest.mark.parametrize(("lock", "at_least"), [("requirements.txt", 9), ("native/requirements.txt", 1)])
def test_every_pinned_package_has_a_hash(lock, at_least):
    pins = re.split(r"\n(?=[a-z])", (IMAGE / lock).read_text().strip())
    assert len(pins) >= at_least
    assert all("--hash=sha256:" in pin for pin in pins)


@pytest.mark.parametrize("project", ["pyproject.toml", "native/pyproject.toml"])
def test_core_and_compiled_reader_are_of_one_version(project):
    assert tomllib.loads((IMAGE / project).read_text())["project"]["version"] == __version__


# --- the step that tidies -------------------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Installed packages in small: each pattern of the step finds something."""
    packages = tmp_path / "site/lib/python3.11/site-packages"
    for package, patterns in tidy.UNUSED.items():
        for pattern in patterns:
            put(packages / package / pattern.replace("*", "1"))
    for name in ("pyarrow/lib.py", "scipy/stats/a.py", "scipy/spatial/a.py", "scipy/stats/tests/b.py", "numpy/x.h"):
        put(packages / name)
    for service in ("2014-01-01/service.json", "2020-01-01/service.json", "2020-01-01/examples-1.json"):
        put(packages / "botocore/data/s3" / service)
    put(packages / "numpy.libs/libgfortran.so.5", "one")
    put(packages / "scipy.libs/libgfortran.so.5", "one")
    put(packages / "scipy.libs/libother.so.5", "another")
    put(tmp_path / "site/bin/command")
    return tmp_path / "site"


def put(path: Path, content: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def test_what_no_run_opens_goes_and_the_rest_stays(site):
    packages = site / "lib/python3.11/site-packages"
    tidy.remove(packages)
    tidy.share(packages)
    left = sorted(path.relative_to(packages).as_posix() for path in packages.rglob("*") if path.is_file())
    assert left == [
        "botocore/data/s3/2020-01-01/service.json",
        "numpy.libs/libgfortran.so.5",
        "pyarrow/lib.py",
        "scipy.libs/libgfortran.so.5",
        "scipy.libs/libother.so.5",
        "scipy/spatial/a.py",
        "scipy/stats/a.py",
    ]
    assert (packages / "scipy.libs/libgfortran.so.5").is_symlink()


def test_a_package_that_no_longer_has_what_should_go_stops_the_build(site):
    packages = site / "lib/python3.11/site-packages"
    (packages / "pyarrow/flight.py").unlink()
    with pytest.raises(SystemExit, match=r"pyarrow/flight\.py is not there"):
        tidy.unused(packages)


def test_compiled_modules_are_the_same_bytes_whenever_and_wherever_they_were_made(tmp_path):
    made = []
    for name, moment in (("a", 1), ("b", 10**9)):
        put(tmp_path / name / "package/module.py", "VALUE = 1\n")
        os.utime(tmp_path / name / "package/module.py", (moment, moment))
        tidy.compile_all(tmp_path / name, tmp_path / name, "/opt/model-monitor")
        (compiled,) = (tmp_path / name).rglob("*.pyc")
        made.append(compiled.read_bytes())
    assert made[0] == made[1]
    assert made[0][4:8] == b"\1\0\0\0"  # by hash, unchecked
    assert b"/opt/model-monitor/package/module.py" in made[0]
