"""Which window a scheduled time means, for every step that has to know: pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)
ZONE_FILE = "zone-{}"  # beside this file: Lambda promises no time zone database


@dataclass(frozen=True)
class Window:
    """[start, end)."""

    start: datetime
    end: datetime


def time_of(text: str) -> datetime:
    """A time of an event. Raises: ValueError."""
    parsed = datetime.fromisoformat(text)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def window(scheduled: datetime, monitor: Mapping[str, Any]) -> Window:
    """What a run that was scheduled for a time looks at: it follows from that time alone, however late the run starts.

    monitor: `delay_minutes` after a window's end it is looked at; `window_minutes` is its length, left out: the month before.
    Both are read off the clocks of its `time_zone`, so the day on which they change has 23 or 25 hours.
    """
    end = scheduled.replace(second=0, microsecond=0) - timedelta(minutes=monitor["delay_minutes"])
    wall, place = wall_time(end, monitor)
    minutes = monitor.get("window_minutes")
    if minutes is not None:
        return Window(moment(wall - timedelta(minutes=minutes), place), end)
    return Window(moment((wall.replace(day=1) - timedelta(days=1)).replace(day=1), place), end)


def wall_time(time: datetime, monitor: Mapping[str, Any]) -> tuple[datetime, ZoneInfo]:
    """What the clocks of a monitor's time zone show, and that zone."""
    place = zone(monitor.get("time_zone", "UTC"))
    return time.astimezone(place).replace(tzinfo=None), place


def moment(wall: datetime, place: ZoneInfo) -> datetime:
    """When the clocks of a zone show a time; the first of two such moments."""
    return wall.replace(tzinfo=place).astimezone(UTC)


@cache
def zone(name: str) -> ZoneInfo:
    """A time zone, as it was when the function was deployed. Raises: ZoneInfoNotFoundError."""
    kept = Path(__file__).with_name(ZONE_FILE.format(name.replace("/", "-")))
    if not kept.is_file():
        return ZoneInfo(name)
    with kept.open("rb") as content:
        return ZoneInfo.from_file(content, key=name)


def is_often(monitor: Mapping[str, Any]) -> bool:
    """Whether runs come more often than hourly; a month has no minutes."""
    minutes = monitor.get("period_minutes")
    return minutes is not None and minutes < HOUR // timedelta(minutes=1)


def report_folder(reports: str, of: Window, monitor: Mapping[str, Any]) -> str:
    """Where a run's files go: by the hour in which the window ends, and the minute where runs come more often."""
    minute = f"/{of.end:%M}" if is_often(monitor) else ""
    return f"{reports.rstrip('/')}/{of.end:%Y/%m/%d/%H}{minute}"
