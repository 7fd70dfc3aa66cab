"""What an alarm says: the reason of a state, the message to SNS, the event to EventBridge and the event to a Lambda function."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import botocore.session

from twin.cloudwatch.alarm_state import WORDS, Conclusion


@cache
def region_name(region: str) -> str:
    """The name that alarm messages carry instead of the code: `EU (Ireland)`."""
    for partition in botocore.session.get_session().get_data("endpoints")["partitions"]:
        if region in partition["regions"]:
            return str(partition["regions"][region]["description"]).replace("Europe", "EU")
    return region


def timestamp(time: datetime) -> str:
    """`2026-03-02T03:20:00.000+0000`."""
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}+0000"


def reason(
    settings: Mapping[str, Any],
    conclusion: Conclusion,
    points: Sequence[tuple[datetime, float]],
    moved_to: str,
    old: str,
) -> str:
    """Why an alarm is in the state that was concluded; `points` are the readings that were evaluated, newest first."""
    periods = settings["EvaluationPeriods"]
    to_alarm = settings.get("DatapointsToAlarm") or periods
    if moved_to == "INSUFFICIENT_DATA":
        return (
            f"Insufficient Data: {conclusion.filled} datapoint{'s were' if conclusion.filled != 1 else ' was'} unknown."
        )
    if not points:
        treated = settings.get("TreatMissingData", "missing")
        label = {"breaching": "Breaching", "notBreaching": "NonBreaching"}.get(treated, treated)
        return (
            f"Threshold Crossed: no datapoints were received for {periods} period{'s' if periods != 1 else ''} and "
            f"{conclusion.filled} missing datapoint{'s were' if conclusion.filled != 1 else ' was'} treated as [{label}]."
        )
    counted = conclusion.breaching if moved_to == "ALARM" else len(points) - conclusion.breaching
    values = ", ".join(f"{value!r} ({time:%d/%m/%y %H:%M:%S})" for time, value in points)
    minimum = to_alarm if moved_to == "ALARM" else periods - to_alarm + 1
    plural = "s" if minimum != 1 else ""
    missing = f" and {conclusion.filled} missing datapoint(s) were filled" if conclusion.filled else ""
    return (
        f"Threshold Crossed: {counted} out of the last {len(points)} datapoints [{values}] "
        f"{'was' if counted == 1 else 'were'} {'' if moved_to == 'ALARM' else 'not '}{WORDS[settings['ComparisonOperator']]} "
        f"the threshold ({float(settings['Threshold'])!r}){missing} "
        f"(minimum {minimum} datapoint{plural} for {old} -> {moved_to} transition)."
    )


def reason_data(
    settings: Mapping[str, Any], points: Sequence[tuple[datetime, float]], now: datetime, period: int
) -> str:
    """The machine-readable reason."""
    data = {
        "version": "1.0",
        "queryDate": timestamp(now),
        "period": period,
        "statistic": settings.get("Statistic") or settings.get("ExtendedStatistic"),
        "unit": settings.get("Unit"),
        "recentDatapoints": [value for _, value in reversed(points)],
        "threshold": float(settings["Threshold"]),
        "evaluatedDatapoints": [{"timestamp": timestamp(time), "value": value} for time, value in points],
    }
    return json.dumps({key: value for key, value in data.items() if value is not None})


def sns_message(alarm: Mapping[str, Any], *, old_state: str, account: str, region: str, children: Sequence[Any]) -> str:
    """The text of the SNS message, as a subscriber receives it. `alarm` is what DescribeAlarms says of it."""
    message: dict[str, Any] = {
        "AlarmName": alarm["AlarmName"],
        "AlarmDescription": alarm.get("AlarmDescription"),
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": timestamp(alarm["AlarmConfigurationUpdatedTimestamp"]),
        "NewStateValue": alarm["StateValue"],
        "NewStateReason": alarm["StateReason"],
        "StateChangeTime": timestamp(alarm["StateUpdatedTimestamp"]),
        "Region": region_name(region),
        "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": old_state,
        "OKActions": alarm.get("OKActions", []),
        "AlarmActions": alarm.get("AlarmActions", []),
        "InsufficientDataActions": alarm.get("InsufficientDataActions", []),
    }
    if "AlarmRule" in alarm:
        message |= {"AlarmRule": alarm["AlarmRule"], "TriggeringChildren": list(children)}
    else:
        message["Trigger"] = _trigger(alarm)
    return json.dumps(message)


def _trigger(alarm: Mapping[str, Any]) -> dict[str, Any]:
    """The alarm's settings in the spelling of messages: statistics in capitals, dimension keys in small letters."""
    common = {
        "EvaluationPeriods": alarm["EvaluationPeriods"],
        "DatapointsToAlarm": alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"],
        "ComparisonOperator": alarm["ComparisonOperator"],
        "Threshold": float(alarm["Threshold"]),
        "TreatMissingData": alarm.get("TreatMissingData", "missing"),
        "EvaluateLowSampleCountPercentile": alarm.get("EvaluateLowSampleCountPercentile", ""),
    }
    if "Metrics" in alarm:
        return {**common, "Metrics": [_message_query(query) for query in alarm["Metrics"]]}
    is_plain = "Statistic" in alarm
    statistic = (
        {"Statistic": alarm["Statistic"].upper()} if is_plain else {"ExtendedStatistic": alarm["ExtendedStatistic"]}
    )
    return {
        "MetricName": alarm["MetricName"],
        "Namespace": alarm.get("Namespace", ""),
        "StatisticType": "Statistic" if is_plain else "ExtendedStatistic",
        **statistic,
        "Unit": alarm.get("Unit"),
        "Dimensions": _message_dimensions(alarm.get("Dimensions") or []),
        "Period": alarm["Period"],
        **common,
    }


