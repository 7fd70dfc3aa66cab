"""S3 in virtual time: an object is as old as the account says, and stops being so with the twin."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from moto.s3 import models

from tests.twin.accounts import furnished, put


def test_an_object_is_as_old_as_virtual_time_says(tmp_path: Path) -> None:
    real = models.utcnow
    with furnished(tmp_path) as twin:
        twin.advance(timedelta(hours=3))
        put(twin, "key", b"content")
        twin.advance(timedelta(hours=1))
        found = twin.client("s3").head_object(Bucket="bucket", Key="key")["LastModified"]
        assert twin.clock.now() - found == timedelta(hours=1)
    assert models.utcnow is real
