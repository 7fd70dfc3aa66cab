"""CloudWatch metrics on the virtual clock: what was put, when it may be read, and statistics over periods.

Alarms read here; GetMetricData and GetMetricStatistics answer from here. Every put goes on to moto too, for ListMetrics.
Points that arrive late become readable late, as CloudWatch documents: after two hours when they are more than three hours
old, after two days when they are more than a day old. An alarm does not wait for them.
"""

from __future__ import annotations

import math
import re
import threading
from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Final

from moto.cloudwatch.models import cloudwatch_backends

from twin.alarm_math import Expression, MathError, Scope, Series, Value, parse
from twin.api import ApiError, Call
from twin.clock import VirtualClock
from twin.surroundings import Surroundings

Key = tuple[str, str, tuple[tuple[str, str], ...]]

STATISTICS: Final = ("Average", "Sum", "Minimum", "Maximum", "SampleCount")
_PERCENTILE: Final = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)")
_OLDEST: Final = timedelta(days=14)
_FURTHEST: Final = timedelta(hours=2)
_LATE: Final = (  # older than … on arrival: readable … later
    (timedelta(hours=24), timedelta(hours=48)),
    (timedelta(hours=3), timedelta(hours=2)),
)


@dataclass(frozen=True, slots=True)
class Datum:
    """A value or a statistic set. `readable` is when it can be seen (seconds, like `time`)."""

    time: float
    readable: float
    count: float
    total: float
    minimum: float
    maximum: float
    unit: str | None


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """One statistic of one metric over periods."""

    key: Key
    statistic: str
    period: int
    unit: str | None = None


def metric_key(namespace: str, name: str, dimensions: Iterable[Mapping[str, str]]) -> Key:
    """Two metrics are one only if all their dimensions are the same."""
    return namespace, name, tuple(sorted((d["Name"], d["Value"]) for d in dimensions))


def is_statistic(statistic: str) -> bool:
    """Whether this is one of the statistics computed here."""
    return statistic in STATISTICS or _PERCENTILE.fullmatch(statistic) is not None


def aware(time: datetime) -> datetime:
    """API parameters arrive with and without a zone; those without are UTC."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


class MetricStore:
    """All metrics of the account."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._series: dict[Key, list[Datum]] = {}
        self._lock = threading.Lock()

    def put(self, namespace: str, data: Sequence[Mapping[str, Any]]) -> None:
        """Store what PutMetricData takes. Raises: ApiError when a time is out of CloudWatch's bounds."""
        now = self._clock.now()
        for number, item in enumerate(data, 1):
            time = aware(item.get("Timestamp") or now)
            if not now - _OLDEST <= time <= now + _FURTHEST:
                raise ApiError(
                    "InvalidParameterValue",
                    f"The value {time:%Y-%m-%dT%H:%M:%SZ} for parameter MetricData.member.{number}.Timestamp is invalid: "
                    f"it must lie within two weeks before and two hours after {now:%Y-%m-%dT%H:%M:%SZ}",
                )
            key = metric_key(namespace, item["MetricName"], item.get("Dimensions") or ())
            delay = next((delay for age, delay in _LATE if now - time > age), timedelta(0))
            with self._lock:
                for datum in _datums(item, time.timestamp(), (now + delay).timestamp()):
                    insort(self._series.setdefault(key, []), datum, key=attrgetter("time"))

    def statistic(self, query: MetricQuery, start: float, end: float) -> float | None:
        """One statistic over [start, end), or None when nothing can be read there."""
        now = self._clock.now().timestamp()
        with self._lock:
            series = self._series.get(query.key, [])
            low = bisect_left(series, start, key=attrgetter("time"))
            high = bisect_left(series, end, key=attrgetter("time"))
            found = [d for d in series[low:high] if d.readable <= now and (not query.unit or d.unit == query.unit)]
        return _statistic(query.statistic, found) if found else None

    def row(self, query: MetricQuery, end: datetime, periods: int) -> Series:
        """The statistic of the last `periods` periods before `end`, oldest first."""
        last, length = end.timestamp(), query.period
        return tuple(
            self.statistic(query, last - (n + 1) * length, last - n * length) for n in reversed(range(periods))
        )


def _datums(item: Mapping[str, Any], time: float, readable: float) -> Iterable[Datum]:
    unit = item.get("Unit")
    if item.get("StatisticValues"):
        s = {name: float(value) for name, value in item["StatisticValues"].items()}
        yield Datum(time, readable, s["SampleCount"], s["Sum"], s["Minimum"], s["Maximum"], unit)
        return
    values = item.get("Values") or [item.get("Value")]
    counts = item.get("Counts") or [1.0] * len(values)
    for value, count in zip(values, counts, strict=True):
        if value is None or not math.isfinite(float(value)):
            raise ApiError("InvalidParameterValue", f"The value of metric {item['MetricName']} is no finite number")
        number, times = float(value), float(count)
        yield Datum(time, readable, times, number * times, number, number, unit)


def _statistic(statistic: str, data: Sequence[Datum]) -> float | None:
    count = math.fsum(d.count for d in data)
    if statistic == "SampleCount":
        return count
    if statistic == "Sum":
        return math.fsum(d.total for d in data)
    if statistic == "Average":
        return math.fsum(d.total for d in data) / count if count else None
    if statistic == "Minimum":
        return min(d.minimum for d in data)
    if statistic == "Maximum":
        return max(d.maximum for d in data)
    return _percentile(float(statistic[1:]) / 100, data)


def _percentile(share: float, data: Sequence[Datum]) -> float | None:
    """Between the two nearest values; None when a statistic set hides its values, as in CloudWatch."""
    if any(d.minimum != d.maximum for d in data):
        return None
    values = sorted(d.minimum for d in data for _ in range(int(d.count)))
    place = share * (len(values) - 1)
    low, high = values[math.floor(place)], values[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


# --- queries of several metrics and expressions ------------------------------------------------------------------------


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
        now = twin.clock.now()
        stamped = [{**item, "Timestamp": aware(item.get("Timestamp") or now)} for item in parameters["MetricData"]]
        cloudwatch_backends[twin.account][twin.region].put_metric_data(parameters["Namespace"], stamped)

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

    twin.api.register("cloudwatch", "PutMetricData", put)
    twin.api.register("cloudwatch", "GetMetricData", data)
    twin.api.register("cloudwatch", "GetMetricStatistics", statistics)
    return store


def _grid(parameters: Mapping[str, Any], period: int) -> tuple[list[datetime], int]:
    """Starts of the periods that begin in [StartTime, EndTime), on multiples of the period as CloudWatch aligns them."""
    start, end = aware(parameters["StartTime"]), aware(parameters["EndTime"])
    if end <= start:
        raise ApiError("InvalidParameterValue", "The parameter StartTime must be less than the parameter EndTime.")
    first = math.floor(start.timestamp() / period) * period
    count = max(math.ceil((end.timestamp() - first) / period), 1)
    return [datetime.fromtimestamp(first + n * period, UTC) for n in range(count)], count
