"""KMS: keys and aliases."""

from __future__ import annotations

import json

from twin.cloudformation.shapes import is_true, only, part, tags
from twin.cloudformation.types import Made, Request, Types


def register(types: Types) -> None:
    types.register_type("AWS::KMS::Key", create=_create_key, update=_update_key, delete=_delete_key)
    types.register_type(
        "AWS::KMS::Alias",
        create=_create_alias,
        update=_update_alias,
        delete=lambda request: request.client("kms").delete_alias(AliasName=request.ref),
        replaced_by={"AliasName"},
    )


def _create_key(request: Request) -> Made:
    wanted = only(
        request,
        "KeyPolicy",
        "Description",
        "EnableKeyRotation",
        "KeySpec",
        "KeyUsage",
        "Tags",
        "PendingWindowInDays",
        stored=("RotationPeriodInDays",),
    )
    kms = request.client("kms")
    arguments = part(wanted, "Description", "KeySpec", "KeyUsage")
    if "KeyPolicy" in wanted:
        arguments["Policy"] = json.dumps(wanted["KeyPolicy"])
    labels = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in tags(request)]
    key = kms.create_key(**arguments, Tags=labels)["KeyMetadata"]
    if is_true(wanted.get("EnableKeyRotation")):
        kms.enable_key_rotation(KeyId=key["KeyId"])
    return Made(key["KeyId"], {"Arn": key["Arn"], "KeyId": key["KeyId"]})


def _update_key(request: Request) -> None:
    kms, wanted = request.client("kms"), request.properties
    kms.put_key_policy(KeyId=request.ref, PolicyName="default", Policy=json.dumps(wanted["KeyPolicy"]))
    kms.update_key_description(KeyId=request.ref, Description=wanted.get("Description", ""))
    rotates = is_true(wanted.get("EnableKeyRotation"))
    (kms.enable_key_rotation if rotates else kms.disable_key_rotation)(KeyId=request.ref)


def _delete_key(request: Request) -> None:
    days = int(request.properties.get("PendingWindowInDays", 30))
    request.client("kms").schedule_key_deletion(KeyId=request.ref, PendingWindowInDays=days)


def _create_alias(request: Request) -> Made:
    wanted = only(request, "AliasName", "TargetKeyId")
    request.client("kms").create_alias(AliasName=wanted["AliasName"], TargetKeyId=wanted["TargetKeyId"])
    return Made(wanted["AliasName"])


def _update_alias(request: Request) -> None:
    wanted = request.properties
    request.client("kms").update_alias(AliasName=request.ref, TargetKeyId=wanted["TargetKeyId"])
