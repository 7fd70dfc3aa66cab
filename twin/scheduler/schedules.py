"""EventBridge Scheduler: groups, schedules, and what they start on the virtual clock.

A schedule acts as its role. A call that fails is tried again, each time after twice as long, until its attempts or its age
are used up; then it goes to the dead-letter queue with what went wrong. A flexible window moves a call by a part of the window
that is the same in every run; its scheduled time stays exact.

`deliver_twice` is for tests: every event comes a second time, in turn at once and after the schedule's next one, and the events
of one minute come in reversed order. The service promises no more than at least once.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import ClientError

from twin.api import ApiError, Call
from twin.clock import MINUTE, Order, aware
from twin.listing import page
from twin.scheduler import expressions
from twin.scheduler.settings import check, check_name, invalid
from twin.surroundings import Surroundings

DEFAULT: Final = "default"
TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
LATE: Final = timedelta(minutes=61)  # a second copy that comes after the next event of an hourly schedule


@dataclass(eq=False)
class Group:
    """A group of schedules."""

    name: str
    arn: str
    created: datetime

    def describe(self) -> dict[str, Any]:
        times = {"CreationDate": self.created, "LastModificationDate": self.created}
        return {"Name": self.name, "Arn": self.arn, "State": "ACTIVE", **times}


@dataclass(eq=False)
class Schedule:
    """A schedule as it stands. `fired` counts its events."""

    name: str
    group: str
    arn: str
    settings: dict[str, Any]
    created: datetime
    modified: datetime
    fired: int = 0

    @property
    def target(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.settings["Target"]
        return found

    @property
    def expression(self) -> expressions.Expression:
        return expressions.parse(self.settings["ScheduleExpression"], self.settings["ScheduleExpressionTimezone"])

    def describe(self) -> dict[str, Any]:
        times = {"CreationDate": self.created, "LastModificationDate": self.modified}
        return {"Name": self.name, "GroupName": self.group, "Arn": self.arn, **self.settings, **times}

    def summary(self) -> dict[str, Any]:
        shown = ("Name", "GroupName", "Arn", "State", "CreationDate", "LastModificationDate")
        known = self.describe()
        return {**{name: known[name] for name in shown}, "Target": {"Arn": self.target["Arn"]}}

    def is_due(self, minute: datetime) -> bool:
        """Whether an event of it is scheduled for this minute."""
        first, last = self.settings.get("StartDate"), self.settings.get("EndDate")
        if self.settings["State"] != "ENABLED" or minute <= self.created.replace(second=0, microsecond=0):
            return False
        if (first is not None and minute < aware(first)) or (last is not None and minute > aware(last)):
            return False
        return self.expression.is_due(minute, aware(first) - MINUTE if first is not None else self.created)

    def offset(self, scheduled: datetime) -> timedelta:
        """How far into its flexible window an event is delivered."""
        window = self.settings["FlexibleTimeWindow"].get("MaximumWindowInMinutes", 0)
        digest = hashlib.sha256(f"{self.arn}/{scheduled.isoformat()}".encode()).digest()
        return timedelta(minutes=int.from_bytes(digest[:4], "big") % window if window else 0)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a schedule, to be delivered. `target` is what the schedule said when it was due."""

    schedule: str
    target: Mapping[str, Any]
    scheduled: datetime
    identity: str

    def text(self, attempt: int) -> str:
        """The target's input with its context attributes filled in."""
        attributes = {
            "schedule-arn": self.schedule,
            "scheduled-time": self.scheduled.strftime(TIME),
            "execution-id": self.identity,
            "attempt-number": str(attempt),
        }
        text = str(self.target.get("Input") or "{}")
        for name, value in attributes.items():
            text = text.replace(f"<aws.scheduler.{name}>", value)
        return text


@dataclass(order=True)
class _Delivery:
    due: datetime
    number: int
    event: Event = field(compare=False)
    attempt: int = field(compare=False, default=1)


