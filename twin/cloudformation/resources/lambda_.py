"""Lambda: functions, who may call them, and how often they are tried again."""

from __future__ import annotations

import io
import zipfile

from twin.cloudformation.shapes import arguments, only, part, tags
from twin.cloudformation.types import Made, Properties, Request, ResourceFailed, Types

CONFIGURATION = (
    "Role",
    "Handler",
    "Runtime",
    "Description",
    "Timeout",
    "MemorySize",
    "Environment",
    "VpcConfig",
    "EphemeralStorage",
    "ImageConfig",
)
IDENTITY = ("FunctionName", "Code", "PackageType", "Tags", "Architectures", "ReservedConcurrentExecutions")
STORED = (
    "TracingConfig",
    "LoggingConfig",
    "DeadLetterConfig",
    "KmsKeyArn",
    "RecursiveLoop",
)


def register(types: Types) -> None:
    types.register_type(
        "AWS::Lambda::Function",
        create=_create_function,
        update=_update_function,
        delete=lambda request: request.client("lambda").delete_function(FunctionName=request.ref),
        replaced_by={"FunctionName", "PackageType"},
    )
    types.register_type("AWS::Lambda::Permission", create=_add_permission, delete=_remove_permission)
    types.register_type(
        "AWS::Lambda::EventInvokeConfig",
        create=_put_invoke_config,
        update=_put_invoke_config,
        delete=_delete_invoke_config,
        replaced_by={"FunctionName", "Qualifier"},
    )


def _code(request: Request) -> Properties:
    code = request.properties["Code"]
    if "ZipFile" in code:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("index.py", code["ZipFile"])
        return {"ZipFile": archive.getvalue()}
    if "ImageUri" in code:
        return {"ImageUri": code["ImageUri"]}
    if not {"S3Bucket", "S3Key"} <= set(code):
        raise ResourceFailed("AWS::Lambda::Function: Code has a ZipFile, an S3Bucket with S3Key, or an ImageUri")
    return part(code, "S3Bucket", "S3Key", "S3ObjectVersion")


def _create_function(request: Request) -> Made:
    wanted = only(request, *IDENTITY, *CONFIGURATION, stored=STORED)
    name = wanted.get("FunctionName") or request.name()
    is_image = "ImageUri" in wanted["Code"]
    if not is_image and not str(wanted.get("Runtime", "")).startswith("python"):
        raise ResourceFailed(f"the twin runs Python functions only, not {wanted.get('Runtime')}")
    settings = arguments("lambda", "CreateFunction", part(wanted, *CONFIGURATION, "PackageType", "Architectures"))
    labels = {tag["Key"]: tag["Value"] for tag in tags(request)}
    answer = request.client("lambda").create_function(FunctionName=name, Code=_code(request), Tags=labels, **settings)
    _reserve(request, name)
    return Made(name, {"Arn": answer["FunctionArn"]})


def _update_function(request: Request) -> None:
    wanted = only(request, *IDENTITY, *CONFIGURATION, stored=STORED)
    functions = request.client("lambda")
    if wanted["Code"] != request.previous.get("Code"):
        functions.update_function_code(FunctionName=request.ref, **_code(request))
    settings = arguments("lambda", "UpdateFunctionConfiguration", part(wanted, *CONFIGURATION))
    functions.update_function_configuration(FunctionName=request.ref, **settings)
    _reserve(request, request.ref)


def _reserve(request: Request, name: str) -> None:
    """Set the function's own share of what the account may run at once, or give it back."""
    share = request.properties.get("ReservedConcurrentExecutions")
    if share is not None:
        request.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=int(share))
    elif "ReservedConcurrentExecutions" in request.previous:
        request.client("lambda").delete_function_concurrency(FunctionName=name)


def _name_of(function: str) -> str:
    return function.rpartition(":function:")[2].split(":")[0]


def _add_permission(request: Request) -> Made:
    wanted = only(request, "FunctionName", "Action", "Principal", "SourceArn", "SourceAccount")
    statement = request.name(limit=100)
    request.client("lambda").add_permission(
        FunctionName=_name_of(wanted["FunctionName"]),
        StatementId=statement,
        **part(wanted, "Action", "Principal", "SourceArn", "SourceAccount"),
    )
    return Made(statement, {"Id": statement})


def _remove_permission(request: Request) -> None:
    name = _name_of(request.properties["FunctionName"])
    request.client("lambda").remove_permission(FunctionName=name, StatementId=request.ref)


def _put_invoke_config(request: Request) -> Made:
    wanted = only(
        request, "FunctionName", "Qualifier", "MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig"
    )
    if "DestinationConfig" in wanted:
        raise ResourceFailed("AWS::Lambda::EventInvokeConfig: the twin has no destinations for asynchronous calls")
    settings = part(wanted, "MaximumRetryAttempts", "MaximumEventAgeInSeconds")
    name = _name_of(wanted["FunctionName"])
    cast = arguments("lambda", "PutFunctionEventInvokeConfig", {"FunctionName": name, **settings})
    request.client("lambda").put_function_event_invoke_config(**cast)
    return Made(f"{name}/invoke-config")


def _delete_invoke_config(request: Request) -> None:
    name = _name_of(request.properties["FunctionName"])
    request.client("lambda").delete_function_event_invoke_config(FunctionName=name)
