"""The programs that the twin runs for others are the project's own: train.py, inference.py and the monitor image."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.twin.accounts import (
    BASE,
    CLUSTER,
    IMAGE,
    ROLE,
    archive,
    capture_below,
    definition,
    furnished,
    make_endpoint,
    put,
)
from twin import Twin

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("temperature", "pressure", "turns")
SCHEDULE = "pump-data-quality"
HOUR = timedelta(hours=1)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("twin")]


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    """An account with one role, one bucket and the real interpreters."""
    with furnished(tmp_path) as running:
        yield running


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


def test_a_trained_model_serves_is_captured_and_its_drift_raises_an_alarm(twin: Twin) -> None:
    code = put(twin, "source.tar.gz", source())
    deploy(twin, train(twin, code), code)
    settings = {
        "version": 1,
        "endpoint": "pump",
        "schedule": SCHEDULE,
        "payload": {"features": [{"name": name} for name in NAMES]},
        "baseline": "s3://bucket/baselines/pump",
        "metrics": {"route": "file"},
    }
    config = put(twin, "monitor.json", json.dumps(settings).encode())
    make_baseline(twin, config)
    schedule(twin, config)
    twin.client("cloudwatch").put_metric_alarm(
        AlarmName="drift",
        Namespace="aws/sagemaker/Endpoints/data-metrics",
        MetricName="violations_baseline_drift_check",
        Dimensions=[{"Name": "Endpoint", "Value": "pump"}, {"Name": "MonitoringSchedule", "Value": SCHEDULE}],
        Statistic="Maximum",
        Period=3600,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )
    midnight = twin.clock.now().replace(minute=0)
    answers = ask(twin, rows(200, 3))
    twin.advance_to(midnight + HOUR + timedelta(minutes=25))
    healthy = twin.client("cloudwatch").describe_alarms()["MetricAlarms"][0]["StateValue"]
    ask(twin, rows(200, 4, shift=15))
    twin.advance_to(midnight + 2 * HOUR + timedelta(minutes=25))
    drifted = twin.client("cloudwatch").describe_alarms()["MetricAlarms"][0]["StateValue"]
    executions = twin.client("sagemaker").list_monitoring_executions(
        MonitoringScheduleName=SCHEDULE, SortOrder="Ascending"
    )["MonitoringExecutionSummaries"]
    assert [answer["payload_index"] for answer in answers] == [*range(10)] * 20
    assert {answer["label"] for answer in answers} == {0, 1}
    assert [execution["MonitoringExecutionStatus"] for execution in executions] == [
        "Completed",
        "CompletedWithViolations",
    ], [execution.get("FailureReason") for execution in executions]
    assert (healthy, drifted) == ("OK", "ALARM")
