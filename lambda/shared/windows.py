"""Which window a scheduled time means, for every step that has to know: pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any


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
    """
    end = scheduled.replace(second=0, microsecond=0) - timedelta(minutes=monitor["delay_minutes"])
    minutes = monitor.get("window_minutes")
    if minutes is not None:
        return Window(end - timedelta(minutes=minutes), end)
    return Window((end.replace(day=1) - timedelta(days=1)).replace(day=1), end)
