"""How often a schedule of Model Monitor runs, and at which window it looks, in the words of an environment file."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from model_monitor.migration.schedules import DAILY, HOURLY, Schedule

EVERY_HOURS: Final = re.compile(r"cron\(0 (\d{1,2})/(\d{1,2}) \? \* \* \*\)")
ONCE_A_DAY: Final = re.compile(r"cron\(0 \d{1,2} \? \* \* \*\)")
DURATION: Final = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NAMED: Final = {HOURLY: "hourly", DAILY: "daily"}


def cadence(expression: str, notes: list[str]) -> str | None:
    """The setting `schedule`; None where it runs once. What is not even is made even, and said."""
    if expression in NAMED:
        return NAMED[expression]
    if ONCE_A_DAY.fullmatch(expression):
        return expression
    found = EVERY_HOURS.fullmatch(expression)
    if found is None:
        return None
    first, step = int(found[1]), int(found[2])
    if step and not 24 % step:
        even = f"cron(0 {first % step}/{step} ? * * *)" if step < 24 else f"cron(0 {first} ? * * *)"
        if even != expression:
            notes.append(f"schedule {expression} began anew each day; {even} has even gaps")
        return "hourly" if step == 1 else even
    notes.append(f"schedule {expression} has gaps that are not alike; daily stands in its place")
    return "daily"


def period(setting: str) -> timedelta:
    """Between two runs."""
    found = EVERY_HOURS.fullmatch(setting)
    return int(found[2]) * HOUR if found else HOUR if setting == "hourly" else DAY


def duration(text: str) -> timedelta:
    """-PT1H as a negative time; nothing else than what the service takes. Raises: ValueError."""
    found = DURATION.fullmatch(text)
    if found is None:
        raise ValueError(text)
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    time = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    return -time if found[1] else time


def offsets(schedule: Schedule) -> tuple[timedelta, timedelta] | None:
    """Start and end of a window before the time of its run; None where nobody says."""
    settings, given = schedule.settings, schedule.definition.endpoint_input
    start, end = settings.get("DataAnalysisStartTime"), settings.get("DataAnalysisEndTime")
    start, end = start or given.get("StartTimeOffset"), end or given.get("EndTimeOffset")
    if not start and not end:
        return None
    return -duration(start or "-PT1H"), -duration(end or "PT0S")


def iso(time: timedelta) -> str:
    """P7D, PT6H, P1DT12H; whole minutes."""
    minutes = time // timedelta(minutes=1)
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    clock = "".join(f"{value}{unit}" for value, unit in ((hours, "H"), (minutes, "M")) if value)
    return f"P{days}D" * bool(days) + (f"T{clock}" if days and clock else f"PT{clock}" if clock else "") or "PT0H"
