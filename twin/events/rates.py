"""Schedule expressions of EventBridge: `rate(5 minutes)` and `cron(40 * * * ? *)`, in UTC. Pure."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

RATE: Final = re.compile(r"^rate\((\d+) (minute|hour|day)(s?)\)$")
CRON: Final = re.compile(r"^cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)$")
MONTHS: Final = {name: number for number, name in enumerate(calendar.month_abbr) if name}
DAYS: Final = {name: number for number, name in enumerate(("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"), 1)}


class Schedule(Protocol):
    """When something is due."""

    def is_due(self, minute: datetime, born: datetime) -> bool:
        """Whether the schedule of a rule that was put at `born` is due in this minute."""
        ...


@dataclass(frozen=True, slots=True)
class Rate:
    """Every so often since the rule was put."""

    every: timedelta

    def is_due(self, minute: datetime, born: datetime) -> bool:
        passed = minute - born.replace(second=0, microsecond=0)
        return passed > timedelta(0) and passed % self.every == timedelta(0)


@dataclass(frozen=True, slots=True)
class Cron:
    """At given minutes, hours and days; a field that says nothing is None."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None
    years: frozenset[int]

    def is_due(self, minute: datetime, born: datetime) -> bool:
        weekday = minute.isoweekday() % 7 + 1
        return (
            minute > born
            and minute.minute in self.minutes
            and minute.hour in self.hours
            and (self.days is None or minute.day in self.days)
            and minute.month in self.months
            and (self.weekdays is None or weekday in self.weekdays)
            and minute.year in self.years
        )


def parse(expression: str) -> Schedule:
    """A schedule from its expression. Raises: ValueError saying what is wrong with it."""
    rate = RATE.match(expression)
    if rate:
        number, unit, plural = int(rate.group(1)), rate.group(2), rate.group(3)
        if number < 1 or (number == 1) == bool(plural):
            raise ValueError(f"{expression}: the unit is singular for 1 and plural for more")
        return Rate(timedelta(**{f"{unit}s": number}))
    cron = CRON.match(expression)
    if not cron:
        raise ValueError(f"{expression}: neither rate(number unit) nor cron(minute hour day month weekday year)")
    minutes, hours, days, months, weekdays, years = cron.groups()
    if (days == "?") == (weekdays == "?"):
        raise ValueError(f"{expression}: exactly one of day of month and day of week must be ?")
    return Cron(
        _values(minutes, 0, 59),
        _values(hours, 0, 23),
        None if days == "?" else _values(days, 1, 31),
        _values(months, 1, 12, MONTHS),
        None if weekdays == "?" else _values(weekdays, 1, 7, DAYS),
        _values(years, 1970, 2199),
    )


def _values(text: str, low: int, high: int, names: dict[str, int] | None = None) -> frozenset[int]:
    """The values of one field: `*`, `5`, `1-5`, `0/15`, `1,3`, names of months or days."""
    found: set[int] = set()
    for piece in text.split(","):
        span, _, step = piece.partition("/")
        first, _, last = span.partition("-")
        if first == "*":
            start, end = low, high
        else:
            start = _number(first, names)
            end = _number(last, names) if last else (high if step else start)
        if not low <= start <= end <= high:
            raise ValueError(f"{piece} is not within {low}-{high}")
        found.update(range(start, end + 1, int(step) if step else 1))
    return frozenset(found)


def _number(text: str, names: dict[str, int] | None) -> int:
    if names and text.capitalize() in names:
        return names[text.capitalize()]
    if not text.isdigit():
        raise ValueError(f"{text} is not a number the twin's cron understands (L, W and # are not there)")
    return int(text)
