"""Custom::LivePointer seeds a parameter once and never overwrites it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

NAME = "/model-monitor/dev/covertype/live/model"


@pytest.fixture
def world(load: Callable[[str], SimpleNamespace], cloudformation: SimpleNamespace) -> Iterator[SimpleNamespace]:
    with mock_aws():
        yield SimpleNamespace(room=load("live_pointer"), ssm=boto3.client("ssm"), sink=cloudformation)


def call(world: SimpleNamespace, kind: str, value: str = "s3://models/first.tar.gz", **changes: Any) -> dict[str, Any]:
    event = {
        "RequestType": kind,
        "ResponseURL": world.sink.url,
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "LiveModel",
        "ResourceProperties": {"ServiceToken": "arn", "ParameterName": NAME, "InitialValue": value},
    }
    world.room.handler.handle(event | changes)
    answer: dict[str, Any] = world.sink.answers[-1]
    return answer


def held(world: SimpleNamespace) -> str:
    return str(world.ssm.get_parameter(Name=NAME)["Parameter"]["Value"])


def test_the_first_deployment_seeds_the_parameter(world: SimpleNamespace) -> None:
    answer = call(world, "Create")
    assert (answer["Status"], answer["PhysicalResourceId"], answer["Data"]) == (
        "SUCCESS",
        NAME,
        {"Value": "s3://models/first.tar.gz"},
    )
    assert {key: answer[key] for key in ("StackId", "RequestId", "LogicalResourceId")} == {
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "LiveModel",
    }
    assert held(world) == "s3://models/first.tar.gz"


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_a_later_deployment_never_brings_an_old_model_back(world: SimpleNamespace, kind: str) -> None:
    world.ssm.put_parameter(Name=NAME, Value="s3://models/released.tar.gz", Type="String")
    answer = call(world, kind, "s3://models/configured.tar.gz")
    assert answer["Data"] == {"Value": "s3://models/released.tar.gz"}
    assert held(world) == "s3://models/released.tar.gz"


def test_an_update_seeds_again_what_somebody_deleted(world: SimpleNamespace) -> None:
    assert call(world, "Update")["Status"] == "SUCCESS"
    assert held(world) == "s3://models/first.tar.gz"


def test_deleting_the_resource_keeps_the_parameter(world: SimpleNamespace) -> None:
    call(world, "Create")
    assert call(world, "Delete", PhysicalResourceId=NAME)["Status"] == "SUCCESS"
    assert held(world) == "s3://models/first.tar.gz"


def test_where_no_data_is_kept_the_parameter_goes_too_and_may_be_gone_before(world: SimpleNamespace) -> None:
    call(world, "Create")
    told = {"ParameterName": NAME, "InitialValue": "s3://models/first.tar.gz", "KeepData": "false"}
    for _ in range(2):
        assert call(world, "Delete", ResourceProperties=told, PhysicalResourceId=NAME)["Status"] == "SUCCESS"
    with pytest.raises(ClientError, match="ParameterNotFound"):
        held(world)
    assert call(world, "Create", ResourceProperties=told)["Status"] == "SUCCESS"
    assert held(world) == "s3://models/first.tar.gz"


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"ParameterName": "no-slash", "InitialValue": "x"}, "ParameterName"),
        ({"ParameterName": NAME, "InitialValue": ""}, "InitialValue"),
        ({}, "ParameterName"),
    ],
)
def test_a_wrong_call_is_answered_with_what_is_wrong(
    world: SimpleNamespace, properties: dict[str, str], said: str
) -> None:
    answer = call(world, "Create", ResourceProperties=properties)
    assert answer["Status"] == "FAILED"
    assert said in answer["Reason"]
    assert answer["PhysicalResourceId"]


def test_any_exception_is_answered_and_fits(world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(_service: str) -> None:
        raise RuntimeError("\u20ac" * 9000)

    monkeypatch.setattr(world.room.handler, "client", explode)
    answer = call(world, "Create")
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("RuntimeError: ")


def test_a_right_that_is_a_moment_old_is_waited_for(world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = [1, 1, 1]

    def put(**asked: Any) -> Any:
        if refusals:
            refusals.pop()
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not yet"}}, "PutParameter")
        return world.ssm.put_parameter(**asked)

    late = SimpleNamespace(put_parameter=put, get_parameter=world.ssm.get_parameter, exceptions=world.ssm.exceptions)
    monkeypatch.setattr(world.room.handler, "client", {"ssm": late}.__getitem__)
    assert call(world, "Create")["Status"] == "SUCCESS"
    assert held(world) == "s3://models/first.tar.gz"
