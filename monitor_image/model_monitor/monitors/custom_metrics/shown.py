"""What a report, CloudWatch and a terminal show of metrics of a user's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from model_monitor.contract import (
    CHECK_CUSTOM_METRIC,
    DIMENSION_MONITOR,
    METRIC_CUSTOM_ERRORS,
    METRIC_LABEL_COVERAGE,
    MonitoringType,
    Verdict,
    custom_metric,
    violations_metric,
)
from model_monitor.job.job import Job
from model_monitor.monitors.conclusion import Conclusion, Outcome
from model_monitor.monitors.custom_metrics.files import coverage, values_of
from model_monitor.monitors.custom_metrics.statistics import Statistics
from model_monitor.monitors.custom_metrics.verdict import why_unlabelled_yet
from model_monitor.outputs.metric import Metric
from model_monitor.words import number


def metrics(statistics: Statistics, conclusion: Conclusion, job: Job) -> Iterator[Metric]:
    """Violations, how many metrics failed, and the value of each that has one; while labels are missing, their share alone."""
    maturity = job.settings_of(MonitoringType.CUSTOM_METRICS).maturity
    if statistics.rows_used and (maturity.delay or maturity.min_coverage):
        own = {DIMENSION_MONITOR: str(MonitoringType.CUSTOM_METRICS)}
        yield Metric(METRIC_LABEL_COVERAGE, statistics.labelled / statistics.rows_used, extra_dimensions=own)
    if conclusion.verdict in (Verdict.OK, Verdict.VIOLATED) or conclusion.violations:  # no count is no pass
        yield Metric(violations_metric(CHECK_CUSTOM_METRIC), float(len(conclusion.violations)), "Count")
    if why_unlabelled_yet(statistics, job):  # a rehearsal's violation is told, values from few labels are not
        return
    yield Metric(METRIC_CUSTOM_ERRORS, float(len(statistics.failures)), "Count")
    for metric, measured in statistics.metrics:
        if measured.value is not None:
            yield Metric(custom_metric(metric.name), measured.value, metric.unit)


def summary(statistics: Statistics, _: Conclusion) -> dict[str, Any]:
    """The monitor's block in report.json."""
    failures = [{"name": fault.name, "reason": fault.reason} for fault in statistics.faults]
    return {**coverage(statistics), "metrics": values_of(statistics), "failures": failures}


def lines(summary: Mapping[str, Any], conclusion: Conclusion) -> list[str]:
    """Custom metrics with their limits, and what could not be computed."""
    checks = {check.subject: check for check in conclusion.checks}
    metrics: Sequence[Mapping[str, Any]] = summary.get("metrics", ())
    width = max(len("custom metric"), *(len(metric["name"]) for metric in metrics)) if metrics else 0
    told = [f"{'custom metric':<{width}}  {'value':>10}  {'limit':>10}  status"] if metrics else []
    for metric in metrics:
        check = checks.get(metric["name"])
        value, limit = number(metric["value"]), number(check.allowed if check else None)
        is_violated = check is not None and check.outcome is Outcome.VIOLATED
        status = str(Outcome.VIOLATED) if is_violated else metric["status"]
        status += f": {metric['reason']}" if metric["reason"] else ""
        told.append(f"{metric['name']:<{width}}  {value:>10}  {limit:>10}  {status}")
    return told + [f"failed: {each['name']}: {each['reason']}" for each in summary.get("failures", ())]
