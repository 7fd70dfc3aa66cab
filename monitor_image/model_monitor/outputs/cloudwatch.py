"""Metrics of a run as CloudWatch takes them: the service's metrics file, a publisher's file, or PutMetricData."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from model_monitor.contract import (
    DIMENSION_MONITOR,
    DIMENSION_VARIANT,
    METRIC_CAPTURED,
    METRIC_OUTSIDE_WINDOW,
    METRIC_RECORDS,
    METRIC_REHEARSAL,
    METRIC_REJECTED,
    METRIC_WINDOWS_EXPIRED,
    METRIC_WINDOWS_WAITING,
    TIME_FORMAT,
    VERDICT_ORDER,
    Verdict,
    dimensions,
    run_metric,
)
from model_monitor.job.job import Job, MetricsSettings
from model_monitor.outputs import causes
from model_monitor.outputs.metric import Metric, StatisticValues
from model_monitor.outputs.report import Report
from model_monitor.outputs.score import State

COUNT = "Count"
DIMENSION_VALUE_MAX = 1024
OLDEST_POINT = timedelta(days=14)  # PutMetricData's limit


def metrics_of(report: Report) -> list[Metric]:
    """Everything a run emits: how it ended, what it read, what its monitors measured. A healthy window emits too."""
    metrics = [*verdict_metrics(report.verdict), Metric(METRIC_REHEARSAL, float(report.job.is_rehearsal), COUNT)]
    reading = report.reading
    if report.error is None or reading.records or reading.rejects.count:
        metrics += [
            Metric(METRIC_RECORDS, reading.records, COUNT),
            Metric(METRIC_REJECTED, reading.rejects.count, COUNT),
            Metric(METRIC_OUTSIDE_WINDOW, reading.outside_window, COUNT),
        ]
    if report.job.metrics.by_variant and len(reading.variants) > 1:
        for variant, records in sorted(reading.variants.items()):
            metrics.append(Metric(METRIC_RECORDS, records, COUNT, {DIMENSION_VARIANT: variant}))
    for result in report.results:
        metrics += result.metrics
    if report.late is not None and report.error is None:
        metrics += [
            Metric(METRIC_WINDOWS_WAITING, report.late.waiting, COUNT),
            Metric(METRIC_WINDOWS_EXPIRED, report.late.count(State.EXPIRED), COUNT),
        ]
    if report.job.metrics.has_causes:
        metrics += [causes.metric(report), Metric(METRIC_CAPTURED, reading.events, COUNT)]
    return metrics


def wanted(metrics: Iterable[Metric], settings: MetricsSettings) -> list[Metric]:
    """Those that the settings let out, all unless they name some. Of a name that two monitors share, the one without a monitor's
    dimension, which alarms watch."""
    if settings.only is None:
        return list(metrics)
    return [each for each in metrics if each.name in settings.only and DIMENSION_MONITOR not in each.extra_dimensions]


def points_of(report: Report) -> list[dict[str, Any]]:
    """Every data point of a run: its own at its window's end, scores of windows before it at the time it takes place.

    No alarm looks back, so that a past window gets no point of its own.
    """
    job = report.job
    points = data_points(wanted(metrics_of(report), job.metrics), job, timestamp_of(report))
    if report.late is not None and report.error is None:
        points += data_points(wanted(report.late.metrics, job.metrics), job, job.now)
    return points


def verdict_metrics(verdict: Verdict) -> list[Metric]:
    """One 0/1 metric for each verdict, all of them every time, so that a sum over a day counts runs by outcome."""
    return [Metric(run_metric(each), float(each is verdict), COUNT) for each in VERDICT_ORDER]


def timestamp_of(report: Report) -> datetime | None:
    """When the values hold: the window's end, else the last record's time, so that a late job lands in its window."""
    if report.job.window is not None:
        return report.job.window.end
    last = report.reading.last_time
    return None if last is None else datetime.fromtimestamp(last, UTC)


def is_past(job: Job) -> bool:
    """Whether a job's window ended too long ago for CloudWatch."""
    return job.window is not None and job.now is not None and job.now - job.window.end > OLDEST_POINT


def data_points(metrics: Iterable[Metric], job: Job, timestamp: datetime | None) -> list[dict[str, Any]]:
    """The lines of the metrics file, which PutMetricData accepts too; what CloudWatch would refuse is left out.

    Without a timestamp CloudWatch takes the time of arrival.
    """
    own = {name: value for name, value in dimensions(job.endpoint, job.schedule).items() if value}
    points = []
    for metric in metrics:
        if not metric.is_publishable:
            continue
        point: dict[str, Any] = {"MetricName": metric.name}
        if timestamp is not None:
            point["Timestamp"] = timestamp.strftime(TIME_FORMAT)
        point["Dimensions"] = [
            {"Name": name, "Value": dimension_value(value)} for name, value in (own | metric.extra_dimensions).items()
        ]
        if isinstance(metric.value, StatisticValues):
            point["StatisticValues"] = {
                "SampleCount": metric.value.sample_count,
                "Sum": metric.value.total,
                "Minimum": metric.value.minimum,
                "Maximum": metric.value.maximum,
            }
        else:
            point["Value"] = metric.value
        point["Unit"] = metric.unit
        points.append(point)
    return points


def dimension_value(text: str) -> str:
    """A value of the data as CloudWatch takes it: printable ASCII, not empty, no colon first; ordinary text as it is."""
    told = text.encode("ascii", "backslashreplace").decode()
    told = "".join(sign if sign.isprintable() else "?" for sign in told).strip()
    return (f"_{told}" if told.startswith(":") else told)[:DIMENSION_VALUE_MAX] or "(empty)"


def acceptable(points: Iterable[dict[str, Any]], now: datetime | None) -> list[dict[str, Any]]:
    """Points that CloudWatch does not refuse for their age: of a window that is run again weeks later there are none."""
    oldest = "" if now is None else (now - OLDEST_POINT).strftime(TIME_FORMAT)
    return [point for point in points if point.get("Timestamp", oldest) >= oldest]


def publisher_lines(points: Iterable[dict[str, Any]], namespace: str) -> list[dict[str, Any]]:
    """The same points with the namespace they belong to, for whoever sends them in the run's place."""
    return [{"Namespace": namespace, **point} for point in points]
