"""Schedule expressions of EventBridge Scheduler: cron in a time zone, rate, at. Pure.

When clocks go forward, a time that does not exist is skipped; when they go back, the second of two equal times is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from twin.events import rates

AT: Final = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
BEFORE_ALL: Final = datetime.min


@dataclass(frozen=True, slots=True)
class Expression:
    """When a schedule is due. `once` is the local time of `at(...)`."""

    zone: ZoneInfo
    schedule: rates.Schedule | None
    once: datetime | None

    def is_due(self, minute: datetime, born: datetime) -> bool:
        """Whether it is due within this minute (UTC); `rate` counts from `born`."""
        if isinstance(self.schedule, rates.Rate):
            return self.schedule.is_due(minute, born)
        local = minute.astimezone(self.zone)
        exists = local.fold == 0
        wall = local.replace(tzinfo=None)
        if self.once is not None:
            return exists and wall == self.once.replace(second=0)
        assert self.schedule is not None
        return exists and self.schedule.is_due(wall, BEFORE_ALL)

    def is_over(self, minute: datetime) -> bool:
        """Whether it will never be due again."""
        return self.once is not None and minute >= self.once.replace(tzinfo=self.zone).astimezone(UTC)


def parse(text: str, zone: str) -> Expression:
    """Raises: ValueError saying what is wrong."""
    try:
        place = ZoneInfo(zone)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"{zone} is no time zone") from error
    once = AT.fullmatch(text)
    if once:
        return Expression(place, None, datetime.fromisoformat(once[1]))
    return Expression(place, rates.parse(text), None)
