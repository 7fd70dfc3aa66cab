"""One dashboard an environment: a table of all verdicts with links to reports, then a few tiles for each endpoint.

The table is drawn by a function from the environment's table of runs: verdicts, drift, quality, coverage and cost of a window cost
a few bytes there and a series each in CloudWatch. Runs that Model Monitor starts are not in that table; theirs are series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from model_monitor import contract
from stacks.constructs.scheduled_monitor import ScheduledMonitor
from stacks.constructs.staleness_alarm import NAMESPACE
from stacks.settings.endpoint import Endpoint
from stacks.settings.monitor import Monitor

WIDTH: Final = 8  # three tiles a row
WHOLE: Final = 24
ROW_HEIGHT: Final = 2  # of the table, of six that a tile has
SHOWN: Final = {  # of the metrics of model quality: those that people ask for first
    "binary": ("accuracy", "precision", "recall", "f1"),
    "multiclass": ("accuracy", "weighted_precision", "weighted_recall", "weighted_f1"),
    "regression": ("mae", "rmse", "r2"),
}
CALLS: Final = (("Invocations", "Sum"), ("Invocation5XXErrors", "Sum"))
SLOW: Final = (("ModelLatency", "Average"),)
Tiles = Sequence[cloudwatch.IWidget]
Maybe = Sequence[cloudwatch.IWidget | None]  # None: nothing of it is published


@dataclass(frozen=True)
class Watched:
    """One endpoint and its schedules, by the names of their settings."""

    name: str
    endpoint: Endpoint
    monitors: Mapping[str, ScheduledMonitor]


@dataclass(frozen=True)
class Shown:
    """One schedule and its settings."""

    monitor: ScheduledMonitor
    settings: Monitor
    endpoint: Endpoint


class EnvironmentDashboard(Construct):
    """Every series on it is one that runs emit, with the dimensions they emit it with.

    table_arn: the function that draws the table of verdicts; None where no schedule is in it.
    """

    def __init__(
        self, scope: Construct, construct_id: str, name: str, watched: Sequence[Watched], table_arn: str | None
    ) -> None:
        super().__init__(scope, construct_id)
        self.dashboard = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=name)
        if table_arn is not None:
            self.dashboard.add_widgets(_table(table_arn, sum(len(each.monitors) for each in watched)))
        for each in watched:
            self.dashboard.add_widgets(*_endpoint(each))
            for monitor_name, monitor in each.monitors.items():
                shown = Shown(monitor, each.endpoint.monitors[monitor_name], each.endpoint)
                for row in _rows(shown):
                    self.dashboard.add_widgets(*row)


def _table(function_arn: str, schedules: int) -> cloudwatch.IWidget:
    return cloudwatch.CustomWidget(
        title="Verdicts, drift, quality, coverage, cost; each cell opens a report",
        function_arn=function_arn,
        width=WHOLE,
        height=min(6 + ROW_HEIGHT * schedules, 40),
        update_on_refresh=True,
        update_on_resize=False,
        update_on_time_range_change=True,
    )


def _endpoint(watched: Watched) -> Tiles:
    """Why people were told, and how the endpoint itself does, by AWS's own series."""
    causes = [monitor.metric(contract.METRIC_CAUSES, statistic="Sum") for monitor in watched.monitors.values()]
    places = ", ".join(f"{10**cause.place} {cause.replace('_', ' ')}" for cause in contract.Cause)
    calls, slow = (
        [_served(watched.name, variant, *series) for variant in watched.endpoint.variant_names for series in group]
        for group in (CALLS, SLOW)
    )
    tiles: list[cloudwatch.IWidget] = [
        cloudwatch.TextWidget(markdown=f"## {watched.name}\ncauses: {places}", width=WIDTH, height=6),
        cloudwatch.GraphWidget(title=f"{watched.name}: causes", left=causes, width=WIDTH),
    ]
    if calls:  # batch transform jobs serve nobody
        tiles.append(cloudwatch.GraphWidget(title="calls and errors; latency", left=calls, right=slow, width=WIDTH))
    return tiles


def _served(endpoint: str, variant: str, name: str, statistic: str) -> cloudwatch.Metric:
    dimensions = {"EndpointName": endpoint, "VariantName": variant}
    return cloudwatch.Metric(namespace=NAMESPACE, metric_name=name, statistic=statistic, dimensions_map=dimensions)


