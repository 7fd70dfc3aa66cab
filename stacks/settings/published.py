"""Which series the runs of a schedule publish: at the level `alarms` those that an alarm or the dashboard reads, by name.

A series costs three times what an alarm on it does, so nothing is published that nobody looks at; reports hold all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from model_monitor import contract
from model_monitor.contract import MetricsLevel, PerFeature
from stacks.settings.endpoint import Endpoint
from stacks.settings.monitor import Monitor

MAIN_QUALITY: Final = {"binary": "f1", "multiclass": "accuracy", "regression": "rmse"}  # what a dashboard shows first
UNSWEPT: Final = tuple(  # by which an alarm counts judged windows where no table of runs is kept
    contract.run_metric(verdict)
    for verdict in (contract.Verdict.OK, contract.Verdict.NO_DATA, contract.Verdict.INSUFFICIENT_DATA)
)


def names(endpoint: Endpoint, monitor: Monitor) -> tuple[str, ...] | None:
    """Names of the series that a schedule's runs publish; None for all that they measure."""
    if endpoint.metrics.level is MetricsLevel.FULL:
        return None
    found = [contract.METRIC_CAUSES, *_bounded(monitor), *_asked_for(endpoint, monitor)]
    if not monitor.is_managed:
        found += [*UNSWEPT, contract.METRIC_CAPTURED, *_drawn(monitor)]
    return tuple(dict.fromkeys(found))


def _bounded(monitor: Monitor) -> Iterator[str]:
    """Values that alarms of the environment file bound by themselves."""
    alarms = monitor.alarms
    if alarms.drift_max is not None:
        yield contract.METRIC_DRIFT_MAX
    if alarms.drift_share is not None:
        yield contract.METRIC_DRIFTED_SHARE
    yield from alarms.quality
    yield from (contract.custom_metric(name) for name in alarms.custom)
    if alarms.label_coverage is not None:
        yield contract.METRIC_LABEL_COVERAGE
    if monitor.create_violation_tests:
        yield contract.METRIC_REHEARSAL


def _asked_for(endpoint: Endpoint, monitor: Monitor) -> Iterator[str]:
    """What the environment file names one by one: critical features, slices, variants."""
    if endpoint.metrics.per_feature is PerFeature.CRITICAL:
        for feature in endpoint.metrics.critical:
            if "data_quality" in monitor.types:
                yield contract.feature_data_metric(feature)
                yield contract.feature_non_null_metric(feature)
                yield contract.feature_drift_metric(feature)
            if "model_explainability" in monitor.types:
                yield contract.attribution_metric(feature)
    if monitor.model_quality is not None:
        yield from monitor.model_quality.slice_metrics
    if endpoint.metrics.by_variant:
        yield contract.METRIC_RECORDS


def _drawn(monitor: Monitor) -> Iterator[str]:
    """What the dashboard draws of runs that are in no table."""
    if "data_quality" in monitor.types:
        yield contract.METRIC_DRIFT_MAX
        yield contract.METRIC_DRIFTED_SHARE
    if monitor.model_quality is not None:
        yield MAIN_QUALITY[monitor.model_quality.problem]
        yield contract.METRIC_LABEL_COVERAGE
