"""One dashboard per endpoint: what its runs concluded, read, found and measured, a few rows for each schedule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from model_monitor import contract
from stacks.constructs.scheduled_monitor import ScheduledMonitor
from stacks.monitor_settings import Monitor

WIDTH: Final = 8  # three tiles a row
SHOWN: Final = {  # of the metrics of model quality: those that people ask for first
    "binary": ("accuracy", "precision", "recall", "f1"),
    "multiclass": ("accuracy", "weighted_precision", "weighted_recall", "weighted_f1"),
    "regression": ("mae", "rmse", "r2"),
}
Tiles = Sequence[cloudwatch.IWidget]


class EndpointDashboard(Construct):
    """Every series on it is one that runs emit, with the dimensions they emit it with."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        schedules: Mapping[str, tuple[ScheduledMonitor, Monitor]],
        *,
        has_labels: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        self.dashboard = cloudwatch.Dashboard(self, "Dashboard")
        for monitor, settings in schedules.values():
            self.dashboard.add_widgets(*_run(monitor, settings, has_labels=has_labels))
            for type_ in settings.types:
                if type_ in TYPE_TILES:
                    self.dashboard.add_widgets(*TYPE_TILES[type_](monitor, settings))


def _run(monitor: ScheduledMonitor, settings: Monitor, *, has_labels: bool) -> Tiles:
    """How runs ended, what they read, what they counted as violated."""
    verdicts = [contract.run_metric(verdict) for verdict in contract.VERDICT_ORDER]
    reading = [contract.METRIC_RECORDS, contract.METRIC_REJECTED, contract.METRIC_OUTSIDE_WINDOW]
    if has_labels and settings.labelled:
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


def _data_quality(monitor: ScheduledMonitor, _: Monitor) -> Tiles:
    return [_tile(monitor, "drift of features", [contract.METRIC_DRIFT_MAX, contract.METRIC_DRIFTED_SHARE])]


def _model_quality(monitor: ScheduledMonitor, settings: Monitor) -> Tiles:
    if settings.model_quality is None:
        return []
    return [
        _tile(monitor, "model quality", SHOWN[settings.model_quality.problem]),
        _tile(monitor, "share of predictions with a label", [contract.METRIC_LABEL_COVERAGE]),
        _tile(monitor, "drift of predictions", [contract.METRIC_PREDICTION_DRIFT]),
    ]


def _model_bias(monitor: ScheduledMonitor, settings: Monitor) -> Tiles:
    """By Clarify's dimensions, whose values are groups and labels."""
    if settings.model_bias is None:
        return []
    groups = (contract.DIMENSION_FACET, contract.DIMENSION_FACET_VALUE, contract.DIMENSION_BIAS_STAGE)
    labels = (contract.DIMENSION_LABEL, contract.DIMENSION_LABEL_VALUE)
    facets = sorted({facet.name for facet in settings.model_bias.facets})
    return [
        _found(monitor, f"bias: {facet}", (*groups, *labels), f'{contract.DIMENSION_FACET}="{facet}"')
        for facet in facets
    ]


def _model_explainability(monitor: ScheduledMonitor, _: Monitor) -> Tiles:
    dimensions = (contract.DIMENSION_METHOD, contract.DIMENSION_LABEL, contract.DIMENSION_VALUE_TYPE)
    return [
        _tile(monitor, "agreement of attributions with the baseline", [contract.METRIC_NDCG_MIN]),
        _found(
            monitor,
            "attributions",
            dimensions,
            f'{contract.DIMENSION_VALUE_TYPE}="{contract.VALUE_TYPE_GLOBAL}"',
        ),
    ]


def _custom_metrics(monitor: ScheduledMonitor, settings: Monitor) -> Tiles:
    """Names are declared in Python, so the tile finds the series by what all of them begin with."""
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


TYPE_TILES: Final[Mapping[str, Callable[[ScheduledMonitor, Monitor], Tiles]]] = {
    "data_quality": _data_quality,
    "model_quality": _model_quality,
    "model_bias": _model_bias,
    "model_explainability": _model_explainability,
    "custom_metrics": _custom_metrics,
}
