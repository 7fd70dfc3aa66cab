"""Custom resource Custom::EmptiedBucket: removes what a bucket holds before its stack deletes it, where data is not to be kept.

CloudFormation deletes no bucket that holds something. Property: BucketName. A bucket without the mark is left as it is.
"""

from __future__ import annotations

from typing import Any

import cloudformation
import decide
from aws import client, log
from botocore.exceptions import ClientError


def handle(event: dict[str, Any], _context: object = None) -> None:
    """Answer CloudFormation, whatever happens: a request without an answer blocks a deployment for an hour."""
    name = str(event.get("ResourceProperties", {}).get("BucketName") or "emptied-bucket")
    try:
        bucket = decide.bucket_to_empty(event)
        removed = _empty(bucket) if bucket is not None and decide.may_empty(_tags(bucket)) else 0
        answer = cloudformation.success(event, name, {})
    except Exception as error:  # noqa: BLE001 (CloudFormation must be told of every failure)
        removed, answer = 0, cloudformation.failure(event, name, f"{type(error).__name__}: {error}")
    cloudformation.respond(event["ResponseURL"], answer)
    log("emptied", request=event.get("RequestType"), bucket=name, removed=removed, status=answer["Status"])


def _tags(bucket: str) -> list[dict[str, str]]:
    """None of a bucket that is gone already."""
    try:
        found: list[dict[str, str]] = client("s3").get_bucket_tagging(Bucket=bucket)["TagSet"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("NoSuchTagSet", "NoSuchBucket"):
            return []
        raise
    return found


def _empty(bucket: str) -> int:
    s3, removed = client("s3"), 0
    for objects in decide.batches(s3.get_paginator("list_object_versions").paginate(Bucket=bucket)):
        left = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True}).get("Errors")
        if left:
            raise RuntimeError(f"{len(left)} objects of {bucket} cannot be removed ({left[0]['Code']}). Destroy again.")
        removed += len(objects)
    return removed
