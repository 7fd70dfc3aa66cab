"""How often a schedule runs: what people write, and what each scheduler is told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEK = 7 * DAY
_FIRST_YEAR, _YEARS = 2026, 7  # every Sunday of a month is its first once
FEWEST_MINUTES = 5  # capture itself arrives minutes late
_DAILY = re.compile(r"cron\(0 ([01]?\d|2[0-3]) \? \* \* \*\)")
_EVERY_HOURS = re.compile(r"cron\(0 ([01]?\d|2[0-3])/(\d{1,2}) \? \* \* \*\)")
_EVERY_MINUTES = re.compile(r"every (\d{1,2}) minutes")
EXPECTED = (
    "should be hourly, daily, weekly, monthly, every N minutes (5, 10, 15, 20 or 30), cron(0 H ? * * *) or cron(0 H/N ? * * *), "
    "H from 0 to 23, N from 1 to 24"
)


@dataclass(frozen=True)
class Cadence:
    """period: between two windows' ends, None for a month. offset: of these ends after midnight, of a Monday where weekly.

    is_even: whether all gaps are alike; `cron(0 17/12 ? * * *)` starts anew each day, so it is not.
    """

    period: timedelta | None
    offset: timedelta = timedelta()
    is_even: bool = True

    @property
    def gap(self) -> timedelta:
        """The longest between two runs, a month taken as its longest. Uneven ones restart every day (docs/decisions.md)."""
        if self.period is None:
            return 31 * DAY
        if self.is_even:
            return self.period
        hours = range(self.offset // HOUR, 24, self.period // HOUR)
        return max(24 - hours[-1] + hours[0], hours.step if len(hours) > 1 else 0) * HOUR

    def scheduler_expression(self, delay: timedelta) -> str:
        """For EventBridge Scheduler: some time, below an hour, after each window's end."""
        minute, hour = delay // timedelta(minutes=1), self.offset // HOUR
        if self.period is None:
            return f"cron({minute} 0 1 * ? *)"
        if self.period < HOUR:
            return f"cron({minute % _minutes(self.period)}/{_minutes(self.period)} * * * ? *)"
        if self.period == HOUR:
            return f"cron({minute} * * * ? *)"
        if self.period == WEEK:
            return f"cron({minute} 0 ? * MON *)"
        return (
            f"cron({minute} {hour} * * ? *)"
            if self.period == DAY
            else f"cron({minute} {hour}/{self.period // HOUR} * * ? *)"
        )


def changed_clock(cadence: Cadence, delay: timedelta, zone: ZoneInfo) -> datetime | None:
    """The first run whose time the clocks of a zone skip or show twice: EventBridge Scheduler leaves the one out."""
    for day in _days(cadence):
        for hour in _hours(cadence):
            wall = datetime(day.year, day.month, day.day) + hour + delay
            ended = wall - delay
            if any(_is_changed(time, zone) for time in (wall, ended)):
                return wall
    return None


def _is_changed(wall: datetime, zone: ZoneInfo) -> bool:
    offsets = {wall.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)}
    return len(offsets) > 1


def _days(cadence: Cadence) -> list[date]:
    """On which it runs, as long as it takes until the clocks have changed on each kind of them."""
    days = [date(_FIRST_YEAR, 1, 1) + n * DAY for n in range(_YEARS * 366)]
    if cadence.period is None:
        return [day for day in days if day.day == 1]
    return [day for day in days if cadence.period != WEEK or day.weekday() == 0]


def _hours(cadence: Cadence) -> list[timedelta]:
    """At which windows of a day end."""
    if cadence.period is None or cadence.period >= DAY:
        return [cadence.offset]
    return [cadence.offset + n * cadence.period for n in range((DAY - cadence.offset) // cadence.period)]


def _minutes(period: timedelta) -> int:
    return period // timedelta(minutes=1)


def cadence(text: str) -> Cadence:
    """What a setting says. Raises: ValueError."""
    named = {
        "hourly": Cadence(HOUR),
        "cron(0 * ? * * *)": Cadence(HOUR),
        "daily": Cadence(DAY),
        "weekly": Cadence(WEEK),
        "monthly": Cadence(None),
    }
    if text in named:
        return named[text]
    if found := _DAILY.fullmatch(text):
        return Cadence(DAY, int(found[1]) * HOUR)
    if (found := _EVERY_HOURS.fullmatch(text)) and 1 <= int(found[2]) <= 24:
        first, step = int(found[1]), int(found[2])
        return Cadence(min(step, 24) * HOUR, first * HOUR, is_even=24 % step == 0 and first < step)
    if (found := _EVERY_MINUTES.fullmatch(text)) and int(found[1]) in (5, 10, 15, 20, 30):
        return Cadence(timedelta(minutes=int(found[1])))
    raise ValueError(EXPECTED)


def is_of_model_monitor(text: str) -> bool:
    """Whether CreateMonitoringSchedule takes it: by the hour or the day."""
    return model_monitor_expression(text).startswith("cron(")


def model_monitor_expression(text: str) -> str:
    """As CreateMonitoringSchedule takes it, on the hour."""
    return {"hourly": "cron(0 * ? * * *)", "daily": "cron(0 0 ? * * *)"}.get(text, text)
