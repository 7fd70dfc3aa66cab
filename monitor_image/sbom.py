"""What the image holds, as CycloneDX 1.6: python3 sbom.py [--models] [--no-native] [--base IMAGE] [--image NAME] > sbom.cdx.json

Read from what the build installs: the locked requirements with the hashes that pip verifies, the base by its digest, the kit
itself. Standard library alone, and no time or random number in it: the same locks give the same bytes. What the base brings of
its distribution is named with it and not listed; the document says that it is incomplete there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
LOCKS = {"": "requirements.txt", "models": "requirements-models.txt"}
REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)==([^\s;]+)\s*(?:;\s*(.*?))?\s*((?:--hash=\S+\s*)*)")
ELSEWHERE = (
    "sys_platform == 'emscripten' or sys_platform == 'win32'",
    "sys_platform == 'win32'",
)  # not in an image of Linux
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
BASE = re.compile(r"^ARG BASE=(\S+)$", re.MULTILINE)
VERSION = re.compile(r'^version = "([^"]+)"$', re.MULTILINE)
ROOT, DISTRIBUTION = "model-monitor", "base"
Component = dict[str, Any]


def packages(lock: str) -> Iterator[Component]:
    """Every package of a lock, with the hashes of the files that may be installed of it, by platform. Raises: ValueError."""
    for line in lock.replace("\\\n", " ").splitlines():
        found = REQUIREMENT.fullmatch(line.partition("#")[0].strip())
        if found is None:
            if line.strip() and not line.lstrip().startswith(("#", "--")):
                raise ValueError(f"should be name==version and its hashes, found {line.strip()[:60]!r}")
            continue
        if found[3] in ELSEWHERE:
            continue
        if found[3]:
            raise ValueError(f"{found[1]}: whether it is in the image is not known of the marker {found[3]!r}")
        name, version, rest = re.sub(r"[-_.]+", "-", found[1]).lower(), found[2], found[4]
        reference = f"pkg:pypi/{name}@{version}"
        hashes = [{"alg": "SHA-256", "content": each} for each in sorted(HASH.findall(rest))]
        distribution = {
            "type": "distribution",
            "url": f"https://pypi.org/project/{name}/{version}/#files",
            "hashes": hashes,
        }
        yield {
            "type": "library",
            "bom-ref": reference,
            "name": name,
            "version": version,
            "purl": reference,
            "externalReferences": [distribution],
        }


def base_of(image: str) -> Component:
    """The image that this one begins with."""
    name, _, digest = image.partition("@")
    repository, _, tag = name.rpartition(":") if ":" in name.rpartition("/")[2] else (name, "", "")
    found: Component = {"type": "container", "bom-ref": DISTRIBUTION, "name": repository}
    if tag:
        found["version"] = tag
    if digest:
        found["hashes"] = [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")}]
    return found


def document(*, models: bool, native: bool, base: str, image: str) -> dict[str, Any]:
    """The whole of it."""
    version = VERSION.search((HERE / "pyproject.toml").read_text())
    kit = {"version": version[1] if version else "0", "licenses": [{"license": {"id": "Apache-2.0"}}]}
    locks = [LOCKS[""], *([LOCKS["models"]] if models else [])]
    libraries = {str(found["bom-ref"]): found for lock in locks for found in packages((HERE / lock).read_text())}
    own = (
        [{"type": "library", "bom-ref": "model-monitor-native", "name": "model-monitor-native", **kit}]
        if native
        else []
    )
    components = [base_of(base), *own, *(libraries[each] for each in sorted(libraries))]
    references = [str(found["bom-ref"]) for found in components]
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "container", "bom-ref": ROOT, "name": image, **kit}},
        "components": components,
        "dependencies": [{"ref": ROOT, "dependsOn": references}],
        "compositions": [
            {"aggregate": "complete", "assemblies": [each for each in references if each != DISTRIBUTION]},
            {"aggregate": "incomplete", "assemblies": [DISTRIBUTION]},
        ],
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()
    return {**content, "serialNumber": f"urn:uuid:{uuid.UUID(bytes=digest[:16], version=4)}"}


def main(arguments: list[str]) -> int:
    """Print it."""
    default = BASE.search((HERE / "Dockerfile").read_text())
    parser = argparse.ArgumentParser(description="What the image holds, as CycloneDX 1.6.")
    parser.add_argument("--models", action="store_true", help="as built with MODELS=1")
    parser.add_argument("--no-native", action="store_true", help="as built with NATIVE=0")
    parser.add_argument("--base", default=default[1] if default else "", help="the base that it was built from")
    parser.add_argument("--image", default=ROOT, help="its name")
    given = parser.parse_args(arguments)
    found = document(models=given.models, native=not given.no_native, base=given.base, image=given.image)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
