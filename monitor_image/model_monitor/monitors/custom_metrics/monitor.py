"""Custom metrics: numbers that only the model's owner can name, computed and watched like all others.

The rows themselves are kept (the columns that metrics declare, up to `max_rows`), since a user's function cannot be
expected to merge. It is called once, in the parent process; a crash costs that metric alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

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
from model_monitor.job.blocks import Block, kind_of
from model_monitor.job.job import BaselineFiles, Job
from model_monitor.monitors.base import Monitor
from model_monitor.monitors.baseline_files import read_document
from model_monitor.monitors.conclusion import Check, Conclusion
from model_monitor.monitors.custom_metrics import constraints as rules
from model_monitor.monitors.custom_metrics.declaration import CustomMetric
from model_monitor.monitors.custom_metrics.evaluation import (
    Measured,
    Status,
    columns_of,
    evaluate,
    fault_of_columns,
    table_for,
)
from model_monitor.monitors.custom_metrics.loading import Fault, Found, load
from model_monitor.monitors.labelled import why_unlabelled
from model_monitor.monitors.thresholds import QualityConstraint
from model_monitor.monitors.verdict import conclude
from model_monitor.monitors.violations_file import violations_file
from model_monitor.outputs.metric import Metric
from model_monitor.schema import Rows
from model_monitor.sketches.kept import ROLES, KeptRows
from model_monitor.words import counted

MAX_ROWS: Final = 5_000_000
Baseline = Mapping[str, QualityConstraint]


@dataclass(frozen=True, slots=True)
class Statistics:
    """The metrics of a window, in the order of their declaration.

    item_count: records of the window; rows_used: those that the metrics were computed from.
    faults: what is wrong with modules, entry points and settings rather than with one metric.
    """

    item_count: int
    rows_used: int
    labelled: int
    metrics: tuple[tuple[CustomMetric, Measured], ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def is_sample(self) -> bool:
        return self.rows_used < self.item_count

    @property
    def failures(self) -> list[tuple[str, str]]:
        """(what, reason) of everything that could not be computed."""
        crashed = [(each.name, each.reason) for _, each in self.metrics if each.status is Status.ERROR]
        return [(fault.name, fault.reason) for fault in self.faults] + crashed


# --- from rows to values -------------------------------------------------------------------------------------------------


def empty(job: Job) -> KeptRows:
    """No rows of the columns that the job's metrics read."""
    settings = job.settings_of(MonitoringType.CUSTOM_METRICS)
    columns = _found(job).columns
    return KeptRows(tuple(dict.fromkeys((*columns, *ROLES))), settings.options.get("max_rows", MAX_ROWS))


def profile_rows(rows: Rows, job: Job) -> KeptRows:
    """One chunk."""
    none = empty(job)
    return KeptRows.of(rows, none.names, none.limit)


def statistics_of(profile: KeptRows, job: Job) -> Statistics:
    """Every metric of the merged rows."""
    found, kept = _found(job), profile.settled()
    features = {feature.name: feature.type for feature in job.schema.features}
    columns = columns_of(kept, features)
    measured = []
    for metric in found.metrics if kept.rows else ():
        fault = fault_of_columns(metric, kept, features)
        if fault:
            measured.append((metric, Measured(metric.name, Status.ERROR, unit=metric.unit, reason=fault)))
        else:
            measured.append((metric, evaluate(metric, table_for(metric, columns, kept.rows))))
    labelled = table_for(found.metrics[0], columns, kept.rows).labelled.rows if measured else 0
    faults = found.faults + _unknown_thresholds(job, found)
    return Statistics(profile.seen, kept.rows, labelled, tuple(measured), faults)


def _unknown_thresholds(job: Job, found: Found) -> tuple[Fault, ...]:
    """A limit on a metric that nobody declares would silently watch nothing."""
    names = {metric.name for metric in found.metrics} | {fault.name for fault in found.faults}
    wanted = _limits(job)
    return tuple(
        Fault(name, "the configuration limits it, and no metric has this name") for name in wanted if name not in names
    )


# --- limits --------------------------------------------------------------------------------------------------------------


def suggest(statistics: Statistics, job: Job) -> tuple[QualityConstraint, ...]:
    """The configuration's limit, else the declared one, else the baseline's own value."""
    limits = _limits(job)
    found = []
    for metric, measured in statistics.metrics:
        limit = limits.get(metric.name, metric.threshold)
        limit = measured.value if limit is None else limit
        if limit is not None:
            found.append(QualityConstraint(metric.name, limit, rules.operator_of(metric.worse)))
    return tuple(found)


def load_baseline(files: BaselineFiles) -> Baseline | None:
    """Constraints alone are compared with."""
    if files.constraints is None:
        return None
    return rules.read_constraints(read_document(files.constraints), str(files.constraints))


def constraints_used(baseline: Baseline | None, job: Job) -> tuple[QualityConstraint, ...] | None:
    """The configuration's limit, else the baseline's, else the declared one; None when no metric has any."""
    limits = _limits(job)
    known = baseline or {}
    used = []
    for metric in _found(job).metrics:
        if metric.name in known and metric.name not in limits:
            used.append(known[metric.name])
        elif (limit := limits.get(metric.name, metric.threshold)) is not None:
            used.append(QualityConstraint(metric.name, limit, rules.operator_of(metric.worse)))
    return tuple(used) or None


