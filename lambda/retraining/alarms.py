"""State changes of CloudWatch alarms, read into values from every form in which AWS tells them. Standard library, no AWS calls.

An alarm is told by an SNS message, by the EventBridge event `CloudWatch Alarm State Change`, by the event of a Lambda action, or by
DescribeAlarms. Metric-math alarms have `Metrics` in place of `MetricName`; composite alarms have a rule and no metric.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

WEEK_HOURS = 7 * 24  # the longest that an alarm looks back, in the shortest periods
ALARM = "ALARM"
SECONDS = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Alarm:
    """One state change of one alarm.

    windows: how many breaching periods it took to get here, so how many reports tell about it; 1 for composite alarms.
    threshold, operator, metric: what was compared with what, and how; None or "" where it is not told.
    has_settings: whether the message told these four; events tell the change alone, and DescribeAlarms the rest.
    """

    name: str
    new_state: str
    old_state: str
    time: datetime
    is_composite: bool = False
    windows: int = 1
    threshold: float | None = None
    operator: str = ""
    metric: str = ""
    has_settings: bool = True

    def is_beyond(self, value: float) -> bool:
        """Whether a value would breach this alarm; without a threshold none does."""
        if self.threshold is None:
            return False
        if self.operator.startswith("LessThan"):
            return value <= self.threshold if "OrEqual" in self.operator else value < self.threshold
        return value >= self.threshold

    @property
    def key(self) -> str:
        """The identity of the state change, by its second: SNS may deliver one message twice, and in any order; AWS's services
        round the time of one change differently."""
        second = self.time.strftime(SECONDS)
        return f"{second}#{hashlib.sha256(f'{self.name}|{second}'.encode()).hexdigest()[:16]}"


def of_message(message: Mapping[str, Any]) -> Alarm:
    """From the JSON text of an SNS message. Raises: KeyError, TypeError, ValueError where it is none."""
    if "detail" in message:
        return of_event(message)
    trigger = message.get("Trigger")
    settings = trigger if isinstance(trigger, Mapping) else {}
    change = Alarm(
        name=str(message["AlarmName"]),
        new_state=str(message["NewStateValue"]),
        old_state=str(message["OldStateValue"]),
        time=time_of(str(message["StateChangeTime"])),
        is_composite="AlarmRule" in message,
    )
    return _compared(change, settings)


def of_event(event: Mapping[str, Any]) -> Alarm:
    """From EventBridge's event (`detail`) or a Lambda action's (`alarmData`). Raises as `of_message`."""
    detail = event["detail"] if "detail" in event else event["alarmData"]
    return Alarm(
        name=str(detail["alarmName"]),
        new_state=str(detail["state"]["value"]),
        old_state=str((detail.get("previousState") or {}).get("value", "")),
        time=time_of(str(detail["state"]["timestamp"])),
        is_composite="alarmRule" in (detail.get("configuration") or {}),
        has_settings=False,
    )


def described(entry: Mapping[str, Any]) -> Alarm:
    """From DescribeAlarms: the state an alarm is in now, and since when. Its state may be written again without a change, which
    moves StateUpdatedTimestamp alone."""
    time = entry.get("StateTransitionedTimestamp") or entry["StateUpdatedTimestamp"]
    change = Alarm(
        name=str(entry["AlarmName"]),
        new_state=str(entry["StateValue"]),
        old_state="",
        time=time.astimezone(UTC),
        is_composite="AlarmRule" in entry,
    )
    return _compared(change, entry)


def completed(alarm: Alarm, entry: Mapping[str, Any]) -> Alarm:
    """A state change with the settings that its event did not tell."""
    return replace(_compared(alarm, entry), is_composite="AlarmRule" in entry, has_settings=True)


def time_of(text: str) -> datetime:
    """`2017-01-12T16:30:42.236+0000` as CloudWatch writes it, and ISO 8601; without an offset it is UTC."""
    time = datetime.fromisoformat(text.strip())
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _compared(alarm: Alarm, settings: Mapping[str, Any]) -> Alarm:
    """With what the alarm compares, which messages and DescribeAlarms spell alike."""
    periods = settings.get("DatapointsToAlarm") or settings.get("EvaluationPeriods") or 1
    threshold = settings.get("Threshold")
    return replace(
        alarm,
        windows=min(WEEK_HOURS, max(1, int(periods))),
        operator=str(settings.get("ComparisonOperator") or ""),
        metric=str(settings.get("MetricName") or _only_metric(settings.get("Metrics") or ())),
        threshold=None if threshold is None else float(threshold),
    )


def _only_metric(queries: Sequence[Mapping[str, Any]]) -> str:
    """The metric of a metric-math alarm over one metric; over several, a report's values say nothing about the expression."""
    names = {str(query["MetricStat"]["Metric"]["MetricName"]) for query in queries if query.get("MetricStat")}
    is_computed = any(query.get("Expression") for query in queries)
    return names.pop() if len(names) == 1 and not is_computed else ""
