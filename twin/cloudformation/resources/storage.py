"""Buckets, keys, repositories and parameters."""

from __future__ import annotations

import json

from twin.cloudformation.shapes import only, part, tags
from twin.cloudformation.types import Made, Request, Types


def register(types: Types) -> None:
    types.register_type(
        "AWS::S3::Bucket",
        create=_create_bucket,
        update=_update_bucket,
        delete=_delete_bucket,
        replaced_by={"BucketName", "ObjectLockEnabled"},
    )
    types.register_type(
        "AWS::S3::BucketPolicy",
        create=_put_bucket_policy,
        update=_put_bucket_policy,
        delete=lambda request: request.twin.resource_policies.forget(f"s3:{request.ref}"),
        replaced_by={"Bucket"},
    )
    types.register_type("AWS::KMS::Key", create=_create_key, update=_update_key, delete=_delete_key)
    types.register_type(
        "AWS::KMS::Alias",
        create=_create_alias,
        update=_update_alias,
        delete=lambda request: request.client("kms").delete_alias(AliasName=request.ref),
        replaced_by={"AliasName"},
    )
    types.register_type(
        "AWS::ECR::Repository",
        create=_create_repository,
        update=_update_repository,
        delete=_delete_repository,
        replaced_by={"RepositoryName", "EncryptionConfiguration"},
    )
    types.register_type(
        "AWS::SSM::Parameter",
        create=_put_parameter,
        update=_put_parameter,
        delete=lambda request: request.client("ssm").delete_parameter(Name=request.ref),
        replaced_by={"Name"},
    )


# --- S3 -----------------------------------------------------------------------------------------------------------------


def _create_bucket(request: Request) -> Made:
    name = request.properties.get("BucketName") or request.name(limit=63, lower=True)
    s3 = request.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": request.twin.region})
    _configure_bucket(request, name)
    region = request.twin.region
    attributes = {
        "Arn": f"arn:aws:s3:::{name}",
        "DomainName": f"{name}.s3.amazonaws.com",
        "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
        "DualStackDomainName": f"{name}.s3.dualstack.{region}.amazonaws.com",
        "WebsiteURL": f"http://{name}.s3-website-{region}.amazonaws.com",
    }
    return Made(name, attributes)


def _update_bucket(request: Request) -> None:
    _configure_bucket(request, request.ref)


def _configure_bucket(request: Request, name: str) -> None:
    stored = (
        "BucketEncryption",
        "LifecycleConfiguration",
        "LoggingConfiguration",
        "OwnershipControls",
        "AccessControl",
    )
    wanted = only(
        request, "BucketName", "VersioningConfiguration", "PublicAccessBlockConfiguration", "Tags", stored=stored
    )
    s3 = request.client("s3")
    status = wanted.get("VersioningConfiguration", {}).get("Status")
    if status:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": status})
    if "PublicAccessBlockConfiguration" in wanted:
        block = {key: str(value).lower() == "true" for key, value in wanted["PublicAccessBlockConfiguration"].items()}
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)
    if tags(request):
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags(request)})


def _delete_bucket(request: Request) -> None:
    request.client("s3").delete_bucket(Bucket=request.ref)  # as in AWS, only an empty bucket can be deleted


def _put_bucket_policy(request: Request) -> Made:
    wanted = only(request, "Bucket", "PolicyDocument")
    request.client("s3").head_bucket(Bucket=wanted["Bucket"])
    request.twin.resource_policies.put(f"s3:{wanted['Bucket']}", wanted["PolicyDocument"])
    return Made(wanted["Bucket"])


# --- KMS ----------------------------------------------------------------------------------------------------------------


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
    if str(wanted.get("EnableKeyRotation")).lower() == "true":
        kms.enable_key_rotation(KeyId=key["KeyId"])
    return Made(key["KeyId"], {"Arn": key["Arn"], "KeyId": key["KeyId"]})


def _update_key(request: Request) -> None:
    kms, wanted = request.client("kms"), request.properties
    kms.put_key_policy(KeyId=request.ref, PolicyName="default", Policy=json.dumps(wanted["KeyPolicy"]))
    kms.update_key_description(KeyId=request.ref, Description=wanted.get("Description", ""))
    rotates = str(wanted.get("EnableKeyRotation")).lower() == "true"
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


# --- ECR and SSM --------------------------------------------------------------------------------------------------------


def _create_repository(request: Request) -> Made:
    wanted = only(
        request,
        "RepositoryName",
        "ImageTagMutability",
        "ImageScanningConfiguration",
        "EmptyOnDelete",
        "Tags",
        stored=("LifecyclePolicy", "RepositoryPolicyText", "EncryptionConfiguration"),
    )
    name = wanted.get("RepositoryName") or request.name(limit=256, lower=True)
    repository = request.client("ecr").create_repository(repositoryName=name, tags=tags(request))["repository"]
    return Made(name, {"Arn": repository["repositoryArn"], "RepositoryUri": repository["repositoryUri"]})


def _update_repository(request: Request) -> None:
    """Mutability, scanning, policies: stored only."""


def _delete_repository(request: Request) -> None:
    is_emptied = str(request.properties.get("EmptyOnDelete")).lower() == "true"
    request.client("ecr").delete_repository(repositoryName=request.ref, force=is_emptied)


def _put_parameter(request: Request) -> Made:
    wanted = only(request, "Name", "Type", "Value", "Description", "AllowedPattern", "Tier", "DataType", "Tags")
    name = wanted.get("Name") or request.name(limit=1000)
    arguments = part(wanted, "Type", "Value", "Description", "AllowedPattern", "Tier", "DataType")
    request.client("ssm").put_parameter(Name=name, Overwrite=bool(request.ref), **arguments)
    return Made(name, {"Type": wanted["Type"], "Value": wanted["Value"]})
