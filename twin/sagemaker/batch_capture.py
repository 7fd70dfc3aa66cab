"""What a transform job with data capture leaves beside its answers: ids in them, and lists of what it read and wrote.

Nothing is copied. The lists are manifests by the hour in which the job began; their names are the job's and alike on both sides.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

SETTINGS: Final = frozenset({"DestinationS3Uri", "KmsKeyId", "GenerateInferenceId"})
NAMESPACE: Final = uuid.UUID("6f2d8f0e-0c4f-4b0e-9f5e-3c1d2b7a9e10")
TIME: Final = "%Y-%m-%dT%H:%M:%SZ"


def with_ids(answers: bytes, of: str, began: datetime) -> bytes:
    """Each line with an id of its own and the time at which the job began: two columns of CSV, two keys of JSON."""
    lines = answers.removesuffix(b"\n").split(b"\n")
    return b"".join(_with_id(line, f"{of}/{number}", began) + b"\n" for number, line in enumerate(lines))


def _with_id(line: bytes, of: str, began: datetime) -> bytes:
    id_, time = str(uuid.uuid5(NAMESPACE, of)), began.strftime(TIME)
    if line.startswith(b"{"):
        added = {"SageMakerInferenceId": id_, "SageMakerInferenceTime": time}
        return json.dumps({**json.loads(line), **added}).encode()
    return line + f",{id_},{time}".encode()


def manifests(
    capture: Mapping[str, Any], job: str, began: datetime, sides: Mapping[str, tuple[str, Sequence[str]]]
) -> Iterator[tuple[str, bytes]]:
    """(URI, content) of each list. sides: `input` and `output` → what all URIs begin with, and the rest of each."""
    name = uuid.uuid5(NAMESPACE, job)
    for side, (prefix, names) in sides.items():
        uri = f"{capture['DestinationS3Uri'].rstrip('/')}/{side}/{began:%Y/%m/%d/%H}/{name}.jsonl"
        yield uri, json.dumps([{"prefix": prefix}, *names]).encode()
