"""A pump whose model the project's own programs train, serve and monitor: train.py, inference.py and the monitor image."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.twin.accounts import (
    BASE,
    CLUSTER,
    IMAGE,
    ROLE,
    archive,
    capture_below,
    definition,
    make_endpoint,
    put,
)
from twin import Twin

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("temperature", "pressure", "turns")
SCHEDULE = "pump-data-quality"


def rows(count: int, seed: int, shift: float = 0.0) -> list[list[Any]]:
    dice = random.Random(seed)
    return [[round(dice.gauss(20 + shift, 2), 2), round(dice.gauss(5, 1), 2), dice.randrange(50)] for _ in range(count)]


def source() -> bytes:
    files = {path.name: path.read_text() for path in sorted((ROOT / "stacks" / "model_code").glob("*.py"))}
    return archive({**files, "payload.json": json.dumps({"features": [{"name": name} for name in NAMES]})})


def train(twin: Twin, code: str) -> str:
    """A model that tells warm from cold; its artefact."""
    lines = [",".join(map(str, [int(row[0] > 20), *row])) for row in rows(400, 1)]
    uri = put(twin, "train/train.csv", ("\n".join(lines) + "\n").encode())
    place = {"S3DataType": "S3Prefix", "S3Uri": uri.rpartition("/")[0]}
    twin.client("sagemaker").create_training_job(
        TrainingJobName="pump",
        RoleArn=ROLE,
        AlgorithmSpecification={"TrainingImage": "i", "TrainingInputMode": "File"},
        HyperParameters={
            "num_round": "5",
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": json.dumps(code),
        },
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": place}}],
        OutputDataConfig={"S3OutputPath": "s3://bucket/models"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        StoppingCondition={"MaxRuntimeInSeconds": 120},
    )
    twin.advance(timedelta(minutes=1))
    job = twin.client("sagemaker").describe_training_job(TrainingJobName="pump")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    return str(job["ModelArtifacts"]["S3ModelArtifacts"])


def deploy(twin: Twin, artefact: str, code: str) -> None:
    capture = capture_below("s3://bucket/capture", CaptureContentTypeHeader={"JsonContentTypes": ["application/json"]})
    variables = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": code}
    make_endpoint(twin, "pump", capture, artefact=artefact, **variables)


def ask(twin: Twin, records: list[list[Any]]) -> list[dict[str, Any]]:
    """Requests of ten records each; the answers to all records."""
    answers: list[dict[str, Any]] = []
    for start in range(0, len(records), 10):
        body = json.dumps([dict(zip(NAMES, row, strict=True)) for row in records[start : start + 10]])
        answer = twin.client("sagemaker-runtime").invoke_endpoint(
            EndpointName="pump", ContentType="application/json", Accept="application/json", Body=body
        )
        answers.extend(json.loads(answer["Body"].read()))
    return answers


def make_baseline(twin: Twin, config: str) -> None:
    lines = [",".join(NAMES), *(",".join(map(str, row)) for row in rows(1000, 2))]
    uri = put(twin, "baseline/data.csv", ("\n".join(lines) + "\n").encode())
    variables = {
        "monitor_job": "baseline",
        "dataset_format": '{"csv": {"header": true}}',
        "dataset_source": f"{BASE}/input/baseline_dataset_input",
        "output_path": f"{BASE}/output",
        "monitor_config": config,
        "baseline_version": "v1",
    }
    dataset = {"S3Uri": uri, "LocalPath": variables["dataset_source"], "S3DataType": "S3Prefix", "S3InputMode": "File"}
    output = {
        "S3Uri": "s3://bucket/baselines/pump/v1",
        "LocalPath": variables["output_path"],
        "S3UploadMode": "EndOfJob",
    }
    twin.client("sagemaker").create_processing_job(
        ProcessingJobName="baseline",
        RoleArn=ROLE,
        AppSpecification=IMAGE,
        Environment=variables,
        ProcessingResources=CLUSTER,
        ProcessingInputs=[{"InputName": "d", "S3Input": dataset}],
        ProcessingOutputConfig={"Outputs": [{"OutputName": "o", "S3Output": output}]},
    )
    twin.advance(timedelta(minutes=1))
    job = twin.client("sagemaker").describe_processing_job(ProcessingJobName="baseline")
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    put(twin, "baselines/pump/current.json", json.dumps({"version": "v1"}).encode())


def schedule(twin: Twin, config: str) -> None:
    variables = {"monitor_config": config, "publish_cloudwatch_metrics": "Enabled"}
    twin.client("sagemaker").create_monitoring_schedule(
        MonitoringScheduleName=SCHEDULE,
        MonitoringScheduleConfig={
            "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"},
            "MonitoringJobDefinition": definition("pump", "s3://bucket/reports", variables),
        },
    )
