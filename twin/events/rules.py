"""EventBridge: rules that match events or follow a schedule of virtual time, and what they start.

Rules and targets are moto's records; matching, schedules and delivery are ours. Targets: Lambda functions, SNS topics and SQS
queues; others are refused when they are put. A target whose policy does not admit EventBridge is not called, and the journal
says so.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from twin.api import ApiError, Call
from twin.clock import Order
from twin.events import patterns, rates
from twin.functions.functions import Functions
from twin.iam.service_principals import EVENTBRIDGE
from twin.surroundings import Surroundings

TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"
CHANGES: Final = ("PutRule", "DeleteRule", "EnableRule", "DisableRule", "PutTargets", "RemoveTargets")
SERVICES: Final = ("lambda", "sns", "sqs")
PLACEHOLDER: Final = re.compile(r"<([A-Za-z0-9_.-]+)>")
INPUT_KEYS: Final = {
    "Id",
    "Arn",
    "Input",
    "InputPath",
    "InputTransformer",
    "RoleArn",
    "RetryPolicy",
    "DeadLetterConfig",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as deployed, with its targets."""

    name: str
    arn: str
    pattern: Mapping[str, Any] | None
    schedule: rates.Schedule | None
    targets: tuple[Mapping[str, Any], ...]


class Events:
    """The default event bus of the account."""

    def __init__(self, twin: Surroundings, functions: Functions) -> None:
        self._twin, self._functions = twin, functions
        self._rules: tuple[Rule, ...] | None = None
        self._born: dict[str, datetime] = {}  # when a rule was first seen: rate() counts from there
        twin.api.gate(self._check)
        twin.api.observe(self._notice)
        twin.api.register("events", PutEvents=self._put_events)
        twin.clock.register(self.tick, Order.RULES)

    def emit(
        self, source: str, detail_type: str, detail: Mapping[str, Any], resources: list[str] | None = None
    ) -> None:
        """Send an event of an AWS service now."""
        self._deliver(source, detail_type, detail, resources or [], self._twin.clock.now())

    def tick(self, minute: datetime) -> None:
        """Start what is scheduled for a minute."""
        for rule in self._deployed():
            if rule.schedule is not None and rule.schedule.is_due(minute, self._born[rule.arn]):
                event = self._envelope("aws.events", "Scheduled Event", {}, [rule.arn], minute)
                self._start(rule, event)

    def _deliver(
        self, source: str, detail_type: str, detail: Mapping[str, Any], resources: list[str], time: datetime
    ) -> str:
        event = self._envelope(source, detail_type, detail, resources, time)
        matching = [r for r in self._deployed() if r.pattern is not None and patterns.matches(r.pattern, event)]
        names = ", ".join(rule.name for rule in matching)
        text = f"{detail_type} from {source} → {names or 'no rule'}"
        self._twin.journal.add("event", text, event=event, rules=[rule.name for rule in matching])
        for rule in matching:
            self._start(rule, event)
        return str(event["id"])

    def _envelope(
        self, source: str, detail_type: str, detail: Mapping[str, Any], resources: list[str], time: datetime
    ) -> dict[str, Any]:
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": self._twin.account,
            "time": time.strftime(TIME_FORMAT),
            "region": self._twin.region,
            "resources": resources,
            "detail": json.loads(json.dumps(detail, default=str)),
        }

    def _start(self, rule: Rule, event: Mapping[str, Any]) -> None:
        for target in rule.targets:
            arn, service = target["Arn"], target["Arn"].split(":")[2]
            payload = _input(target, event, rule)
            cause = f"rule {rule.name}"
            try:
                if service == "lambda":
                    if not self._functions.permits(arn, EVENTBRIDGE, rule.arn):
                        raise ApiError("AccessDeniedException", f"no permission of {arn} admits events.amazonaws.com")
                    self._functions.invoke_later(arn, payload, cause)
                elif service == "sns":
                    topics = self._twin.client("sns", principal=EVENTBRIDGE)
                    topics.publish(TopicArn=arn, Message=json.dumps(payload))
                else:
                    url = self._twin.client("sqs").get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
                    self._twin.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(payload))
            except Exception as error:  # noqa: BLE001  as in AWS, a failed delivery stops neither the rule nor the sender
                self._twin.journal.add(
                    "event", f"{cause}: {arn} not reached: {error}", rule=rule.name, error=str(error)
                )

    # --- rules ----------------------------------------------------------------------------------------------------------

    def _deployed(self) -> tuple[Rule, ...]:
        rules = self._rules
        if rules is None:
            rules = self._rules = tuple(self._read())
        return rules

    def _read(self) -> list[Rule]:
        client, rules = self._twin.client("events"), []
        for page in client.get_paginator("list_rules").paginate():
            for found in page["Rules"]:
                if found["State"] == "DISABLED":
                    continue
                targets = client.list_targets_by_rule(Rule=found["Name"])["Targets"]
                pattern = json.loads(found["EventPattern"]) if found.get("EventPattern") else None
                expression = found.get("ScheduleExpression")
                schedule = rates.parse(expression) if expression else None
                rules.append(Rule(found["Name"], found["Arn"], pattern, schedule, tuple(targets)))
                self._born.setdefault(found["Arn"], self._twin.clock.now())
        return rules

    def _notice(self, call: Call) -> None:
        if call.service == "events" and call.operation in CHANGES:
            self._rules = None
            if call.operation == "DeleteRule":
                suffix = f":rule/{call.parameters.get('Name')}"
                self._born = {arn: time for arn, time in self._born.items() if not arn.endswith(suffix)}
            elif call.operation == "PutRule" and not call.error:
                arn = f"arn:aws:events:{self._twin.region}:{self._twin.account}:rule/{call.parameters['Name']}"
                self._born.setdefault(arn, self._twin.clock.now())

    def _check(self, call: Call) -> None:
        """Refuse what the twin would not honour, when it is put."""
        if call.service != "events":
            return
        asked = call.parameters
        if call.operation == "PutRule":
            try:
                if asked.get("EventPattern"):
                    patterns.check(json.loads(asked["EventPattern"]))
                if asked.get("ScheduleExpression"):
                    rates.parse(asked["ScheduleExpression"])
            except patterns.PatternError as error:
                raise ApiError(
                    "InvalidEventPatternException", f"Event pattern is not valid. Reason: {error}"
                ) from error
            except ValueError as error:
                raise ApiError("ValidationException", f"Parameter ScheduleExpression is not valid: {error}") from error
        if call.operation == "PutTargets":
            for target in asked.get("Targets", []):
                surplus = sorted(set(target) - INPUT_KEYS)
                service = target["Arn"].split(":")[2]
                if service not in SERVICES or surplus:
                    what = f"settings {', '.join(surplus)}" if surplus else f"targets of {service}"
                    raise ApiError(
                        "NotImplementedByTwin", f"the twin's rules have no {what}; targets: {', '.join(SERVICES)}"
                    )
        if asked.get("EventBusName", "default") != "default" or call.operation == "CreateEventBus":
            raise ApiError("NotImplementedByTwin", "the twin has the default event bus only")

    def _put_events(self, asked: dict[str, Any], call: Call) -> dict[str, Any]:
        del call
        answers = []
        for entry in asked["Entries"]:
            time = entry.get("Time") or self._twin.clock.now()
            if not isinstance(time, datetime):
                time = datetime.fromtimestamp(float(time), UTC)
            try:
                detail = json.loads(entry.get("Detail", ""))
            except ValueError:
                answers.append({"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."})
                continue
            identity = self._deliver(entry["Source"], entry["DetailType"], detail, entry.get("Resources", []), time)
            answers.append({"EventId": identity})
        return {"FailedEntryCount": sum("ErrorCode" in a for a in answers), "Entries": answers}


