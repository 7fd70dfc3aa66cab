"""One schedule with every type, deployed: late labels are scored once, and each role stays within its policies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from model_monitor import contract
from model_monitor.ground_truth_writer import file_contents, group
from tests.analyses import ALL_TYPES, BIAS, CUSTOM, MODEL_QUALITY, analysed
from tests.captures import batched, csv_text
from tests.deployed_runs import CODE, SIZE, Schedule, dataset, labels, records, traffic
from tests.synthesis import synthesize
from tests.twin import called
from tests.twin.accounts import make_buckets
from twin import Twin

pytestmark = pytest.mark.slow

BUCKET = "team-123456789012"
START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
DELAY = {"label_delay": "PT2H", "label_horizon": "P1D"}
ASKED_BY_THE_SERVICE = "s3:GetBucketLocation"  # as AWS's own policies for SageMaker have it
LABELLED = ("model_quality", "model_bias", "custom_metrics")


@pytest.fixture(scope="module")
def schedule() -> Schedule:
    changes: dict[str, Any] = {
        "model_quality": {**MODEL_QUALITY, **DELAY, "thresholds": {}},
        "model_bias": {**BIAS, **DELAY},
        "custom_metrics": {**CUSTOM, **DELAY},
        "alarms": {"quality": {"accuracy": 0.95}},
    }
    chosen = analysed(**{f"monitors__all__{key}": value for key, value in changes.items()})
    return Schedule(synthesize(chosen), "fraud", "all")


@pytest.fixture
def twin(tmp_path: Path, schedule: Schedule) -> Iterator[Twin]:
    """The deployed environment; the model's answers are put where captures lie."""
    with Twin(tmp_path / "twin", start=START) as running:
        s3 = running.client("s3")
        make_buckets(running, BUCKET)
        rows = dataset(schedule)
        objects = {
            "model.tar.gz": "an artefact that nobody asks",
            "baseline.csv": csv_text([list(rows[0]), *(list(row.values()) for row in rows)]),
            "linear.json": json.dumps({"weights": [0.02, 0.01, 0.005], "link": "logit"}),
            "metrics.py": CODE,
        }
        for name, content in objects.items():
            s3.put_object(Bucket=BUCKET, Key=f"fraud/{name}", Body=content.encode())
        running.deploy_assembly(schedule.assembly.folder)
        yield running


def bucket(twin: Twin, output: str) -> str:
    """Of the storage stack."""
    (stack,) = twin.client("cloudformation").describe_stacks(StackName="analysed-Storage")["Stacks"]
    (value,) = [found["OutputValue"] for found in stack["Outputs"] if found["OutputKey"] == output]
    return str(value)


def keys(twin: Twin, where: str, prefix: str) -> list[str]:
    listed = twin.client("s3").list_objects_v2(Bucket=where, Prefix=prefix).get("Contents", [])
    return [item["Key"].removeprefix(prefix) for item in listed]


def pass_an_hour(twin: Twin, schedule: Schedule, hour: datetime) -> None:
    """Traffic of an hour, and its labels an hour later."""
    requests = batched(records(schedule, hour.hour), SIZE)
    lines = "".join(json.dumps(line) + "\n" for line in traffic(schedule, requests, hour))
    s3 = twin.client("s3")
    key = f"{contract.capture_key('capture', 'fraud', 'AllTraffic', hour)}/00-00-000-x.jsonl"
    s3.put_object(Bucket=bucket(twin, "CaptureBucket"), Key=key, Body=lines.encode())
    for name, content in file_contents(group(labels(schedule, requests, hour)), hour + HOUR).items():
        truth = bucket(twin, "GroundTruthBucket")
        s3.put_object(Bucket=truth, Key=f"fraud/ground-truth/{name}", Body=content)
    twin.advance_to(hour + HOUR)


def test_every_type_is_judged_and_late_labels_are_scored_once_within_the_roles_rights(twin: Twin, schedule: Schedule):
    (job,) = twin.client("sagemaker").list_processing_jobs()["ProcessingJobSummaries"]
    assert job["ProcessingJobStatus"] == "Completed"
    baseline = keys(twin, bucket(twin, "BaselineBucket"), "baselines/fraud/")
    assert {key.split("/")[1] for key in baseline if key.count("/") > 1} == set(ALL_TYPES)

    for number in range(1, 5):
        pass_an_hour(twin, schedule, START + number * HOUR)
    twin.advance(timedelta(minutes=45))

    reports, history = bucket(twin, "ReportsBucket"), "history/fraud/fraud-all/"
    found = keys(twin, reports, "reports/fraud/fraud-all/")
    newest = max(key for key in found if key.endswith(contract.REPORT_FILE))
    content = twin.client("s3").get_object(Bucket=reports, Key=f"reports/fraud/fraud-all/{newest}")["Body"].read()
    report = json.loads(content)
    assert [monitor["key"] for monitor in report["monitors"]] == ALL_TYPES
    assert report["error"] is None
    scored = {key for key in keys(twin, reports, history) if "/scored/" in key}
    assert {key.partition("/")[0] for key in scored} == set(LABELLED)
    assert {late["monitor"] for late in report["late"]} == set(LABELLED)
    pending = {key for key in keys(twin, reports, history) if "/pending/" in key}
    assert not {key.replace("/scored/", "/pending/") for key in scored} & pending

    alarms = twin.client("cloudwatch").describe_alarms(AlarmNamePrefix="analysed-fraud-all-")["MetricAlarms"]
    states = {alarm["AlarmName"].removeprefix("analysed-fraud-all-"): alarm["StateValue"] for alarm in alarms}
    assert states["quality-accuracy"] == "ALARM"
    assert states["error"] == "OK"
    assert twin.identity.violations() == []
    assert called.gone("test_every_type", called.collect(twin, called.roles(twin))) == []
    assert {action for action in unused(twin, "ExecutorRole") if action.startswith("s3:")} == {ASKED_BY_THE_SERVICE}


def unused(twin: Twin, part: str) -> list[str]:
    """Actions that one role may do and never did."""
    (arn,) = [role["Arn"] for role in twin.client("iam").list_roles()["Roles"] if part in role["RoleName"]]
    return twin.identity.unused(arn)