class Scheduler:
    """All schedules of the account."""

    def __init__(self, twin: Surroundings) -> None:
        self.deliver_twice = False
        self._twin = twin
        self._schedules: dict[tuple[str, str], Schedule] = {}
        self._groups: dict[str, Group] = {}
        self._deliveries: list[_Delivery] = []
        self._numbers = itertools.count()
        operations: dict[str, Callable[[dict[str, Any], Call], dict[str, Any] | None]] = {
            "CreateSchedule": self.create,
            "GetSchedule": lambda asked, _: self._find(asked).describe(),
            "UpdateSchedule": self.update,
            "DeleteSchedule": self.delete,
            "ListSchedules": self.list,
            "CreateScheduleGroup": self.create_group,
            "GetScheduleGroup": lambda asked, _: self._group(asked["Name"]).describe(),
            "DeleteScheduleGroup": self.delete_group,
            "ListScheduleGroups": self.list_groups,
        }
        twin.api.register("scheduler", **operations)
        twin.clock.register(self._tick, Order.SCHEDULES)

    # --- time -----------------------------------------------------------------------------------------------------------

    def _tick(self, minute: datetime) -> None:
        """Note what is due, then deliver whatever has its time."""
        for schedule in tuple(self._schedules.values()):
            if schedule.is_due(minute):
                self._fire(schedule, minute)
            if schedule.settings["ActionAfterCompletion"] == "DELETE" and schedule.expression.is_over(minute):
                self._schedules.pop((schedule.group, schedule.name), None)
        due = []
        while self._deliveries and self._deliveries[0].due <= minute:
            due.append(heapq.heappop(self._deliveries))
        for delivery in reversed(due) if self.deliver_twice else due:
            self._deliver(delivery, minute)

    def _fire(self, schedule: Schedule, scheduled: datetime) -> None:
        digest = hashlib.sha256(f"{schedule.arn}/{scheduled.isoformat()}/id".encode()).digest()
        event = Event(schedule.arn, schedule.target, scheduled, str(uuid.UUID(bytes=digest[:16], version=4)))
        due = scheduled + schedule.offset(scheduled)
        self._later(due, event)
        if self.deliver_twice:
            self._later(due + (LATE if schedule.fired % 2 else timedelta(0)), event)
        schedule.fired += 1

    def _later(self, due: datetime, event: Event, attempt: int = 1) -> None:
        heapq.heappush(self._deliveries, _Delivery(due, next(self._numbers), event, attempt))

    def _deliver(self, delivery: _Delivery, minute: datetime) -> None:
        event, attempt = delivery.event, delivery.attempt
        name = event.schedule.partition("schedule/")[2]
        try:
            self._call(event, event.text(attempt))
        except ClientError as error:
            self._journal(name, event, f"not delivered: {error}", attempt, str(error))
            self._try_again(event, attempt, minute, error)
        else:
            self._journal(name, event, "delivered", attempt)

    def _journal(self, name: str, event: Event, what: str, attempt: int, error: str = "") -> None:
        self._twin.journal.add(
            "scheduler",
            f"{name} of {event.scheduled.strftime(TIME)} → {event.target['Arn'].rpartition(':')[2]}: {what}",
            schedule=name,
            scheduled=event.scheduled,
            attempt=attempt,
            error=error,
        )

    def _call(self, event: Event, text: str) -> None:
        """Call the target as the schedule's role. Raises: ClientError."""
        arn, role = event.target["Arn"], event.target["RoleArn"]
        service = arn.split(":")[2]
        if service == "states":
            self._twin.client("stepfunctions", role).start_execution(stateMachineArn=arn, input=text)
        elif service == "lambda":
            functions = self._twin.client("lambda", role)
            functions.invoke(FunctionName=arn, InvocationType="Event", Payload=text.encode())
        else:
            more = event.target.get("SqsParameters") or {}
            queues = self._twin.client("sqs", role)
            queues.send_message(QueueUrl=self._queue(arn), MessageBody=text, **more)

    def _queue(self, arn: str) -> str:
        found = self._twin.client("sqs").get_queue_url(QueueName=arn.rpartition(":")[2])
        return str(found["QueueUrl"])

    def _try_again(self, event: Event, attempt: int, minute: datetime, error: ClientError) -> None:
        policy = event.target["RetryPolicy"]
        due = minute + MINUTE * 2 ** min(attempt - 1, 6)
        if attempt > policy["MaximumRetryAttempts"]:
            self._give_up(event, attempt, error, "MaximumRetryAttempts")
        elif (due - event.scheduled).total_seconds() > policy["MaximumEventAgeInSeconds"]:
            self._give_up(event, attempt, error, "MaximumEventAgeInSeconds")
        else:
            self._later(due, event, attempt + 1)

    def _give_up(self, event: Event, attempt: int, error: ClientError, condition: str) -> None:
        """Hand the event to the dead-letter queue, as the schedule's role."""
        queue = (event.target.get("DeadLetterConfig") or {}).get("Arn")
        if queue is None:
            return
        attributes = {
            "ERROR_CODE": error.response["Error"]["Code"],
            "ERROR_MESSAGE": error.response["Error"]["Message"][:1024],
            "EXECUTION_ID": event.identity,
            "EXHAUSTED_RETRY_CONDITION": condition,
            "IS_PAYLOAD_TRUNCATED": "false",
            "RETRY_ATTEMPTS": str(attempt - 1),
            "SCHEDULED_TIME": event.scheduled.strftime(TIME),
            "SCHEDULE_ARN": event.schedule,
            "TARGET_ARN": event.target["Arn"],
        }
        named = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        name = event.schedule.partition("schedule/")[2]
        try:
            queues = self._twin.client("sqs", event.target["RoleArn"])
            queues.send_message(QueueUrl=self._queue(queue), MessageBody=event.text(attempt), MessageAttributes=named)
        except ClientError as lost:
            self._journal(name, event, f"lost: the dead-letter queue was not reached: {lost}", attempt, str(lost))
        else:
            self._journal(name, event, "given to the dead-letter queue", attempt, str(error))

    # --- schedules ------------------------------------------------------------------------------------------------------

    def create(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        name, group = asked["Name"], asked.get("GroupName") or DEFAULT
        check_name(name)
        self._group(group)
        if (group, name) in self._schedules:
            raise ApiError("ConflictException", f"Schedule {name} already exists.")
        now = self._twin.clock.now()
        arn = f"arn:aws:scheduler:{self._twin.region}:{self._twin.account}:schedule/{group}/{name}"
        settings = check(self._twin, asked)
        if expressions.parse(settings["ScheduleExpression"], settings["ScheduleExpressionTimezone"]).is_over(now):
            raise invalid(f"{settings['ScheduleExpression']} has passed")
        self._schedules[group, name] = Schedule(name, group, arn, settings, now, now)
        return {"ScheduleArn": arn}

    def update(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        """All settings anew: what is not given has its default, as at the service."""
        schedule = self._find(asked)
        schedule.settings = check(self._twin, asked)
        schedule.modified = self._twin.clock.now()
        return {"ScheduleArn": schedule.arn}

    def delete(self, asked: dict[str, Any], _: Call) -> None:
        schedule = self._find(asked)
        del self._schedules[schedule.group, schedule.name]

    def list(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        group, state, prefix = asked.get("GroupName"), asked.get("State"), asked.get("NamePrefix") or ""
        found = [
            s.summary()
            for s in self._schedules.values()
            if group in (None, s.group) and state in (None, s.settings["State"]) and s.name.startswith(prefix)
        ]
        return page("Schedules", found, asked.get("NextToken"), asked.get("MaxResults") or 100)

    def _find(self, asked: Mapping[str, Any]) -> Schedule:
        key = (asked.get("GroupName") or DEFAULT, asked["Name"])
        if key not in self._schedules:
            raise ApiError("ResourceNotFoundException", f"Schedule {asked['Name']} does not exist.")
        return self._schedules[key]

    # --- groups ---------------------------------------------------------------------------------------------------------

    def create_group(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        name = asked["Name"]
        check_name(name)
        if name == DEFAULT or name in self._groups:
            raise ApiError("ConflictException", f"Schedule group {name} already exists.")
        self._groups[name] = self._made(name)
        return {"ScheduleGroupArn": self._groups[name].arn}

    def delete_group(self, asked: dict[str, Any], _: Call) -> None:
        """With all its schedules."""
        group = self._group(asked["Name"])
        if group.name == DEFAULT:
            raise invalid("The default schedule group cannot be deleted.")
        del self._groups[group.name]
        self._schedules = {key: s for key, s in self._schedules.items() if s.group != group.name}

    def list_groups(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        prefix = asked.get("NamePrefix") or ""
        groups = (self._group(DEFAULT), *self._groups.values())
        found = [group.describe() for group in groups if group.name.startswith(prefix)]
        return page("ScheduleGroups", found, asked.get("NextToken"), asked.get("MaxResults") or 100)

    def _group(self, name: str) -> Group:
        """A group; the default one is always there."""
        if name == DEFAULT:
            return self._made(name)
        if name not in self._groups:
            raise ApiError("ResourceNotFoundException", f"Schedule group {name} does not exist.")
        return self._groups[name]

    def _made(self, name: str) -> Group:
        arn = f"arn:aws:scheduler:{self._twin.region}:{self._twin.account}:schedule-group/{name}"
        return Group(name, arn, self._twin.clock.now())
