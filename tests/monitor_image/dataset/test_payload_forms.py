"""Every form of a request beside every form of a response, features declared or not: each record has its own answer.

The table of `monitor_image/README.md` is made here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from model_monitor import cli
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
    '`{"columns": ["a", "b"], "data": [[1, 2], …]}`': lambda rows: json_payload(
        {"columns": list(NAMES), "data": list(rows)}
    ),
    '`{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], …]}}`': lambda rows: json_payload(
        {"dataframe_split": {"columns": list(NAMES), "data": list(rows)}}
    ),
    '`{"inputs": [[1, 2], …]}`': lambda rows: json_payload({"inputs": list(rows)}),
    '`{"signature_name": "x", "instances": [[1, 2], …]}`': lambda rows: json_payload(
        {"signature_name": "x", "instances": list(rows)}
    ),
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
    '`{"outputs": [0.1, 0.2]}`': lambda scores: json_payload({"outputs": list(scores)}),
    '`{"outputs": [[0.1], [0.2]]}`': lambda scores: json_payload({"outputs": [[score] for score in scores]}),
    '`["0.1", "0.2"]`': lambda scores: json_payload(list(map(str, scores))),
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


# --- forms that are not read: never a record of something else ----------------------------------------------------------------

TENSOR = {"name": "x", "shape": [3, 2], "datatype": "FP64"}
ODD_REQUESTS: dict[str, Callable[[Sequence[Record]], Payload]] = {
    "`1;2⏎3;4`": lambda rows: Payload("\n".join(f"{a};{b}" for a, b in rows), "CSV", "text/csv"),
    '`"1,2"` (CSV text inside JSON)': lambda rows: json_payload("\n".join(f"{a},{b}" for a, b in rows)),
    '`{"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": […]}]}`': lambda rows: json_payload(
        {"inputs": [TENSOR | {"data": [cell for row in rows for cell in row]}]}
    ),
    '`{"data": {"ndarray": [[1, 2], …]}}`': lambda rows: json_payload({"data": {"ndarray": list(rows)}}),
    '`{"inputs": {"a": [1, 3], "b": [2, 4]}}`': lambda rows: json_payload({"inputs": columns_of(NAMES, rows)}),
}
ODD_RESPONSES: dict[str, Callable[[Sequence[float]], Payload]] = {
    "`0.1;0.2`": lambda scores: Payload(";".join(map(str, scores)), "CSV", "text/csv"),
    '`"0.1,0.2"` (CSV text inside JSON)': lambda scores: json_payload(",".join(map(str, scores))),
    '`{"outputs": [{"name": "y", "shape": [2], "datatype": "FP32", "data": […]}]}`': lambda scores: json_payload(
        {"outputs": [TENSOR | {"data": list(scores)}]}
    ),
    '`{"data": {"ndarray": [0.1, 0.2]}}`': lambda scores: json_payload({"data": {"ndarray": list(scores)}}),
}
PAIRS = [
    *((odd, "`0.1⏎0.2` (CSV lines)") for odd in ODD_REQUESTS),
    *(("`1,2⏎3,4` (CSV lines)", odd) for odd in ODD_RESPONSES),
    *zip(ODD_REQUESTS, ODD_RESPONSES, strict=False),
]


SELDON = ('`{"data": {"ndarray": [[1, 2], …]}}`', '`{"data": {"ndarray": [0.1, 0.2]}}`')


def run(folder: Path, request: str, response: str, *, is_declared: bool) -> dict[str, Any]:
    """The report of a window of events of three records, against a baseline that holds the answers as a column."""
    ask, say = (REQUESTS | ODD_REQUESTS)[request], (RESPONSES | ODD_RESPONSES)[response]
    rows = [(i % 7 + 0.25, 10.5 - i % 5) for i in range(300)]
    scores = [i % 9 / 10 for i in range(300)]
    named = "a,b" if is_declared else "y,a,b"
    lines = (f"{a},{b}" if is_declared else f"{y},{a},{b}" for (a, b), y in zip(rows, scores, strict=True))
    (folder / "train.csv").write_text("\n".join([named, *lines]))
    payload = {"features": list(NAMES), "output": {"prediction": 0}} if is_declared else None
    (folder / "config.json").write_text(json.dumps({"version": 1, "payload": payload}))
    parts = [slice(i, i + 3) for i in range(0, 300, 3)]
    write_capture(folder / "capture", [capture_event(ask(rows[part]), say(scores[part])) for part in parts])
    common = ["--config", str(folder / "config.json"), "--workers", "1"]
    learnt, found = str(folder / "baseline"), str(folder / "report")
    assert cli.main(["baseline", "--dataset", str(folder / "train.csv"), "--output", learnt, *common]) == 0
    cli.main(["monitor", "--dataset", str(folder / "capture"), "--baseline", learnt, "--output", found, *common])
    report: dict[str, Any] = json.loads((folder / "report/report.json").read_text())
    return report


@pytest.mark.parametrize("is_declared", [True, False], ids=["declared", "undeclared"])
@pytest.mark.parametrize(("request_form", "response"), PAIRS)
def test_what_is_not_read_is_refused_in_words_and_never_ok(tmp_path, request_form, response, is_declared):
    report = run(tmp_path, request_form, response, is_declared=is_declared)
    if report["verdict"] == "violated":  # an object without any of the names
        assert (request_form, response) == SELDON
        told = [check["sentence"] for check in report["monitors"][0]["checks"] if check["outcome"] == "violated"]
        assert "columns that no feature names: 'data'" in told[0]
    else:
        assert (report["verdict"], report["reading"]["records"]) == ("error", 0)
        assert report["error"]["message"]


def test_a_form_that_is_read_is_ok_in_the_same_run(tmp_path):
    report = run(tmp_path, *next(zip(REQUESTS, RESPONSES, strict=False)), is_declared=False)
    assert (report["verdict"], report["reading"]["records"]) == ("ok", 300)


def test_the_docs_list_the_forms_that_are_read():
    readme = (ROOT / "monitor_image/README.md").read_text(encoding="utf-8")
    rows = zip_longest(REQUESTS, RESPONSES, fillvalue="")
    assert "\n".join(f"| {request} | {response} |" for request, response in rows) in readme
    odd = zip_longest(ODD_REQUESTS, ODD_RESPONSES, fillvalue="")
    assert "\n".join(f"| {request} | {response} |" for request, response in odd) in readme
