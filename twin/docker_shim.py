"""Stands where the CDK CLI expects docker (`CDK_DOCKER`): builds with docker or buildah where one works, says so where none does.

An image that was not built is recorded as "not built" and the deployment goes on: the twin runs the image's entry point from
its own environment either way. Variables: TWIN_BUILD_IMAGE = auto (default) | never | required, TWIN_IMAGE_LOG = where to record.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


def builder() -> list[str] | None:
    """The command that builds images on this machine, if one works."""
    if os.environ.get("TWIN_BUILD_IMAGE", "auto") == "never":
        return None
    for command, probe, build in (
        ("docker", ["docker", "info"], ["docker", "build"]),
        ("buildah", ["buildah", "version"], ["buildah", "bud", "--isolation", "chroot", "--network", "host"]),
    ):
        if shutil.which(command) and subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            return build
    return None


def record(**entry: Any) -> None:
    """Add a line to the log that the twin turns into journal entries."""
    with Path(os.environ["TWIN_IMAGE_LOG"]).open("a") as stream:
        stream.write(json.dumps(entry) + "\n")


def recorded() -> dict[str, dict[str, Any]]:
    """What was built or not, by tag."""
    file = Path(os.environ["TWIN_IMAGE_LOG"])
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
    return {line["tag"]: line for line in lines}


def build(arguments: list[str]) -> int:
    """`build --tag T [options] CONTEXT`."""
    tag = arguments[arguments.index("--tag") + 1]
    command, is_required = builder(), os.environ.get("TWIN_BUILD_IMAGE") == "required"
    if command is None:
        record(tag=tag, built=False, reason="neither docker nor buildah works here (or TWIN_BUILD_IMAGE=never)")
        return 1 if is_required else 0
    done = subprocess.run([*command, *arguments], stdout=sys.stderr, check=False)
    reason = "" if done.returncode == 0 else f"{' '.join(command)} ended with status {done.returncode}"
    record(tag=tag, built=done.returncode == 0, reason=reason, builder=command[0])
    return done.returncode if is_required else 0


def tag(source: str, target: str) -> int:
    """`tag SOURCE TARGET`: the target is what the source is."""
    record(**{**recorded()[source], "tag": target})
    return 0


def push(target: str) -> int:
    """`push REPOSITORY:TAG`: the repository gets a record of the image. Nothing is uploaded."""
    import boto3

    repository, _, label = target.partition("/")[2].rpartition(":")
    known = recorded().get(target, {"built": False, "reason": "pushed without a build"})
    digest = f"sha256:{hashlib.sha256(target.encode()).hexdigest()}"
    config = {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 0, "digest": digest}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": config,
        "layers": [],
        "annotations": {"built": str(known["built"]).lower()},
    }
    boto3.client("ecr").put_image(repositoryName=repository, imageTag=label, imageManifest=json.dumps(manifest))
    record(**{**known, "tag": target, "pushed": True})
    return 0


def main(arguments: list[str]) -> int:
    """Answer one call of the CDK CLI."""
    command, rest = arguments[0], arguments[1:]
    if command == "login":
        sys.stdin.read()
        return 0
    if command == "inspect":
        return 0 if rest[0] in recorded() else 1
    if command == "build":
        return build(rest)
    if command == "tag":
        return tag(*rest)
    if command == "push":
        return push(rest[-1])
    sys.stderr.write(f"the twin's docker does not know: {' '.join(arguments)}\n")
    return 64


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
