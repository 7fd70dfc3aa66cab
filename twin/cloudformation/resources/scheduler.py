"""EventBridge Scheduler: groups and schedules."""

from __future__ import annotations

from typing import Final

from twin.cloudformation.shapes import arguments, only, part, tags
from twin.cloudformation.types import Made, Properties, Request, Types

SETTINGS: Final = (
    "Description",
    "EndDate",
    "FlexibleTimeWindow",
    "GroupName",
    "KmsKeyArn",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "State",
    "Target",
)


def register(types: Types) -> None:
    types.register_type(
        "AWS::Scheduler::ScheduleGroup",
        create=_create_group,
        delete=lambda request: request.client("scheduler").delete_schedule_group(Name=request.ref),
        replaced_by={"Name"},
        update=lambda request: _group(request, request.ref),
    )
    types.register_type(
        "AWS::Scheduler::Schedule",
        create=_create_schedule,
        update=_update_schedule,
        delete=_delete_schedule,
        replaced_by={"Name", "GroupName"},
    )


def _create_group(request: Request) -> Made:
    wanted = only(request, "Name", "Tags")
    name = wanted.get("Name") or request.name()
    request.client("scheduler").create_schedule_group(Name=name, Tags=tags(request))
    return _group(request, name)


def _group(request: Request, name: str) -> Made:
    found = request.client("scheduler").get_schedule_group(Name=name)
    return Made(name, {key: str(found[key]) for key in ("Arn", "State", "CreationDate", "LastModificationDate")})


def _settings(request: Request, operation: str) -> Properties:
    return arguments("scheduler", operation, part(only(request, "Name", *SETTINGS), *SETTINGS))


def _create_schedule(request: Request) -> Made:
    name = request.properties.get("Name") or request.name()
    arn = request.client("scheduler").create_schedule(Name=name, **_settings(request, "CreateSchedule"))["ScheduleArn"]
    return Made(name, {"Arn": arn})


def _update_schedule(request: Request) -> Made:
    settings = _settings(request, "UpdateSchedule")
    arn = request.client("scheduler").update_schedule(Name=request.ref, **settings)["ScheduleArn"]
    return Made(request.ref, {"Arn": arn})


def _delete_schedule(request: Request) -> None:
    group = part(request.properties, "GroupName")
    request.client("scheduler").delete_schedule(Name=request.ref, **group)
