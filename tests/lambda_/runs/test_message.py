"""What people are told of runs: once a cause, in plain words, with no value of a record, and once when it is over."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.lambda_.runs.conftest import BUCKET, NOON, QUARTER, SCHEDULE, Plane

HOUR = timedelta(hours=1)
CASES = ROOT / "tests" / "golden" / "cases"
HOSTILE = "Slope\r\nBcc: all\u202e<b>" + "x" * 200


def golden(case: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((CASES / case / "expected" / "monitor" / "report.json").read_text())
    return content


@pytest.fixture
def told(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> Plane:
    """An environment whose runs tell people."""
    monkeypatch.setenv("MESSAGES_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:topic")
    return plane


def ran(
    plane: Plane, content: dict[str, Any] | None, hours: int = 0, owner: str = "one", **more: Any
) -> dict[str, Any]:
    """One window from its plan to its end; the plan, for calls that come again."""
    due = NOON + hours * HOUR
    plane.capture(f"2026/03/02/{11 + hours}/05-00.jsonl", due)
    plan = plane.plan(due + QUARTER, owner, **more)
    if content is None:
        plan = {**plan, "error": {"Error": "OSError", "Cause": '{"errorMessage": "config.json: is no JSON."}'}}
    else:
        report = content | {"run": {"details": {"processing_job_name": plan["name"]}}}
        key = plan["report"].removeprefix(f"s3://{BUCKET}/")
        plane.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(report).encode())
    plane.finish(plan)
    return plan


def subjects(plane: Plane) -> list[str]:
    return [message["Subject"] for message in plane.messages]


BROKEN, HEALTHY, LABELLED = golden("broken"), golden("healthy"), golden("labelled")


def test_a_message_says_what_broke_how_bad_and_where_to_look(told: Plane):
    ran(told, BROKEN)
    (message,) = told.messages
    assert message["Subject"] == "VIOLATED: shop-data-quality 2026-03-02 11:00"
    report = f"s3://{BUCKET}/reports/shop/{SCHEDULE}/2026/03/02/12/report.json"
    assert message["Message"].splitlines() == [
        "shop is violated.",
        "Window 2026-03-02 11:00 to 2026-03-02 12:00 UTC, schedule shop-data-quality.",
        "",
        "What broke:",
        "- Slope drifted: distance 0.639, limit 0.1",
        "- Elevation: 46.7% of the values have another type",
        "",
        f"Report: {report}",
        "https://console.aws.amazon.com/s3/object/data?region=eu-west-1"
        f"&prefix=reports%2Fshop%2F{SCHEDULE}%2F2026%2F03%2F02%2F12%2Freport.json",
        "Runbook: docs/operations.md#what-wakes-you-and-what-to-do",
        "You are told again when something else breaks, and when it is over.",
    ]


def test_the_runbook_is_there():
    assert "\n## What wakes you, and what to do\n" in (ROOT / "docs" / "operations.md").read_text()


def test_one_change_under_several_names_is_told_once(told: Plane):
    content = copy.deepcopy(BROKEN)
    (check,) = [each for each in content["monitors"][0]["checks"] if each["subject"] == "Slope" and each["distance"]]
    others = [{**check, "subject": f"f{n}", "same_as": "Slope"} for n in range(3)]
    content["monitors"][0]["checks"] += others
    ran(told, content)
    (message,) = told.messages
    assert [line.split()[1] for line in message["Message"].splitlines() if line.startswith("- ")] == [
        "Slope",
        "Elevation:",
    ]


def test_the_three_largest_are_told_and_the_others_counted(told: Plane):
    content = copy.deepcopy(BROKEN)
    (check,) = [each for each in content["monitors"][0]["checks"] if each["subject"] == "Slope" and each["distance"]]
    content["monitors"][0]["checks"] = [{**check, "subject": f"f{n}", "distance": 0.2 + n / 10} for n in range(5)]
    ran(told, content)
    lines = told.messages[0]["Message"].splitlines()
    assert lines[4:8] == [*(f"- f{n} drifted: distance 0.{n + 2}, limit 0.1" for n in (4, 3, 2)), "and 2 more"]


def test_one_cause_is_told_once_and_its_end_once(told: Plane):
    for hours, content in enumerate((HEALTHY, BROKEN, BROKEN, HEALTHY, HEALTHY)):
        ran(told, content, hours)
    assert subjects(told) == ["VIOLATED: shop-data-quality 2026-03-02 12:00", "OK: shop-data-quality 2026-03-02 14:00"]
    assert "It was not since 2026-03-02 12:00 UTC: baseline drift, data type." in told.messages[1]["Message"]


def test_another_cause_is_told_while_the_first_lasts(told: Plane):
    ran(told, BROKEN)
    ran(told, LABELLED, 1)
    ran(told, None, 2)
    ran(told, BROKEN, 3)
    assert subjects(told) == [
        f"{verdict} 2026-03-02 {hour}:00"
        for verdict, hour in (
            ("VIOLATED: shop-data-quality", 11),
            ("VIOLATED: shop-data-quality", 12),
            ("ERROR: shop-data-quality", 13),
        )
    ]
    assert "- precision is too low: 0.208, limit 0.718" in told.messages[1]["Message"]
    assert "could not be judged: the run failed" in told.messages[2]["Message"]
    assert "Why: OSError: config.json: is no JSON." in told.messages[2]["Message"]


@pytest.mark.parametrize("content", [BROKEN, HEALTHY])
def test_a_call_that_comes_again_tells_nothing_again(told: Plane, content: dict[str, Any]):
    ran(told, BROKEN)
    plan = ran(told, content, 1)
    before = subjects(told)
    for _ in range(3):
        told.finish(plan)
    assert subjects(told) == before


def test_a_call_that_was_killed_before_it_sent_sends_when_it_comes_again(told: Plane, monkeypatch: pytest.MonkeyPatch):
    real, calls = told._client, []

    def failing(service: str) -> Any:
        if service == "sns" and not calls:
            calls.append(service)
            raise TimeoutError
        return real(service)

    monkeypatch.setattr(told._room("finish"), "client", failing)
    with pytest.raises(TimeoutError):
        ran(told, BROKEN)
    assert told.messages == []
    plan = told.plan(NOON + QUARTER)
    told.finish(plan)
    told.finish(plan)
    assert len(told.messages) == 1


def test_a_window_that_is_overtaken_is_told_once_and_ends_nothing(told: Plane):
    ran(told, HEALTHY, 1)
    plan = ran(told, BROKEN)
    told.finish(plan)
    assert subjects(told) == ["VIOLATED: shop-data-quality 2026-03-02 11:00"]
    ran(told, HEALTHY, 2)
    assert len(told.messages) == 1, "how it stands was never bad"


def test_windows_that_are_caught_up_with_days_later_wake_nobody(told: Plane):
    ran(told, HEALTHY, 1)
    told.capture("2026/03/02/11/05-00.jsonl", NOON)
    plan = told.plan(NOON + QUARTER)
    key = plan["report"].removeprefix(f"s3://{BUCKET}/")
    report = BROKEN | {"run": {"details": {"processing_job_name": plan["name"]}}}
    told.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(report).encode())
    told.finish(plan, late=timedelta(days=3))
    assert told.messages == []


def test_a_window_that_failed_and_is_judged_again_is_over(told: Plane):
    ran(told, None)
    ran(told, HEALTHY, owner="two", again=True)
    assert [subject.partition(":")[0] for subject in subjects(told)] == ["ERROR", "OK"]


@pytest.mark.parametrize("verdict", ["no_data", "waiting", "insufficient_data"])
def test_silence_is_neither_news_nor_an_end(told: Plane, verdict: str):
    ran(told, BROKEN)
    ran(told, {**HEALTHY, "verdict": verdict, "reason": verdict}, 1)
    assert len(told.messages) == 1
    ran(told, HEALTHY, 2)
    assert len(told.messages) == 2


def test_a_rehearsal_is_told_as_one_and_changes_nothing(told: Plane):
    plan = ran(told, {**BROKEN, "rehearsal": True})
    told.finish(plan)
    assert subjects(told) == ["REHEARSAL VIOLATED: shop-data-quality 2026-03-02 11:00"]
    assert told.messages[0]["Message"].startswith("This is a REHEARSAL")
    ran(told, HEALTHY, 1)
    assert len(told.messages) == 1


def test_no_value_of_a_record_leaves_in_a_message(told: Plane):
    content = copy.deepcopy(BROKEN)
    (check,) = [each for each in content["monitors"][0]["checks"] if each["subject"] == "Slope" and each["distance"]]
    secret = {"sentence": "'secret' in 1% -> 90% of the records", "description": "secret"}
    kinds = {
        "bias_drift_check": "DPPL of area secret",
        "feature_attribution_drift_check": "secret",
        "extra_column_check": "Extra columns",
        "categorical_values_check": "area",
    }
    for kind, subject in kinds.items():
        content["monitors"][0]["checks"] = [{**check, **secret, "check_type": kind, "subject": subject}]
        ran(told, content, list(kinds).index(kind))
    assert len(told.messages) == len(kinds)
    assert "secret" not in json.dumps(told.messages)


def test_hostile_names_stay_on_their_line(told: Plane):
    content = copy.deepcopy(BROKEN)
    for check in content["monitors"][0]["checks"]:
        check["subject"] = HOSTILE
    ran(told, content)
    text = told.messages[0]["Message"]
    assert "- Slope Bcc: all<b>xxxx" in text
    assert "\u202e" not in text
    assert "\r" not in text
    assert all(len(line) < 140 for line in text.splitlines() if line.startswith("-"))


def test_an_environment_of_alarms_alone_sends_nothing(plane: Plane):
    ran(plane, BROKEN)
    assert plane.messages == []


def topics(plane: Plane) -> list[list[str]]:
    """Of each message, to whom it went, by its subject."""
    found: dict[str, list[str]] = {}
    for message in plane.messages:
        found.setdefault(message["Subject"], []).append(message["TopicArn"].rpartition(":")[2])
    return list(found.values())


def test_others_are_told_of_their_endpoints_and_of_what_is_urgent(told: Plane, monkeypatch: pytest.MonkeyPatch):
    listed = [
        {"topic": "a:pager", "endpoints": [], "severities": ["urgent"]},
        {"topic": "a:shop", "endpoints": ["shop"], "severities": ["urgent", "notice"]},
        {"topic": "a:churn", "endpoints": ["churn"], "severities": ["urgent", "notice"]},
    ]
    monkeypatch.setenv("ROUTES", json.dumps(listed))
    drifted = copy.deepcopy(BROKEN)
    for check in drifted["monitors"][0]["checks"]:
        if check["check_type"] == "data_type_check":
            check["outcome"] = "held"
    for hours, content in enumerate((drifted, HEALTHY, BROKEN, HEALTHY)):
        ran(told, content, hours)
    notice, urgent = ["topic", "shop"], ["topic", "pager", "shop"]
    assert topics(told) == [notice, notice, urgent, urgent], "who was told of it is told that it is over"


def test_a_message_leads_where_the_page_leads(told: Plane):
    links = {"dashboard": "https://a.example/d", "runbook": "https://a.example/operations.md#wakes"}
    ran(told, {**BROKEN, "links": links})
    lines = told.messages[0]["Message"].splitlines()
    assert lines[-3:-1] == [f"Dashboard: {links['dashboard']}", f"Runbook: {links['runbook']}"]
