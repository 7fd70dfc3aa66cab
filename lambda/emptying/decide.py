"""What a CloudFormation request asks of a bucket that goes with its stack. No AWS calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

MARK = "model-monitor:emptied"  # a tag of buckets that may be emptied
AT_ONCE = 1000  # of DeleteObjects


def bucket_to_empty(event: Mapping[str, Any]) -> str | None:
    """The bucket whose deletion follows; None for requests that delete nothing. Raises: ValueError."""
    if event["RequestType"] not in ("Create", "Update", "Delete"):
        raise ValueError("RequestType should be Create, Update or Delete")
    name = event["ResourceProperties"].get("BucketName")
    if not isinstance(name, str) or not name:
        raise ValueError("property BucketName should be a text that is not empty")
    return name if event["RequestType"] == "Delete" else None


def may_empty(tags: Iterable[Mapping[str, str]]) -> bool:
    """Whether the bucket still carries the mark: an update that begins to keep data takes it away before it asks to delete."""
    return any(tag["Key"] == MARK for tag in tags)


def batches(pages: Iterable[Mapping[str, Any]]) -> Iterator[list[dict[str, str]]]:
    """Every version and every delete marker, in parts that one call removes."""
    for page in pages:
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        named = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
        for start in range(0, len(named), AT_ONCE):
            yield named[start : start + AT_ONCE]
