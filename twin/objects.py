"""S3 objects to files and back, with the credentials of whoever does it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from moto.s3 import models


class NothingThere(Exception):
    """No object lies under a URI, or it may not be read."""


def date_by(now: Callable[[], datetime]) -> Callable[[], None]:
    """Have objects be as old as virtual time says; returns what undoes it."""
    dating: Any = models
    before = dating.utcnow
    dating.utcnow = lambda: now().replace(tzinfo=None)
    return lambda: setattr(dating, "utcnow", before)


def split(uri: str) -> tuple[str, str]:
    """`s3://bucket/key` → (bucket, key without a slash at its end)."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise NothingThere(f"{uri} is no S3 URI")
    return bucket, key.rstrip("/")


def keys(s3: Any, uri: str) -> Iterator[tuple[str, str]]:
    """(key, path relative to the URI) of the object that a URI names, or of every object in the folder that it names."""
    bucket, prefix = split(uri)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", ()):
            key = str(item["Key"])
            if key == prefix:
                yield key, key.rpartition("/")[2]
            elif not prefix or key.startswith(prefix + "/"):
                relative = key[len(prefix) :].lstrip("/")
                if relative and not relative.endswith("/"):
                    yield key, relative


def folders(s3: Any, uri: str) -> list[str]:
    """Names of the folders directly below a URI."""
    bucket, prefix = split(uri)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix + "/", Delimiter="/")
    return sorted(p["Prefix"].rstrip("/").rpartition("/")[2] for page in pages for p in page.get("CommonPrefixes", ()))


def download(s3: Any, uri: str, directory: Path) -> int:
    """Fetch what a URI names into a folder; how many objects. Raises: NothingThere."""
    bucket, _ = split(uri)
    try:
        found = list(keys(s3, uri))
        for key, relative in found:
            _fetch(s3, bucket, key, directory / relative)
    except ClientError as error:
        raise NothingThere(f"{uri}: {error}") from error
    if not found:
        raise NothingThere(
            f'No S3 objects found under S3 URL "{uri}": check that the bucket exists in this region, that objects '
            "lie under the prefix, and that the job's role may list it"
        )
    return len(found)


def manifest(s3: Any, uri: str) -> list[tuple[str, str]]:
    """(URI, path below the prefix) of what a manifest lists: `[{"prefix": "s3://…/"}, "relative key", …]`. Raises: NothingThere."""
    bucket, key = split(uri)
    try:
        head, *names = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        prefix = str(head["prefix"])
        listed = [(prefix + name, name) for name in names]
    except (ClientError, ValueError, KeyError, TypeError) as error:
        raise NothingThere(f"manifest {uri}: {type(error).__name__}: {error}") from error
    if not listed:
        raise NothingThere(f"manifest {uri} lists no objects")
    return listed


def download_manifest(s3: Any, uri: str, directory: Path) -> int:
    """Fetch the objects that a manifest lists; how many. Raises: NothingThere."""
    listed = manifest(s3, uri)
    for source, name in listed:
        bucket, key = split(source)
        try:
            _fetch(s3, bucket, key, directory / name)
        except ClientError as error:
            raise NothingThere(f"manifest {uri}: {source}: {error}") from error
    return len(listed)


def _fetch(s3: Any, bucket: str, key: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def upload(s3: Any, directory: Path, uri: str, kms_key: str | None = None) -> list[str]:
    """Store every file of a folder below a URI, sorted; symbolic links are not followed. Returns the keys."""
    bucket, prefix = split(uri)
    stored = []
    for path in sorted(p for p in directory.rglob("*") if p.is_file() and not p.is_symlink()):
        key = "/".join(part for part in (prefix, path.relative_to(directory).as_posix()) if part)
        put(s3, bucket, key, path.read_bytes(), kms_key)
        stored.append(key)
    return stored


def put(s3: Any, bucket: str, key: str, body: bytes, kms_key: str | None = None) -> None:
    """Store one object, encrypted with a key if one is given."""
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}
    s3.put_object(Bucket=bucket, Key=key, Body=body, **encryption)
