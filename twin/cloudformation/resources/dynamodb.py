"""DynamoDB: tables."""

from __future__ import annotations

from typing import Final

from twin.cloudformation.shapes import arguments, is_true, only, part, tags
from twin.cloudformation.types import Made, Properties, Request, Types

SHAPE: Final = (
    "AttributeDefinitions",
    "KeySchema",
    "BillingMode",
    "ProvisionedThroughput",
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
    "DeletionProtectionEnabled",
)
CHANGED_IN_PLACE: Final = ("BillingMode", "ProvisionedThroughput", "DeletionProtectionEnabled")
SETTLED: Final = ("SSESpecification", "PointInTimeRecoverySpecification", "TimeToLiveSpecification")
STORED: Final = ("TableClass",)


def register(types: Types) -> None:
    types.register_type(
        "AWS::DynamoDB::Table",
        create=_create_table,
        update=_update_table,
        delete=lambda request: request.client("dynamodb").delete_table(TableName=request.ref),
        replaced_by={
            "TableName",
            "KeySchema",
            "AttributeDefinitions",
            "LocalSecondaryIndexes",
            "GlobalSecondaryIndexes",
        },
    )


def _properties(request: Request) -> Properties:
    return only(request, "TableName", "Tags", *SHAPE, *SETTLED, stored=STORED)


def _create_table(request: Request) -> Made:
    wanted = _properties(request)
    name = wanted.get("TableName") or request.name(limit=255)
    settings = arguments("dynamodb", "CreateTable", {**part(wanted, *SHAPE), **_encryption(wanted)})
    answer = request.client("dynamodb").create_table(TableName=name, Tags=tags(request), **settings)
    _settle(request, name)
    return Made(name, {"Arn": answer["TableDescription"]["TableArn"]})


def _update_table(request: Request) -> None:
    wanted = _properties(request)
    changed = {key: value for key, value in wanted.items() if value != request.previous.get(key)}
    settings = {**part(changed, *CHANGED_IN_PLACE), **_encryption(changed)}
    if "DeletionProtectionEnabled" in request.previous and "DeletionProtectionEnabled" not in wanted:
        settings["DeletionProtectionEnabled"] = False
    if settings:
        cast = arguments("dynamodb", "UpdateTable", settings)
        request.client("dynamodb").update_table(TableName=request.ref, **cast)
    _settle(request, request.ref)


def _encryption(wanted: Properties) -> Properties:
    """The template says SSEEnabled where the API says Enabled."""
    if "SSESpecification" not in wanted:
        return {}
    given = dict(wanted["SSESpecification"])
    return {"SSESpecification": {"Enabled": given.pop("SSEEnabled"), **given}}


def _settle(request: Request, name: str) -> None:
    """What has an operation of its own: point-in-time recovery and time to live, where they change."""
    tables = request.client("dynamodb")
    wanted, previous = request.properties, request.previous
    recovery = wanted.get("PointInTimeRecoverySpecification")
    if recovery != previous.get("PointInTimeRecoverySpecification"):
        cast = arguments(
            "dynamodb",
            "UpdateContinuousBackups",
            {"PointInTimeRecoverySpecification": recovery or {"PointInTimeRecoveryEnabled": False}},
        )
        tables.update_continuous_backups(TableName=name, **cast)
    before, after = previous.get("TimeToLiveSpecification"), wanted.get("TimeToLiveSpecification")
    if before != after and (before or after):
        chosen = after or {**(before or {}), "Enabled": False}
        enabled = {"AttributeName": chosen["AttributeName"], "Enabled": is_true(chosen["Enabled"])}
        tables.update_time_to_live(TableName=name, TimeToLiveSpecification=enabled)
