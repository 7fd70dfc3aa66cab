"""Inputs that are made to cost more than their size, by name, each of about the number of bytes that is asked for."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from model_monitor.contract import JobKind, MonitoringType
from model_monitor.job.job import DatasetKind, DatasetSource, Job, MonitorSettings
from model_monitor.schema import Feature, Schema

CSV = {"observedContentType": "text/csv", "encoding": "CSV", "mode": "INPUT"}
JSON = {"observedContentType": "application/json", "encoding": "JSON", "mode": "INPUT"}
SCHEMA = Schema((Feature("a"), Feature("b")))
GOOD_EVENTS = 20
Lines = Iterable[str]


def event(data: str, form: dict[str, str] = JSON, **metadata: Any) -> str:
    """One captured request as a line."""
    return json.dumps({"captureData": {"endpointInput": {**form, "data": data}}, "eventMetadata": metadata}) + "\n"


def good(number: int, **metadata: Any) -> str:
    return event("1,2", CSV, **{"eventId": f"event-{number}"} | metadata)


def goods() -> Lines:
    return (good(number) for number in range(GOOD_EVENTS))


# --- captured events -----------------------------------------------------------------------------------------------------


def one_long_id(size: int) -> Lines:
    """Beside short ones, and one event without any."""
    ids = ["", "x" * (size // 2), *map(str, range(size // 2 // 120))]
    return (good(number, eventId=name) for number, name in enumerate(ids))


def columns_that_nobody_asked_for(size: int) -> Lines:
    """Half of the payload are records, half are keys beside their columns."""
    rows, keys = size // 8, size // 18
    return [event(json.dumps({"a": [1] * rows, "b": [2] * rows} | {f"key{n}": 0 for n in range(keys)}), eventId="1")]


def a_new_key_in_each_record(size: int) -> Lines:
    records = [{"a": 1, "b": 2, f"key{number}": 3} for number in range(size // 40)]
    return [event(json.dumps(records), eventId="1")]


def one_more_key_in_each_record(size: int) -> Lines:
    """Of few, so that each is met by many records."""
    records = [{"a": 1, "b": 2, f"key{number % 5000}": 3} for number in range(size // 40)]
    return [event(json.dumps(records), eventId="1")]


def a_new_key_in_each_event(size: int) -> Lines:
    return (event(json.dumps({"a": 1, "b": 2, f"key{n}": 3}), eventId=str(n)) for n in range(size // 220))


def lines_of_one_letter(size: int) -> Lines:
    return [*goods(), "x\n" * (size // 2)]


def lines_of_numbers(size: int) -> Lines:
    return [*goods(), "".join(f"{number}\n" for number in range(size // 7))]


def empty_objects(size: int) -> Lines:
    return [*goods(), "{}\n" * (size // 3)]


def lines_cut_short(size: int) -> Lines:
    return [*goods(), '{"captureData":{"endpointInput":\n' * (size // 33)]


def blank_lines(size: int) -> Lines:
    return [*goods(), "\n" * size, good(GOOD_EVENTS)]


def lines_of_blanks(size: int) -> Lines:
    return [*goods(), " \r\n" * (size // 3), good(GOOD_EVENTS)]


CAPTURED: dict[str, Callable[[int], Lines]] = {
    made.__name__: made
    for made in (
        one_long_id,
        columns_that_nobody_asked_for,
        a_new_key_in_each_record,
        one_more_key_in_each_record,
        a_new_key_in_each_event,
        lines_of_one_letter,
        lines_of_numbers,
        empty_objects,
        lines_cut_short,
        blank_lines,
        lines_of_blanks,
    )
}


def captured(name: str, size: int, folder: Path, *, is_packed: bool = False) -> Job:
    """A job that reads the input of this name."""
    content = "".join(CAPTURED[name](size)).encode()
    path = folder / ("one.jsonl.gz" if is_packed else "one.jsonl")
    path.write_bytes(gzip.compress(content) if is_packed else content)
    return job_of(path, folder)


def job_of(path: Path, folder: Path, kind: DatasetKind = DatasetKind.CAPTURE) -> Job:
    return Job(
        kind=JobKind.MONITOR,
        dataset=DatasetSource(path, kind),
        output=folder / "out",
        schema=SCHEMA,
        monitors=(MonitorSettings(MonitoringType.DATA_QUALITY),),
        workers=1,
    )


JOBS: dict[str, Callable[[int, Path], Job]] = {
    name: lambda size, folder, name=name: captured(name, size, folder)  # type: ignore[misc]
    for name in CAPTURED
}
