"""An account with SageMaker's own monitors: read into an environment file, its past windows compared, by a role that only reads."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from model_monitor import cli
from model_monitor.migration import adopt
from stacks.settings import environment as settings
from tests.twin.accounts import capture_below, definition, make_buckets, make_endpoint
from twin import Twin
from twin.sagemaker.schedules import LONGEST_DELAY_MINUTES, NO_ANALYZER

ROOT = Path(__file__).resolve().parents[2]
SDK = ROOT / "build" / "venv" / "sdk" / "bin" / "python"
ROLE = "arn:aws:iam::123456789012:role/monitor"
FILES = ("dq/constraints.json", "dq/statistics.json", "mq/constraints.json", "bias/analysis.json", "shap/analysis.json")
CONSTRAINTS = {
    "version": 0.0,
    "features": [
        {"name": "answer", "inferred_type": "Integral", "completeness": 1.0},
        {"name": "Elevation", "inferred_type": "Integral", "completeness": 1.0},
    ],
}


@pytest.fixture
def churn(twin: Twin) -> Twin:
    """An endpoint that captures, baselines, and a role that may do what the printed policy says."""
    make_buckets(twin, "capture", "reports", "baselines", "labels")
    for name in FILES:
        twin.client("s3").put_object(Bucket="baselines", Key=name, Body=json.dumps(CONSTRAINTS).encode())
    make_endpoint(twin, "churn", capture_below("s3://capture/data"), role=ROLE)
    iam = twin.client("iam")
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument="{}")
    iam.put_role_policy(RoleName="reader", PolicyName="reads", PolicyDocument=json.dumps(adopt.policy()))
    return twin


Command = Callable[..., int]


@pytest.fixture
def command(churn: Twin, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The laptop's command as that role."""
    for name, value in churn.identity.environment("reader").items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return lambda *arguments: cli.main(list(arguments))


@pytest.mark.slow
def test_what_the_sdk_made_becomes_an_environment_that_loads(churn: Twin, command: Command, tmp_path: Path) -> None:
    if not SDK.is_file():
        pytest.skip("sagemaker SDK environment not installed")
    environment = {**churn.environment, "PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(
        [SDK, ROOT / "tests" / "sdk" / "make_schedules.py", ROLE],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    path = tmp_path / "adopted.yaml"
    assert command("adopt", "--output", str(path)) == 0
    found = settings.load(path)
    endpoint = found.endpoints["churn"]
    monitors = endpoint.monitors
    assert {name: (monitor.types, monitor.schedule) for name, monitor in monitors.items()} == {
        "data-quality": (("data_quality",), "hourly"),
        "quality-of-churn": (("model_quality",), "daily"),
        "bias": (("model_bias",), "daily"),
        "explainability": (("model_explainability",), "cron(0 2/6 ? * * *)"),
    }
    assert monitors["data-quality"].baseline.statistics == "s3://baselines/dq/statistics.json"
    assert monitors["quality-of-churn"].instance_type == "ml.m5.2xlarge"
    assert monitors["bias"].model_bias.facets[0].values == (60,)
    assert monitors["explainability"].model_explainability.predictor.model_name == "m"
    assert (endpoint.payload.names, endpoint.payload.output.score) == (("age", "calls"), 1)
    assert "secret_setting" in path.read_text()
    assert "hush" not in path.read_text()


def quality_schedule(twin: Twin, name: str) -> None:
    """A schedule of a named definition, as the console makes it."""
    output = {"S3Uri": "s3://reports/mm", "LocalPath": "/opt/ml/processing/output"}
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
    image = "468650794304.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-model-monitor-analyzer"
    twin.client("sagemaker").create_data_quality_job_definition(
        JobDefinitionName="d",
        DataQualityBaselineConfig={"ConstraintsResource": {"S3Uri": "s3://baselines/dq/constraints.json"}},
        DataQualityAppSpecification={"ImageUri": image},
        DataQualityJobInput={
            "EndpointInput": {"EndpointName": "churn", "LocalPath": "/opt/ml/processing/input/endpoint"}
        },
        DataQualityJobOutputConfig={"MonitoringOutputs": [{"S3Output": output}]},
        JobResources={"ClusterConfig": cluster},
        RoleArn=ROLE,
    )
    config = {"MonitoringJobDefinitionName": "d", "MonitoringType": "DataQuality"}
    twin.client("sagemaker").create_monitoring_schedule(
        MonitoringScheduleName=name,
        MonitoringScheduleConfig={**config, "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"}},
    )


