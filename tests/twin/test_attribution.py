"""Attributions in the twin: its endpoints answer the monitor image, and shadow endpoints never outlive their jobs."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, DefaultStackSynthesizer, Environment, Stack, aws_dynamodb as dynamodb, aws_iam as iam
from aws_cdk.aws_s3 import Bucket

from stacks.constructs import endpoint_permissions
from stacks.constructs.reconciler import Reconciler, ReconcilerProps
from stacks.constructs.scheduled_monitor import ScheduledMonitor
from tests.twin import called
from tests.twin.accounts import BASE, CLUSTER, IMAGE, ROLE, archive, furnished, put
from twin import Twin
from twin.api import ApiError, Call
from twin.sagemaker import processing

EXPLAINING = "arn:aws:iam::123456789012:role/explaining"
NAMES = ("temperature", "pressure")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SHADOW = {"model_name": "m", "instance_type": "ml.m5.large", "content_type": "text/csv"}
SCRIPT = """
import os, time

def model_fn(directory):
    return 2.0

def input_fn(body, content_type):
    return [[float(cell) for cell in line.split(",")] for line in body.decode().splitlines()]

def predict_fn(rows, weight):
    time.sleep(float(os.environ["SECONDS"]))
    return [weight * row[0] + row[1] for row in rows]

def output_fn(prediction, accept):
    return "\\n".join(map(str, prediction)), "text/csv"
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    """An account with one role, one bucket, the real image's interpreter, and models that run in the one of the tests."""
    with furnished(tmp_path, xgboost_python=Path(sys.executable)) as running:
        lines = [",".join(NAMES), *(f"{a},{b}" for a, b in rows(60))]
        put(running, "data/data.csv", "\n".join(lines).encode())
        yield running


def rows(count: int, seed: int = 1) -> list[tuple[float, float]]:
    dice = random.Random(seed)
    return [(round(dice.gauss(20, 2), 2), round(dice.gauss(5, 1), 2)) for _ in range(count)]


def make_model(twin: Twin, seconds: float = 0.0, script: str = SCRIPT) -> None:
    """Model `m`; each request takes so long."""
    environment = {
        "SAGEMAKER_SUBMIT_DIRECTORY": put(twin, "source.tar.gz", archive({"serve.py": script})),
        "SAGEMAKER_PROGRAM": "serve.py",
        "SECONDS": str(seconds),
    }
    artefact = put(twin, "model.tar.gz", archive({"weights.txt": "2"}))
    container = {"Image": "i", "ModelDataUrl": artefact, "Environment": environment}
    twin.client("sagemaker").create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=ROLE)


def start(twin: Twin, name: str, predictor: dict[str, Any], role: str = ROLE, **options: Any) -> None:
    """A baseline job that asks a model about 60 rows."""
    settings = {
        "version": 1,
        "endpoint": "pump",
        "payload": {"features": [{"name": feature} for feature in NAMES]},
        "monitors": {"model_explainability": {"predictor": predictor, "method": "exact", **options}},
    }
    variables = {
        "monitor_job": "baseline",
        "dataset_format": '{"csv": {"header": true}}',
        "dataset_source": f"{BASE}/input/baseline_dataset_input",
        "output_path": f"{BASE}/output",
        "monitor_config": put(twin, f"{name}.json", json.dumps(settings).encode()),
    }
    dataset = {"S3Uri": "s3://bucket/data", "LocalPath": variables["dataset_source"], "S3DataType": "S3Prefix"}
    output = {"S3Uri": f"s3://bucket/out/{name}", "LocalPath": f"{BASE}/output", "S3UploadMode": "EndOfJob"}
    twin.client("sagemaker").create_processing_job(
        ProcessingJobName=name,
        RoleArn=role,
        ProcessingResources=CLUSTER,
        AppSpecification=IMAGE,
        Environment=variables,
        ProcessingInputs=[{"InputName": "d", "S3Input": {**dataset, "S3InputMode": "File"}}],
        ProcessingOutputConfig={"Outputs": [{"OutputName": "o", "S3Output": output}]},
        StoppingCondition={"MaxRuntimeInSeconds": 300},
    )


