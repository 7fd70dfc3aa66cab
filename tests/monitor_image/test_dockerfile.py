"""The Dockerfile keeps the processing contract; building it is a test of its own, where a builder is installed."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from model_monitor import __version__
from model_monitor.contract import CONTAINER_ENTRYPOINT

IMAGE = Path(__file__).resolve().parents[2] / "monitor_image"


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
        if name == "COPY" and not rest.startswith("--from=native "):
            source = rest.split()[0]
            assert (IMAGE / source).exists()
            assert f"!{source.split('/')[0]}" in sent


def test_packages_are_installed_by_hash_and_the_platform_is_sagemakers(instructions):
    commands = re.findall(r"pip \w+ [^;&]+", " ".join(rest for name, rest in instructions if name == "RUN"))
    assert len(commands) > 3
    assert all("--require-hashes" in command or "--no-index" in command for command in commands)
    assert all("--no-deps" in command for command in commands)
    stages = [rest for name, rest in instructions if name == "FROM"]
    assert stages == ["--platform=linux/amd64 ${BASE} AS native", "--platform=linux/amd64 ${BASE}"]


def test_the_compiler_stays_in_the_stage_that_needs_it(instructions):
    last = max(place for place, (name, _) in enumerate(instructions) if name == "FROM")
    assert any("apt-get" in rest for _, rest in instructions[:last])
    assert not any("apt-get" in rest for _, rest in instructions[last:])
    (handed_over,) = [rest for name, rest in instructions[last:] if rest.startswith("--from=")]
    assert handed_over == "--from=native /wheels ./wheels"


@pytest.mark.parametrize(("lock", "at_least"), [("requirements.txt", 9), ("native/requirements.txt", 1)])
def test_every_pinned_package_has_a_hash(lock, at_least):
    pins = re.split(r"\n(?=[a-z])", (IMAGE / lock).read_text().strip())
    assert len(pins) >= at_least
    assert all("--hash=sha256:" in pin for pin in pins)


@pytest.mark.parametrize("project", ["pyproject.toml", "native/pyproject.toml"])
def test_core_and_compiled_reader_are_of_one_version(project):
    assert tomllib.loads((IMAGE / project).read_text())["project"]["version"] == __version__