@pytest.mark.usefixtures("bus")
def test_a_schedule_of_an_analyzer_is_adopted_with_its_alarm_and_never_really_runs(
    churn: Twin, command: Command, tmp_path: Path
) -> None:
    quality_schedule(churn, "churn-data-quality")
    dimensions = [{"Name": "Endpoint", "Value": "churn"}, {"Name": "MonitoringSchedule", "Value": "churn-data-quality"}]
    churn.client("cloudwatch").put_metric_alarm(
        AlarmName="drift",
        Namespace="aws/sagemaker/Endpoints/data-metrics",
        MetricName="feature_baseline_drift_Elevation",
        Dimensions=dimensions,
        Statistic="Maximum",
        Period=3600,
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=0.2,
    )
    churn.advance(timedelta(hours=1, minutes=LONGEST_DELAY_MINUTES))
    path = tmp_path / "adopted.yaml"
    assert command("adopt", "--endpoint", "churn", "--output", str(path)) == 0
    endpoint = settings.load(path).endpoints["churn"]
    assert endpoint.metrics.namespace == "aws/sagemaker/Endpoints/data-metrics"
    assert "alarms on its metrics: drift" in path.read_text()
    (execution,) = churn.client("sagemaker").list_monitoring_executions(MonitoringScheduleName="churn-data-quality")[
        "MonitoringExecutionSummaries"
    ]
    assert (execution["MonitoringExecutionStatus"], execution["FailureReason"]) == ("Failed", NO_ANALYZER)


@pytest.mark.usefixtures("bus")
def test_the_past_windows_of_a_schedule_are_compared_from_s3(
    churn: Twin, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    """One hour that was judged, and one without data."""
    inline: dict[str, Any] = {
        **definition("churn", "s3://reports/r", {"plan": "violate"}, ROLE),
        "BaselineConfig": {"ConstraintsResource": {"S3Uri": "s3://baselines/dq/constraints.json"}},
    }
    churn.client("sagemaker").create_monitoring_schedule(
        MonitoringScheduleName="churn-dq",
        MonitoringScheduleConfig={
            "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"},
            "MonitoringJobDefinition": inline,
        },
    )
    sides = {
        side: {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": "CSV"}
        for side, mode, data in (("endpointInput", "INPUT", "1.5"), ("endpointOutput", "OUTPUT", "0"))
    }
    event = {"captureData": sides, "eventMetadata": {"eventId": "e", "inferenceTime": "2026-03-02T00:30:00Z"}}
    key = "data/churn/v/2026/03/02/00/30-00-000-x.jsonl"
    churn.client("s3").put_object(Bucket="capture", Key=key, Body=json.dumps({**event, "eventVersion": "0"}).encode())
    churn.advance(timedelta(hours=2, minutes=LONGEST_DELAY_MINUTES))
    period = ("--start", "2026-03-02T00:00:00Z", "--end", "2026-03-02T03:00:00Z")
    assert command("compare", "--schedule", "churn-dq", *period, "--workers", "1") == 0
    shown = capsys.readouterr().out
    assert "2026-03-02 01:00 data_type_check Elevation violated" in " ".join(shown.split())
    assert "2026-03-02 02:00  not compared: AWS: Failed: Job inputs had no data" in shown
    assert "1 window compared, 1 could not be compared: 1 same" in shown
