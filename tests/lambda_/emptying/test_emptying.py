"""Custom::EmptiedBucket: a marked bucket is empty when CloudFormation deletes it, and no other bucket is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

BUCKET = "goes"


@pytest.fixture
def world(
    load: Callable[[str], SimpleNamespace], cloudformation: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SimpleNamespace]:
    with mock_aws():
        room = load("emptying")
        s3 = boto3.client("s3")
        monkeypatch.setattr(room.handler, "client", {"s3": s3}.__getitem__)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        for key in ("a", "a", "b/c"):
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
        s3.delete_object(Bucket=BUCKET, Key="a")
        yield SimpleNamespace(room=room, s3=s3, sink=cloudformation)


def ask(world: SimpleNamespace, kind: str, **properties: Any) -> dict[str, Any]:
    event = {
        "RequestType": kind,
        "ResponseURL": world.sink.url,
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Capture",
        "ResourceProperties": {"BucketName": BUCKET, **properties},
    }
    world.room.handler.handle(event)
    answer: dict[str, Any] = world.sink.answers[-1]
    return answer


def mark(world: SimpleNamespace) -> None:
    tags = [{"Key": world.room.decide.MARK, "Value": "true"}]
    world.s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": tags})


def held(world: SimpleNamespace) -> int:
    found = world.s3.list_object_versions(Bucket=BUCKET)
    return len(found.get("Versions", [])) + len(found.get("DeleteMarkers", []))


def test_a_marked_bucket_can_be_deleted(world: SimpleNamespace) -> None:
    mark(world)
    assert [ask(world, kind)["Status"] for kind in ("Create", "Update")] == ["SUCCESS", "SUCCESS"]
    assert held(world) == 4
    assert (ask(world, "Delete")["Status"], held(world)) == ("SUCCESS", 0)
    world.s3.delete_bucket(Bucket=BUCKET)


def test_a_bucket_that_lost_its_mark_keeps_what_it_holds(world: SimpleNamespace) -> None:
    assert (ask(world, "Delete")["Status"], held(world)) == ("SUCCESS", 4)


def test_a_bucket_that_is_gone_holds_nothing_up(world: SimpleNamespace) -> None:
    assert ask(world, "Delete", BucketName="nobodys")["Status"] == "SUCCESS"


def test_a_request_without_a_bucket_is_answered(world: SimpleNamespace) -> None:
    answer = ask(world, "Delete", BucketName="")
    assert (answer["Status"], "BucketName" in answer["Reason"]) == ("FAILED", True)
