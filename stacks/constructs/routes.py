"""Who else is told of what: topics beside the one of everybody, by endpoint and by how urgent it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import Stack, aws_cloudwatch as cloudwatch, aws_cloudwatch_actions as actions, aws_sns as sns
from constructs import Construct

from stacks.settings.environment import Recipients

COMPOSITE: Final = cloudwatch.CfnCompositeAlarm
URGENT: Final = "urgent"
NOTICE: Final = "notice"
NOTICES: Final = (  # how names of alarms go on after the schedule's; every other is urgent
    "drift",
    "prediction-drift",
    "bias-drift",
    "attribution-drift",
    "custom",
    "rehearsal",
    "label",
    "updating",
)


@dataclass(frozen=True)
class Route:
    """A topic and what goes there."""

    topic: sns.ITopic
    recipients: Recipients


def severity(what: str) -> str:
    """Of an alarm, by how its name goes on after its schedule's."""
    return NOTICE if what.startswith(NOTICES) else URGENT


def as_variable(routes: Sequence[Route]) -> dict[str, str]:
    """As functions read it; nothing where there are none."""
    found: list[dict[str, Any]] = [
        {
            "topic": route.topic.topic_arn,
            "endpoints": list(route.recipients.endpoints),
            "severities": list(route.recipients.severities),
        }
        for route in routes
    ]
    return {"ROUTES": json.dumps(found)} if found else {}


def tell_more(
    scope: Construct, endpoint: str, prefixes: Sequence[str], routes: Sequence[Route], topic: sns.ITopic | None
) -> None:
    """Let alarms below `scope` that tell people tell these, too. Silent ones stay silent.

    prefixes: how names of its alarms begin, the longest first. topic: of everybody, where alarms also say that they are over.
    """
    for alarm in scope.node.find_all():
        made = alarm.node.default_child
        if not isinstance(alarm, cloudwatch.AlarmBase) or not isinstance(made, (cloudwatch.CfnAlarm, COMPOSITE)):
            continue
        if not Stack.of(scope).resolve(made.alarm_actions):
            continue
        name = str(made.alarm_name)
        what = next((name.removeprefix(start) for start in prefixes if name.startswith(start)), name)
        more = [route.topic for route in routes if route.recipients.are_told(endpoint, severity(what))]
        for each in more:
            alarm.add_alarm_action(actions.SnsAction(each))
        everybody = [] if topic is None else [topic, *more]
        ends = more if isinstance(made, COMPOSITE) else everybody  # a composite one tells everybody by itself
        for each in ends:
            alarm.add_ok_action(actions.SnsAction(each))
