"""What an event asks of the function. Standard library only, no AWS calls.

Alarms come over SNS, from EventBridge, by a Lambda action, or by hand in any of these forms. Besides, a rule asks for the pass over
alarms that are still in ALARM and tells of training jobs that ended, and people ask for a run or accept a proposal. Whatever else
arrives is reported, never guessed at and never quoted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import alarms
from alarms import Alarm

FORMS = "an SNS record, an alarm's event, or an object with one of the keys run and accept"
STARTERS = ("manual", "schedule")


@dataclass(frozen=True)
class Changed:
    """An alarm changed its state. now: when the message was sent."""

    alarm: Alarm
    now: datetime


@dataclass(frozen=True)
class Pass:
    """Look at every alarm that is in ALARM."""

    now: datetime


@dataclass(frozen=True)
class Wish:
    """A training that a person or a schedule asks for. by: manual or schedule."""

    endpoint: str
    by: str
    reason: str
    now: datetime


@dataclass(frozen=True)
class Accepted:
    """A person accepts a proposal: {endpoint}/{key of the decision}."""

    endpoint: str
    key: str
    now: datetime


@dataclass(frozen=True)
class Ended:
    """A training job ended."""

    job: str
    status: str
    now: datetime


@dataclass(frozen=True)
class Unreadable:
    """What is none of these; `problem` says why, without quoting it."""

    message_id: str
    problem: str


Asked = Changed | Pass | Wish | Accepted | Ended | Unreadable


def read(event: Mapping[str, Any], clock: datetime) -> Iterator[Asked]:
    """All that an event asks for. clock: the time where the event tells none."""
    if "Records" in event:
        records = event["Records"]
        if not isinstance(records, list):
            yield Unreadable("", f"Records should be a list; send {FORMS}")
            return
        for record in records:
            yield _of_record(record, clock)
        return
    try:
        yield _of_event(event, clock)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        yield Unreadable(
            str(event.get("id", "")), f"the event is of no known form ({type(error).__name__}); send {FORMS}"
        )


def _of_record(record: Any, clock: datetime) -> Asked:
    envelope = record.get("Sns") if isinstance(record, Mapping) else None
    if not isinstance(envelope, Mapping):
        return Unreadable("", "a record has no Sns block")
    message_id = str(envelope.get("MessageId", ""))
    try:
        alarm = alarms.of_message(json.loads(envelope["Message"]))
        told = envelope.get("Timestamp")
        now = alarms.time_of(told) if told else clock
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Unreadable(message_id, f"the message is no alarm notification ({type(error).__name__})")
    return Changed(alarm, max(now, alarm.time))


def _of_event(event: Mapping[str, Any], clock: datetime) -> Asked:
    now = alarms.time_of(event["time"]) if "time" in event else clock
    kind = event.get("detail-type")
    if kind == "Scheduled Event" or event.get("pass") is True:
        return Pass(now)
    if kind == "SageMaker Training Job State Change":
        detail = event["detail"]
        return Ended(str(detail["TrainingJobName"]), str(detail["TrainingJobStatus"]), now)
    if "detail" in event or "alarmData" in event:
        alarm = alarms.of_event(event)
        return Changed(alarm, max(now, alarm.time))
    if "AlarmName" in event:
        alarm = alarms.of_message(event)
        return Changed(alarm, max(now, alarm.time))
    if "accept" in event:
        endpoint, _, key = str(event["accept"]).partition("/")
        return Accepted(endpoint, key, now)
    by = str(event.get("started_by", STARTERS[0]))
    if by not in STARTERS:
        raise ValueError(by)
    return Wish(str(event["run"]), by, str(event.get("reason", ""))[:200], now)


def clock() -> datetime:
    """Now, to the second."""
    return datetime.now(UTC).replace(microsecond=0)
