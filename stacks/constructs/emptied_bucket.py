"""Buckets that go with their stack: what they hold is removed first, since CloudFormation deletes none that holds something."""

from __future__ import annotations

from aws_cdk import CustomResource, Duration, Tags, aws_s3 as s3
from constructs import Construct

from stacks.constructs import permissions
from stacks.constructs.python_function import PythonFunction, PythonFunctionProps

MARK = "model-monitor:emptied"  # lambda/emptying removes nothing of a bucket without it


class EmptiedBuckets(Construct):
    """A function that empties buckets at their deletion, and at no other time."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self._function = PythonFunction(
            self,
            "Empty",
            PythonFunctionProps(
                code="emptying",
                description="Empties buckets that are deleted with their stack",
                timeout=Duration.minutes(15),
            ),
        )

    def add(self, what: str, bucket: s3.Bucket) -> None:
        """Mark a bucket, and empty it before it is deleted."""
        Tags.of(bucket).add(MARK, "true")
        role = self._function.role
        permissions.allow(role, ["s3:GetBucketTagging", "s3:ListBucketVersions"], [bucket.bucket_arn])
        permissions.allow_named(
            role,
            ["s3:DeleteObject", "s3:DeleteObjectVersion"],
            bucket.arn_for_objects("*"),
            "empties a bucket that is deleted, whatever it holds",
        )
        emptied = CustomResource(
            self,
            what,
            resource_type="Custom::EmptiedBucket",
            service_token=self._function.function.function_arn,
            properties={"BucketName": bucket.bucket_name},
        )
        emptied.node.add_dependency(self._function)
        if bucket.policy is not None:
            emptied.node.add_dependency(bucket.policy)
