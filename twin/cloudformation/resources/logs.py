"""CloudWatch Logs: log groups."""

from __future__ import annotations

from typing import Any

from twin.cloudformation.shapes import only
from twin.cloudformation.types import Made, Properties, Request, Types


def register(types: Types) -> None:
    types.register_type(
        "AWS::Logs::LogGroup",
        create=_create_log_group,
        update=_update_log_group,
        delete=lambda request: request.client("logs").delete_log_group(logGroupName=request.ref),
        replaced_by={"LogGroupName"},
    )


def _create_log_group(request: Request) -> Made:
    wanted = only(request, "LogGroupName", "RetentionInDays", "Tags", stored=("KmsKeyId", "LogGroupClass"))
    name = wanted.get("LogGroupName") or request.name(limit=512)
    logs = request.client("logs")
    logs.create_log_group(logGroupName=name)
    _keep(logs, name, wanted)
    return Made(name, {"Arn": f"arn:aws:logs:{request.twin.region}:{request.twin.account}:log-group:{name}:*"})


def _update_log_group(request: Request) -> None:
    _keep(request.client("logs"), request.ref, request.properties)


def _keep(logs: Any, name: str, wanted: Properties) -> None:
    if "RetentionInDays" in wanted:
        logs.put_retention_policy(logGroupName=name, retentionInDays=int(wanted["RetentionInDays"]))
