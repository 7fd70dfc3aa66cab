"""Custom resource Custom::QuietSchedule: a deletion waits here until no run of the schedule goes on.

Its stack deletes it after the schedule and before what runs need: the function, the roles, the document. A run that lasts longer
than this function fails the deletion with its name, and the next one goes on from there. Properties: Schedule, MachineArn.
"""

from __future__ import annotations

import time
from typing import Any

import cloudformation
import decide
from aws import client, log
from botocore.exceptions import ClientError

PAUSE_SECONDS, LONGEST_SECONDS = 10, 840  # a minute less than Lambda allows


def handle(event: dict[str, Any], _context: object = None) -> None:
    """Answer CloudFormation, whatever happens: a request without an answer blocks a deployment for an hour."""
    name = str(event.get("ResourceProperties", {}).get("Schedule") or "quiet-schedule")
    try:
        schedule = decide.schedule_to_wait_for(event)
        if schedule is not None:
            _wait(schedule, event["ResourceProperties"]["MachineArn"])
        answer = cloudformation.success(event, name, {})
    except Exception as error:  # noqa: BLE001 (CloudFormation must be told of every failure)
        answer = cloudformation.failure(event, name, f"{type(error).__name__}: {error}")
    cloudformation.respond(event["ResponseURL"], answer)
    log("quiet", request=event.get("RequestType"), schedule=name, status=answer["Status"])


def _wait(schedule: str, machine_arn: str) -> None:
    until = time.monotonic() + LONGEST_SECONDS
    while running := _running_there(schedule, machine_arn):
        if time.monotonic() + PAUSE_SECONDS > until:
            raise TimeoutError(f"a run of {schedule} goes on ({running}). Delete the stack again when it has ended.")
        time.sleep(PAUSE_SECONDS)


def _running_there(schedule: str, machine_arn: str) -> str:
    """As `_running`; a machine that is gone runs nothing."""
    try:
        return _running(schedule, machine_arn)
    except ClientError as error:
        if error.response["Error"]["Code"] != "StateMachineDoesNotExist":
            raise
        return ""


def _running(schedule: str, machine_arn: str) -> str:
    """The name of an execution; "" where none goes on."""
    states = client("stepfunctions")
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine_arn, statusFilter="RUNNING")
    for page in pages:
        for execution in page["executions"]:
            given = states.describe_execution(executionArn=execution["executionArn"]).get("input", "")
            if decide.is_of(schedule, given):
                return str(execution["name"])
    return ""
