"""Windows by the clocks of a time zone: one follows the other over every change, and the day of a change has its own length."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from stacks.constructs.time_zones import zone_bytes, zone_file
from stacks.settings.cadence import cadence
from tests.lambda_.runs.conftest import MONITOR, Plane
from twin.scheduler import expressions

HOUR, MINUTE, QUARTER = timedelta(hours=1), timedelta(minutes=1), timedelta(minutes=15)
BERLIN = {**MONITOR, "time_zone": "Europe/Berlin"}
SPRING, AUTUMN = datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC)  # two days before


def minutes_of(text: str) -> dict[str, int | None]:
    found = cadence(text)
    minutes = None if found.period is None else found.period // MINUTE
    return {"period_minutes": minutes, "window_minutes": minutes, "offset_minutes": found.offset // MINUTE}


def scheduled(text: str, zone: str, start: datetime, days: int) -> list[datetime]:
    """When EventBridge Scheduler would start runs."""
    expression = expressions.parse(cadence(text).scheduler_expression(QUARTER), zone)
    times = (start + n * MINUTE for n in range(0, days * 24 * 60, 15))
    return [time for time in times if expression.is_due(time, start)]


@pytest.mark.parametrize(
    ("time", "start", "end"),
    [
        ("2026-03-28T04:15:00Z", "2026-03-27T04:00:00Z", "2026-03-28T04:00:00Z"),
        ("2026-03-29T03:15:00Z", "2026-03-28T04:00:00Z", "2026-03-29T03:00:00Z"),  # 23 hours
        ("2026-10-25T04:15:00Z", "2026-10-24T03:00:00Z", "2026-10-25T04:00:00Z"),  # 25 hours
    ],
)
def test_a_day_is_that_of_the_clocks(plane: Plane, time: str, start: str, end: str):
    plane.configure(time_zone="Europe/Berlin", **minutes_of("cron(0 5 ? * * *)"))
    plan = plane.plan(datetime.fromisoformat(time))
    assert plan["window"] == {"start": start, "end": end}
    assert plan["runner"] == "none"


def test_a_month_begins_at_the_zones_midnight(plane: Plane):
    plane.configure(time_zone="Europe/Berlin", **minutes_of("monthly"))
    plan = plane.plan(datetime(2026, 3, 31, 22, 15, tzinfo=UTC))
    assert plan["window"] == {"start": "2026-02-28T23:00:00Z", "end": "2026-03-31T22:00:00Z"}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"])
@pytest.mark.parametrize("text", ["daily", "cron(0 6/12 ? * * *)", "cron(0 4/6 ? * * *)"])
@pytest.mark.parametrize("start", [SPRING, AUTUMN])
def test_windows_follow_one_another_and_the_sweep_expects_the_same(
    load: Callable[[str], SimpleNamespace], zone: str, text: str, start: datetime
):
    monitor = {**MONITOR, "time_zone": zone, **minutes_of(text)}
    windows, sweep = load("plan").windows, load("sweep").decide
    found = [windows.window(time, monitor) for time in scheduled(text, zone, start, 5)]
    assert len(found) >= 4
    assert [each.end for each in found[:-1]] == [each.start for each in found[1:]]
    due = sweep.due_windows(found[-1].end + 2 * HOUR, monitor)
    expected = [(each.start, each.end) for each in found][-3:]
    assert due[-3:] == expected


def test_a_function_reads_the_zone_that_it_carries(load: Callable[[str], SimpleNamespace], tmp_path, monkeypatch):
    windows = load("plan").windows
    (tmp_path / zone_file("Europe/Berlin")).write_bytes(zone_bytes("Asia/Kolkata"))  # told apart from the machine's own
    monkeypatch.setattr(windows, "__file__", str(tmp_path / "windows.py"))
    windows.zone.cache_clear()
    try:
        assert windows.moment(datetime(2026, 3, 2, 12), windows.zone("Europe/Berlin")).hour == 6
    finally:
        windows.zone.cache_clear()
