"""Calls that were not captured, and a disk on which capturing stops, are a cause to tell people; chance and few calls are not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from model_monitor import contract
from tests.lambda_.runs.conftest import Plane

DUE = datetime(2026, 3, 2, 12, 15, tzinfo=UTC)
HOUR = datetime(2026, 3, 2, 11, tzinfo=UTC)
LOST = 10**contract.Cause.CAPTURE_LOSS.place
TRAFFIC: dict[str, Any] = {"captured_variants": ["AllTraffic"], "captured_share": 0.8, "published": ["causes"]}


def causes(plane: Plane, *, calls: float, sampling: float = 100, is_quiet: bool = False) -> float:
    """What one window publishes; its report holds 120 captured requests."""
    plane.configure(**TRAFFIC, sampling_percentage=sampling)
    plane.calls[HOUR] = calls
    if not is_quiet:
        plane.capture("2026/03/02/11/a.jsonl", DUE - timedelta(minutes=30))
    plan = plane.plan(DUE)
    if not is_quiet:
        plane.report(plan)
        plane.s3.put_object(
            Bucket="data",
            Key=plan["report"].removeprefix("s3://data/").replace("report.json", "metrics.jsonl"),
            Body=b'{"Namespace": "ModelMonitor", "MetricName": "causes", "Dimensions": [], "Value": 10.0, "Unit": "None"}\n',
        )
    plane.finish(plan, **({} if is_quiet else {"result": {"seconds": 1}}))
    (point,) = plane.points
    return float(point["Value"])


@pytest.mark.parametrize(
    ("calls", "sampling", "is_told"),
    [(120, 100, False), (149, 100, False), (151, 100, True), (240, 50, False), (1000, 10, False), (1000, 50, True)],
)
def test_calls_that_sampling_does_not_explain_are_lost(plane: Plane, calls, sampling, is_told):
    assert causes(plane, calls=calls, sampling=sampling) == 10 + LOST * is_told


def test_a_window_of_calls_without_any_capture_is_lost_and_a_quiet_one_is_not(plane: Plane):
    assert causes(plane, calls=500, is_quiet=True) == LOST


def test_few_calls_say_nothing(plane: Plane):
    assert causes(plane, calls=20, is_quiet=True) == 0


@pytest.mark.parametrize(("disk", "is_told"), [(75, False), (76, True)])
def test_a_disk_on_which_capturing_stops_is_told_before_it_does(plane: Plane, disk, is_told):
    plane.disk = disk
    assert causes(plane, calls=120) == 10 + LOST * is_told
