"""The list of what the image holds: every package that its build installs, with the hashes that pip verifies, and no other."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from model_monitor import __version__

IMAGE = Path(__file__).resolve().parents[2] / "monitor_image"
SPEC = importlib.util.spec_from_file_location("sbom", IMAGE / "sbom.py")
sbom = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(sbom)


def printed(*arguments: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, str(IMAGE / "sbom.py"), *arguments], capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def locked(name: str) -> set[str]:
    """name==version of a lock, but for what only other systems install."""
    lines = (IMAGE / name).read_text().splitlines()
    return {line.split()[0] for line in lines if "==" in line and "win32" not in line}


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return printed("--models", "--image", "repository:tag")


def test_every_locked_package_is_listed_once_with_its_hashes(whole):
    libraries = [found for found in whole["components"] if "purl" in found]
    listed = [f"{found['name']}=={found['version']}" for found in libraries]
    assert len(set(listed)) == len(listed)
    assert set(listed) == locked("requirements.txt") | locked("requirements-models.txt")
    text = (IMAGE / "requirements.txt").read_text() + (IMAGE / "requirements-models.txt").read_text()
    hashes = {each["content"] for found in libraries for each in found["externalReferences"][0]["hashes"]}
    in_locks = set(re.findall(r"sha256:([0-9a-f]{64})", text))
    assert hashes <= in_locks
    assert len(in_locks - hashes) == len(in_locks & set(re.findall(r"sha256:([0-9a-f]{64})", foreign(text)))), (
        "all others"
    )
    assert {found["purl"] for found in libraries} == {found["bom-ref"] for found in libraries}


def foreign(text: str) -> str:
    """Lines of packages that Linux does not install."""
    blocks = re.split(r"^(?=\S)", text, flags=re.MULTILINE)
    return "".join(block for block in blocks if "win32" in block.partition("\n")[0])


def test_the_base_is_named_by_its_digest_and_said_to_be_incomplete(whole):
    (base,) = [found for found in whole["components"] if found["bom-ref"] == "base"]
    pinned = re.search(
        r"^ARG BASE=(\S+):(\S+)@sha256:([0-9a-f]{64})$", (IMAGE / "Dockerfile").read_text(), re.MULTILINE
    )
    assert (base["name"], base["version"], base["hashes"][0]["content"]) == pinned.groups()
    assert whole["compositions"][1] == {"aggregate": "incomplete", "assemblies": ["base"]}
    assert "base" not in whole["compositions"][0]["assemblies"]


def test_it_is_of_the_image_and_of_all_that_is_in_it(whole):
    component = whole["metadata"]["component"]
    assert (component["name"], component["version"]) == ("repository:tag", __version__)
    references = {found["bom-ref"] for found in whole["components"]}
    assert whole["dependencies"] == [{"ref": "model-monitor", "dependsOn": whole["dependencies"][0]["dependsOn"]}]
    assert set(whole["dependencies"][0]["dependsOn"]) == references
    assert uuid.UUID(whole["serialNumber"].removeprefix("urn:uuid:")).version == 4


def test_arguments_of_the_build_are_heeded_and_two_prints_are_equal(whole):
    small = printed("--no-native", "--base", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/base:7")
    assert small == printed("--no-native", "--base", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/base:7")
    names = {found["name"]: found for found in small["components"]}
    assert "xgboost-cpu" not in names
    assert "model-monitor-native" not in names
    base = names["123456789012.dkr.ecr.eu-west-1.amazonaws.com/base"]
    assert (base["version"], "hashes" in base) == ("7", False)
    assert small["serialNumber"] != whole["serialNumber"]


@pytest.mark.parametrize("line", ["numpy>=2", "numpy==2.0 ; python_version < '3.12' --hash=sha256:" + "0" * 64])
def test_a_line_that_says_something_else_is_refused(line):
    with pytest.raises(ValueError, match="numpy"):
        list(sbom.packages(line))


def test_the_build_writes_it_beside_the_image(tmp_path):
    builder = tmp_path / "docker"
    builder.write_text("#!/bin/sh\nexit 0\n")
    builder.chmod(0o755)
    written = tmp_path / "sbom.cdx.json"
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SBOM": str(written), "MODELS": "1", "NATIVE": "0"}
    subprocess.run(["bash", str(IMAGE / "build.sh"), "own:1"], env=environment, check=True, capture_output=True)
    names = {found["name"] for found in json.loads(written.read_text())["components"]}
    assert {"xgboost-cpu", "numpy"} <= names
    assert "model-monitor-native" not in names
