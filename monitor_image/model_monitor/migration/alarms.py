"""Alarms that somebody has on the metrics of a schedule: which of them the kit makes too, and what keeps the others ringing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from model_monitor.contract import DIMENSION_SCHEDULE, feature_drift_metric

DRIFT: Final = feature_drift_metric("")
ABOVE: Final = ("GreaterThanThreshold", "GreaterThanOrEqualToThreshold")
SNS: Final = ":sns:"


@dataclass(frozen=True, slots=True)
class Rung:
    """What is told when a schedule's metrics go wrong.

    distances: feature → distance above which an alarm rings. namespaces: of all watched metrics. topics: who is told.
    others: names of alarms on other metrics, which no setting makes.
    """

    names: tuple[str, ...] = ()
    distances: dict[str, float] = field(default_factory=dict)
    namespaces: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    others: tuple[str, ...] = ()


def of_schedule(alarms: Iterable[Mapping[str, Any]], schedule: str) -> Rung:
    """Of those that watch a metric with the schedule's dimension."""
    names: list[str] = []
    distances: dict[str, float] = {}
    others: list[str] = []
    namespaces: set[str] = set()
    topics: set[str] = set()
    for alarm in alarms:
        watched = [metric for metric in _metrics(alarm) if _dimension(metric) == schedule]
        if not watched:
            continue
        names.append(str(alarm["AlarmName"]))
        namespaces |= {str(metric.get("Namespace")) for metric in watched}
        topics |= {arn for arn in alarm.get("AlarmActions") or () if SNS in arn}
        feature, threshold = _drift_of(alarm, watched), alarm.get("Threshold")
        if feature and threshold is not None and 0 <= threshold < 1:
            distances[feature] = float(threshold)
        else:
            others.append(str(alarm["AlarmName"]))
    return Rung(tuple(names), distances, frozenset(namespaces), frozenset(topics), tuple(others))


def _metrics(alarm: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    stats = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics") or () if query.get("MetricStat")]
    return [alarm, *stats] if alarm.get("MetricName") else stats


def _dimension(metric: Mapping[str, Any]) -> str | None:
    return next((each["Value"] for each in metric.get("Dimensions") or () if each["Name"] == DIMENSION_SCHEDULE), None)


def _drift_of(alarm: Mapping[str, Any], watched: Sequence[Mapping[str, Any]]) -> str:
    """The feature, where the alarm is on its distance alone and rings above a threshold."""
    metric = str(watched[0].get("MetricName") or "")
    is_plain = len(watched) == 1 and alarm.get("ComparisonOperator") in ABOVE
    return metric.removeprefix(DRIFT) if is_plain and metric.startswith(DRIFT) else ""
