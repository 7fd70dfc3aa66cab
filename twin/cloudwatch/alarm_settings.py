"""What an alarm may be told: everything that CloudWatch or the twin would not honour is refused when the alarm is put."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from twin.cloudwatch.alarm_state import COMPARISONS, TREATMENTS
from twin.cloudwatch.metric_queries import Queries, invalid, read_queries

ACTIONS_OF: Final = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
_NOT_HERE: Final = (
    "ThresholdMetricId",
    "WarmUpConfiguration",
    "EvaluationCriteria",
    "EvaluationInterval",
    "ActionConfiguration",
)


def check_common(settings: Mapping[str, Any]) -> None:
    refused = [name for name in _NOT_HERE if settings.get(name) is not None]
    if "WallClockWindow" in (settings.get("EvaluationWindow") or {}):
        refused.append("EvaluationWindow.WallClockWindow")
    if refused:
        raise invalid(f"{settings['AlarmName']}: {', '.join(refused)} is not in the twin")
    for kind in ACTIONS_OF.values():
        for action in settings.get(kind) or ():
            if ":sns:" not in action and ":lambda:" not in action:
                raise invalid(
                    f"{settings['AlarmName']}: action {action}: only SNS topics and Lambda functions act in the twin"
                )


def check(settings: Mapping[str, Any]) -> Queries:
    """What PutMetricAlarm was given, as queries; everything wrong with it is refused here."""
    check_common(settings)
    name, periods = settings["AlarmName"], settings["EvaluationPeriods"]
    if settings.get("ComparisonOperator") not in COMPARISONS:
        raise invalid(
            f"{name}: ComparisonOperator {settings.get('ComparisonOperator')} needs anomaly detection: not in the twin"
        )
    if settings.get("TreatMissingData", "missing") not in TREATMENTS:
        raise invalid(f"{name}: TreatMissingData must be one of {', '.join(TREATMENTS)}")
    if settings.get("Threshold") is None:
        raise invalid(f"{name}: Threshold is required")
    if (settings.get("DatapointsToAlarm") or 1) > periods:
        raise invalid(f"{name}: DatapointsToAlarm must not be greater than EvaluationPeriods")
    if settings.get("EvaluateLowSampleCountPercentile") == "ignore":
        raise invalid(f"{name}: EvaluateLowSampleCountPercentile ignore is not in the twin")
    if bool(settings.get("Metrics")) == bool(settings.get("MetricName")):
        raise invalid(f"{name}: give either MetricName or Metrics")
    queries = read_queries(settings.get("Metrics") or [_single_metric(settings)])
    if len(queries.returned) != 1:
        raise invalid(f"{name}: exactly one of Metrics must return data, found {len(queries.returned)}")
    if queries.period % 60:
        raise invalid(
            f"{name}: a period of {queries.period} seconds is not in the twin: alarms are evaluated every minute"
        )
    limit = 604800 if queries.period >= 3600 else 86400
    if queries.period * periods > limit:
        raise invalid(f"{name}: Period times EvaluationPeriods is {queries.period * periods} s, at most {limit} s")
    return queries


def _single_metric(settings: Mapping[str, Any]) -> dict[str, Any]:
    statistic = settings.get("Statistic") or settings.get("ExtendedStatistic")
    if not statistic or not settings.get("Period"):
        raise invalid(f"{settings['AlarmName']}: Period and one of Statistic and ExtendedStatistic are required")
    metric = {key: settings[key] for key in ("Namespace", "MetricName", "Dimensions") if settings.get(key)}
    stat = {"Metric": metric, "Period": settings["Period"], "Stat": statistic, "Unit": settings.get("Unit")}
    return {"Id": "m1", "MetricStat": stat, "ReturnData": True}