def finish(twin: Twin, name: str) -> dict[str, Any]:
    twin.advance(MINUTE)
    return dict(twin.client("sagemaker").describe_processing_job(ProcessingJobName=name))


def shadows(twin: Twin) -> list[str]:
    """Endpoints and configurations of the account."""
    sagemaker = twin.client("sagemaker")
    names = [found["EndpointName"] for found in sagemaker.list_endpoints()["Endpoints"]]
    return names + [found["EndpointConfigName"] for found in sagemaker.list_endpoint_configs()["EndpointConfigs"]]


def wait_for(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def while_asking(twin: Twin, name: str, role: str = ROLE) -> None:
    """Return when the job has made its endpoint and asks it."""
    start(twin, name, SHADOW, role=role)
    wait_for(lambda: ("sagemaker-runtime", "InvokeEndpoint") in twin.identity.calls(role))
    assert len(shadows(twin)) == 2


def kill(twin: Twin, name: str) -> None:
    """As the kernel ends a process that takes too much memory: nothing of the run is executed any more."""
    process = twin.processing.find({"ProcessingJobName": name}).running.process
    assert process is not None
    os.killpg(process.pid, signal.SIGKILL)


def key(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


def reconcile(twin: Twin, folder: Path) -> None:
    """The kit's own reconciler, and a role that may do what the kit lets a run do."""
    app = App(outdir=str(folder))
    environment = Environment(account=twin.account, region=twin.region)
    synthesizer = DefaultStackSynthesizer(generate_bootstrap_version_rule=False)
    stack = Stack(app, "Reconciling", env=environment, synthesizer=synthesizer)
    monitor = ScheduledMonitor(
        endpoint_name="pump", schedule_name="pump-explain", namespace="n", every=timedelta(hours=1)
    )
    table = dynamodb.Table(stack, "Table", partition_key=key("pk"), sort_key=key("sk"))
    props = ReconcilerProps(monitors=[monitor], table=table, shadow_prefixes=["sm-clarify"])
    Reconciler(stack, "Reconciler", props)
    principal = iam.ServicePrincipal("sagemaker.amazonaws.com")
    role = iam.Role(stack, "Role", role_name="explaining", assumed_by=principal)
    endpoint_permissions.allow_shadows(role, stack, "sm-clarify")
    Bucket.from_bucket_name(stack, "Bucket", "bucket").grant_read_write(role)
    app.synth()
    twin.deploy_assembly(folder)


def test_a_shadow_endpoint_answers_without_capture_and_is_removed(twin: Twin) -> None:
    make_model(twin)
    start(twin, "job", SHADOW)
    job = finish(twin, "job")
    assert job["ProcessingJobStatus"] == "Completed", job.get("ExitMessage")
    content = twin.client("s3").get_object(Bucket="bucket", Key="out/job/analysis.json")["Body"]
    found = json.loads(content.read())["explanations"]["kernel_shap"]["label0"]["global_shap_values"]
    calls = twin.identity.calls("all")
    assert set(found) == set(NAMES)
    assert found["temperature"] > found["pressure"] > 0
    assert calls["sagemaker", "CreateEndpoint"] == 1
    assert calls["sagemaker-runtime", "InvokeEndpoint"] > 0
    assert shadows(twin) == []
    assert twin.client("s3").list_objects_v2(Bucket="bucket", Prefix="capture")["KeyCount"] == 0


def test_a_job_that_fails_removes_its_endpoint(twin: Twin) -> None:
    make_model(twin, script=SCRIPT.replace("weight * row[0] + row[1]", "row[7]"))
    start(twin, "job", SHADOW)
    job = finish(twin, "job")
    assert job["ProcessingJobStatus"] == "Failed"
    assert "the model answered 500" in job["ExitMessage"]
    assert twin.identity.calls("all")["sagemaker", "CreateEndpoint"] == 1
    assert shadows(twin) == []


def test_a_job_that_is_stopped_removes_its_endpoint(twin: Twin) -> None:
    make_model(twin, seconds=0.5)
    start(twin, "job", {**SHADOW, "batch_records": 1, "concurrency": 1})
    wait_for(lambda: ("sagemaker-runtime", "InvokeEndpoint") in twin.identity.calls("all"))
    assert len(shadows(twin)) == 2
    twin.client("sagemaker").stop_processing_job(ProcessingJobName="job")
    job = finish(twin, "job")
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "the job was stopped" in job["ExitMessage"]
    assert shadows(twin) == []


def test_of_a_job_that_is_killed_the_next_run_removes_the_endpoint(twin: Twin) -> None:
    make_model(twin, seconds=0.5)
    while_asking(twin, "killed")
    kill(twin, "killed")
    assert finish(twin, "killed")["ProcessingJobStatus"] == "Failed"
    (left, _) = shadows(twin)
    start(twin, "next", SHADOW)
    assert finish(twin, "next")["ProcessingJobStatus"] == "Completed"
    assert left.startswith("sm-clarify-")
    assert shadows(twin) == []


def test_of_a_job_that_is_killed_the_reconciler_removes_the_endpoint_at_once_within_its_rights(
    twin: Twin, tmp_path: Path
) -> None:
    reconcile(twin, tmp_path / "cdk.out")
    make_model(twin, seconds=0.5)
    while_asking(twin, "killed", EXPLAINING)
    kill(twin, "killed")
    assert finish(twin, "killed")["ProcessingJobStatus"] == "Failed"
    twin.functions.drain()
    assert shadows(twin) == []
    start(twin, "next", SHADOW, role=EXPLAINING)
    assert finish(twin, "next")["ProcessingJobStatus"] == "Completed"
    assert [entry.data["error"] for entry in twin.journal.of("function")] == [""] * len(twin.journal.of("function"))
    assert twin.identity.violations() == []
    assert called.gone("test_attribution", called.collect(twin, {**called.roles(twin), "explaining": "RunsRole"})) == []


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_person_who_stops_the_command_leaves_no_endpoint(twin: Twin, tmp_path: Path, kind: signal.Signals) -> None:
    make_model(twin, seconds=0.5)
    data, config = tmp_path / "data.csv", tmp_path / "config.json"
    data.write_text("\n".join([",".join(NAMES), *(f"{a},{b}" for a, b in rows(60))]))
    explained = {"model_explainability": {"predictor": {**SHADOW, "batch_records": 1}, "method": "exact"}}
    config.write_text(json.dumps({"payload": {"features": list(NAMES)}, "monitors": explained}))
    arguments = ["--dataset", str(data), "--config", str(config), "--output", str(tmp_path / "out")]
    process = subprocess.Popen(
        [str(twin.image_python), "-m", "model_monitor", "baseline", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(processing.IMAGE), **twin.environment},
        stderr=subprocess.PIPE,
    )
    try:
        wait_for(lambda: ("sagemaker-runtime", "InvokeEndpoint") in twin.identity.calls("deployer"))
        assert len(shadows(twin)) == 2
    finally:
        process.send_signal(kind)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told.decode().strip()) == (1, "model-monitor: stopped")
    assert shadows(twin) == []


def test_a_throttled_endpoint_is_asked_again_until_it_answers(twin: Twin) -> None:
    refused: list[str] = []

    def throttle(call: Call) -> None:
        if call.operation == "InvokeEndpoint" and len(refused) < 3:
            refused.append(call.operation)
            raise ApiError("ThrottlingException", "Rate exceeded")

    twin.api.gate(throttle)
    make_model(twin)
    start(twin, "job", SHADOW)
    job = finish(twin, "job")
    report = json.loads(twin.client("s3").get_object(Bucket="bucket", Key="out/job/report.json")["Body"].read())
    spent = report["monitors"][0]["summary"]["spent"]
    assert job["ProcessingJobStatus"] == "Completed", job.get("ExitMessage")
    assert len(refused) == 3
    assert spent["calls"] == twin.identity.calls("all")["sagemaker-runtime", "InvokeEndpoint"]
    assert shadows(twin) == []
