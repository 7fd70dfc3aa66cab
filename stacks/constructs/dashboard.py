"""One dashboard per endpoint: what its runs concluded, read, found and measured, a few rows for each schedule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from model_monitor import contract
from stacks.constructs.scheduled_monitor import ScheduledMonitor
from stacks.settings.endpoint import Endpoint
from stacks.settings.monitor import Monitor

WIDTH: Final = 8  # three tiles a row
SHOWN: Final = {  # of the metrics of model quality: those that people ask for first
    "binary": ("accuracy", "precision", "recall", "f1"),
    "multiclass": ("accuracy", "weighted_precision", "weighted_recall", "weighted_f1"),
    "regression": ("mae", "rmse", "r2"),
}
Tiles = Sequence[cloudwatch.IWidget]


@dataclass(frozen=True)
class Shown:
    """One schedule and its settings."""

    monitor: ScheduledMonitor
    settings: Monitor
    endpoint: Endpoint


class EndpointDashboard(Construct):
    """Every series on it is one that runs emit, with the dimensions they emit it with."""

    def __init__(
        self, scope: Construct, construct_id: str, endpoint: Endpoint, monitors: Mapping[str, ScheduledMonitor]
    ) -> None:
        super().__init__(scope, construct_id)
        self.dashboard = cloudwatch.Dashboard(self, "Dashboard")
        for name, monitor in monitors.items():
            shown = Shown(monitor, endpoint.monitors[name], endpoint)
            self.dashboard.add_widgets(*_run(shown))
            for type_ in shown.settings.types:
                self.dashboard.add_widgets(*TYPE_TILES[type_](shown))


def _run(shown: Shown) -> Tiles:
    """How runs ended, what they read, what they counted as violated."""
    monitor, settings = shown.monitor, shown.settings
    verdicts = [contract.run_metric(verdict) for verdict in contract.VERDICT_ORDER]
    reading = [contract.METRIC_RECORDS, contract.METRIC_REJECTED, contract.METRIC_OUTSIDE_WINDOW]
    if shown.endpoint.ground_truth is not None and settings.labelled:
        reading += [contract.METRIC_WINDOWS_WAITING, contract.METRIC_WINDOWS_EXPIRED]
    kinds = {key: type_ for type_, key in contract.MONITOR_KEYS.items()}
    violations = [
        contract.violations_metric(check) for type_ in settings.types for check in contract.CHECK_TYPES[kinds[type_]]
    ]
    return [
        _tile(monitor, f"{monitor.schedule_name}: verdicts", verdicts, stacked=True),
        _tile(monitor, "read", reading),
        _tile(monitor, "violations", violations, stacked=True),
    ]


def _data_quality(shown: Shown) -> Tiles:
    return [_tile(shown.monitor, "drift of features", [contract.METRIC_DRIFT_MAX, contract.METRIC_DRIFTED_SHARE])]


def _model_quality(shown: Shown) -> Tiles:
    monitor, settings = shown.monitor, shown.settings
    if settings.model_quality is None:
        return []
    return [
        _tile(monitor, "model quality", SHOWN[settings.model_quality.problem]),
        _tile(monitor, "share of predictions with a label", [contract.METRIC_LABEL_COVERAGE]),
        _tile(monitor, "drift of predictions", [contract.METRIC_PREDICTION_DRIFT]),
    ]


def _model_bias(shown: Shown) -> Tiles:
    """By Clarify's dimensions, whose values are groups and labels. Groups that nobody named have no metrics."""
    settings = shown.settings
    if settings.model_bias is None:
        return []
    groups = (contract.DIMENSION_FACET, contract.DIMENSION_FACET_VALUE, contract.DIMENSION_BIAS_STAGE)
    labels = (contract.DIMENSION_LABEL, contract.DIMENSION_LABEL_VALUE)
    facets = sorted({facet.name for facet in settings.model_bias.facets if facet.values})
    return [
        _found(shown.monitor, f"bias: {facet}", (*groups, *labels), f'{contract.DIMENSION_FACET}="{facet}"')
        for facet in facets
    ]


def _model_explainability(shown: Shown) -> Tiles:
    """Of single features, those that have metrics of their own."""
    agreement = _tile(shown.monitor, "agreement of attributions with the baseline", [contract.METRIC_NDCG_MIN])
    if not shown.endpoint.metrics.has_features:
        return [agreement]
    dimensions = (contract.DIMENSION_METHOD, contract.DIMENSION_LABEL, contract.DIMENSION_VALUE_TYPE)
    condition = f'{contract.DIMENSION_VALUE_TYPE}="{contract.VALUE_TYPE_GLOBAL}"'
    return [agreement, _found(shown.monitor, "attributions", dimensions, condition)]


def _custom_metrics(shown: Shown) -> Tiles:
    """Names are declared in Python, so the tile finds the series by what all of them begin with."""
    monitor, settings = shown.monitor, shown.settings
    named = sorted({*settings.alarms.custom, *(settings.custom_metrics.thresholds if settings.custom_metrics else ())})
    if named:
        return [_tile(monitor, "metrics of your own", [contract.custom_metric(name) for name in named])]
    prefix = contract.custom_metric("").rstrip("_")
    return [_found(monitor, "metrics of your own", (), f'MetricName=("{prefix}") NOT MetricName=("violations")')]


def _tile(
    monitor: ScheduledMonitor, title: str, names: Sequence[str], *, stacked: bool = False
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title, left=[monitor.metric(name) for name in names], stacked=stacked, width=WIDTH
    )


def _found(monitor: ScheduledMonitor, title: str, dimensions: Sequence[str], condition: str) -> cloudwatch.GraphWidget:
    """Series whose names or values of dimensions are known to runs alone; `dimensions` beyond those of every series."""
    schema = ",".join((monitor.namespace, *sorted((*monitor.dimensions, *dimensions))))
    where = " ".join(f'{name}="{value}"' for name, value in sorted(monitor.dimensions.items()))
    search = f"SEARCH('{{{schema}}} {where} {condition}', 'Maximum', {monitor.period.to_seconds():.0f})"
    expression = cloudwatch.MathExpression(expression=search, using_metrics={}, label="", period=monitor.period)
    return cloudwatch.GraphWidget(title=title, left=[expression], width=WIDTH)


TYPE_TILES: Final[Mapping[str, Callable[[Shown], Tiles]]] = {
    "data_quality": _data_quality,
    "model_quality": _model_quality,
    "model_bias": _model_bias,
    "model_explainability": _model_explainability,
    "custom_metrics": _custom_metrics,
}
