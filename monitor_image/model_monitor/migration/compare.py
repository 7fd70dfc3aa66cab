"""`model-monitor compare`: past windows once more, and violation by violation where our result differs from AWS's report."""

from __future__ import annotations

import argparse
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from model_monitor import arguments
from model_monitor.command import Command, Outcome
from model_monitor.contract import EXIT_NOT_EVALUATED, EXIT_OK, EXIT_VIOLATED, monitor_type

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from model_monitor.migration.outcome import Compared
    from model_monitor.migration.replay import Inputs
    from model_monitor.migration.reports import Judged

DESCRIPTION: Final = """\
Replays windows that a monitor of SageMaker has judged, by AWS's own rule (decision: aws), and lists violation by
violation: the same in both, a value that differs, only in AWS's report, only in ours. Reads executions, reports,
capture, labels and baseline of a schedule in the account; or copies of them, without AWS. Changes nothing there.
"""
EXAMPLES: Final = """\
examples:
  # a week of a schedule; keep our reports, which `model-monitor index` draws as the history before the move
  model-monitor compare --schedule churn-data-quality --start 2026-03-02T00:00:00Z --end 2026-03-09T00:00:00Z \\
      --output history/

  # from copies: reports in folders yyyy/mm/dd/hh, the hour in which a window ends
  model-monitor compare --reports reports/ --dataset capture/ --baseline baseline/

  # with labels, and what a payload means
  model-monitor compare --reports reports/ --dataset capture/ --baseline baseline/ --ground-truth labels/ \\
      --config monitoring.json

exit status:
  0  all violations are the same     2  some differ, or only one side has them
  1  error                           3  no window could be compared
"""
LOCAL: Final = ("dataset", "baseline")
TYPES: Final = ("data_quality", "model_quality", "model_bias", "model_explainability")
DAY: Final = timedelta(days=1)


def add_arguments(command: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("--schedule", metavar="NAME", help="a monitoring schedule of the account")
    source.add_argument("--reports", type=Path, metavar="DIR", help="a copy of a schedule's reports; needs no AWS")
    command.add_argument(
        "--start", type=arguments.time, metavar="TIME", help="executions from here on, UTC (default: a day ago)"
    )
    command.add_argument("--end", type=arguments.time, metavar="TIME", help="executions until here, UTC (default: now)")
    command.add_argument("--dataset", type=Path, metavar="PATH", help="a copy of the capture, with --reports")
    command.add_argument(
        "--baseline", type=Path, metavar="DIR", help="constraints.json and statistics.json, with --reports"
    )
    command.add_argument("--ground-truth", type=Path, metavar="PATH", help="a copy of the labels, with --reports")
    command.add_argument(
        "--every",
        type=arguments.length,
        default=timedelta(hours=1),
        metavar="TIME",
        help="length of a window, with --reports (1h)",
    )
    command.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="what a payload means (JSON); of a schedule, in place of its definition",
    )
    command.add_argument(
        "--type", choices=TYPES, help="of AWS's monitor, with --reports, where the configuration has several monitors"
    )
    command.add_argument("--output", type=Path, metavar="DIR", help="keep our reports here, in folders yyyy/mm/dd/hh")
    command.add_argument(
        "--tolerance", type=_tolerance, default=1e-6, metavar="X", help="values so close are the same (default: 1e-6)"
    )
    command.add_argument("--workers", type=int, metavar="N", help="processes of a replay (default: one per core)")
    command.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(options: argparse.Namespace) -> Outcome:
    """Violation by violation, ours and AWS's. Raises: MonitorError."""
    from model_monitor.migration import outcome
    from model_monitor.outputs.files import to_json

    found = list(_of_schedule(options) if options.schedule else _of_copies(options))
    told = to_json(outcome.document(found)).decode().rstrip("\n") if options.json else outcome.table(found)
    if outcome.differ(found):
        return Outcome(told, EXIT_VIOLATED)
    return Outcome(told, EXIT_OK if any(each.is_compared for each in found) else EXIT_NOT_EVALUATED)


def _of_copies(options: argparse.Namespace) -> Iterator[Compared]:
    from model_monitor.errors import SettingsError
    from model_monitor.migration import reports
    from model_monitor.migration.replay import Inputs

    missing = [f"--{name}" for name in LOCAL if getattr(options, name) is None]
    if missing:
        raise SettingsError("--reports", f"needs {' and '.join(missing)}.", "Name copies of what AWS's monitor read.")
    type_ = None if options.type is None else monitor_type(options.type)
    places = options.dataset, str(options.baseline), options.ground_truth
    inputs = Inputs(*places, options.config, options.workers, type_)
    for judged in reports.of_folder(options.reports, options.every):
        end = judged.window.end if judged.window else None
        if end is None or (
            (options.start is None or end > options.start) and (options.end is None or end <= options.end)
        ):
            yield _compared(judged, inputs, options)


def _of_schedule(options: argparse.Namespace) -> Iterator[Compared]:
    from model_monitor.aws import s3
    from model_monitor.aws.monitors import Account
    from model_monitor.errors import SettingsError
    from model_monitor.job import scratch
    from model_monitor.migration import reports, schedules
    from model_monitor.migration.fetching import Source
    from model_monitor.migration.outcome import Compared
    from model_monitor.migration.replay import Inputs

    given = [f"--{name.replace('_', '-')}" for name in (*LOCAL, "ground_truth") if getattr(options, name) is not None]
    if given:
        raise SettingsError(given[0], "belongs to --reports; a schedule's own is read.", "Leave it out.")
    account = Account()
    schedule = schedules.read(account.schedule(options.schedule), account)
    source = Source(schedule, _capture(account.endpoint(schedule.endpoint), schedule.endpoint))
    baseline, config = source.baseline(), options.config or source.config()
    for execution in account.executions(options.schedule, *_period(options)):
        arn = execution.get("ProcessingJobArn")
        job = account.processing_job(arn.rpartition("/")[2]) if arn else None
        judged = reports.of_execution(execution, job, schedule, s3.read_object)
        if judged.window is None or judged.violations is None:
            yield Compared.not_judged(judged)
            continue
        with scratch.removed():  # a window's files need not wait for the others
            files = source.window(judged.window), baseline, source.labels(judged, judged.window)
            found = _compared(judged, Inputs(*files, config, options.workers, schedule.type), options)
        yield found


def _capture(found: tuple[dict[str, object], dict[str, object]] | None, endpoint: str) -> str:
    from model_monitor.errors import SettingsError

    config = found[1].get("DataCaptureConfig") if found else None
    if not isinstance(config, dict):
        raise SettingsError(
            f"endpoint {endpoint}", "is gone, or captures nothing.", "Copy what there is, and use --reports."
        )
    return f"{config['DestinationS3Uri'].rstrip('/')}/{endpoint}"


def _period(options: argparse.Namespace) -> tuple[datetime, datetime]:
    from datetime import UTC, datetime

    end = options.end or datetime.now(UTC)
    return options.start or end - DAY, end


def _compared(judged: Judged, inputs: Inputs, options: argparse.Namespace) -> Compared:
    from model_monitor.migration.outcome import Compared
    from model_monitor.migration.replay import replay

    return Compared.of(judged, replay(inputs, judged.window, options.output), options.tolerance)


def _tolerance(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError("should be a number from 0 to below 1, such as 1e-6")
    return value


COMMAND: Final = Command(
    "compare",
    "list where our violations differ from those that SageMaker reported",
    add_arguments,
    run,
    DESCRIPTION,
    EXAMPLES,
)
