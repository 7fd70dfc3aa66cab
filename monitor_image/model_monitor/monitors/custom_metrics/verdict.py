"""Each custom metric against its limit, once the window can be judged."""

from __future__ import annotations

from collections.abc import Mapping

from model_monitor.contract import (
    MonitoringType,
    Verdict,
)
from model_monitor.job.job import Job
from model_monitor.monitors.conclusion import Check, Conclusion
from model_monitor.monitors.custom_metrics import constraints as rules
from model_monitor.monitors.custom_metrics.evaluation import (
    Measured,
    Status,
)
from model_monitor.monitors.custom_metrics.options import declared, limits_of
from model_monitor.monitors.custom_metrics.statistics import Statistics
from model_monitor.monitors.labelled import unjudged, why_unlabelled
from model_monitor.monitors.thresholds import QualityConstraint
from model_monitor.monitors.verdict import conclude
from model_monitor.words import counted

Baseline = Mapping[str, QualityConstraint]


def check(statistics: Statistics, baseline: Baseline | None, job: Job) -> Conclusion:
    """Each metric against its limit. What could not be computed makes the monitor's verdict `error`, and nothing else's."""
    minimum = job.settings_of(MonitoringType.CUSTOM_METRICS).min_records
    if not statistics.item_count:
        return Conclusion(Verdict.NO_DATA, reason="the window holds no records")
    if statistics.item_count < minimum:
        reason = f"{counted(statistics.item_count, 'record')}, fewer than min_records = {minimum}"
        return Conclusion(Verdict.INSUFFICIENT_DATA, reason=reason)
    waits = why_unlabelled_yet(statistics, job)
    if waits:
        settings = job.settings_of(MonitoringType.CUSTOM_METRICS)
        return unjudged(waits, statistics.labelled, statistics.item_count, settings, job)
    limits = {each.metric: each for each in constraints_used(baseline, job) or ()}
    checks = [rules.failed(fault.name, fault.reason) for fault in statistics.faults]
    checks += [_check(measured, limits.get(measured.name)) for _, measured in statistics.metrics]
    notes = (_sample_note(statistics),) if statistics.is_sample else ()
    failures = statistics.failures
    if failures:
        (name, reason), more = failures[0], len(failures) - 1
        text = f"custom metric {name} failed: {reason}" + (f" (and {counted(more, 'more')})" if more else "")
        return Conclusion(Verdict.ERROR, tuple(checks), text, notes=notes)
    concluded = conclude(checks)
    return Conclusion(concluded.verdict, concluded.checks, concluded.reason, notes=notes)


def _check(measured: Measured, limit: QualityConstraint | None) -> Check:
    if measured.status is Status.ERROR:
        return rules.failed(measured.name, measured.reason)
    if measured.value is None:
        return rules.unevaluated(measured.name, measured.reason, limit)
    return rules.check(measured.name, measured.value, limit)


def constraints_used(baseline: Baseline | None, job: Job) -> tuple[QualityConstraint, ...] | None:
    """The configuration's limit, else the baseline's, else the declared one; None when no metric has any."""
    limits = limits_of(job)
    known = baseline or {}
    used = []
    for metric in declared(job).metrics:
        if metric.name in known and metric.name not in limits:
            used.append(known[metric.name])
        elif (limit := limits.get(metric.name, metric.threshold)) is not None:
            used.append(QualityConstraint(metric.name, limit, rules.operator_of(metric.worse)))
    return tuple(used) or None


def why_unlabelled_yet(statistics: Statistics, job: Job) -> str:
    """Metrics may do without labels: they are waited for only where the configuration says when they are due."""
    settings = job.settings_of(MonitoringType.CUSTOM_METRICS)
    is_asked = settings.maturity.delay or settings.maturity.min_coverage
    if not is_asked or statistics.faults:  # what is wrong with a declaration no label mends
        return ""
    return why_unlabelled(statistics.labelled, statistics.rows_used, settings, job)


def _sample_note(statistics: Statistics) -> str:
    return (
        f"custom metrics were computed from a sample of {statistics.rows_used} of {statistics.item_count} records "
        "(monitors.custom_metrics.max_rows)"
    )
