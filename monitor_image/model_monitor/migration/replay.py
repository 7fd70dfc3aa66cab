"""A past window once more, by our code and AWS's rule: what it says now."""

from __future__ import annotations

import argparse
import socket
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from model_monitor import __version__, flow, reader
from model_monitor.contract import REPORT_FILE, VIOLATIONS_FILE, Decision, JobKind, MonitoringType, Verdict, monitor_key
from model_monitor.errors import SettingsError
from model_monitor.job import from_laptop, scratch
from model_monitor.job.job import Job
from model_monitor.migration import violations
from model_monitor.migration.violations import Violation
from model_monitor.outputs.files import to_json
from model_monitor.outputs.folder import write_folder
from model_monitor.outputs.report import Failure, Run
from model_monitor.runners import local
from model_monitor.schema import Window
from model_monitor.windows import folder_of

HOUR: Final = timedelta(hours=1)
EVALUATED: Final = (Verdict.OK, Verdict.VIOLATED)


@dataclass(frozen=True, slots=True)
class Inputs:
    """Where what a run reads lies, on this machine.

    config: None for the defaults, data quality by position. type: of AWS's monitor, the only one of ours that is asked.
    """

    dataset: Path
    baseline: str
    ground_truth: Path | None = None
    config: Path | None = None
    workers: int | None = None
    type: MonitoringType | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What our run came to. reason: why it did not judge, "" where it did. report: where its files lie, None if nowhere."""

    violations: tuple[Violation, ...] = ()
    records: int = 0
    verdict: Verdict = Verdict.OK
    reason: str = ""
    report: Path | None = None


def replay(inputs: Inputs, window: Window | None, output: Path | None) -> Said:
    """One window. output: folder that keeps the reports, by hour as `index` finds them; an error is that window's own."""
    started = datetime.now(UTC)
    folder = output or scratch.folder("replay")
    if window is not None:
        folder = folder / folder_of(window, HOUR)
    try:
        job = _job(inputs, window, folder)
        report = flow.run(job)
    except Exception as error:  # noqa: BLE001 - other windows shall be compared all the same
        return Said(verdict=Verdict.ERROR, reason=Failure.of(error).message)
    kept = None
    if output is not None:
        workers = inputs.workers or local.cores()
        run = Run(started, datetime.now(UTC), socket.gethostname(), __version__, workers, reader=reader.used())
        write_folder(report, run)
        kept = folder / REPORT_FILE
    found: list[Violation] = []
    for result in report.results:
        content = result.files.get(VIOLATIONS_FILE)
        if content is not None:
            found += violations.read(content if isinstance(content, bytes) else to_json(content), VIOLATIONS_FILE)
    verdict = report.verdict
    reason = "" if verdict in EVALUATED else report.reason or verdict
    return Said(tuple(found), report.reading.records, verdict, reason, kept)


def _job(inputs: Inputs, window: Window | None, folder: Path) -> Job:
    """As the command `monitor` makes it, judged by AWS's rule, which knows no fewest records."""
    given: dict[str, Any] = {
        "command": JobKind.MONITOR,
        "dataset": inputs.dataset,
        "output": folder,
        "config": inputs.config,
        "format": None,
        "no_header": False,
        "workers": inputs.workers,
        "ground_truth": inputs.ground_truth,
        "json": False,
        "create_violation_tests": False,
        "baseline": inputs.baseline,
        "start": None if window is None else window.start,
        "end": None if window is None else window.end,
        "every": None,
        "merged": None,
    }
    job = from_laptop.build_job(argparse.Namespace(**given))
    asked = [monitor for monitor in job.monitors if inputs.type in (None, monitor.type)]
    if not asked:
        raise SettingsError(
            str(inputs.config), f"has no monitor {monitor_key(inputs.type or '')}.", "Add it to monitors."
        )
    monitors = tuple(replace(monitor, decision=Decision.AWS, min_records=1) for monitor in asked)
    source = job.dataset if window is None else replace(job.dataset, margin=HOUR)
    return replace(job, monitors=monitors, dataset=source, review=None, labelled_rows=None)
