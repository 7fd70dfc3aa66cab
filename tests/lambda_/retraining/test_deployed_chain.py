"""From a deployed schedule's run to the decision about it: what the run leaves, the alarm's message, the deployed policy.

Runs are real, CloudWatch and S3 are in memory; what an alarm would see is what the run left.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from model_monitor import contract
from tests.analyses import analysed
from tests.deployed_runs import Schedule, run_monitor
from tests.lambda_.retraining.covertype import delivered
from tests.lambda_.retraining.memory_table import MemoryTable
from tests.synthesis import Assembly, synthesize

pytestmark = [pytest.mark.xdist_group("synth"), pytest.mark.slow]

REHEARSING = {"monitors__all__create_violation_tests": True}
START = "analysed-fraud-all-"


@pytest.fixture
def world(
    load: Callable[[str], SimpleNamespace], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[SimpleNamespace]:
    """The function's services; SageMaker alone is played."""
    with mock_aws():
        room = load("retraining")
        for name in ("TABLE", "ENVIRONMENT", "TOPIC_ARN", "NAMESPACE", "KMS_KEY", "RETRAINING_MACHINE_ARN"):
            monkeypatch.setenv(name, "test")
        started: list[str] = []
        sagemaker = SimpleNamespace(describe_endpoint=lambda **_: {"EndpointStatus": "InService"})
        clients = {name: boto3.client(name) for name in ("s3", "ssm", "cloudwatch")} | {"sagemaker": sagemaker}
        clients["stepfunctions"] = SimpleNamespace(start_execution=lambda **given: started.append(given["name"]))
        clients["sns"] = SimpleNamespace(publish=lambda **_: None)
        clients["events"] = SimpleNamespace(put_events=lambda **_: {"FailedEntryCount": 0})
        for module in (room.handler, room.gather, room.start, room.tell):
            monkeypatch.setattr(module, "client", clients.__getitem__)
        table = MemoryTable()
        monkeypatch.setattr(room.handler, "table_named", lambda _: table)
        monkeypatch.setattr(room.index, "FILE", tmp_path / "index.json")
        for bucket in ("token", "team-123456789012"):
            clients["s3"].create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        clients["s3"].put_object(Bucket="team-123456789012", Key="fraud/train/a.csv", Body=b"1,2\n")
        yield SimpleNamespace(room=room, started=started, **clients)


def deployed_policy(assembly: Assembly) -> dict[str, Any]:
    (parameter,) = assembly.policies()
    parts = parameter["Value"]["Fn::Join"][1]
    policy: dict[str, Any] = json.loads("".join(part if isinstance(part, str) else "token" for part in parts))
    return policy


def deploy(world: SimpleNamespace, assembly: Assembly) -> None:
    """The policy in its parameter, and the index as it lies beside the function's code."""
    (path,) = assembly.folder.glob("asset.*/index.json")
    world.room.index.FILE.write_text(path.read_text())
    name = json.loads(path.read_text())["policies"]["fraud"]
    world.ssm.put_parameter(Name=name, Value=json.dumps(deployed_policy(assembly)), Type="String")


def publish(world: SimpleNamespace, output: Path) -> datetime:
    """The run's metrics and report, as the service publishes them; when the metrics are of."""
    points = [json.loads(line) for line in (output / contract.METRICS_LINES_FILE).read_text().splitlines()]
    for point in points:
        data = {key: value for key, value in point.items() if key != "Namespace"}
        world.cloudwatch.put_metric_data(Namespace=point["Namespace"], MetricData=[data])
    time = max(datetime.fromisoformat(point["Timestamp"]) for point in points)
    key = contract.report_key("reports", "fraud", "fraud-all", time) + "/report.json"
    world.s3.put_object(Bucket="token", Key=key, Body=(output / contract.REPORT_FILE).read_bytes())
    return time


def decision(world: SimpleNamespace, alarm: str, time: datetime, **trigger: Any) -> dict[str, Any]:
    changed = f"{time + timedelta(minutes=9):%Y-%m-%dT%H:%M:%S}.000+0000"
    event = delivered(changed, AlarmName=START + alarm, Trigger={"EvaluationPeriods": 1, **trigger})
    (made,) = world.room.handler.handle(event)["decisions"]
    return dict(made)


@pytest.mark.parametrize(("allowed", "expected"), [(False, ("refuse", "rehearsal")), (True, ("start", "drift"))])
def test_a_rehearsal_rings_real_alarms_and_trains_only_where_it_may(world, tmp_path, allowed, expected):
    assembly = synthesize(analysed(**REHEARSING, retraining__allow_rehearsal=allowed))
    output = run_monitor(Schedule(assembly, "fraud", "all"), tmp_path)
    deploy(world, assembly)
    time = publish(world, output)
    made = decision(world, "drift", time)
    assert (made["action"], made["reason"]) == expected
    assert len(world.started) == int(allowed)


def test_a_worse_model_on_sound_data_is_trained_again(world, tmp_path):
    bound = {"quality": {"accuracy": 0.95}}
    assembly = synthesize(analysed(monitors__all__alarms=bound))
    output = run_monitor(Schedule(assembly, "fraud", "all"), tmp_path)
    deploy(world, assembly)
    time = publish(world, output)
    below = {"MetricName": "accuracy", "Threshold": 0.95, "ComparisonOperator": "LessThanThreshold"}
    made = decision(world, "quality-accuracy", time, **below)
    assert (made["action"], made["reason"]) == ("start", "model_quality")
