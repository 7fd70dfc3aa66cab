"""Files that are made at synthesis and uploaded at deployment. The same content gives the same bytes, so the same address."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import DefaultStackSynthesizer, Stack, aws_iam as iam, aws_s3_assets as s3_assets
from constructs import Construct

from stacks.constructs import permissions
from stacks.constructs.places import PARTITION, Place


def of_stack(stack_name: str) -> str:
    """What keys of a stack's files begin with."""
    return f"model-monitor/{stack_name}/"


def below_its_name(stack_name: str) -> DefaultStackSynthesizer:
    """For a stack whose files roles read: all below one prefix of its own in the bootstrap bucket."""
    return DefaultStackSynthesizer(bucket_prefix=of_stack(stack_name))


class UploadedFile(Construct):
    """One file in the bootstrap bucket, addressed by its content. uri: for settings of jobs; sha256: of its bytes.

    Its stack is made with `below_its_name`.
    """

    def __init__(self, scope: Construct, construct_id: str, *, name: str, content: bytes) -> None:
        super().__init__(scope, construct_id)
        self.sha256 = hashlib.sha256(content).hexdigest()
        with tempfile.TemporaryDirectory() as folder:  # the asset is copied into the assembly while it is constructed
            path = Path(folder) / name
            path.write_bytes(content)
            asset = s3_assets.Asset(self, "File", path=str(path))
        self.uri, bucket = asset.s3_object_url, asset.s3_bucket_name
        self._place = Place(
            bucket,
            f"arn:{PARTITION}:s3:::{bucket}",
            of_stack(Stack.of(self).node.id),  # its name, unless somebody's own app makes it below a construct
        )
        if not asset.s3_object_key.startswith(self._place.prefix):
            raise ValueError(f"stack {Stack.of(self).node.id} should be made with files.below_its_name")

    def allow_reading(self, role: iam.IRole) -> None:
        """Let a role read this file and the one that it was before: a policy that named one of the two would refuse the other
        while a deployment goes on, and to runs that began before it."""
        permissions.allow_objects(role, self._place)


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """A document in one spelling."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def source_archive(folder: Path, added: Mapping[str, bytes]) -> bytes:
    """The scripts of a folder and some more files as tar.gz, without times, owners and order of the machine."""
    files = {path.name: path.read_bytes() for path in sorted(folder.glob("*.py"))} | dict(added)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(files[name]), 0o644
            tar.addfile(entry, io.BytesIO(files[name]))
    return gzip.compress(archive.getvalue(), mtime=0)
