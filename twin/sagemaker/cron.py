"""Schedule expressions of MonitoringSchedule and the ISO durations beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from twin.api import ApiError

HOUR: Final = timedelta(hours=1)
NOW: Final = "NOW"
DAILY: Final = "cron(0 0 ? * * *)"  # what an omitted schedule becomes here; the service picks an hour
_CRON: Final = re.compile(r"cron\(0 (?:(?P<every>\*)|(?P<start>\d{1,2})(?:/(?P<step>\d{1,2}))?) \? \* \* \*\)")
_DURATION: Final = re.compile(
    r"(?P<sign>-?)P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)


@dataclass(frozen=True)
class Schedule:
    """The hours of the day (UTC) at which a schedule fires; none for NOW."""

    text: str
    hours: tuple[int, ...]

    @property
    def is_once(self) -> bool:
        return self.text == NOW

    def is_due(self, hour: datetime) -> bool:
        """Whether it fires at this full hour."""
        return hour.hour in self.hours

    def previous(self, hour: datetime) -> datetime:
        """The time at which it fired last before this full hour."""
        earlier = hour - HOUR
        while not self.is_due(earlier):
            earlier -= HOUR
        return earlier


def parse(text: str) -> Schedule:
    """Raises: ApiError for every form that the service does not document."""
    if text == NOW:
        return Schedule(text, ())
    found = _CRON.fullmatch(text)
    start, step = int(found["start"] or 0) if found else 24, int((found and found["step"]) or 24) if found else 0
    if found is None or start > 23 or not 1 <= step <= 24:
        raise ApiError(
            "ValidationException",
            f"ScheduleExpression '{text}': expected cron(0 * ? * * *), cron(0 H ? * * *), cron(0 H/N ? * * *) or NOW",
        )
    return Schedule(text, tuple(range(24)) if found["every"] else tuple(range(start, 24, step)))


def duration(text: str) -> timedelta:
    """`-PT5H`, `-P1D`, `PT0S`. Raises: ApiError."""
    found = _DURATION.fullmatch(text)
    if found is None or text.endswith(("P", "T")):
        raise ApiError("ValidationException", f"'{text}' is no ISO 8601 duration such as -PT1H")
    length = timedelta(**{unit: int(found[unit] or 0) for unit in ("days", "hours", "minutes", "seconds")})
    return -length if found["sign"] else length
