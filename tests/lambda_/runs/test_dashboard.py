"""The dashboard's table: what the last step keeps of a window is what people see, linked and escaped."""

from __future__ import annotations

import json
import re
import urllib.parse
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from model_monitor import contract
from tests.lambda_.runs.conftest import BUCKET, ENDPOINT, SCHEDULE, TABLE, Plane

DUE = datetime(2026, 3, 2, 12, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
SUMMARIES = [
    {"key": "data_quality", "violations": {}, "summary": {"drift_max": 0.31, "drifted_share": 0.25}},
    {
        "key": "model_quality",
        "violations": {},
        "summary": {"labels": {"coverage": 0.9}, "metrics": [{"name": "accuracy", "value": 0.87}]},
    },
]


def drawn(plane: Plane, **event: Any) -> str:
    """The table over two days, of one schedule."""
    room = plane.load("dashboard")
    plane.monkeypatch.setattr(room.shown, "schedules", lambda: {SCHEDULE: ENDPOINT})
    plane.monkeypatch.setenv("AWS_REGION", "eu-west-1")
    plane.monkeypatch.setattr(room.handler, "table_named", plane.dynamodb.Table)
    plane.monkeypatch.setenv("TABLE", TABLE)
    times = {"start": (DUE - HOUR * 40).timestamp() * 1000, "end": (DUE + HOUR * 8).timestamp() * 1000}
    answer = room.handler.handle({"widgetContext": {"timeRange": times}, **event})
    assert isinstance(answer, str)
    return answer


def ended(plane: Plane, due: datetime, **report: Any) -> dict[str, Any]:
    """A window that ended with a report."""
    plane.capture(f"{due - HOUR:%Y/%m/%d/%H}/a.jsonl", due - HOUR / 2)
    plan = plane.plan(due)
    plane.report(plan, "violated", 3)
    key = plan["report"].removeprefix(f"s3://{BUCKET}/")
    content = json.loads(plane.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    plane.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(content | report).encode())
    plane.finish(plan, result={"seconds": 20})
    return plan


def test_a_window_is_a_cell_with_its_verdict_its_report_and_its_values(plane: Plane):
    plan = ended(plane, DUE, monitors=SUMMARIES)
    page = drawn(plane)
    key = plan["report"].removeprefix(f"s3://{BUCKET}/").replace("/", "%2F")
    assert f"https://console.aws.amazon.com/s3/object/{BUCKET}?region=" in page
    assert f"prefix={key}" in page
    assert "2026-03-02 12:00 UTC violated" in page
    assert [value for value in ("0.31", "25%", "accuracy", "0.87", "90%", "120") if value not in page] == []
    assert re.search(r"\$0\.00", page), "the cost of the runs shown"


def test_values_of_windows_are_a_line_and_those_without_have_none(plane: Plane):
    for hours in range(3):
        ended(plane, DUE + HOUR * hours, monitors=SUMMARIES)
    assert len(re.search(r"points='([^']+)'", drawn(plane))[1].split()) == 3  # type: ignore[index]


def test_quality_of_a_window_whose_labels_came_late_is_shown(plane: Plane):
    late = [{"monitor": "model_quality", "state": "scored", "violations": [], "metrics": {"f1": 0.7, "recall": 0.2}}]
    ended(plane, DUE, late=late)
    assert "f1" in drawn(plane)


def test_a_quiet_window_leads_to_its_report_and_a_schedule_without_runs_says_so(plane: Plane):
    assert "no run in this time" in drawn(plane)
    plane.finish(plane.plan(DUE))
    page = drawn(plane)
    assert "no_data" in page
    assert "2026/03/02/12/report.json" in urllib.parse.unquote(page.partition("<a href='")[2])


@pytest.mark.parametrize("verdict", list(contract.Verdict))
def test_every_verdict_has_a_sign_of_its_own(plane: Plane, verdict):
    shown = plane.load("dashboard").decide.SHOWN
    assert len({sign for sign, _ in shown.values()}) == len(shown)
    assert verdict in shown


def test_names_are_text_and_there_is_no_script(plane: Plane):
    decide = plane.load("dashboard").decide
    run = {
        "sk": "2026-03-02T12:00:00Z",
        "verdict": "ok",
        "report": "s3://b/'><script>/r.json",
        "quality": 1,
        "quality_name": "<i>",
    }
    page = decide.page([decide.Row("<b onload=x>", "s", [run])], "eu-west-1")
    assert "<script" not in page
    assert "<i>" not in page
    assert "<b onload" not in page


def test_the_widget_describes_itself(plane: Plane):
    room = plane.load("dashboard")
    assert "link" in room.handler.handle({"describe": True})["markdown"]
