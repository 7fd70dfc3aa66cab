"""A run that could not read too much says how much of what, why mostly, and what fits that reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from model_monitor.dataset import records as reasons
from model_monitor.errors import TooManyRejected
from model_monitor.flow import too_many_rejected
from model_monitor.job.job import DatasetKind, Job
from model_monitor.schema import Schema
from model_monitor.sketches.reading import Reading
from tests.builders import (
    Payload,
    baseline_job,
    capture_event,
    capture_job,
    csv_payload,
    read_all,
    schema,
    write_capture,
)

MAPPED = schema("a", "b", prediction=0)
GIVEN, ANSWER = csv_payload([[1, 2], [3, 4]]), csv_payload([["x"], ["y"]])
GOOD = capture_event(GIVEN, ANSWER)


def problem_of(job: Job) -> TooManyRejected:
    readings = map(Reading.of, read_all(job))
    found = too_many_rejected(reduce(Reading.merge, readings, Reading()), replace(job, max_rejected_fraction=0.01))
    assert found is not None
    return found


def told(tmp_path: Path, events: Sequence[dict[str, Any] | str], declared: Schema = MAPPED) -> str:
    write_capture(tmp_path, events, name="one.jsonl")
    return str(problem_of(capture_job(tmp_path, declared)))


def test_events_of_unknown_size_are_told_apart_from_records_and_add_up(tmp_path: Path) -> None:
    four = csv_payload([[1, 2]] * 4)
    events = [capture_event(four)] * 10 + ["{"] * 6 + [capture_event(csv_payload([[1, 2], [3], [4], [5, 6]]))] * 2
    text = told(tmp_path, events, schema("a", "b"))
    assert text.startswith(
        "4 records and 6 events (each taken as 4 records, as the others hold) could not be read, 44 records could: "
        "38.9% of the records lost, allowed 1.0%. Mostly: not valid JSON, first at "
    )
    assert f"{(4 + 6 * 4) / (4 + 6 * 4 + 44):.1%}" == "38.9%"


def test_records_alone_are_no_events(tmp_path: Path) -> None:
    text = told(tmp_path, [capture_event(csv_payload([[1, 2], [3], [4], [5, 6]]))] * 5, schema("a", "b"))
    assert text.startswith("10 records could not be read, 10 records could: 50.0% of the records lost, allowed 1.0%. ")


def test_one_event_where_nothing_could_be_read_is_taken_as_one_record(tmp_path: Path) -> None:
    text = told(tmp_path, ["{"])
    assert text.startswith("1 event (taken as 1 record) could not be read, 0 records could: 100.0% of the records")


@pytest.mark.parametrize(
    ("bad", "reason", "remedy"),
    [
        ("{", reasons.NOT_JSON, "Look at the named file and line: it may be damaged"),
        ("[1]", reasons.NOT_A_CAPTURE_EVENT, "Look at the named file and line: it may be damaged"),
        (capture_event(None, ANSWER), reasons.NO_INPUT, "Let data capture keep both the request and the response"),
        (capture_event(Payload('1,"2', "CSV", "text/csv")), reasons.MALFORMED_CSV, "Look at what the client sent"),
        (capture_event(Payload("{", "JSON", "text/json")), reasons.MALFORMED_JSON, "Look at what the client sent"),
        (
            capture_event(GIVEN, csv_payload([[1]] * 3)),
            reasons.COUNTS_DIFFER,
            "Correct the payload mapping, which says",
        ),
    ],
)
def test_the_remedy_fits_the_commonest_reason_and_names_its_first_line(
    tmp_path: Path, bad: dict[str, Any] | str, reason: str, remedy: str
) -> None:
    other = capture_event(Payload("", "CSV", "text/csv"))
    text = told(tmp_path, [other, GOOD, *[bad] * 3])
    where = "endpoint/AllTraffic/2026/03/02/07/one.jsonl:3"
    assert f"Mostly: {reason}, first at {where}. {remedy}" in text
    assert text.endswith(", or raise max_rejected_fraction.")


def test_a_common_reason_that_is_not_located_goes_with_the_first_reject(tmp_path: Path) -> None:
    text = told(tmp_path, [*["[1]"] * 10, *["{"] * 20, GOOD])
    assert re.search(r"Mostly: not valid JSON; first not a capture event, at \S+one\.jsonl:1\. Look at the", text)


@pytest.mark.parametrize("is_positional", [False, True])
def test_wrong_widths_are_told_with_the_width_expected(tmp_path: Path, is_positional: bool) -> None:
    declared = replace(schema("a", "b"), is_positional=is_positional)
    rows = [[1, 2], [1, 2, 3], [1], [1, 2, 3], [1, 2, 3, 4], [1] * 5]
    mapping = "Declare the features in a payload mapping" if is_positional else "Correct the payload mapping"
    assert (
        f"{mapping}: found 3 (2 records) and 1 (1 record) and 4 (1 record) and others, expected 2 values in a record, or "
        "raise max_rejected_fraction."
    ) in told(tmp_path, [capture_event(csv_payload(rows))], declared)


def test_no_limit_is_to_be_raised_where_nothing_could_be_read(tmp_path: Path) -> None:
    text = told(tmp_path, [capture_event(csv_payload([[1], [1, 2, 3]]))], schema("a", "b"))
    assert text.endswith("expected 2 values in a record.")


def test_a_datasets_rows_are_not_said_to_contradict_a_mapping(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,b\n1,2\n1\n3,4\n")
    text = str(problem_of(baseline_job(path, DatasetKind.CSV, schema("a", "b"))))
    assert "Correct the rows of the dataset: found such with 1 (1 record) values, or raise" in text
    path = tmp_path / "data.jsonl"
    path.write_text('{"a": 1, "b": 2}\n{"a": 1\n')
    text = str(problem_of(baseline_job(path, DatasetKind.JSON_LINES, schema("a", "b"))))
    assert text.endswith("data.jsonl:2. Look at the named file and line, or raise max_rejected_fraction.")
