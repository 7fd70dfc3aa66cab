"""What the monitors say of a model since it serves, and of nothing before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.lambda_.releases.conftest import HOUR, NOON, SETTINGS, World

WATCH = SETTINGS["watch"]


def report(start: int, verdict: str = "ok", **monitors: str) -> dict[str, Any]:
    """Of the hour that began so many hours after noon."""
    window = {"start": (NOON + start * HOUR).isoformat(), "end": (NOON + (start + 1) * HOUR).isoformat()}
    keys = [{"key": key, "verdict": found} for key, found in monitors.items()]
    return {"window": window, "verdict": verdict, "monitors": keys, "reason": "why"}


def late(start: int, monitor: str = "model_quality", verdict: str = "violated") -> dict[str, Any]:
    return {"window": report(start)["window"], "monitor": monitor, "verdict": verdict}


@pytest.mark.parametrize(
    ("reports", "hours", "status"),
    [
        ([], 1, "waiting"),
        ([report(0)], 2, "waiting"),
        ([report(0), report(1)], 3, "healthy"),
        ([report(0, "no_data"), report(1, "insufficient_data")], 3, "waiting"),
        ([report(0, "violated", model_quality="violated")], 2, "violated"),
        ([report(0, "violated", data_quality="violated")], 2, "waiting"),
        ([report(0, "error")], 2, "violated"),
        ([report(-1, "violated", model_quality="violated")], 2, "waiting"),
        ([report(-1, "violated"), {**report(0), "late": [late(-5)]}], 2, "waiting"),
        ([{**report(3), "late": [late(1)]}], 5, "violated"),
        ([{**report(3), "late": [late(1, "model_bias")]}], 5, "waiting"),
        ([], 6, "healthy"),
    ],
    ids=[
        *("nothing yet", "one of two", "two of two", "nothing judged", "worse", "drift alone", "the run failed"),
        *("before", "late, of before", "late", "late, of another type", "nobody calls"),
    ],
)
def test_windows_of_the_new_model_decide(load, reports: list[dict], hours: int, status: str):
    found = load("watch").decide.watched(reports, [], NOON, NOON + hours * HOUR, WATCH)
    assert found.status == status
    assert found.reason


def test_a_run_that_died_without_a_report_speaks_against_it(load):
    rows = [{"verdict": "error", "window_start": NOON.isoformat(), "sk": "end", "reason": "killed"}]
    assert load("watch").decide.watched([], rows, NOON, NOON + HOUR, WATCH).status == "violated"


def test_reports_and_runs_of_the_endpoint_are_found(world: World):
    plan = {**world.collect(), "checked": {"answer": {"at": (NOON - timedelta(minutes=1)).isoformat()}}}
    assert world.step("watch", plan, now=NOON + HOUR)["status"] == "waiting"
    world.window(NOON + HOUR, "violated", report(0, "violated", model_quality="violated"))
    found = world.step("watch", plan, now=NOON + 2 * HOUR)
    assert found["status"] == "violated"
    assert "model_quality" in found["reason"]


@pytest.mark.parametrize(
    ("checks", "status"),
    [({"prediction_drift_check": 2}, "healthy"), ({"prediction_drift_check": 2, "LessThanThreshold": 1}, "violated")],
)
def test_other_answers_are_no_worse_answers(load, checks: dict[str, int], status: str):
    reports = [report(start, "violated", model_quality="violated") for start in (0, 1)]
    for each in reports:
        each["monitors"][0]["violations"] = checks
    assert load("watch").decide.watched(reports, [], NOON, NOON + 3 * HOUR, WATCH).status == status


def test_a_package_that_a_person_chose_stays_whatever_the_monitors_say(world: World):
    served = {"checked": {"answer": {"at": (NOON - timedelta(minutes=1)).isoformat()}}}
    world.window(NOON + HOUR, "violated", report(0, "violated", model_quality="violated"))
    plan = {**world.collect(), **served}
    for undoes, status in ((True, "violated"), (False, "kept")):
        found = world.step("watch", {**plan, "watch": {**plan["watch"], "undoes": undoes}}, now=NOON + 2 * HOUR)
        assert (found["status"], "model_quality" in found["reason"]) == (status, True)
