"""Small datasets for tests: capture events in every encoding, capture trees in the service's layout, jobs to read them.

event = capture_event(csv_payload([[1, "a"], [2, "b"]]), json_payload([{"label": 1}, {"label": 0}]))
write_capture(folder, [event], endpoint="churn", hour=datetime(2026, 3, 2, 7, tzinfo=UTC))
rows = read_all(capture_job(folder, schema("age", "city", prediction="label")))
"""

from __future__ import annotations

import base64
import gzip
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from model_monitor.contract import JobKind
from model_monitor.dataset.discover import discover
from model_monitor.dataset.rows import read_rows
from model_monitor.dataset.units import UNIT_BYTES, plan
from model_monitor.job.job import DatasetKind, DatasetSource, Job
from model_monitor.schema import Feature, FeatureType, OutputMapping, PayloadMapping, Rows, Schema, Window

START = datetime(2026, 3, 2, 7, tzinfo=UTC)


@dataclass(frozen=True)
class Payload:
    """One side of an event: its text, how the service would encode it, and its content type."""

    text: str
    encoding: str
    content_type: str | None

    def captured(self, mode: str) -> dict[str, Any]:
        data = base64.b64encode(self.text.encode()).decode() if self.encoding.upper() == "BASE64" else self.text
        return {"observedContentType": self.content_type, "mode": mode, "data": data, "encoding": self.encoding}

    def as_base64(self) -> Payload:
        """The same payload as the service stores content types it was not told of."""
        return replace(self, encoding="BASE64")


def csv_payload(rows: Iterable[Sequence[Any]], *, end: str = "\n") -> Payload:
    """Rows as RFC 4180 lines without a header; None is an empty field, "" a quoted empty one."""
    return Payload(end.join(",".join(map(_csv_field, row)) for row in rows), "CSV", "text/csv")


def json_payload(value: Any) -> Payload:
    """Any JSON value: a list of records, an object of columns, one flat object."""
    return Payload(json.dumps(value), "JSON", "application/json")


def json_lines_payload(records: Iterable[Any]) -> Payload:
    """One JSON value a line."""
    return Payload("\n".join(map(json.dumps, records)), "JSON", "application/jsonlines")


def columns_of(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, list[Any]]:
    """Rows as an object of columns."""
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def objects_of(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """Rows as a list of objects."""
    return [dict(zip(names, row, strict=True)) for row in rows]


def capture_event(
    given: Payload | None = None,
    answer: Payload | None = None,
    *,
    event_id: str | None = None,
    inference_id: str | None = None,
    time: datetime | str | None = START,
) -> dict[str, Any]:
    """One capture event; a side that is None was not captured."""
    metadata: dict[str, Any] = {"eventId": event_id or str(uuid.uuid4())}
    if inference_id is not None:
        metadata["inferenceId"] = inference_id
    if time is not None:
        metadata["inferenceTime"] = time if isinstance(time, str) else time.strftime("%Y-%m-%dT%H:%M:%SZ")
    captured = {}
    if given is not None:
        captured["endpointInput"] = given.captured("INPUT")
    if answer is not None:
        captured["endpointOutput"] = answer.captured("OUTPUT")
    return {"captureData": captured, "eventMetadata": metadata, "eventVersion": "0"}


def capture_line(event: dict[str, Any] | str) -> str:
    """An event as a line of a capture file; text is taken as it is, to write broken lines."""
    return event if isinstance(event, str) else json.dumps(event, separators=(",", ":"))


def write_capture(
    folder: Path,
    events: Iterable[dict[str, Any] | str],
    *,
    endpoint: str = "endpoint",
    variant: str = "AllTraffic",
    hour: datetime = START,
    name: str | None = None,
    is_gzip: bool = False,
) -> Path:
    """One capture file below `folder` in the service's layout, `{endpoint}/{variant}/yyyy/mm/dd/hh/mm-ss-mmm-uuid.jsonl`."""
    target = folder / endpoint / variant / hour.strftime("%Y/%m/%d/%H")
    target.mkdir(parents=True, exist_ok=True)
    path = target / (name or f"{hour.strftime('%M-%S')}-000-{uuid.uuid4()}.jsonl")
    data = "".join(capture_line(event) + "\n" for event in events).encode()
    if is_gzip:
        path = path.with_name(path.name + ".gz")
        data = gzip.compress(data)
    path.write_bytes(data)
    return path


def schema(
    *features: str | Feature,
    prediction: str | int | None = None,
    score: str | int | None = None,
    payload_index: str | int | None = None,
    label: str | None = None,
    records: str | None = None,
    output_records: str | None = None,
    csv_split: str = "auto",
    types: dict[str, FeatureType] | None = None,
) -> Schema:
    """A declared mapping."""
    output = OutputMapping(output_records, prediction, score, payload_index, csv_split)
    declared = tuple(feature if isinstance(feature, Feature) else Feature(feature) for feature in features)
    return Schema(declared, PayloadMapping(records, output, label)).with_types(types or {})


def capture_job(
    path: Path, schema: Schema, *, window: Window | None = None, captured: tuple[str, ...] | None = None
) -> Job:
    """A monitoring job over capture files."""
    source = DatasetSource(path, DatasetKind.CAPTURE)
    if captured is not None:
        source = replace(source, captured=captured)
    return Job(JobKind.MONITOR, source, path / "output", schema, window=window)


def baseline_job(path: Path, kind: DatasetKind, schema: Schema, *, has_header: bool = True) -> Job:
    """A baseline job over a dataset."""
    return Job(JobKind.BASELINE, DatasetSource(path, kind, has_header), path.parent / "output", schema)


def read_all(job: Job, unit_bytes: int = UNIT_BYTES) -> list[Rows]:
    """Every chunk of a job's dataset, in order."""
    files = discover(job.dataset, job.window)
    return [rows for unit in plan(files, unit_bytes) for rows in read_rows(unit, job)]


def _csv_field(value: Any) -> str:
    if value is None:
        return ""
    if value == "":
        return '""'
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if any(character in text for character in ',"\r\n') else text
