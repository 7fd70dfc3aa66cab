"""The two jobs on a laptop, baseline and monitor: their arguments, their runs, what is told of them."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_monitor import __version__, arguments, reader
from model_monitor.collection import paused
from model_monitor.contract import EXIT_ERROR, EXIT_STATUS, REHEARSAL_ARGUMENT, JobKind, monitor_key

if TYPE_CHECKING:  # numpy and pyarrow are imported when a job starts, not for --help
    from model_monitor.job.job import Job
    from model_monitor.outputs.report import Failure, Report, Run

FORMATS = ("capture", "csv", "json", "json_lines", "parquet")


def add_jobs(commands: Any, **shown: Any) -> None:
    """The two jobs; `shown` is of their help."""
    for name, about in (
        ("baseline", "learn statistics and constraints from a dataset"),
        ("monitor", "compare a dataset with a baseline"),
    ):
        command = commands.add_parser(name, help=about, **shown)
        _add_of_both(command)
        if name == "monitor":
            _add_of_monitor(command)


def _add_of_both(command: argparse.ArgumentParser) -> None:
    """What is read, how, and where the results go."""
    command.add_argument(
        "--dataset",
        required=True,
        type=arguments.dataset,
        metavar="PATH",
        help="file or folder to read; from S3, copy it first",
    )
    command.add_argument(
        "--output", required=True, type=arguments.local, metavar="DIR", help="folder for the results; made if missing"
    )
    command.add_argument(
        "--config", type=arguments.local, metavar="FILE", help="what a payload means, thresholds, metrics (JSON)"
    )
    command.add_argument("--format", choices=FORMATS, help="how the files are written; guessed from name and content")
    command.add_argument(
        "--no-header", action="store_true", help="CSV: the first line is data; features are _c0, _c1, ..."
    )
    command.add_argument(
        "--workers",
        type=arguments.positive,
        metavar="N",
        help="processes (default: one per core); the result is the same for any number",
    )
    command.add_argument(
        "--ground-truth",
        type=arguments.local,
        metavar="PATH",
        help="file or folder of labels of captured records, for monitors that compare with them",
    )
    command.add_argument("--json", action="store_true", help="print report.json instead of the summary")


def _add_of_monitor(command: argparse.ArgumentParser) -> None:
    """What is compared with, and which windows."""
    command.add_argument(
        REHEARSAL_ARGUMENT,
        action="store_true",
        help="a rehearsal: force one violation, to try what hangs on violations",
    )
    command.add_argument(
        "--baseline", metavar="DIR", help="folder or S3 prefix of a baseline, ours or one that SageMaker wrote"
    )
    command.add_argument(
        "--start", type=arguments.time, metavar="TIME", help="first moment of the window, UTC (2026-01-31T04:00:00Z)"
    )
    command.add_argument("--end", type=arguments.time, metavar="TIME", help="end of the window; itself not part of it")
    command.add_argument(
        "--every",
        type=arguments.length,
        metavar="TIME",
        help="a run for each window of this length (1h, 30m, 1d), from --start to --end or over all hours of a capture tree; "
        "reports go to DIR/yyyy/mm/dd/hh",
    )
    command.add_argument(
        "--merged",
        type=arguments.local,
        metavar="DIR",
        help="write captured records with their labels here (they hold values)",
    )


def run(options: argparse.Namespace) -> int:
    """One of the two jobs, from its arguments to the exit status."""
    with paused():
        from model_monitor.job import from_laptop
        from model_monitor.outputs.report import Failure

    started = datetime.now(UTC)
    job: Job | None = None
    try:
        job = from_laptop.build_job(options)
        _tell_delays(job)
        if options.command == JobKind.MONITOR and options.every:
            return _every_window(job, options)
        report, run, written = carried_out(job, started, is_watched=not options.json and sys.stderr.isatty())
    except KeyboardInterrupt:
        print("model-monitor: stopped", file=sys.stderr)
        return EXIT_ERROR
    except Exception as error:  # noqa: BLE001 - the front door: a traceback may hold values of the data
        failure = Failure.of(error)
        print(f"model-monitor: {failure.message}", file=sys.stderr)
        if not from_laptop.is_about_output(error):
            _leave_report(job or from_laptop.job_before_settings(options), failure, started, options.json)
        return EXIT_ERROR
    with short_reader():
        _show(report, run, written, options.json)
    return EXIT_STATUS[report.verdict]


def _every_window(job: Job, options: argparse.Namespace) -> int:
    """One run for each window and one line for each run; the status is that of the worst."""
    from model_monitor import windows
    from model_monitor.outputs.files import to_json as to_bytes

    rows: list[windows.Row] = []
    cut = list(windows.jobs(job, options.every))
    with short_reader():
        print("" if options.json else f"{windows.header()}\n", end="", flush=True)
        for window, one in cut:
            rows.append(windows.Row.of(_judged_alone(one), window))
            print("" if options.json else f"{windows.line(rows[-1])}\n", end="", flush=True)
        told = to_bytes({"windows": [row.to_json() for row in rows]}).decode() if options.json else ""
        print(told or f"\n{windows.total(rows)}\n", end="")
    return EXIT_STATUS[windows.worst(rows)]


def _judged_alone(job: Job) -> Report:
    """The run of one of several windows: an error is its own, told in its place and in its report."""
    from model_monitor.outputs.report import Failure, Report

    started = datetime.now(UTC)
    try:
        report, _, _ = carried_out(job, started)
    except Exception as error:  # noqa: BLE001 - the front door again
        failure = Failure.of(error)
        _leave_report(job, failure, started, as_json=False)
        report = Report(job).failed(failure)
    if report.error is not None:
        print(f"model-monitor: {job.output}: {report.error.message}", file=sys.stderr)
    return report


@contextmanager
def short_reader() -> Iterator[None]:
    """A reader of our output, such as `head`, may have seen enough."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell_delays(job: Job) -> None:
    """A window waits for its labels on a schedule alone."""
    waiting = [monitor_key(monitor.type) for monitor in job.monitors if monitor.maturity.delay]
    if job.kind is JobKind.MONITOR and waiting:
        told = f"label_delay of {', '.join(waiting)} is not waited for on a laptop; labels are taken as they are there"
        print(f"model-monitor: {told}", file=sys.stderr)


