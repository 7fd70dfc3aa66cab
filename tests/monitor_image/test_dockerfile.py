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
        if name == "COPY":
            source = rest.split()[0]
            assert (IMAGE / source).exists()
            assert f"!{source}" in sent


def test_packages_are_installed_by_hash_and_the_platform_is_sagemakers(instructions):
    assert any(
        "--require-hashes" in rest and "requirements.txt" in rest for name, rest in instructions if name == "RUN"
    )
    (base,) = [rest for name, rest in instructions if name == "FROM"]
    assert base == "--platform=linux/amd64 ${BASE}"


def test_every_pinned_package_has_a_hash():
    lock = (IMAGE / "requirements.txt").read_text()
    pins = re.split(r"\n(?=[a-z])", lock.strip())
    assert len(pins) > 8
    assert all("--hash=sha256:" in pin for pin in pins)


def test_the_version_is_said_once():
    assert tomllib.loads((IMAGE / "pyproject.toml").read_text())["project"]["version"] == __version__
