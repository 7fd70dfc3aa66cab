"""Every form of a request beside every form of a response, features declared or not: each record has its own answer.

The table of `monitor_image/README.md` is made here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from model_monitor.dataset.discover import discover
from model_monitor.dataset.resolve import resolve_schema
from model_monitor.schema import FeatureType, Rows, Schema
from tests.builders import (
    Payload,
    capture_event,
    capture_job,
    columns_of,
    csv_payload,
    json_lines_payload,
    json_payload,
    objects_of,
    read_all,
    schema,
    write_capture,
)
from tests.conftest import ROOT

Record = tuple[float, float]
NAMES = ("a", "b")
TYPES = {"y": FeatureType.FRACTIONAL, "a": FeatureType.FRACTIONAL, "b": FeatureType.FRACTIONAL}

REQUESTS: dict[str, Callable[[Sequence[Record]], Payload]] = {
    "`1,2⏎3,4` (CSV lines)": csv_payload,
    '`[{"a": 1, "b": 2}, …]`': lambda rows: json_payload(objects_of(NAMES, rows)),
    "`[[1, 2], …]`": lambda rows: json_payload(list(rows)),
    '`{"instances": [{"a": 1, "b": 2}, …]}`': lambda rows: json_payload({"instances": objects_of(NAMES, rows)}),
    '`{"instances": [[1, 2], …]}`': lambda rows: json_payload({"instances": list(rows)}),
    '`{"instances": [{"features": [1, 2]}, …]}`': lambda rows: json_payload(
        {"instances": [{"features": row} for row in rows]}
    ),
    '`{"a": [1, 3], "b": [2, 4]}`': lambda rows: json_payload(columns_of(NAMES, rows)),
    '`{"dataframe_records": [{"a": 1, "b": 2}, …]}`': lambda rows: json_payload(
        {"dataframe_records": objects_of(NAMES, rows)}
    ),
    '`{"a": 1, "b": 2}⏎…` (JSON Lines)': lambda rows: json_lines_payload(objects_of(NAMES, rows)),
    '`{"features": [1, 2]}⏎…` (JSON Lines)': lambda rows: json_lines_payload([{"features": row} for row in rows]),
}
RESPONSES: dict[str, Callable[[Sequence[float]], Payload]] = {
    "`0.1⏎0.2` (CSV lines)": lambda scores: csv_payload([[score] for score in scores]),
    "`0.1,0.2` (one CSV line)": lambda scores: csv_payload([scores]),
    "`[0.1, 0.2]`": lambda scores: json_payload(list(scores)),
    "`[[0.1], [0.2]]`": lambda scores: json_payload([[score] for score in scores]),
    '`[{"y": 0.1}, …]`': lambda scores: json_payload([{"y": score} for score in scores]),
    '`{"predictions": [0.1, 0.2]}`': lambda scores: json_payload({"predictions": list(scores)}),
    '`{"predictions": [[0.1], [0.2]]}`': lambda scores: json_payload({"predictions": [[score] for score in scores]}),
    '`{"predictions": [{"y": 0.1}, …]}`': lambda scores: json_payload({"predictions": [{"y": s} for s in scores]}),
    '`{"predictions": [0.1, 0.2], "model": "v1"}`': lambda scores: json_payload(
        {"predictions": list(scores), "model": "v1"}
    ),
    '`{"y": [0.1, 0.2]}`': lambda scores: json_payload({"y": list(scores)}),
    '`{"y": 0.1}⏎…` (JSON Lines)': lambda scores: json_lines_payload([{"y": score} for score in scores]),
    "`0.1⏎0.2` (JSON Lines)": json_lines_payload,
}
SIZES = (3, 1, 2)  # records of the events, one after the other
RECORDS = [(i + 0.25, 10.5 - i) for i in range(sum(SIZES))]
SCORES = [i / 100 + 0.125 for i in range(sum(SIZES))]


def events(request: str, response: str) -> Iterator[dict[str, Any]]:
    start = 0
    for size in SIZES:
        part = slice(start, start + size)
        yield capture_event(REQUESTS[request](RECORDS[part]), RESPONSES[response](SCORES[part]))
        start += size


def read(folder: Path, request: str, response: str, declared: Schema | None) -> list[Rows]:
    write_capture(folder, list(events(request, response)))
    job = capture_job(folder, declared or Schema(is_positional=True))
    found = resolve_schema(job, discover(job.dataset), None if declared else TYPES)
    return read_all(replace(job, schema=found))


def told(chunks: list[Rows]) -> list[tuple[float, ...]]:
    """(a, b, y) of every record."""
    found: list[tuple[float, ...]] = []
    for rows in chunks:
        columns = dict(zip(rows.schema.names, rows.features, strict=True))
        answers = columns["y"] if rows.schema.is_positional else rows.prediction
        sides = [columns["a"], columns["b"], answers]
        if rows.count:
            assert all(column is not None and column.numbers is not None for column in sides)
            found += zip(*(column.numbers.tolist() for column in sides), strict=True)
    return sorted(found)


@pytest.mark.parametrize("is_declared", [True, False], ids=["declared", "undeclared"])
@pytest.mark.parametrize("response", RESPONSES)
@pytest.mark.parametrize("request_form", REQUESTS)
def test_each_record_has_its_own_answer(tmp_path, request_form, response, is_declared):
    declared = schema(*NAMES, prediction="y" if '"y"' in response else 0) if is_declared else None
    chunks = read(tmp_path, request_form, response, declared)
    assert told(chunks) == [(a, b, y) for (a, b), y in zip(RECORDS, SCORES, strict=True)]
    assert not any(rows.rejects.count for rows in chunks)


def test_the_docs_list_the_forms_that_are_read():
    readme = (ROOT / "monitor_image/README.md").read_text(encoding="utf-8")
    rows = zip_longest(REQUESTS, RESPONSES, fillvalue="")
    assert "\n".join(f"| {request} | {response} |" for request, response in rows) in readme