def _message_dimensions(dimensions: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    return [{"value": d["Value"], "name": d["Name"]} for d in dimensions]


def _message_query(query: Mapping[str, Any]) -> dict[str, Any]:
    if "MetricStat" not in query:
        return {**query, "ReturnData": query.get("ReturnData", True)}
    stat = query["MetricStat"]
    metric = {**stat["Metric"], "Dimensions": _message_dimensions(stat["Metric"].get("Dimensions") or [])}
    return {**query, "MetricStat": {**stat, "Metric": metric}, "ReturnData": query.get("ReturnData", True)}


def event_detail(alarm: Mapping[str, Any], previous: Mapping[str, Any]) -> dict[str, Any]:
    """The detail of the EventBridge event; also what a Lambda action gets as `alarmData`."""
    configuration: dict[str, Any] = {"description": alarm.get("AlarmDescription")}
    if "AlarmRule" in alarm:
        configuration["alarmRule"] = alarm["AlarmRule"]
    else:
        configuration["metrics"] = _event_metrics(alarm)
    return {
        "alarmName": alarm["AlarmName"],
        "state": _event_state(alarm),
        "previousState": _event_state(previous),
        "configuration": {key: value for key, value in configuration.items() if value is not None},
    }


def _event_state(alarm: Mapping[str, Any]) -> dict[str, Any]:
    state = {
        "value": alarm["StateValue"],
        "reason": alarm["StateReason"],
        "reasonData": alarm.get("StateReasonData"),
        "timestamp": timestamp(alarm["StateUpdatedTimestamp"]),
    }
    return {key: value for key, value in state.items() if value is not None}


def _event_metrics(alarm: Mapping[str, Any]) -> list[dict[str, Any]]:
    queries = alarm.get("Metrics") or [
        {
            "Id": "m1",
            "MetricStat": {
                "Metric": {key: alarm.get(key) for key in ("Namespace", "MetricName", "Dimensions")},
                "Period": alarm["Period"],
                "Stat": alarm.get("Statistic") or alarm.get("ExtendedStatistic"),
            },
        }
    ]
    metrics = []
    for query in queries:
        entry: dict[str, Any] = {"id": query["Id"], "returnData": query.get("ReturnData", True)}
        if "MetricStat" in query:
            stat, metric = query["MetricStat"], query["MetricStat"]["Metric"]
            dimensions = {d["Name"]: d["Value"] for d in metric.get("Dimensions") or []}
            named = {"namespace": metric.get("Namespace"), "name": metric["MetricName"], "dimensions": dimensions}
            entry["metricStat"] = {"metric": named, "period": stat["Period"], "stat": stat["Stat"]}
        else:
            entry["expression"] = query["Expression"]
        metrics.append(entry)
    return metrics
