"""Approval Lambda: keeps an execution waiting until a person has decided about its package in the registry.

Environment: TABLE (of the control plane), TOPIC_ARN (who is asked).
Event: {"token", "plan", "now"} of the state machine, or `SageMaker Model Package State Change` of EventBridge. A person may be
faster than the token is kept, so the package is looked at once more after that.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

import decide
from aws import client, client_as, log, table_named

GONE = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")  # the execution does not wait any more


def handle(event: dict[str, Any], _context: object = None) -> None:
    """Ask, or pass an answer on. Raises: what AWS says of a call."""
    if "token" in event:
        _ask(event["token"], event["plan"], datetime.fromisoformat(event["now"]))
    elif (answer := decide.answered(event)) is not None:
        _pass_on(answer)


def _ask(token: str, plan: dict[str, Any], now: datetime) -> None:
    arn = plan["package"]["answer"]["package_arn"]
    expires = int((now + timedelta(seconds=plan["approval_seconds"], days=1)).timestamp())
    _table().put_item(Item={**decide.token_key(arn), "token": token, "run": plan["run"], "expires": expires})
    subject, text = decide.question(plan, arn, plan["approval_seconds"] / 3600)
    client("sns").publish(TopicArn=os.environ["TOPIC_ARN"], Subject=subject, Message=text)
    log("asked", endpoint=plan["endpoint"], run=plan["run"], package=arn)
    registry = client_as("sagemaker", plan.get("registry_role", ""))
    found = registry.describe_model_package(ModelPackageName=arn)["ModelApprovalStatus"]
    if found in (decide.APPROVED, decide.REJECTED):
        _pass_on(decide.Answer(arn, found))


def _pass_on(answer: decide.Answer) -> None:
    item = _table().get_item(Key=decide.token_key(answer.package_arn), ConsistentRead=True).get("Item")
    if item is None:
        log("nobody_waits", package=answer.package_arn, status=answer.status)
        return
    states = client("stepfunctions")
    try:
        if answer.is_approved:
            states.send_task_success(taskToken=item["token"], output=decide.output(answer))
        else:
            states.send_task_failure(
                taskToken=item["token"],
                error=decide.REJECTED,
                cause=f"{answer.package_arn} was rejected in the registry",
            )
    except states.exceptions.ClientError as error:
        if error.response.get("Error", {}).get("Code") not in GONE:
            raise
        log("too_late", package=answer.package_arn, status=answer.status)
    _table().delete_item(Key=decide.token_key(answer.package_arn))


def _table() -> Any:
    return table_named(os.environ["TABLE"])
