"""EventBridge: rules and their targets."""

from __future__ import annotations

import json

from twin.cloudformation.shapes import arguments, only, part
from twin.cloudformation.types import Made, Properties, Request, Types


def register(types: Types) -> None:
    types.register_type(
        "AWS::Events::Rule",
        create=_create_rule,
        update=_update_rule,
        delete=_delete_rule,
        replaced_by={"Name", "EventBusName"},
    )


def _create_rule(request: Request) -> Made:
    name = request.properties.get("Name") or request.name()
    return _put_rule(request, name)


def _update_rule(request: Request) -> Made:
    kept = {target["Id"] for target in request.properties.get("Targets", [])}
    gone = [target["Id"] for target in request.previous.get("Targets", []) if target["Id"] not in kept]
    if gone:
        request.client("events").remove_targets(Rule=request.ref, Ids=gone)
    return _put_rule(request, request.ref)


def _put_rule(request: Request, name: str) -> Made:
    wanted = only(request, "Name", "Description", "EventPattern", "ScheduleExpression", "State", "Targets", "Tags")
    settings: Properties = part(wanted, "Description", "ScheduleExpression", "State")
    if "EventPattern" in wanted:
        settings["EventPattern"] = json.dumps(wanted["EventPattern"])
    events = request.client("events")
    arn = events.put_rule(Name=name, **settings)["RuleArn"]
    targets = arguments("events", "PutTargets", {"Targets": wanted.get("Targets", [])})["Targets"]
    if targets:
        events.put_targets(Rule=name, Targets=targets)
    return Made(name, {"Arn": arn})


def _delete_rule(request: Request) -> None:
    events = request.client("events")
    ids = [target["Id"] for target in request.properties.get("Targets", [])]
    if ids:
        events.remove_targets(Rule=request.ref, Ids=ids)
    events.delete_rule(Name=request.ref)
