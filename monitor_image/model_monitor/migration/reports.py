"""What SageMaker's monitors said: their reports by window, from a folder or from the executions of a schedule."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from model_monitor.contract import STATISTICS_FILE, VIOLATIONS_FILE, Variable
from model_monitor.errors import SettingsError
from model_monitor.job.variables import parse_time
from model_monitor.migration import times, violations
from model_monitor.migration.schedules import ONCE, Schedule
from model_monitor.migration.violations import Violation
from model_monitor.schema import Window

HOUR: Final = timedelta(hours=1)
OF_HOUR: Final = re.compile(r"(?:.*/)?(\d{4})/(\d{2})/(\d{2})/(\d{2})")
FILES: Final = (*violations.SPELLINGS, STATISTICS_FILE, "analysis.json", "constraints.json")  # any of them is a report
JUDGED: Final = ("Completed", "CompletedWithViolations")
Read = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class Judged:
    """One window as AWS judged it.

    window: None where nobody knows it, so that all of the data belongs to it. status: of the execution.
    violations: None where the execution did not judge; `reason` says why. records: what it counted, None where it tells none.
    due: when it ran, until which labels could arrive.
    """

    window: Window | None
    report: str
    violations: tuple[Violation, ...] | None = ()
    records: int | None = None
    status: str = "Completed"
    reason: str = ""
    due: datetime | None = None


def of_folder(path: Path, every: timedelta) -> list[Judged]:
    """Every report below a folder; the hour of its folder, yyyy/mm/dd/hh, is that in which its window ends."""
    if not path.is_dir():
        raise SettingsError("--reports", f"there is no folder {path}.", "Name a copy of the schedule's reports.")
    folders = sorted({file.parent for name in FILES for file in path.rglob(name)})
    if not folders:
        raise SettingsError(
            "--reports", f"{path} holds no report.", f"Expected {VIOLATIONS_FILE} or {STATISTICS_FILE}, at any depth."
        )
    return [_local(folder, every) for folder in folders]


def _local(folder: Path, every: timedelta) -> Judged:
    end = _hour(folder.as_posix())
    window = None if end is None else Window(end - every, end)
    found = next((folder / name for name in violations.SPELLINGS if (folder / name).is_file()), None)
    statistics = folder / STATISTICS_FILE
    counted = _records(statistics.read_bytes()) if statistics.is_file() else None
    said = () if found is None else tuple(violations.read_file(found))
    return Judged(window, str(folder), said, counted)


def _hour(path: str) -> datetime | None:
    found = OF_HOUR.fullmatch(path)
    try:
        return datetime(*map(int, found.groups()), tzinfo=UTC) if found else None  # type: ignore[arg-type,misc]
    except ValueError:
        return None


def of_execution(execution: Mapping[str, Any], job: Mapping[str, Any] | None, schedule: Schedule, read: Read) -> Judged:
    """One execution of a schedule. job: the processing job that it was, None where none was started."""
    status, due = str(execution["MonitoringExecutionStatus"]), execution["ScheduledTime"]
    window = _window(due, job, schedule)
    reason = " ".join(str(execution.get("FailureReason") or "").split())
    if status not in JUDGED or job is None:
        return Judged(window, "", None, None, status, reason or f"the execution is {status}", due)
    outputs = (job.get("ProcessingOutputConfig") or {}).get("Outputs") or ()
    uri = next((each["S3Output"]["S3Uri"].rstrip("/") for each in outputs if each.get("S3Output")), None)
    if uri is None:
        return Judged(window, "", None, None, status, "its processing job names no output", due)
    said: tuple[Violation, ...] = ()
    for name in violations.SPELLINGS:
        content = read(f"{uri}/{name}")
        if content is not None:
            said = tuple(violations.read(content, f"{uri}/{name}"))
            break
    statistics = read(f"{uri}/{STATISTICS_FILE}")
    return Judged(window, uri, said, None if statistics is None else _records(statistics), status, "", due)


def _window(due: datetime, job: Mapping[str, Any] | None, schedule: Schedule) -> Window | None:
    """As the job was told, else what the schedule says of its time."""
    told = (job or {}).get("Environment") or {}
    start, end = told.get(Variable.START_TIME), told.get(Variable.END_TIME)
    if start and end:
        return Window(parse_time(start), parse_time(end))
    given = times.offsets(schedule)
    due = due.astimezone(UTC)
    if given is not None:
        return Window(due - given[0], due - given[1])
    setting = None if schedule.expression == ONCE else times.cadence(schedule.expression, [])
    return None if setting is None else Window(due - times.period(setting), due)


def _records(content: bytes) -> int | None:
    """How many records AWS read, where its statistics tell."""
    try:
        count = json.loads(content)["dataset"]["item_count"]
    except (ValueError, KeyError, TypeError):
        return None
    return int(count) if isinstance(count, (int, float)) else None
