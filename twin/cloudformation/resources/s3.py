"""S3: buckets and their policies."""

from __future__ import annotations

from twin.cloudformation.shapes import is_true, only, tags
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
        block = {name: is_true(value) for name, value in wanted["PublicAccessBlockConfiguration"].items()}
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
