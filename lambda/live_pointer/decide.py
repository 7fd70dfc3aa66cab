"""What a CloudFormation request asks of a live pointer, and how to answer it. No AWS calls, no clock, no environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cloudformation


@dataclass(frozen=True)
class Plan:
    """initial_value: what to seed the parameter with where it does not exist; None: leave everything as it is.

    removes: the buckets go with their stacks, so a value that may name one of them goes, too.
    """

    parameter_name: str
    initial_value: str | None
    removes: bool = False


def plan(event: Mapping[str, Any]) -> Plan:
    """Create and Update make sure that the parameter exists; Delete keeps it, unless no data is kept."""
    properties = event["ResourceProperties"]
    name = properties.get("ParameterName")
    if not isinstance(name, str) or not name.startswith("/"):
        raise ValueError("property ParameterName should be a path that starts with a slash")
    kind = event["RequestType"]
    if kind == "Delete":
        return Plan(name, None, removes=properties.get("KeepData") == "false")
    if kind not in ("Create", "Update"):
        raise ValueError("RequestType should be Create, Update or Delete")
    value = properties.get("InitialValue")
    if not isinstance(value, str) or not value:
        raise ValueError("property InitialValue should be a text that is not empty")
    return Plan(name, value)


def success(event: Mapping[str, Any], done: Plan, value: str) -> dict[str, Any]:
    """The physical id is the parameter's name: another name is another resource."""
    return cloudformation.success(event, done.parameter_name, {"Value": value} if value else {})


def failure(event: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """An answer that fails the deployment with the reason in its events."""
    name = event.get("PhysicalResourceId") or event.get("ResourceProperties", {}).get("ParameterName") or "live-pointer"
    return cloudformation.failure(event, str(name), reason)
