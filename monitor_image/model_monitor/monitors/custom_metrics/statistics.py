"""What a run knows of its custom metrics: the value of each, or why it has none."""

from __future__ import annotations

from dataclasses import dataclass

from model_monitor.job.job import Job
from model_monitor.monitors.custom_metrics.declaration import CustomMetric
from model_monitor.monitors.custom_metrics.evaluation import (
    Measured,
    Status,
    columns_of,
    evaluate,
    fault_of_columns,
    table_for,
)
from model_monitor.monitors.custom_metrics.loading import Fault, Found
from model_monitor.monitors.custom_metrics.options import declared, limits_of
from model_monitor.sketches.kept import KeptRows


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


def statistics_of(profile: KeptRows, job: Job) -> Statistics:
    """Every metric of the merged rows."""
    found, kept = declared(job), profile.settled()
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
    wanted = limits_of(job)
    return tuple(
        Fault(name, "the configuration limits it, and no metric has this name") for name in wanted if name not in names
    )