def _input(target: Mapping[str, Any], event: Mapping[str, Any], rule: Rule) -> Any:
    """What a target is given: its constant, a part of the event, a template filled from it, or the event itself."""
    if "Input" in target:
        return json.loads(target["Input"])
    if "InputPath" in target:
        return _at(event, target["InputPath"])
    if "InputTransformer" in target:
        transformer = target["InputTransformer"]
        values = {name: _at(event, path) for name, path in transformer.get("InputPathsMap", {}).items()}
        values |= {"aws.events.rule-arn": rule.arn, "aws.events.rule-name": rule.name, "aws.events.event.json": event}
        text = PLACEHOLDER.sub(lambda m: _quoted(values, m, transformer["InputTemplate"]), transformer["InputTemplate"])
        try:
            return json.loads(text)
        except ValueError:
            return text
    return event


def _quoted(values: Mapping[str, Any], match: re.Match[str], template: str) -> str:
    value = values.get(match.group(1))
    inside_text = template[: match.start()].count('"') % 2 == 1
    return value if inside_text and isinstance(value, str) else json.dumps(value)


def _at(event: Any, path: str) -> Any:
    """`$.detail.name[0]` of an event; None where there is nothing."""
    for step in re.findall(r"[^.\[\]$]+", path):
        if isinstance(event, list):
            event = event[int(step)] if int(step) < len(event) else None
        else:
            event = event.get(step) if isinstance(event, Mapping) else None
    return event
