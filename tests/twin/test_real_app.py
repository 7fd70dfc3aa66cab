"""The kit's own app: deployed by the CLI, deployed again after the live model moved, destroyed; every role within its policies."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.twin import called
from tests.twin.accounts import make_buckets
from twin import Twin
from twin.server import ROOT

pytestmark = pytest.mark.slow

BUCKET = "model-monitor-demo-123456789012"


def put_what_a_team_has_already(twin: Twin) -> list[str]:
    """Artefacts and baseline data of both endpoints, as their training pipelines left them; returns the endpoints."""
    s3 = twin.client("s3")
    make_buckets(twin, BUCKET)
    settings = yaml.safe_load((ROOT / "environments" / "dev.yaml").read_text())
    rng = np.random.default_rng(7)
    for name, endpoint in settings["endpoints"].items():
        features = endpoint["payload"]["features"]
        why = endpoint["payload"].get("output", {}).get("attributions", [])
        named = [*features, endpoint["payload"]["label"], "label", "score"]
        rows = rng.integers(0, 50, (200, len(named)))
        if "review" in endpoint:  # two classes
            rows[:, len(features) :] %= 2
        lines = [
            dict(zip(named, row, strict=True)) | {place: rng.random(len(features)).tolist() for place in why}
            for row in rows.tolist()
        ]
        body = "\n".join(map(json.dumps, lines)).encode()
        s3.put_object(Bucket=BUCKET, Key=f"{name}/baseline/baseline.jsonl", Body=body)
        s3.put_object(Bucket=BUCKET, Key=f"{name}/model.tar.gz", Body=b"an artefact that nobody asks for a prediction")
    return list(settings["endpoints"])


def artefact(twin: Twin, endpoint: str) -> str:
    """What the endpoint serves, followed from its configuration."""
    sagemaker = twin.client("sagemaker")
    config = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    variant = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"][0]
    model = sagemaker.describe_model(ModelName=variant["ModelName"])
    container = model.get("PrimaryContainer") or model["Containers"][0]
    return str(container["ModelDataUrl"])


def statuses(twin: Twin) -> set[str]:
    return {stack.status for stack in twin.deployments.stacks.values() if stack.name != "CDKToolkit"}


@pytest.fixture
def account(tmp_path: Path) -> Any:
    with Twin(tmp_path / "twin") as running:
        yield running


def test_the_app_is_deployed_redeployed_after_the_live_model_moved_and_destroyed(account: Twin, tmp_path: Path) -> None:
    twin = account
    endpoints = put_what_a_team_has_already(twin)
    twin.cdk("bootstrap", f"aws://{twin.account}/{twin.region}")
    output = ("--output", str(tmp_path / "cdk.out"))
    deploy = ("deploy", "--all", "-c", "env=dev", "--concurrency=4", *output)
    deployed = twin.cdk(*deploy, variables={"TWIN_BUILD_IMAGE": "never"})
    assert "CREATE_COMPLETE" in deployed.output
    assert statuses(twin) == {"CREATE_COMPLETE"}
    assert {entry.data["built"] for entry in twin.journal.of("image")} == {False}
    jobs = twin.client("sagemaker").list_processing_jobs()["ProcessingJobSummaries"]
    assert [job["ProcessingJobStatus"] for job in jobs] == ["Completed"] * len(endpoints)

    # the workflow moves the live pointer; the next deployment serves what it names, and not the configured artefact
    parameters = twin.client("ssm").get_paginator("describe_parameters").paginate()
    names = [p["Name"] for page in parameters for p in page["Parameters"]]
    (pointer,) = [name for name in names if "covertype" in name and name.endswith("/model")]
    twin.client("s3").put_object(Bucket=BUCKET, Key="covertype/next/model.tar.gz", Body=b"the next artefact")
    moved = f"s3://{BUCKET}/covertype/next/model.tar.gz"
    twin.client("ssm").put_parameter(Name=pointer, Value=moved, Type="String", Overwrite=True)
    synthesized = ("--app", str(tmp_path / "cdk.out"))
    twin.cdk("deploy", "--all", "--concurrency=4", "--method=change-set", *synthesized)
    assert statuses(twin) <= {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
    assert artefact(twin, "covertype") == moved
    assert artefact(twin, "breast-cancer") == f"s3://{BUCKET}/breast-cancer/model.tar.gz"
    assert twin.client("ssm").get_parameter(Name=pointer)["Parameter"]["Value"] == moved

    twin.advance(timedelta(hours=2))  # two quiet hours: schedules and the reconciler run
    assert twin.identity.violations() == []

    named = called.roles(twin)
    assert bucket_names(twin) > {BUCKET}
    twin.cdk("destroy", "--all", "--force", *synthesized)
    assert statuses(twin) == {"DELETE_COMPLETE"}
    assert called.gone("test_real_app", called.collect(twin, named)) == []
    sagemaker = twin.client("sagemaker")
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert sagemaker.list_monitoring_schedules()["MonitoringScheduleSummaries"] == []
    assert twin.client("lambda").list_functions()["Functions"] == []
    assert bucket_names(twin) == {BUCKET}, "data that is not kept goes with its bucket, and nobody else's"


def bucket_names(twin: Twin) -> set[str]:
    """All but the bootstrap's."""
    names = {bucket["Name"] for bucket in twin.client("s3").list_buckets()["Buckets"]}
    return {name for name in names if not name.startswith("cdk-")}
