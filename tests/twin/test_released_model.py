"""A release puts a model of another bucket live: the endpoint's own role reads it, and requests are answered by it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from model_monitor import contract
from tests.analyses import analysed
from tests.synthesis import synthesize
from tests.twin.accounts import make_buckets, named_model
from twin import Twin

pytestmark = pytest.mark.slow

STACKS = ("analysed-Storage", "analysed-Live", "analysed-fraud-Endpoint")


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    with Twin(tmp_path / "twin") as running:
        make_buckets(running, "team-123456789012", "releases")
        yield running


def put(twin: Twin, bucket: str, key: str, name: str) -> None:
    content = named_model(name)
    twin.client("s3").put_object(Bucket=bucket, Key=key, Body=content)


def answer(twin: Twin) -> str:
    asked = {"EndpointName": "fraud", "ContentType": "text/csv", "Accept": "text/csv"}
    return str(twin.client("sagemaker-runtime").invoke_endpoint(Body=b"1,2,3", **asked)["Body"].read().decode())


def test_the_next_artefact_of_a_team_serves(twin: Twin) -> None:
    folder = synthesize(analysed(model__serving_script="own")).folder
    put(twin, "team-123456789012", "fraud/model.tar.gz", "first")
    twin.deploy_assembly(folder, STACKS)
    assert answer(twin) == "first"

    put(twin, "releases", "fraud/7/model.tar.gz", "second")
    pointer = contract.live_parameter("analysed", "fraud", "model")
    live = {"Value": "s3://releases/fraud/7/model.tar.gz", "Type": "String", "Overwrite": True}
    twin.client("ssm").put_parameter(Name=pointer, **live)
    twin.deploy_assembly(folder, STACKS)
    assert answer(twin) == "second"
    assert twin.identity.violations() == []


@pytest.mark.parametrize(("keep_data", "served"), [(True, "second"), (False, "first")])
def test_an_environment_that_was_destroyed_serves_again(twin: Twin, *, keep_data: bool, served: str) -> None:
    """What retraining made live lies in a bucket of the environment, and the next deployment makes another one."""
    chosen = {"model__serving_script": "own", "storage__keep_data": keep_data}
    folder, cloudformation = synthesize(analysed(**chosen)).folder, twin.client("cloudformation")
    put(twin, "team-123456789012", "fraud/model.tar.gz", "first")
    twin.deploy_assembly(folder, STACKS)
    (models,) = [name for name in buckets(twin) if "models" in name]
    put(twin, models, "models/fraud/7/model.tar.gz", "second")
    pointer, made = contract.live_parameter("analysed", "fraud", "model"), f"s3://{models}/models/fraud/7/model.tar.gz"
    twin.client("ssm").put_parameter(Name=pointer, Value=made, Type="String", Overwrite=True)
    twin.deploy_assembly(folder, STACKS)
    assert answer(twin) == "second"

    if keep_data:
        with pytest.raises(ClientError, match="TerminationProtection is enabled"):
            cloudformation.delete_stack(StackName=STACKS[0])
        cloudformation.update_termination_protection(StackName=STACKS[0], EnableTerminationProtection=False)
    for stack in reversed(STACKS):
        deployed = twin.deployments.find(stack)
        cloudformation.delete_stack(StackName=stack)
        assert twin.deployments.wait(deployed) == "DELETE_COMPLETE"
    assert (models in buckets(twin)) is keep_data
    twin.deploy_assembly(folder, STACKS)
    assert len([name for name in buckets(twin) if "models" in name]) == 1 + keep_data
    assert answer(twin) == served
    assert twin.identity.violations() == []


def buckets(twin: Twin) -> list[str]:
    return [bucket["Name"] for bucket in twin.client("s3").list_buckets()["Buckets"]]


def test_a_bucket_is_brought_later_in_one_deployment_and_the_created_one_stays(twin: Twin) -> None:
    put(twin, "team-123456789012", "fraud/model.tar.gz", "first")
    twin.deploy_assembly(synthesize(analysed(model__serving_script="own")).folder, STACKS)
    (created,) = [name for name in buckets(twin) if "capture" in name]
    make_buckets(twin, "brought")
    later = synthesize(analysed(model__serving_script="own", storage__buckets={"capture": "brought"})).folder
    twin.deploy_assembly(later, STACKS)
    assert created in buckets(twin)
    assert answer(twin) == "first"
    twin.advance(timedelta(minutes=1))
    assert twin.client("s3").list_objects_v2(Bucket="brought", Prefix="capture/fraud/")["KeyCount"] == 1
