"""Custom metrics: numbers that only the model's owner can name, computed and watched like all others.

The rows themselves are kept (the columns that metrics declare, up to `max_rows`), since a user's function cannot be
expected to merge. It is called once, in the parent process; a crash costs that metric alone.
"""

from __future__ import annotations

from model_monitor.contract import (
    MonitoringType,
)
from model_monitor.job.job import BaselineFiles, Job
from model_monitor.monitors.base import Files, Monitor, Options, Shown
from model_monitor.monitors.baseline_files import read_document
from model_monitor.monitors.custom_metrics import constraints as rules
from model_monitor.monitors.custom_metrics.files import statistics_file
from model_monitor.monitors.custom_metrics.options import MAX_ROWS, declared, limits_of, read_options
from model_monitor.monitors.custom_metrics.shown import lines, metrics, summary
from model_monitor.monitors.custom_metrics.statistics import Statistics, statistics_of
from model_monitor.monitors.custom_metrics.verdict import Baseline, check, constraints_used
from model_monitor.monitors.thresholds import QualityConstraint
from model_monitor.schema import Rows
from model_monitor.sketches.kept import ROLES, KeptRows


def empty(job: Job) -> KeptRows:
    """No rows of the columns that the job's metrics read."""
    settings = job.settings_of(MonitoringType.CUSTOM_METRICS)
    columns = declared(job).columns
    return KeptRows(tuple(dict.fromkeys((*columns, *ROLES))), settings.options.get("max_rows", MAX_ROWS))


def profile_rows(rows: Rows, job: Job) -> KeptRows:
    """One chunk."""
    none = empty(job)
    return KeptRows.of(rows, none.names, none.limit)


def suggest(statistics: Statistics, job: Job) -> tuple[QualityConstraint, ...]:
    """The configuration's limit, else the declared one, else the baseline's own value."""
    limits = limits_of(job)
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


MONITOR = Monitor(
    type=MonitoringType.CUSTOM_METRICS,
    empty=empty,
    profile=profile_rows,
    statistics=statistics_of,
    suggest=suggest,
    check=check,
    files=Files(
        load=load_baseline, used=constraints_used, statistics=statistics_file, constraints=rules.constraints_file
    ),
    options=Options(read_options),
    shown=Shown(metrics, summary, lines),
    needs_labels=True,
)
