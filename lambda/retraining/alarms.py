"""SNS messages of CloudWatch alarms, read into values. Standard library only, no AWS calls.

A message is the JSON text CloudWatch publishes for metric alarms, metric-math alarms and composite alarms; a composite has
`AlarmRule` and `TriggeringChildren` and no `Trigger`. Whatever else arrives on the topic is reported, never guessed at.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

WEEK_HOURS = 7 * 24  # the longest that an alarm looks back, in the shortest periods


@dataclass(frozen=True)
class Alarm:
    """One state change of one alarm.

    windows: how many breaching periods it took to get here, so how many reports tell about it; 1 where the message does not say
        (composite alarms).
    threshold, operator, metric: what was compared with what, and how; None or "" where the message does not say.
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

    def is_beyond(self, value: float) -> bool:
        """Whether a value would breach this alarm; without a threshold none does."""
        if self.threshold is None:
            return False
        if self.operator.startswith("LessThan"):
            return value <= self.threshold if "OrEqual" in self.operator else value < self.threshold
        return value >= self.threshold

    @property
    def id(self) -> str:
        """The identity of the state change: SNS may deliver one message twice."""
        return hashlib.sha256(f"{self.name}|{self.time.isoformat()}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Unreadable:
    """A record that is no alarm message; `problem` says why, without quoting it."""

    message_id: str
    problem: str


def read(event: Mapping[str, Any]) -> Iterator[Alarm | Unreadable]:
    """The alarm in each record of a Lambda event from SNS."""
    records = event.get("Records")
    if not isinstance(records, list):
        yield Unreadable("", "the event has no list Records, so it does not come from SNS")
        return
    for record in records:
        envelope = record.get("Sns") if isinstance(record, Mapping) else None
        if not isinstance(envelope, Mapping):
            yield Unreadable("", "a record has no Sns block")
            continue
        message_id = str(envelope.get("MessageId", ""))
        try:
            yield _alarm(json.loads(envelope["Message"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            yield Unreadable(message_id, f"the message is no alarm notification ({type(error).__name__})")


def _alarm(message: Mapping[str, Any]) -> Alarm:
    trigger = message.get("Trigger")
    trigger = trigger if isinstance(trigger, Mapping) else {}
    periods = trigger.get("DatapointsToAlarm") or trigger.get("EvaluationPeriods") or 1
    return Alarm(
        name=str(message["AlarmName"]),
        new_state=str(message["NewStateValue"]),
        old_state=str(message["OldStateValue"]),
        time=_time(str(message["StateChangeTime"])),
        is_composite="AlarmRule" in message,
        windows=min(WEEK_HOURS, max(1, int(periods))),
        operator=str(trigger.get("ComparisonOperator") or ""),
        metric=str(trigger.get("MetricName") or ""),
        threshold=None if trigger.get("Threshold") is None else float(trigger["Threshold"]),
    )


def _time(text: str) -> datetime:
    """`2017-01-12T16:30:42.236+0000` as CloudWatch writes it, and ISO 8601; without an offset it is UTC."""
    time = datetime.fromisoformat(text.strip())
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
