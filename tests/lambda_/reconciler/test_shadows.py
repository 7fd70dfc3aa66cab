"""Shadow endpoints that no run removed are removed: at once when their job ends, else within the hour."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from model_monitor import contract

NOW = datetime(2026, 3, 4, 5, 40, tzinfo=UTC)
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.xdist_group("moto")


@pytest.fixture
def world(
    load: Callable[[str], SimpleNamespace], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[SimpleNamespace]:
    """An account with a model, and jobs by their status."""
    with mock_aws():
        room, sagemaker = load("reconciler"), boto3.client("sagemaker")
        jobs: dict[str, str] = {}

        def describe(**request: str) -> dict[str, Any]:
            if request["ProcessingJobName"] not in jobs:
                raise ClientError({"Error": {"Code": "ValidationException", "Message": "Could not find it."}}, "D")
            return {"ProcessingJobStatus": jobs[request["ProcessingJobName"]]}

        monkeypatch.setattr(sagemaker, "describe_processing_job", describe)
        index = tmp_path / "watched.json"
        index.write_text(json.dumps({"schedules": {}, "shadow_prefixes": ["sm-clarify"]}))
        monkeypatch.setattr(room.watched, "FILE", index)
        monkeypatch.setattr(room.handler, "client", lambda service: sagemaker)
        sagemaker.create_model(
            ModelName="m", PrimaryContainer={"Image": "i"}, ExecutionRoleArn="arn:aws:iam::123456789012:role/r"
        )
        yield SimpleNamespace(room=room, sagemaker=sagemaker, jobs=jobs)


def make(
    world: SimpleNamespace, name: str, job: str = "", expires: datetime | None = NOW + HOUR, *, is_served: bool = True
) -> None:
    tags = [] if expires is None else [{"Key": contract.SHADOW_JOB_TAG, "Value": job}]
    if expires is not None:
        tags.append({"Key": contract.SHADOW_EXPIRES_TAG, "Value": expires.strftime(contract.TIME_FORMAT)})
    variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    world.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], Tags=tags)
    if is_served:
        world.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=tags)


def left(world: SimpleNamespace) -> tuple[set[str], set[str]]:
    endpoints = {found["EndpointName"] for found in world.sagemaker.list_endpoints()["Endpoints"]}
    configs = {found["EndpointConfigName"] for found in world.sagemaker.list_endpoint_configs()["EndpointConfigs"]}
    return endpoints, configs


def hourly(world: SimpleNamespace) -> dict[str, int]:
    return dict(world.room.handler.handle({"time": NOW.strftime(contract.TIME_FORMAT)}))


def ended(world: SimpleNamespace, job: str, status: str = "Failed") -> dict[str, int]:
    detail = {"ProcessingJobName": job, "ProcessingJobStatus": status}
    return dict(world.room.handler.handle({"time": NOW.strftime(contract.TIME_FORMAT), "detail": detail}))


@pytest.mark.parametrize("status", ["Failed", "Stopped", "Completed"])
def test_a_job_that_ends_takes_its_endpoint_along_and_no_other(world: SimpleNamespace, status: str) -> None:
    make(world, "sm-clarify-1", "killed")
    make(world, "sm-clarify-2", "running")
    assert ended(world, "killed", status) == {"removed": 1}
    assert left(world) == ({"sm-clarify-2"}, {"sm-clarify-2"})


def test_a_job_that_started_takes_nothing(world: SimpleNamespace) -> None:
    make(world, "sm-clarify-1", "job")
    assert ended(world, "job", "InProgress")["removed"] == 0
    assert left(world)[0] == {"sm-clarify-1"}


def test_the_hourly_look_finds_ended_jobs_and_expired_times_and_nothing_else(world: SimpleNamespace) -> None:
    world.jobs.update(killed="Failed", stopped="Stopped", running="InProgress")
    make(world, "sm-clarify-killed", "killed")
    make(world, "sm-clarify-stopped", "stopped", is_served=False)
    make(world, "sm-clarify-expired", "", NOW - HOUR)
    make(world, "sm-clarify-running", "running")
    make(world, "sm-clarify-laptop", "")
    make(world, "sm-clarify-unknown", "nobody knows")
    make(world, "sm-clarify-foreign", "", None)
    make(world, "other-sm-clarify-1", "killed")
    assert hourly(world) == {"published": 0, "removed": 3}
    kept = {f"sm-clarify-{name}" for name in ("running", "laptop", "unknown", "foreign")} | {"other-sm-clarify-1"}
    assert left(world) == (kept, kept)


def test_where_no_monitor_makes_any_nothing_is_looked_at(
    world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.room.watched, "shadow_prefixes", lambda: [])
    monkeypatch.setattr(world.room.handler, "client", lambda service: pytest.fail(f"asked {service}"))
    assert hourly(world) == {"published": 0, "removed": 0}
    assert ended(world, "job") == {"removed": 0}


def test_what_cannot_be_removed_fails_the_function_after_the_verdicts(
    world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(world, "sm-clarify-1", "", NOW - HOUR)
    make(world, "sm-clarify-2", "", NOW - HOUR)
    delete = world.sagemaker.delete_endpoint
    refusal = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DeleteEndpoint")

    def refuse(**request: Any) -> None:
        if request["EndpointName"] == "sm-clarify-1":
            raise refusal
        delete(**request)

    monkeypatch.setattr(world.sagemaker, "delete_endpoint", refuse)
    with pytest.raises(world.room.handler.ReconcileError, match="shadow endpoints"):
        hourly(world)
    assert left(world)[0] == {"sm-clarify-1"}


def test_tags_and_times_are_those_of_the_contract(world: SimpleNamespace) -> None:
    shadows = world.room.shadows
    assert (shadows.JOB_TAG, shadows.EXPIRES_TAG) == (contract.SHADOW_JOB_TAG, contract.SHADOW_EXPIRES_TAG)
    assert contract.TIME_FORMAT == shadows.CLOCK_FORMAT
