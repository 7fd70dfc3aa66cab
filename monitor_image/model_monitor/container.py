"""The front door of a processing job: environment and mounted files in; outputs, metrics, exit message and status out."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from model_monitor import __version__, reader
from model_monitor.aws import s3
from model_monitor.collection import paused
from model_monitor.contract import (
    EXIT_ERROR,
    EXIT_MESSAGE_FILE,
    EXIT_OK,
    METRICS_DIRECTORY,
    METRICS_FILE,
    JobKind,
    MetricsRoute,
    Variable,
)
from model_monitor.errors import MonitorError
from model_monitor.job import scratch, user_code
from model_monitor.job.from_container import (
    Places,
    ProcessingJob,
    build_job,
    job_before_settings,
    read_processing_job,
)
from model_monitor.job.job import Job
from model_monitor.job.variables import Variables, read_variables
from model_monitor.logs import log, to_stdout
from model_monitor.outputs import cloudwatch, files
from model_monitor.outputs.exit_message import exit_message
from model_monitor.outputs.folder import write_folder
from model_monitor.outputs.report import Failure, Report, Run, window_json
from model_monitor.runners import local, stopping

Settled = Callable[[], None]
PROGRESS_SECONDS = 15.0  # long work is told of, a short run says started and finished


def main(environment: Mapping[str, str] = os.environ) -> int:
    """One processing job, from environment to exit status: 0 for every completed run, whatever its verdict."""
    to_stdout()
    with scratch.removed(), stopping.listening():
        return _run(environment)


def _run(environment: Mapping[str, str]) -> int:
    started = datetime.now(UTC)
    variables = read_variables(environment)
    job, processing, settle = job_before_settings(variables), ProcessingJob(), _nothing
    try:
        stopping.check()  # asked before anybody listened
        processing = read_processing_job(variables)
        job, places = build_job(variables, processing)
        window = window_json(job)
        log(
            "started",
            kind=job.kind,
            endpoint=job.endpoint,
            schedule=job.schedule,
            window=window,
            reader=reader.used(),
            **_marked(job),
        )
        report, settle = _analyse(job, places, processing)
    except Exception as error:  # noqa: BLE001 - the front door: every error becomes a message and an exit status
        report = Report(job).failed(Failure.of(error))
    report = deliver(report, _run_facts(job, started, processing), variables, settle)
    log(
        "finished",
        level=logging.INFO if report.error is None else logging.ERROR,
        verdict=report.verdict,
        reason=report.reason,
        place=report.error.place if report.error else "",
        violations=report.violation_count,
        records=report.reading.records,
        rejected=report.reading.rejects.count,
        **_marked(job),
    )
    return EXIT_OK if report.error is None else EXIT_ERROR


def _marked(job: Job) -> dict[str, bool]:
    """What log lines of a rehearsal say of it."""
    return {"rehearsal": True} if job.is_rehearsal else {}


def deliver(report: Report, run: Run, variables: Variables, settle: Settled = lambda: None) -> Report:
    """Outputs, metrics, postprocessor, exit message, in this order; what fails turns the run into an error that says so.

    settle: what to remember once the metrics have left: after PutMetricData, and with the metrics file, which the service
    publishes for jobs that complete, when nothing can fail any more.
    """

    def write(final: Report) -> None:
        write_folder(final, run)

    def publish(final: Report) -> None:
        _publish(final, variables)

    def remember(final: Report) -> None:
        if final.error is None:
            settle()

    def postprocess(final: Report) -> None:
        _postprocess(final)

    def tell(final: Report) -> None:
        files.write_bytes(variables.local(EXIT_MESSAGE_FILE), exit_message(final).encode("ascii"))

    is_put = report.job.metrics.route is MetricsRoute.PUT
    written = _attempt(write, report)
    published = _attempt(publish, written)
    if is_put:
        published = _attempt(remember, published)
    ended = _attempt(postprocess, published)  # late, as it may add to what is there
    if not is_put:
        ended = _attempt(remember, ended)
    if ended is not written:  # the outputs say what the metrics could not
        ended = _attempt(write, ended)
    if ended is not published and not is_put:
        ended = _attempt(publish, ended)
    return _attempt(tell, ended)


def _analyse(job: Job, places: Places, processing: ProcessingJob) -> tuple[Report, Settled]:
    """The run's own window, then those before it whose labels have come.

    Imported late, so that a wrong setting is told without waiting for numpy and pyarrow.
    """
    with paused():
        from model_monitor import flow, late

    told = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal told
        stopping.check()  # asked while nobody could hear it
        if time.monotonic() - told > PROGRESS_SECONDS:
            told = time.monotonic()
            log("progress", units_done=done, units=total)

    try:
        prepared, memory = late.prepare(job, places, processing.details.get("processing_job_name", ""))
        report = flow.run(prepared, progress)
    except Exception:
        _wait_after_failure(job, places)
        raise
    if report.error is not None:
        _wait_after_failure(job, places)
    return (late.without_memory(report, places), _nothing) if memory is None else late.with_late(report, memory)


def _wait_after_failure(job: Job, places: Places) -> None:
    """A failure to remember is told beside the one that counts."""
    from model_monitor import late

    try:
        late.wait_after_failure(job, places)
    except MonitorError as error:
        log("not remembered", level=logging.ERROR, reason=str(error))


def _nothing() -> None:
    """A run that remembers nothing."""


def _publish(report: Report, variables: Variables) -> None:
    job = report.job
    if not job.metrics.is_enabled or job.kind is not JobKind.MONITOR:
        return
    measured = cloudwatch.points_of(report)
    points = cloudwatch.acceptable(measured, job.now)
    if len(points) < len(measured):
        reason = "CloudWatch refuses what is older than two weeks; the values stand in the report"
        log("metrics not published", level=logging.WARNING, count=len(measured) - len(points), reason=reason)
    if job.metrics.route is MetricsRoute.PUT:
        s3.put_metric_data(job.metrics.namespace, points)
    else:
        files.write_json_lines(variables.local(METRICS_DIRECTORY) / METRICS_FILE, points)


def _postprocess(report: Report) -> None:
    """The user's own step after a successful run; it finds the variables of the contract."""
    script = report.job.scripts.postprocessor
    if script is None or report.error is not None:
        return
    source, output = str(report.job.dataset.path), str(report.job.output)
    user_code.run_postprocessor(script, {Variable.DATASET_SOURCE: source, Variable.OUTPUT_PATH: output})
    log("postprocessed", script=script.name)


def _attempt(step: Callable[[Report], None], report: Report) -> Report:
    """The report as it was, or failed by what stopped the step; the first error of a run is the one it keeps."""
    try:
        step(report)
    except Exception as error:  # noqa: BLE001 - the front door again
        failure = Failure.of(error)
        log("not delivered", level=logging.ERROR, step=step.__name__, reason=failure.message, place=failure.place)
        return report if report.error is not None else report.failed(failure)
    return report


def _run_facts(job: Job, started: datetime, processing: ProcessingJob) -> Run:
    return Run(
        started=started,
        finished=datetime.now(UTC),
        host=processing.host or socket.gethostname(),
        version=__version__,
        workers=job.workers or local.cores(),
        details=processing.details,
        reader=reader.used(),
    )
