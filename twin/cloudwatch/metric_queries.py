"""Queries of several metrics and expressions, and CloudWatch's metric operations over the store."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from twin.api import ApiError, Call
from twin.clock import aware
from twin.cloudwatch.alarm_math import Expression, MathError, Scope, Series, Value, parse
from twin.cloudwatch.metrics import STATISTICS, MetricQuery, MetricStore, is_statistic, metric_key
from twin.listing import has, page
from twin.surroundings import Surroundings

PAGE: Final = 500


@dataclass(frozen=True)
class Queries:
    """Metrics and expressions as PutMetricAlarm and GetMetricData take them, checked and in the order of evaluation."""

    metrics: dict[str, MetricQuery]
    expressions: dict[str, Expression]
    labels: dict[str, str]
    returned: tuple[str, ...]
    period: int

    def evaluate(self, store: MetricStore, end: datetime, periods: int) -> dict[str, Series]:
        """The series of every returned query over the last periods before `end`."""
        values: dict[str, Value] = {name: store.row(query, end, periods) for name, query in self.metrics.items()}
        scope = Scope(values, tuple(self.metrics), self.labels, periods, self.period)
        for name, expression in self.expressions.items():
            values[name] = expression.evaluate(scope)
        return {name: _finite(scope.series_of(values[name])) for name in self.returned}


def _finite(series: Series) -> Series:
    return tuple(None if value is None or not math.isfinite(value) else value for value in series)


def read_queries(items: Sequence[Mapping[str, Any]]) -> Queries:
    """Raises: ApiError (ValidationError) with the query's id and what is wrong with it."""
    metrics: dict[str, MetricQuery] = {}
    expressions: dict[str, Expression] = {}
    for item in items:
        if item.get("AccountId"):
            raise invalid(f"query {item['Id']}: metrics of other accounts are not in the twin")
        if item.get("Expression"):
            expressions[item["Id"]] = _expression(item)
        else:
            metrics[item["Id"]] = read_metric_stat(item["MetricStat"])
    periods = {query.period for query in metrics.values()} | {int(i["Period"]) for i in items if i.get("Period")}
    if len(periods) != 1:
        raise invalid(f"all metrics of an expression must have one and the same period, found {sorted(periods)}")
    return Queries(
        metrics,
        _ordered(expressions, set(metrics)),
        {item["Id"]: item.get("Label") or item["Id"] for item in items},
        tuple(item["Id"] for item in items if item.get("ReturnData", True)),
        periods.pop(),
    )


def read_metric_stat(stat: Mapping[str, Any]) -> MetricQuery:
    """Raises: ApiError (ValidationError)."""
    metric = stat["Metric"]
    if not is_statistic(stat["Stat"]):
        raise invalid(f"statistic {stat['Stat']} is not in the twin; there are {', '.join(STATISTICS)} and pNN")
    key = metric_key(metric.get("Namespace", ""), metric["MetricName"], metric.get("Dimensions") or ())
    return MetricQuery(key, stat["Stat"], int(stat["Period"]), stat.get("Unit"))


def invalid(message: str) -> ApiError:
    """CloudWatch's refusal."""
    return ApiError("ValidationError", message)


def _expression(item: Mapping[str, Any]) -> Expression:
    try:
        return parse(item["Expression"])
    except MathError as error:
        raise invalid(str(error)) from error


def _ordered(expressions: dict[str, Expression], known: set[str]) -> dict[str, Expression]:
    """Expressions may refer to each other in any order, but not in a circle."""
    ordered: dict[str, Expression] = {}
    while len(ordered) < len(expressions):
        ready = {n: e for n, e in expressions.items() if n not in ordered and e.names <= known | set(ordered)}
        if not ready:
            missing = set().union(*(e.names for e in expressions.values())) - known - set(expressions)
            raise invalid(
                f"metric math refers to ids that are not given or in a circle: {sorted(missing) or sorted(expressions)}"
            )
        ordered |= ready
    return ordered


# --- the API -----------------------------------------------------------------------------------------------------------


def install(twin: Surroundings) -> MetricStore:
    """Answer CloudWatch's metric operations from a new store."""
    store = MetricStore(twin.clock)

    def put(parameters: dict[str, Any], _: Call) -> None:
        store.put(parameters["Namespace"], parameters["MetricData"])

    def data(parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        queries = read_queries(parameters["MetricDataQueries"])
        times, periods = _grid(parameters, queries.period)
        newest_first = parameters.get("ScanBy") != "TimestampAscending"
        results = []
        for name, series in queries.evaluate(store, times[-1] + timedelta(seconds=queries.period), periods).items():
            points = [(time, value) for time, value in zip(times, series, strict=True) if value is not None]
            points.sort(reverse=newest_first)
            results.append(
                {
                    "Id": name,
                    "Label": queries.labels[name],
                    "Timestamps": [time for time, _ in points],
                    "Values": [value for _, value in points],
                    "StatusCode": "Complete",
                }
            )
        return {"MetricDataResults": results}

    def statistics(parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        key = metric_key(parameters["Namespace"], parameters["MetricName"], parameters.get("Dimensions") or ())
        plain, extended = parameters.get("Statistics") or [], parameters.get("ExtendedStatistics") or []
        times, _periods = _grid(parameters, parameters["Period"])
        points = []
        for time in times:
            start = time.timestamp()
            point: dict[str, Any] = {}
            for name in (*plain, *extended):
                query = MetricQuery(key, name, parameters["Period"], parameters.get("Unit"))
                value = store.statistic(query, start, start + query.period)
                if value is not None:
                    (point if name in plain else point.setdefault("ExtendedStatistics", {}))[name] = value
            if point:
                points.append({**point, "Timestamp": time, "Unit": parameters.get("Unit") or "None"})
        return {"Label": parameters["MetricName"], "Datapoints": points}

    def metrics(parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        wanted = {name: parameters.get(name) for name in ("Namespace", "MetricName")}
        asked = {(d["Name"], d.get("Value")) for d in parameters.get("Dimensions") or ()}
        known = [
            {"Namespace": space, "MetricName": name, "Dimensions": [{"Name": n, "Value": v} for n, v in dimensions]}
            for space, name, dimensions in store.known()
            if all(any(n == key and value in (None, v) for n, v in dimensions) for key, value in asked)
        ]
        found = [metric for metric in known if has(metric, wanted)]
        return page("Metrics", found, parameters.get("NextToken"), PAGE)

    twin.api.register(
        "cloudwatch",
        PutMetricData=put,
        ListMetrics=metrics,
        GetMetricData=data,
        GetMetricStatistics=statistics,
    )
    return store


def _grid(parameters: Mapping[str, Any], period: int) -> tuple[list[datetime], int]:
    """Starts of the periods that begin in [StartTime, EndTime), on multiples of the period as CloudWatch aligns them."""
    start, end = aware(parameters["StartTime"]), aware(parameters["EndTime"])
    if end <= start:
        raise ApiError("InvalidParameterValue", "The parameter StartTime must be less than the parameter EndTime.")
    first = math.floor(start.timestamp() / period) * period
    count = max(math.ceil((end.timestamp() - first) / period), 1)
    return [datetime.fromtimestamp(first + n * period, UTC) for n in range(count)], count
