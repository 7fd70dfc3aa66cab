"""CloudWatch metrics on the virtual clock: what was put, when it may be read, and statistics over periods.

Alarms read here, and the API answers from here (metric_queries.py).
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
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final

from twin.api import ApiError
from twin.clock import VirtualClock, aware
from twin.cloudwatch.alarm_math import Series

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

    def known(self) -> list[Key]:
        """Every metric that was ever put, in order."""
        with self._lock:
            return sorted(self._series)

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
