"""Batch transform jobs under the kit's scheduler: a job captures, and its records have a verdict in the hour after it ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stacks.settings import environment as settings
from tests.captures import csv_text
from tests.synthesis import synthesize
from tests.twin.accounts import allow_everything, archive, make_buckets
from twin import Twin

pytestmark = pytest.mark.slow

START, HOUR = datetime(2026, 3, 2, 6, tzinfo=UTC), timedelta(hours=1)
TEAM, RECORDS = "team-123456789012", 40
DOCUMENT: dict[str, Any] = {
    "version": 1,
    "account": "123456789012",
    "region": "eu-west-1",
    "storage": {"keep_data": False},
    "endpoints": {
        "nightly": {
            "capture": {
                "destination": f"s3://{TEAM}/captured",
                "transform": {"inputs": f"s3://{TEAM}/in", "outputs": f"s3://{TEAM}/out", "inference_id": True},
            },
            "payload": {
                "features": ["height", "weight"],
                "label": "size",
                "output": {"prediction": 0, "score": None, "payload_index": None},
            },
            "monitors": {"quality": {"min_records": 20, "baseline": {"dataset": f"s3://{TEAM}/baseline.csv"}}},
        }
    },
}
SCRIPT = """
def model_fn(folder): return None
def input_fn(body, content_type): return body.decode().splitlines()
def predict_fn(rows, model): return "\\n".join("1" for _ in rows)
def output_fn(prediction, accept): return prediction, "text/csv"
"""


def transform(twin: Twin, name: str, rows: list[list[int]]) -> None:
    """What a team runs at night, with data capture."""
    s3, sagemaker = twin.client("s3"), twin.client("sagemaker")
    s3.put_object(Bucket=TEAM, Key=f"in/{name}/rows.csv", Body=csv_text(rows).encode())
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{TEAM}/in/{name}/"}}
    sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName="m",
        TransformInput={"DataSource": source, "ContentType": "text/csv", "SplitType": "Line"},
        TransformOutput={"S3OutputPath": f"s3://{TEAM}/out/{name}", "Accept": "text/csv", "AssembleWith": "Line"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        DataCaptureConfig={"DestinationS3Uri": f"s3://{TEAM}/captured", "GenerateInferenceId": True},
    )
    twin.settle()
    found = sagemaker.describe_transform_job(TransformJobName=name)
    assert found["TransformJobStatus"] == "Completed", found.get("FailureReason")


def runs(twin: Twin) -> dict[str, dict[str, str]]:
    """Hour at which a window ended → what is kept of its run."""
    outputs = [
        o for stack in twin.client("cloudformation").describe_stacks()["Stacks"] for o in stack.get("Outputs", ())
    ]
    (table,) = [output["OutputValue"] for output in outputs if output["OutputKey"] == "RunsTable"]
    found = twin.client("dynamodb").query(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "run#nightly-quality"}},
    )["Items"]
    plain = [{name: str(next(iter(value.values()))) for name, value in item.items()} for item in found]
    return {item["sk"][11:13]: item for item in plain}


def test_records_of_a_transform_job_have_a_verdict_and_an_hour_without_one_starts_nothing(tmp_path: Path) -> None:
    with Twin(tmp_path / "twin", start=START) as twin:
        make_buckets(twin, TEAM)
        rows = [["height", "weight", "size"], *([50 + n % 7, 20 + n % 5, 1] for n in range(400))]
        twin.client("s3").put_object(Bucket=TEAM, Key="baseline.csv", Body=csv_text(rows).encode())
        twin.client("s3").put_object(Bucket=TEAM, Key="m.tar.gz", Body=archive({"code/inference.py": SCRIPT}))
        allow_everything(twin, "theirs")
        twin.client("sagemaker").create_model(
            ModelName="m",
            PrimaryContainer={"Image": "i", "ModelDataUrl": f"s3://{TEAM}/m.tar.gz"},
            ExecutionRoleArn="arn:aws:iam::123456789012:role/theirs",
        )
        twin.deploy_assembly(synthesize(settings.parse(DOCUMENT, "batch", "test")).folder)
        twin.advance_to(START + HOUR / 2)
        transform(twin, "first", [[50 + n % 7, 20 + n % 5] for n in range(RECORDS)])
        twin.advance_to(START + HOUR + HOUR / 2)
        transform(twin, "second", [[90 + n % 7, 20 + n % 5] for n in range(RECORDS)])
        twin.advance_to(START + 3.5 * HOUR)
        found = runs(twin)
        told = {hour: (found[hour]["verdict"], found[hour].get("records")) for hour in ("07", "08", "09")}
        assert told == {"07": ("ok", "40"), "08": ("violated", "40"), "09": ("no_data", "0")}, found
        assert twin.identity.violations() == []
