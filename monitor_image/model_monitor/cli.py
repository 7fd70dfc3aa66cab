"""The front door of a laptop: arguments in, a summary on the terminal and the same files as in the container out."""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from model_monitor import __version__, reader
from model_monitor.comparison import command as cli_comparison
from model_monitor.contract import EXIT_ERROR, EXIT_STATUS, REHEARSAL_ARGUMENT, REPORT_PRINT, JobKind, monitor_key
from model_monitor.errors import SettingsError
from model_monitor.labels import command as cli_labels
from model_monitor.migration import adopt as cli_adopt, compare as cli_compare
from model_monitor.review import command as cli_review
from model_monitor.runners import threads

if TYPE_CHECKING:  # numpy and pyarrow are imported when a job starts, not for --help
    from model_monitor.job.job import Job
    from model_monitor.outputs.report import Failure, Report, Run

FORM = argparse.RawDescriptionHelpFormatter
ROOMS = (  # commands that belong to a room of the core, which knows their arguments
    ("labels", "write labels as ground truth", cli_labels),
    ("review", "predictions that people look at", cli_review),
    (cli_comparison.NAME, "say whether one model is better than another on the same held-out rows", cli_comparison),
    (cli_adopt.NAME, "write an environment file from the monitoring schedules of an account", cli_adopt),
    (cli_compare.NAME, "list where our violations differ from those that SageMaker reported", cli_compare),
)
MINUTES = {"m": 1, "h": 60, "d": 24 * 60}
FORMATS = ("capture", "csv", "json", "json_lines", "parquet")
DESCRIPTION = """\
Watch the data a model sees. Two steps, the same code as in the SageMaker container:

  1. baseline   learn what the data looks like when all is well
  2. monitor    compare later data with that baseline

A run leaves report.json; to look at it:

     report     draw it as a page
     index      draw all windows below a folder: trends, a calendar of verdicts, a page for each window

And once the truth is known:

     labels     write it where the monitors that need it look

And before another model takes over:

     compare-models     is it better on the same held-out rows, and nowhere worse?

Coming from SageMaker's own monitors:

     adopt      write the environment file of the schedules that an account has
     compare    where our violations differ from those of SageMaker's reports

Where people should look at uncertain predictions:

     review     put them into a queue, serve the page that shows them, write the answers as labels
"""
EXAMPLES = """\
examples:
  model-monitor baseline --dataset training.csv --output baseline/
  model-monitor monitor --dataset capture/ --baseline baseline/ --output report/

  # one hour of the endpoint's capture, copied with `aws s3 cp --recursive s3://bucket/capture capture/`
  model-monitor monitor --dataset capture/ --baseline baseline/ --output report/ \\
      --start 2026-01-31T04:00:00Z --end 2026-01-31T05:00:00Z

  # every hour of it, one line each; reports in report/yyyy/mm/dd/hh
  model-monitor monitor --dataset capture/ --baseline baseline/ --output report/ --every 1h

  # requests that hold several records: say once what a payload means
  model-monitor monitor --dataset capture/ --baseline baseline/ --output report/ --config monitoring.json

  # an endpoint that the kit deployed: its configuration, in the repository
  model-monitor config --env dev covertype > monitoring.json

  # a baseline that SageMaker wrote years ago: a folder with constraints.json and statistics.json
  model-monitor monitor --dataset capture/ --baseline aws-baseline/ --output report/

exit status:
  0  no violation       2  violations found
  1  error              3  not evaluated: no data, too few records, no labels, no baseline (of any monitor that was due)

of several windows (--every) that of the worst: error, violations, not evaluated, none
"""


class Parser(argparse.ArgumentParser):
    """A wrong argument is an error like any other: status 1, since 2 means violations."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(EXIT_ERROR, f"{self.prog}: {message}\nTry '{self.prog} --help'.\n")


class Version(argparse.Action):
    """The version and the reader that runs; found when it is asked for, since a wrong choice of one is an error."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        try:
            reader.load()
        except SettingsError as error:
            parser.exit(EXIT_ERROR, f"{parser.prog}: {error}\n")
        print(f"{parser.prog} {__version__}, {reader.used()} reader")
        parser.exit()


def main(arguments: list[str] | None = None) -> int:
    """One command, from arguments to exit status."""
    options = parser().parse_args(arguments)
    threads.limit()
    if options.command == "labels":
        return _labels(options)
    if options.command == "review":
        return _review(options)
    if options.command == "config":
        return _config(options)
    if options.command == cli_comparison.NAME:
        return _compare(options)
    if options.command in (cli_adopt.NAME, cli_compare.NAME):
        return _migrate(options)
    if options.command == "report":
        return _draw(options)
    if options.command == "index":
        return _index(options)
    from model_monitor.job import scratch

    with scratch.removed():
        return _run(options)