def _rows(shown: Shown) -> Iterator[Tiles]:
    """Tiles of what a schedule publishes; none of a managed one at the level of alarms."""
    for row in (_run(shown), *(TYPE_TILES[type_](shown) for type_ in shown.settings.types)):
        if tiles := [tile for tile in row if tile is not None]:
            yield tiles


def _run(shown: Shown) -> Maybe:
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


def _data_quality(shown: Shown) -> Maybe:
    return [_tile(shown.monitor, "drift of features", [contract.METRIC_DRIFT_MAX, contract.METRIC_DRIFTED_SHARE])]


def _model_quality(shown: Shown) -> Maybe:
    monitor, settings = shown.monitor, shown.settings
    if settings.model_quality is None:
        return []
    return [
        _tile(monitor, "model quality", SHOWN[settings.model_quality.problem]),
        _tile(monitor, "share of predictions with a label", [contract.METRIC_LABEL_COVERAGE]),
        _tile(monitor, "drift of predictions", [contract.METRIC_PREDICTION_DRIFT]),
    ]


def _model_bias(shown: Shown) -> Maybe:
    """By Clarify's dimensions, whose values are groups and labels. Groups that nobody named have no metrics."""
    settings = shown.settings
    if settings.model_bias is None or shown.monitor.published is not None:
        return []
    groups = (contract.DIMENSION_FACET, contract.DIMENSION_FACET_VALUE, contract.DIMENSION_BIAS_STAGE)
    labels = (contract.DIMENSION_LABEL, contract.DIMENSION_LABEL_VALUE)
    facets = sorted({facet.name for facet in settings.model_bias.facets if facet.values})
    return [
        _found(shown.monitor, f"bias: {facet}", (*groups, *labels), f'{contract.DIMENSION_FACET}="{facet}"')
        for facet in facets
    ]


def _model_explainability(shown: Shown) -> Maybe:
    """Of single features, those that have metrics of their own."""
    agreement = _tile(shown.monitor, "agreement of attributions with the baseline", [contract.METRIC_NDCG_MIN])
    if not shown.endpoint.metrics.has_features:
        return [agreement]
    dimensions = (contract.DIMENSION_METHOD, contract.DIMENSION_LABEL, contract.DIMENSION_VALUE_TYPE)
    condition = f'{contract.DIMENSION_VALUE_TYPE}="{contract.VALUE_TYPE_GLOBAL}"'
    return [agreement, _found(shown.monitor, "attributions", dimensions, condition)]


def _custom_metrics(shown: Shown) -> Maybe:
    """Names are declared in Python, so the tile finds the series by what all of them begin with."""
    monitor, settings = shown.monitor, shown.settings
    named = sorted({*settings.alarms.custom, *(settings.custom_metrics.thresholds if settings.custom_metrics else ())})
    if named:
        return [_tile(monitor, "metrics of your own", [contract.custom_metric(name) for name in named])]
    if monitor.published is not None:
        return []
    prefix = contract.custom_metric("").rstrip("_")
    return [_found(monitor, "metrics of your own", (), f'MetricName=("{prefix}") NOT MetricName=("violations")')]


def _tile(
    monitor: ScheduledMonitor, title: str, names: Sequence[str], *, stacked: bool = False
) -> cloudwatch.GraphWidget | None:
    """Of those that are published."""
    series = [monitor.metric(name) for name in names if monitor.publishes(name)]
    return cloudwatch.GraphWidget(title=title, left=series, stacked=stacked, width=WIDTH) if series else None


def _found(monitor: ScheduledMonitor, title: str, dimensions: Sequence[str], condition: str) -> cloudwatch.GraphWidget:
    """Series whose names or values of dimensions are known to runs alone; `dimensions` beyond those of every series."""
    schema = ",".join((monitor.namespace, *sorted((*monitor.dimensions, *dimensions))))
    where = " ".join(f'{name}="{value}"' for name, value in sorted(monitor.dimensions.items()))
    search = f"SEARCH('{{{schema}}} {where} {condition}', 'Maximum', {monitor.period.to_seconds():.0f})"
    expression = cloudwatch.MathExpression(expression=search, using_metrics={}, label="", period=monitor.period)
    return cloudwatch.GraphWidget(title=title, left=[expression], width=WIDTH)


TYPE_TILES: Final[Mapping[str, Callable[[Shown], Maybe]]] = {
    "data_quality": _data_quality,
    "model_quality": _model_quality,
    "model_bias": _model_bias,
    "model_explainability": _model_explainability,
    "custom_metrics": _custom_metrics,
}
