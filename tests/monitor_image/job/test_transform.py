"""Batch transform jobs as capture: each line and its answer are an event, whatever the job added to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from model_monitor.errors import SettingsError
from model_monitor.job.transform import fetch_transform

AT = "2026-03-02T04:10:00Z"


def document(folder: Path, entered: str, left: str, **changes: Any) -> str:
    """A window of one pair of files."""
    (folder / "a.csv").write_text(entered)
    (folder / "a.csv.out").write_text(left)
    pair = {"input": str(folder / "a.csv"), "output": str(folder / "a.csv.out"), "time": AT}
    path = folder / "window.transform.json"
    path.write_text(json.dumps({"format": "csv", "inference_id": False, "joined": False, "pairs": [pair]} | changes))
    return str(path)


def events(location: str, folder: Path) -> list[dict[str, Any]]:
    found = fetch_transform(location, folder / "fetched")
    return [json.loads(line) for path in sorted(found.iterdir()) for line in path.read_text().splitlines()]


def sides(event: dict[str, Any]) -> tuple[str, str, str]:
    captured = event["captureData"]
    return captured["endpointInput"]["data"], captured["endpointOutput"]["data"], event["eventMetadata"]["eventId"]


@pytest.mark.parametrize(
    ("left", "changes", "expected"),
    [
        ("0.1\n0.2\n", {}, ["0.1", "0.2"]),
        ("0.1\r\n0.2", {}, ["0.1", "0.2"]),
        ("1,2,0.1\n3,4,0.2\n", {"joined": True}, ["0.1", "0.2"]),
        (
            "1,0.1,one,2026-03-02T04:00:00Z\n1,0.2,two,2026-03-02T04:00:00Z\n",
            {"inference_id": True},
            ["1,0.1", "1,0.2"],
        ),
        ("1,2,0.1,one,t\n3,4,0.2,two,t\n", {"inference_id": True, "joined": True}, ["0.1", "0.2"]),
    ],
)
def test_a_line_of_csv_is_an_event_with_its_answer_alone(tmp_path: Path, left: str, changes: dict, expected: list[str]):
    found = events(document(tmp_path, "1,2\n3,4\n", left, **changes), tmp_path)
    assert [sides(each)[:2] for each in found] == [("1,2", expected[0]), ("3,4", expected[1])]
    ids = [sides(each)[2] for each in found]
    assert ids == ["one", "two"] if changes.get("inference_id") else len(set(ids)) == 2
    assert {each["eventMetadata"]["inferenceTime"] for each in found} == {AT}


@pytest.mark.parametrize("is_joined", [False, True])
def test_a_line_of_json_loses_what_the_job_added(tmp_path: Path, *, is_joined: bool):
    answer = {"label": 1}
    line = {"a": 1, "SageMakerOutput": answer} if is_joined else answer
    left = json.dumps({**line, "SageMakerInferenceId": "one", "SageMakerInferenceTime": "t"}) + "\n"
    given = {"format": "json_lines", "inference_id": True, "joined": is_joined}
    (found,) = events(document(tmp_path, '{"a": 1}\n', left, **given), tmp_path)
    assert sides(found) == ('{"a": 1}', json.dumps(answer), "one")


def test_sides_of_unlike_length_are_one_event_whose_records_nobody_pairs(tmp_path: Path):
    (found,) = events(document(tmp_path, "1,2\n3,4\n", "0.1\n"), tmp_path)
    assert sides(found)[:2] == ("1,2\n3,4\n", "0.1\n")


def test_what_was_fetched_before_is_gone(tmp_path: Path):
    location = document(tmp_path, "1\n2\n", "0\n1\n")
    assert len(events(location, tmp_path)) == len(events(location, tmp_path)) == 2


@pytest.mark.parametrize(
    "content", ["{}", "no JSON", '{"format": "xml", "inference_id": true, "joined": true, "pairs": []}']
)
def test_another_document_is_told(tmp_path: Path, content: str):
    path = tmp_path / "window.transform.json"
    path.write_text(content)
    with pytest.raises(SettingsError, match="Plan the run again"):
        fetch_transform(str(path), tmp_path / "fetched")