def _run(options: argparse.Namespace) -> int:
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
    with _short_reader():
        _show(report, run, written, options.json)
    return EXIT_STATUS[report.verdict]


def _every_window(job: Job, options: argparse.Namespace) -> int:
    """One run for each window and one line for each run; the status is that of the worst."""
    from model_monitor import windows
    from model_monitor.outputs.files import to_json as to_bytes

    rows: list[windows.Row] = []
    cut = list(windows.jobs(job, options.every))
    with _short_reader():
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
def _short_reader() -> Iterator[None]:
    """A reader of our output, such as `head`, may have seen enough."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = Parser(prog="model-monitor", description=DESCRIPTION, epilog=EXAMPLES, formatter_class=FORM)
    top.add_argument("--version", action=Version, nargs=0, help="show the version and which reader runs, and exit")
    commands = top.add_subparsers(
        dest="command",
        required=True,
        metavar="{baseline,monitor,report,index,labels,review,config,compare-models,adopt,compare}",
    )
    _add_jobs(commands)
    for name, about, room in ROOMS:
        command = commands.add_parser(
            name, help=about, description=room.DESCRIPTION, epilog=room.EXAMPLES, formatter_class=FORM
        )
        room.add_arguments(command)
    config = commands.add_parser("config", help="print the configuration file of an environment's endpoint")
    config.add_argument("--env", required=True, metavar="NAME", help="environments/NAME.yaml of the kit's repository")
    config.add_argument("endpoint", metavar="ENDPOINT", help="an endpoint of the environment")
    config.add_argument("--monitor", metavar="NAME", help="which of its monitors, where it has several")
    _add_pages(commands)
    return top


def _add_jobs(commands: Any) -> None:
    """The two jobs."""
    for name, about in (
        ("baseline", "learn statistics and constraints from a dataset"),
        ("monitor", "compare a dataset with a baseline"),
    ):
        command = commands.add_parser(name, help=about, epilog=EXAMPLES, formatter_class=FORM)
        _add_of_both(command)
        if name == "monitor":
            _add_of_monitor(command)


def _add_of_both(command: argparse.ArgumentParser) -> None:
    """What is read, how, and where the results go."""
    command.add_argument(
        "--dataset",
        required=True,
        type=_dataset,
        metavar="PATH",
        help="file or folder to read; from S3, copy it first",
    )
    command.add_argument(
        "--output", required=True, type=_local, metavar="DIR", help="folder for the results; made if missing"
    )
    command.add_argument(
        "--config", type=_local, metavar="FILE", help="what a payload means, thresholds, metrics (JSON)"
    )
    command.add_argument("--format", choices=FORMATS, help="how the files are written; guessed from name and content")
    command.add_argument(
        "--no-header", action="store_true", help="CSV: the first line is data; features are _c0, _c1, ..."
    )
    command.add_argument(
        "--workers",
        type=_positive,
        metavar="N",
        help="processes (default: one per core); the result is the same for any number",
    )
    command.add_argument(
        "--ground-truth",
        type=_local,
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
        "--start", type=_time, metavar="TIME", help="first moment of the window, UTC (2026-01-31T04:00:00Z)"
    )
    command.add_argument("--end", type=_time, metavar="TIME", help="end of the window; itself not part of it")
    command.add_argument(
        "--every",
        type=_every,
        metavar="TIME",
        help="a run for each window of this length (1h, 30m, 1d), from --start to --end or over all hours of a capture tree; "
        "reports go to DIR/yyyy/mm/dd/hh",
    )
    command.add_argument(
        "--merged", type=_local, metavar="DIR", help="write captured records with their labels here (they hold values)"
    )


def _add_pages(commands: Any) -> None:
    """What is drawn of runs that have ended."""
    drawn = commands.add_parser("report", help="draw report.json as a page: report.html, which needs nothing else")
    drawn.add_argument("file", type=_local, metavar="FILE", help="report.json of a run, or the folder that holds it")
    drawn.add_argument("--html", type=_local, metavar="OUT", help="the page (default: report.html beside the report)")
    drawn.add_argument(
        "--pdf",
        type=_local,
        metavar="OUT",
        nargs="?",
        const=Path(),
        help="print it (default: report.pdf beside the report)",
    )
    drawn.add_argument("--notebook", type=_local, metavar="OUT", help="a notebook that loads and draws it, and no page")
    index = commands.add_parser(
        "index", help="draw all windows below a folder: index.html, and the history it is made of"
    )
    index.add_argument("folder", type=_local, metavar="FOLDER", help="holds what runs wrote, at any depth")
    index.add_argument(
        "--html",
        type=_local,
        metavar="OUT",
        help="the page (default: index.html in the folder); history/ lies beside it",
    )


def _index(options: argparse.Namespace) -> int:
    from model_monitor.outputs.report import Failure
    from model_monitor.pages import index

    try:
        print(index.write(options.folder, options.html))
    except Exception as error:  # noqa: BLE001 - the front door: a traceback may hold values of the data
        print(f"model-monitor: {Failure.of(error).message}", file=sys.stderr)
        return EXIT_ERROR
    return 0


def _draw(options: argparse.Namespace) -> int:
    from model_monitor.outputs.report import Failure
    from model_monitor.pages import notebook, pdf, report

    try:
        if options.pdf is not None:
            print(pdf.write(options.file, _beside(options.file, options.pdf, REPORT_PRINT)))
        if options.notebook is not None:
            print(notebook.write(options.file, options.notebook))
        if (options.notebook is None and options.pdf is None) or options.html is not None:
            print(report.write(options.file, options.html))
    except Exception as error:  # noqa: BLE001 - the front door: a traceback may hold values of the data
        print(f"model-monitor: {Failure.of(error).message}", file=sys.stderr)
        return EXIT_ERROR
    return 0


def _beside(file: Path, given: Path, name: str) -> Path:
    """Where it was said, else beside the report, which a folder stands for."""
    return given if given.name else (file if file.is_dir() else file.parent) / name


def _compare(options: argparse.Namespace) -> int:
    from model_monitor.outputs.report import Failure

    try:
        told, status = cli_comparison.run(options)
    except Exception as error:  # noqa: BLE001 - the front door: a traceback may hold values of the data
        print(f"model-monitor: {Failure.of(error).message}", file=sys.stderr)
        return EXIT_ERROR
    with _short_reader():
        print(told)
    return status


def _migrate(options: argparse.Namespace) -> int:
    """What an account has, or what its monitors said, on the terminal; beside it what to know."""
    from model_monitor.job import scratch
    from model_monitor.outputs.report import Failure

    room = cli_adopt if options.command == cli_adopt.NAME else cli_compare
    try:
        with scratch.removed():
            outcome: tuple[str, str, int] = room.run(options)
    except KeyboardInterrupt:
        print("model-monitor: stopped", file=sys.stderr)
        return EXIT_ERROR
    except Exception as error:  # noqa: BLE001 - the front door: a traceback may hold values of the data
        print(f"model-monitor: {Failure.of(error).message}", file=sys.stderr)
        return EXIT_ERROR
    told, beside, status = outcome
    with _short_reader():
        print(told)
    if beside:
        print(f"model-monitor: {beside}", file=sys.stderr)
    return status


def _labels(options: argparse.Namespace) -> int:
    from model_monitor.errors import MonitorError

    try:
        print(cli_labels.write(options))
    except MonitorError as error:
        print(f"model-monitor: {error}", file=sys.stderr)
        return EXIT_ERROR
    return 0


def _review(options: argparse.Namespace) -> int:
    from model_monitor.errors import MonitorError

    try:
        cli_review.carry_out(options, lambda told: print(told, flush=True))
    except MonitorError as error:
        print(f"model-monitor: {error}", file=sys.stderr)
        return EXIT_ERROR
    return 0


def _config(options: argparse.Namespace) -> int:
    from model_monitor.errors import MonitorError
    from model_monitor.job.environment import configuration_of

    try:
        print(configuration_of(options.env, options.endpoint, options.monitor), end="")
    except MonitorError as error:
        print(f"model-monitor: {error}", file=sys.stderr)
        return EXIT_ERROR
    return 0


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


def _time(text: str) -> datetime:
    from model_monitor.job.variables import parse_time

    try:
        return parse_time(text)
    except ValueError:
        raise argparse.ArgumentTypeError("should be a UTC time such as 2026-01-31T04:00:00Z") from None


def _every(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([mhd])", text.strip().lower())
    length = timedelta(minutes=int(found[1]) * MINUTES[found[2]]) if found else timedelta(0)
    if not length:
        raise argparse.ArgumentTypeError("should be a length of time such as 1h, 30m or 1d")
    return length


def _local(text: str) -> Path:
    """A path of this machine; `Path` would turn an S3 URI into one."""
    from model_monitor.aws.s3 import is_s3

    if is_s3(text):
        raise argparse.ArgumentTypeError(f"should be a path on this machine, found {text}")
    return Path(text)


def _dataset(text: str) -> Path:
    try:
        return _local(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}. Copy it first: aws s3 sync {text} DIR") from None


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError("should be a whole number of at least 1")
    return int(text)
