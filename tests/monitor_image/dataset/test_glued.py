"""Objects without line breaks between them, in captures, datasets and labels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from model_monitor.dataset.glued import pieces_of
from model_monitor.dataset.records import MALFORMED_JSON, NOT_JSON
from model_monitor.job.job import DatasetKind, DatasetSource
from model_monitor.labels import label_reader
from model_monitor.labels.label_reader import read_ground_truth
from model_monitor.schema import Rejects
from tests.builders import baseline_job, capture_event, capture_job, csv_payload, read_all, schema

Result = tuple[int, Rejects]


def write(folder: Path, lines: list[list[Any]]) -> Path:
    """Objects by line; text is taken as it is."""
    path = folder / "data.jsonl"
    path.write_text(
        "".join("".join(each if isinstance(each, str) else json.dumps(each) for each in line) + "\n" for line in lines)
    )
    return path


def captured(number: int) -> dict[str, Any]:
    return capture_event(csv_payload([[number]]), csv_payload([[1]]), event_id=f"e{number}")


def read_capture(path: Path) -> Result:
    job = capture_job(path, schema("a", prediction=0))
    return total(read_all(replace(job, dataset=DatasetSource(path, DatasetKind.CAPTURE))))


def recorded(number: int) -> dict[str, Any]:
    return {"a": number}


def read_records(path: Path) -> Result:
    return total(read_all(baseline_job(path, DatasetKind.JSON_LINES, schema("a"))))


def labelled(number: int) -> dict[str, Any]:
    return {
        "groundTruthData": {"data": "1", "encoding": "CSV"},
        "eventMetadata": {"eventId": f"e{number}"},
        "eventVersion": "0",
    }


def read_labels(path: Path) -> Result:
    found = read_ground_truth([(path.name, path)])
    return len(found), found.rejects


def total(chunks: list[Any]) -> Result:
    rejects = Rejects()
    for rows in chunks:
        rejects = rejects.merge(rows.rejects)
    return sum(rows.count for rows in chunks), rejects


READERS = {
    "capture": (captured, read_capture, NOT_JSON),
    "dataset": (recorded, read_records, MALFORMED_JSON),
    "labels": (labelled, read_labels, label_reader.NOT_JSON),
}


@pytest.mark.parametrize("reader", READERS)
def test_objects_that_share_a_line_are_read_and_counted_one_by_one(tmp_path, reader):
    record, read, reason = READERS[reader]
    lines: list[list[Any]] = [[record(1)], [record(2), record(3), " ", record(4)], [record(5), '{"broken'], [record(6)]]
    count, rejects = read(write(tmp_path, [*lines, ["{x"], [record(7)]]))
    assert count == 7
    assert rejects.by_reason == {reason: 2}
    assert [reject.line for reject in rejects.located] == [3, 5]


@pytest.mark.parametrize("reader", READERS)
def test_a_file_of_one_line_is_read(tmp_path, reader):
    record, read, _ = READERS[reader]
    assert read(write(tmp_path, [[record(number) for number in range(500)]])) == (500, Rejects())


@given(
    st.lists(st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.none())), max_size=5),
    st.text(max_size=3),
)
def test_pieces_are_what_was_put_together(objects, rest):
    line = "".join(map(json.dumps, objects))
    pieces = pieces_of(line)
    assert [json.loads(piece) for piece in pieces] == (objects if len(objects) > 1 else [])
    if rest.strip():
        assert "".join(pieces_of(line + rest)).replace(" ", "") in (
            "",
            (line + rest).strip("\ufeff \t\r\n").replace(" ", ""),
        )
