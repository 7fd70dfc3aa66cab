"""Many windows of one dataset, one run each, as a schedule would have made them.

{output}/yyyy/mm/dd/hh/        what a run of the window leaves; yyyy/mm/dd/hhmm/ where windows begin between the hours
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import shorten
from typing import Any, Final

from model_monitor.contract import REPORT_FILE, TIME_FORMAT, VERDICT_ORDER, Verdict, monitor_key, worst_verdict
from model_monitor.dataset.discover import discover
from model_monitor.errors import SettingsError
from model_monitor.job.job import DatasetKind, Job
from model_monitor.outputs.report import Report
from model_monitor.schema import Window
from model_monitor.words import named

EVERY: Final = "--every"
HOUR: Final = timedelta(hours=1)
SHOWN_TIME: Final = "%Y-%m-%d %H:%M"
COLUMNS: Final = ("window (UTC)", "records", "verdict", "violations", "report", "why")
LEAST_SHOWN: Final = 0.001  # of records that could not be read; the report has them all
WHY_SHOWN: Final = 160  # characters of a reason beside its report, which has it whole


@dataclass(frozen=True, slots=True)
class Row:
    """What one window came to.

    violated: subjects by check type, each cause once. reason: why it was not judged, or the error. unjudged: monitors that were due
    beside others that found something. unread: share of the records that could not be read.
    """

    window: Window
    records: int
    verdict: Verdict
    violations: int
    report: Path
    violated: dict[str, list[str]] = field(default_factory=dict)
    reason: str = ""
    unjudged: tuple[str, ...] = ()
    unread: float = 0.0

    @classmethod
    def of(cls, report: Report, window: Window) -> Row:
        """Of a run that ended, whatever its verdict."""
        path = report.job.output / REPORT_FILE
        violated: dict[str, list[str]] = {}
        for result in report.results:
            repeated = result.conclusion.repeated
            for check in result.conclusion.violations:
                if check.subject in repeated:
                    continue
                violated.setdefault(str(check.check_type), []).append(check.subject)
        reading, facts = report.reading, (report.reading.records, report.verdict, report.violation_count)
        unjudged = tuple(
            monitor_key(result.type)
            for result in report.results
            if result.conclusion.verdict is Verdict.INSUFFICIENT_DATA
            and report.verdict is not Verdict.INSUFFICIENT_DATA
        )
        return cls(window, *facts, path, violated, report.reason, unjudged, reading.rejected_fraction)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "window": {"start": self.window.start.strftime(TIME_FORMAT), "end": self.window.end.strftime(TIME_FORMAT)},
            "records": self.records,
            "verdict": self.verdict,
            "violations": self.violations,
            "report": str(self.report),
            "violated": self.violated,
            "reason": self.reason,
            "unjudged": list(self.unjudged),
            "unread": self.unread,
        }

    @property
    def why(self) -> str:
        """What was violated, else why nothing could be said, and what could not be judged or read beside it; "" of a plain pass."""
        parts = [f"{type_}: {named(subjects)}" for type_, subjects in self.violated.items()] or [self.reason]
        parts += [f"not judged: {', '.join(self.unjudged)}"] if self.unjudged else []
        parts += [f"{max(self.unread, LEAST_SHOWN):.1%} could not be read"] if self.unread >= LEAST_SHOWN / 2 else []
        told = "; ".join(filter(None, parts))
        return shorten(told, WHY_SHOWN, placeholder=" ...")


def jobs(job: Job, every: timedelta) -> Iterator[tuple[Window, Job]]:
    """A job for each window: those of the job's own window, else from the first to the last hour that the dataset holds.

    Raises: SettingsError where the dataset has no hours, and none are given.
    """
    for window in cut(job.window or hours_of(job, every), every):
        folder = folder_of(window, every)
        merged = None if job.merged is None else job.merged / folder
        source = replace(job.dataset, margin=HOUR)  # else each run would read two days
        yield window, replace(job, window=window, output=job.output / folder, merged=merged, dataset=source)


def hours_of(job: Job, every: timedelta) -> Window:
    """From the first hour of a capture tree to the end of its last, widened to whole windows."""
    if job.dataset.kind is not DatasetKind.CAPTURE:
        raise SettingsError(EVERY, "needs captured events; the dataset is a table.", "Tables have no times to cut at.")
    hours = [file.hour for file in discover(job.dataset) if file.hour is not None]
    if not hours:
        raise SettingsError(
            EVERY, f"{job.dataset.path} holds no folders of hours (yyyy/mm/dd/hh).", "Say with --start and --end which."
        )
    return Window(_floor(min(hours), every), max(hours) + HOUR)


def cut(whole: Window, every: timedelta) -> Iterator[Window]:
    """Half-open windows one after the other; the last ends with the whole."""
    start = whole.start
    while start < whole.end:
        yield Window(start, min(start + every, whole.end))
        start += every


def folder_of(window: Window, every: timedelta) -> str:
    """Where a window's results go: found by the hour that a person means."""
    is_hourly = not every % HOUR and not window.start.minute and not window.start.second
    return window.start.strftime("%Y/%m/%d/%H" if is_hourly else "%Y/%m/%d/%H%M")


def _floor(time: datetime, every: timedelta) -> datetime:
    """The last moment not after `time` at which a window begins: whole hours, or midnight, UTC."""
    seconds = int(every.total_seconds())
    return datetime.fromtimestamp(int(time.timestamp()) // seconds * seconds, UTC)


# --- for the eyes --------------------------------------------------------------------------------------------------------


def header() -> str:
    """The line above the rows."""
    return _line(COLUMNS)


def line(row: Row) -> str:
    """One window, with the path of its report and what it says first."""
    start = row.window.start.strftime(SHOWN_TIME)
    return _line((start, f"{row.records:,}", row.verdict, str(row.violations or "-"), str(row.report), row.why))


def total(rows: Sequence[Row]) -> str:
    """How many windows ended how, the worst first."""
    counts = Counter(row.verdict for row in rows)
    told = [f"{counts[verdict]} {verdict}" for verdict in reversed(VERDICT_ORDER) if counts[verdict]]
    return f"{len(rows)} windows: {', '.join(told)}" if len(rows) != 1 else f"1 window: {told[0]}"


def worst(rows: Sequence[Row]) -> Verdict:
    """The verdict of all windows together; those without traffic count for nothing beside others."""
    return worst_verdict([row.verdict for row in rows])


def _line(cells: Sequence[str]) -> str:
    window, records, verdict, violations, report, why = cells
    return f"{window:<16}  {records:>9}  {verdict:<17}  {violations:>10}  {report}  {why}".rstrip()