def check(statistics: Statistics, baseline: Baseline | None, job: Job) -> Conclusion:
    """Each metric against its limit. What could not be computed makes the monitor's verdict `error`, and nothing else's."""
    minimum = job.settings_of(MonitoringType.CUSTOM_METRICS).min_records
    if not statistics.item_count:
        return Conclusion(Verdict.NO_DATA, reason="the window holds no records")
    if statistics.item_count < minimum:
        reason = f"{counted(statistics.item_count, 'record')}, fewer than min_records = {minimum}"
        return Conclusion(Verdict.INSUFFICIENT_DATA, reason=reason)
    waits = _why_unlabelled(statistics, job)
    if waits:
        return Conclusion(Verdict.INSUFFICIENT_DATA, reason=waits, awaits_labels=True)
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


def _why_unlabelled(statistics: Statistics, job: Job) -> str:
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


# --- what leaves the run -------------------------------------------------------------------------------------------------


def statistics_file(statistics: Statistics) -> dict[str, Any]:
    """statistics.json of custom metrics."""
    values = {each["name"]: each for each in _told(statistics)}
    return {"version": 0.0, "dataset": _coverage(statistics), "custom_metrics": values}


def summary(statistics: Statistics, _: Conclusion) -> dict[str, Any]:
    """The monitor's block in report.json."""
    failures = [{"name": fault.name, "reason": fault.reason} for fault in statistics.faults]
    return {**_coverage(statistics), "metrics": _told(statistics), "failures": failures}


def _coverage(statistics: Statistics) -> dict[str, Any]:
    return {
        "item_count": statistics.item_count,
        "rows_used": statistics.rows_used,
        "rows_with_label": statistics.labelled,
        "is_sample": statistics.is_sample,
    }


def _told(statistics: Statistics) -> list[dict[str, Any]]:
    return [
        {
            "name": metric.name,
            "status": measured.status.value,
            "value": measured.value,
            "unit": metric.unit,
            "worse": metric.worse,
            "threshold": metric.threshold,
            "reason": measured.reason,
        }
        for metric, measured in statistics.metrics
    ]


def metrics(statistics: Statistics, conclusion: Conclusion, job: Job) -> Iterator[Metric]:
    """Violations, how many metrics failed, and the value of each that has one; while labels are missing, their share alone."""
    maturity = job.settings_of(MonitoringType.CUSTOM_METRICS).maturity
    if statistics.rows_used and (maturity.delay or maturity.min_coverage):
        own = {DIMENSION_MONITOR: str(MonitoringType.CUSTOM_METRICS)}
        yield Metric(METRIC_LABEL_COVERAGE, statistics.labelled / statistics.rows_used, extra_dimensions=own)
    if conclusion.verdict in (Verdict.OK, Verdict.VIOLATED) or conclusion.violations:  # no count is no pass
        yield Metric(violations_metric(CHECK_CUSTOM_METRIC), float(len(conclusion.violations)), "Count")
    if _why_unlabelled(statistics, job):  # a rehearsal's violation is told, values from few labels are not
        return
    yield Metric(METRIC_CUSTOM_ERRORS, float(len(statistics.failures)), "Count")
    for metric, measured in statistics.metrics:
        if measured.value is not None:
            yield Metric(custom_metric(metric.name), measured.value, metric.unit)


# --- settings ------------------------------------------------------------------------------------------------------------


def read_options(block: Block) -> dict[str, Any]:
    """`module`, `max_rows` and `thresholds` (metric → limit)."""
    options: dict[str, Any] = {"module": block.text("module"), "max_rows": block.count("max_rows", MAX_ROWS, minimum=1)}
    limits = block.take("thresholds")
    if limits is None:
        return options
    if not isinstance(limits, dict):
        block.faults.add(block.at("thresholds"), f"should be an object of metric → number, found {kind_of(limits)}")
        return options
    for name, limit in limits.items():
        if isinstance(limit, bool) or not isinstance(limit, (int, float)):
            block.faults.add(f"{block.at('thresholds')}.{name}", f"should be a number, found {kind_of(limit)}")
    return options | {"thresholds": dict(limits)}


def _limits(job: Job) -> dict[str, float]:
    """The configuration's own, by metric."""
    limits: dict[str, float] = job.settings_of(MonitoringType.CUSTOM_METRICS).options.get("thresholds", {})
    return limits


def _found(job: Job) -> Found:
    """The declared metrics; none for a job that does not have this monitor."""
    is_asked = any(settings.type is MonitoringType.CUSTOM_METRICS for settings in job.monitors)
    return load(job.settings_of(MonitoringType.CUSTOM_METRICS).options.get("module")) if is_asked else Found()


MONITOR = Monitor(
    type=MonitoringType.CUSTOM_METRICS,
    empty=empty,
    profile=profile_rows,
    from_json=KeptRows.from_json,
    statistics=statistics_of,
    suggest=suggest,
    load_baseline=load_baseline,
    constraints_used=constraints_used,
    check=check,
    statistics_file=statistics_file,
    constraints_file=rules.constraints_file,
    violations_file=violations_file,
    metrics=metrics,
    summary=summary,
    read_options=read_options,
    needs_labels=True,
)