def carried_out(job: Job, started: datetime, *, is_watched: bool = False) -> tuple[Report, Run, list[Path]]:
    """A job from its data to its written files, the user's own step behind it included."""
    report = _analyse(job, is_watched)
    run = _run_facts(job, started)
    written = _write(report, run)
    report = _postprocessed(report)
    return report, run, written if report.error is None else _write(report, run)


def _analyse(job: Job, is_watched: bool) -> Report:
    with paused():
        from model_monitor import flow
        from model_monitor.runners.progress import shown

    with _stoppable(), shown(is_watched) as progress, redirect_stdout(sys.stderr):  # a user's code may print
        return flow.run(job, progress)


@contextmanager
def _stoppable() -> Iterator[None]:
    """A request to end is heard like Ctrl-C, so that what a run made elsewhere, such as an endpoint, is removed."""
    if threading.current_thread() is not threading.main_thread():  # handlers belong to the main thread
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave_report(job: Job, failure: Failure, started: datetime, as_json: bool) -> None:
    """report.json of a run that failed; an earlier baseline in the folder stays, since it may be in use."""
    from model_monitor.contract import REPORT_FILE
    from model_monitor.errors import MonitorError
    from model_monitor.outputs import files
    from model_monitor.outputs.report import Report, to_json

    report, run = Report(job).failed(failure), _run_facts(job, started)
    if as_json:
        print(files.to_json(to_json(report, run)).decode(), end="")
    try:
        if job.kind is JobKind.BASELINE:
            files.write_json(job.output / REPORT_FILE, to_json(report, run))
        else:
            _write(report, run)
    except MonitorError as error:
        if str(error) != failure.message:
            print(f"model-monitor: {error}", file=sys.stderr)


def _write(report: Report, run: Run) -> list[Path]:
    from model_monitor.outputs.folder import write_folder

    return write_folder(report, run)


def _postprocessed(report: Report) -> Report:
    """The report, failed where the user's own step after a successful run did."""
    from model_monitor.contract import Variable
    from model_monitor.errors import ScriptError
    from model_monitor.job import user_code
    from model_monitor.outputs.report import Failure

    script = report.job.scripts.postprocessor
    if script is None or report.error is not None:
        return report
    source, output = str(report.job.dataset.path), str(report.job.output)
    try:
        with redirect_stdout(sys.stderr):
            user_code.run_postprocessor(script, {Variable.DATASET_SOURCE: source, Variable.OUTPUT_PATH: output})
    except ScriptError as error:
        return report.failed(Failure.of(error))
    return report


def _show(report: Report, run: Run, written: list[Path], as_json: bool) -> None:
    from model_monitor.outputs.files import to_json as to_bytes
    from model_monitor.outputs.report import to_json
    from model_monitor.outputs.summary import summary

    if as_json:
        print(to_bytes(to_json(report, run)).decode(), end="")
    else:
        print(summary(report, run, written))
    if report.error is not None:
        print(f"model-monitor: {report.error.message}", file=sys.stderr)


def _run_facts(job: Job, started: datetime) -> Run:
    from model_monitor.outputs.report import Run
    from model_monitor.runners import local

    workers = job.workers or local.cores()
    return Run(started, datetime.now(UTC), socket.gethostname(), __version__, workers, reader=reader.used())
