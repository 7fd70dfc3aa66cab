"""What a schedule is given, refused where the service refuses it or the twin would not honour it. Pure, but for the roles."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from twin.api import ApiError
from twin.scheduler import expressions
from twin.surroundings import Surroundings

PRINCIPAL: Final = "scheduler.amazonaws.com"
NAME: Final = re.compile(r"[0-9a-zA-Z-_.]{1,64}")
SETTINGS: Final = (
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "FlexibleTimeWindow",
    "State",
    "StartDate",
    "EndDate",
    "Description",
    "KmsKeyArn",
    "ActionAfterCompletion",
    "Target",
)
TARGET: Final = frozenset({"Arn", "RoleArn", "Input", "RetryPolicy", "DeadLetterConfig", "SqsParameters"})
TARGETS: Final = {  # how the ARN of each kind begins after the account
    "states": "stateMachine:",
    "lambda": "function:",
    "sqs": "",
}
LONGEST_WINDOW: Final = 1440
DEFAULTS: Final = {"ScheduleExpressionTimezone": "UTC", "State": "ENABLED", "ActionAfterCompletion": "NONE"}
RETRIES: Final = {"MaximumEventAgeInSeconds": (60, 86_400), "MaximumRetryAttempts": (0, 185)}


def invalid(message: str) -> ApiError:
    """Scheduler's refusal."""
    return ApiError("ValidationException", message)


def check(twin: Surroundings, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a schedule, completed. Raises: ApiError."""
    settings = {**DEFAULTS, **{name: asked[name] for name in SETTINGS if asked.get(name) is not None}}
    try:
        expressions.parse(settings["ScheduleExpression"], settings["ScheduleExpressionTimezone"])
    except ValueError as error:
        raise invalid(f"Invalid Schedule Expression {settings['ScheduleExpression']}: {error}") from error
    if settings["State"] not in ("ENABLED", "DISABLED"):
        raise invalid(f"State {settings['State']}: expected ENABLED or DISABLED")
    _check_window(settings["FlexibleTimeWindow"])
    settings["Target"] = _target(twin, settings["Target"])
    return settings


def _check_window(window: Mapping[str, Any]) -> None:
    mode, length = window.get("Mode"), window.get("MaximumWindowInMinutes")
    if mode == "FLEXIBLE" and length is not None and 1 <= length <= LONGEST_WINDOW:
        return
    if mode != "OFF" or length is not None:
        raise invalid(
            "FlexibleTimeWindow: expected Mode OFF alone, or FLEXIBLE with MaximumWindowInMinutes from 1 to "
            f"{LONGEST_WINDOW}, found {mode} with {length}"
        )


def _target(twin: Surroundings, target: Mapping[str, Any]) -> dict[str, Any]:
    surplus = sorted(set(target) - TARGET)
    if surplus:
        raise ApiError("NotImplementedByTwin", f"the twin's schedules have no targets with {', '.join(surplus)}")
    service, _, rest = target["Arn"].partition("arn:aws:")[2].partition(":")
    resource = rest.partition(":")[2].partition(":")[2]
    if service not in TARGETS or not resource.startswith(TARGETS[service]):
        raise ApiError(
            "NotImplementedByTwin",
            f"the twin's schedules call state machines, functions and queues by their ARN only, found {target['Arn']}",
        )
    if "SqsParameters" in target and service != "sqs":
        raise invalid("SqsParameters are for queues only")
    if service != "sqs" and "Input" in target:
        _check_json(target["Input"])
    if not twin.identity.trusts(target["RoleArn"], PRINCIPAL):
        raise invalid(
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role: "
            f"{target['RoleArn']} does not trust {PRINCIPAL}"
        )
    queue = (target.get("DeadLetterConfig") or {}).get("Arn", "arn:aws:sqs:")
    if not queue.startswith("arn:aws:sqs:") or queue.endswith(".fifo"):
        raise invalid(f"DeadLetterConfig: {queue} is no standard SQS queue")
    policy = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185, **(target.get("RetryPolicy") or {})}
    for name, (least, most) in RETRIES.items():
        if not least <= policy[name] <= most:
            raise invalid(f"RetryPolicy: {name} is from {least} to {most}, found {policy[name]}")
    return {**target, "RetryPolicy": policy}


def _check_json(text: str) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        raise invalid(f"Invalid Input for target: expected JSON: {error}") from error


def check_name(name: str) -> None:
    """Raises: ApiError."""
    if not NAME.fullmatch(name):
        raise invalid(f"Name {name}: 1 to 64 letters, digits and - _ .")
