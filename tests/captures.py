"""Records in, capture trees and datasets out: the small endpoint that the tests of whole runs share."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HOUR = datetime(2026, 3, 2, 4, tzinfo=UTC)
Record = Mapping[str, Any]


def csv_text(records: Iterable[Sequence[Any]]) -> str:
    """RFC 4180 lines; None is an empty field."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["" if v is None else v for v in record] for record in records])
    return text.getvalue()


def csv_side(records: Sequence[Record]) -> dict[str, Any]:
    """One side of an event as text/csv."""
    return {"observedContentType": "text/csv", "encoding": "CSV", "data": csv_text([list(r.values()) for r in records])}


def json_side(payload: Any) -> dict[str, Any]:
    """One side of an event as application/json."""
    return {"observedContentType": "application/json", "encoding": "JSON", "data": json.dumps(payload)}


def columns_side(records: Sequence[Record]) -> dict[str, Any]:
    """Object of parallel arrays: {"a": [1, 2], "b": [3, 4]}."""
    names = list(records[0]) if records else []
    return json_side({name: [record.get(name) for record in records] for name in names})


def base64_side(side: Mapping[str, Any]) -> dict[str, Any]:
    """The same side as the service stores a content type it was not told of."""
    return {**side, "encoding": "BASE64", "data": base64.b64encode(side["data"].encode()).decode()}


def outputs(count: int) -> list[Record]:
    """Responses of a model with a label and a score for each record."""
    return [{"payload_index": i, "label": i % 3, "score": 0.5 + i / (4 * count)} for i in range(count)]


def event(
    number: int,
    entered: Mapping[str, Any] | None,
    left: Mapping[str, Any] | None = None,
    time: datetime = HOUR,
    inference_id: str | None = None,
) -> dict[str, Any]:
    """One capture line; sides as `csv_side` and its like make them."""
    sides = {"endpointInput": (entered, "INPUT"), "endpointOutput": (left, "OUTPUT")}
    metadata = {"eventId": f"event-{number:06d}", "inferenceTime": f"{time:%Y-%m-%dT%H:%M:%SZ}"}
    if inference_id is not None:
        metadata["inferenceId"] = inference_id
    return {
        "captureData": {name: {**side, "mode": mode} for name, (side, mode) in sides.items() if side is not None},
        "eventMetadata": metadata,
        "eventVersion": "0",
    }


def batched(records: Sequence[Record], size: int) -> list[Sequence[Record]]:
    """Records cut into requests of `size`."""
    return [records[start : start + size] for start in range(0, len(records), size)]


def events_of(
    records: Sequence[Record], size: int = 4, side: Any = columns_side, time: datetime = HOUR
) -> list[dict[str, Any]]:
    """Requests of `size` records, a second apart, answered by `outputs`."""
    return [
        event(number, side(part), json_side(outputs(len(part))), time + timedelta(seconds=number))
        for number, part in enumerate(batched(records, size))
    ]


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> Path:
    """One JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def write_capture(
    root: Path,
    events: Sequence[Mapping[str, Any]],
    endpoint: str = "covertype",
    variant: str = "AllTraffic",
    hour: datetime = HOUR,
    files: int = 1,
) -> Path:
    """A capture tree as it lies in S3: {endpoint}/{variant}/yyyy/mm/dd/hh/mm-ss-mmm-uuid.jsonl."""
    folder = root / endpoint / variant / f"{hour:%Y/%m/%d/%H}"
    per_file = -(-len(events) // files) or 1
    for number in range(files):
        part = events[number * per_file : (number + 1) * per_file]
        if part:
            write_lines(folder / f"{number:02d}-00-000-00000000-0000-4000-8000-{number:012d}.jsonl", part)
    return root


def write_csv(path: Path, records: Sequence[Record], header: bool = True) -> Path:
    """A dataset with the records' keys as its header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [list(records[0])] if header and records else []
    path.write_text(csv_text(names + [list(record.values()) for record in records]))
    return path
