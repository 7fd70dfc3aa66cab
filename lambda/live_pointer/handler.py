"""Custom resource Custom::LivePointer: the SSM parameter that names what is live, seeded once and never overwritten.

After the first deployment the release workflow owns the value; a later deployment, even with another InitialValue, leaves it alone.
Deleting the resource keeps the parameter, so that an endpoint that is deployed again serves what was live last; with KeepData
false it goes, since the bucket that it may name goes, too.
Properties: ParameterName, InitialValue, KeepData. Attribute: Value.
"""

from __future__ import annotations

from typing import Any

import cloudformation
import decide
from aws import client, log, patiently


def handle(event: dict[str, Any], _context: object = None) -> None:
    """Answer CloudFormation, whatever happens: a request without an answer blocks a deployment for an hour."""
    try:
        plan = decide.plan(event)
        value = _seed(plan) if plan.initial_value is not None else ""
        if plan.removes:
            _remove(plan.parameter_name)
        answer = decide.success(event, plan, value)
    except Exception as error:  # noqa: BLE001 (CloudFormation must be told of every failure)
        answer = decide.failure(event, f"{type(error).__name__}: {error}")
    cloudformation.respond(event["ResponseURL"], answer)
    log(
        "live_pointer",
        request=event.get("RequestType"),
        parameter=answer["PhysicalResourceId"],
        status=answer["Status"],
        reason=answer.get("Reason", ""),
    )


def _remove(name: str) -> None:
    ssm = client("ssm")
    try:
        ssm.delete_parameter(Name=name)
    except ssm.exceptions.ParameterNotFound:
        log("removed_before", parameter=name)


def _seed(plan: decide.Plan) -> str:
    """Create the parameter unless it is there; what it holds afterwards."""
    ssm = client("ssm")
    try:
        patiently(
            lambda: ssm.put_parameter(
                Name=plan.parameter_name,
                Value=plan.initial_value,
                Type="String",
                Overwrite=False,
                Description="What is live. Seeded at the first deployment, moved by releases since.",
            )
        )
    except ssm.exceptions.ParameterAlreadyExists:
        return str(ssm.get_parameter(Name=plan.parameter_name)["Parameter"]["Value"])
    return str(plan.initial_value)
