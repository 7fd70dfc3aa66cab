"""One environment's control plane without its state machine: a table, a bucket, a monitor, and the functions called in turn."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

TABLE, BUCKET, PREFIX = "runs", "data", "/model-monitor/dev/monitors"
SCHEDULE, ENDPOINT = "shop-data-quality", "shop"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
MONITOR: dict[str, Any] = {
    "endpoint": ENDPOINT,
    "schedule": SCHEDULE,
    "namespace": "ModelMonitor",
    "time_zone": "UTC",
    "period_minutes": 60,
    "offset_minutes": 0,
    "window_minutes": 60,
    "delay_minutes": 15,
    "jitter_minutes": 5,
    "capture": f"s3://{BUCKET}/capture/{ENDPOINT}",
    "transform": {},
    "reports": f"s3://{BUCKET}/reports/{ENDPOINT}/{SCHEDULE}",
    "runner": "auto",
    "asks_model": False,
    "function": "model-monitor-dev-shop",
    "function_megabytes": 2048,
    "function_architecture": "x86_64",
    "lambda_max_megabytes": 64,
    "environment": {"monitor_job": "monitor"},
    "baseline": {},
    "processing": {
        "cluster": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20},
        "max_seconds": 3000,
        "application": {"ImageUri": "image", "ContainerEntrypoint": ["python3", "-m", "model_monitor"]},
        "network": {"EnableNetworkIsolation": False},
        "role": "arn:aws:iam::123456789012:role/model-monitor/dev/runs",
        "kms_key": "",
        "tags": [],
    },
    "variants": ["AllTraffic"],
    "sampling_percentage": 100,
    "min_records": 30,
    "staleness_periods": 2,
}


@dataclass
class Plane:
    """`plan`, `finish` and `sweep` are the deployed functions' handlers."""

    load: Callable[[str], SimpleNamespace]
    monkeypatch: pytest.MonkeyPatch
    events: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    points: list[dict[str, Any]] = field(default_factory=list)
    calls: dict[datetime, float] = field(default_factory=dict)  # hour → requests that the endpoint had

    def configure(self, **changes: Any) -> None:
        document = json.dumps(MONITOR | changes)
        self.ssm.put_parameter(Name=f"{PREFIX}/{SCHEDULE}", Value=document, Type="String", Overwrite=True)

    def capture(self, key: str, modified: datetime, size: int = 100) -> None:
        """One captured file, as if it had landed at a time."""
        self.s3.put_object(Bucket=BUCKET, Key=f"capture/{ENDPOINT}/AllTraffic/{key}", Body=b"x" * size)
        self.landed[f"capture/{ENDPOINT}/AllTraffic/{key}"] = modified

    landed: dict[str, datetime] = field(default_factory=dict)
    s3: Any = field(default_factory=lambda: boto3.client("s3"))
    ssm: Any = field(default_factory=lambda: boto3.client("ssm"))
    dynamodb: Any = field(default_factory=lambda: boto3.resource("dynamodb"))

    def plan(self, scheduled: datetime, owner: str = "one", now: datetime | None = None, **more: Any) -> dict[str, Any]:
        event = {
            "schedule": SCHEDULE,
            "scheduled_time": f"{scheduled:%Y-%m-%dT%H:%M:%SZ}",
            "owner": owner,
            "now": f"{now or scheduled:%Y-%m-%dT%H:%M:%SZ}",
            "input": more,
        }
        answer: dict[str, Any] = self._room("plan").handle(event)
        return answer

    def finish(self, plan: dict[str, Any], late: timedelta = QUARTER, **more: Any) -> dict[str, Any]:
        """late: how long after the window's end, or its time where there is no window yet."""
        end = datetime.fromisoformat(plan["window"]["end"] if "window" in plan else plan["scheduled_time"])
        event = {"plan": plan | more, "now": (end + late).isoformat()}
        answer: dict[str, Any] = self._room("finish").handle(event)
        return answer

    def sweep(self, now: datetime) -> dict[str, int]:
        answer: dict[str, int] = self._room("sweep").handle({"time": f"{now:%Y-%m-%dT%H:%M:%SZ}"})
        return answer

    def report(self, plan: dict[str, Any], verdict: str = "ok", violations: int = 0) -> None:
        """What a run leaves."""
        content = {
            "verdict": verdict,
            "reason": "",
            "reading": {"records": 120},
            "monitors": [{"violations": {"baseline_drift_check": violations}}],
            "run": {"details": {"processing_job_name": plan["name"]}},
        }
        line = {
            "Namespace": "ModelMonitor",
            "MetricName": f"run_{verdict}",
            "Timestamp": plan["window"]["end"],
            "Dimensions": [{"Name": "Endpoint", "Value": ENDPOINT}],
            "Value": 1.0,
            "Unit": "Count",
        }
        key = plan["report"].removeprefix(f"s3://{BUCKET}/")
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(content).encode())
        lines = key.replace("report.json", "metrics.jsonl")
        self.s3.put_object(Bucket=BUCKET, Key=lines, Body=json.dumps(line).encode() + b"\n")

    def rows(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.dynamodb.Table(TABLE).scan()["Items"]
        return sorted((item for item in items if item["pk"].startswith("run#")), key=lambda item: str(item["sk"]))

    rooms: dict[str, Any] = field(default_factory=dict)

    def _room(self, name: str) -> Any:
        """A function's handler, loaded once, with the outer world watched."""
        if name not in self.rooms:
            handler = self.rooms[name] = self.load(name).handler
            self.monkeypatch.setattr(handler, "client", self._client)
            self.monkeypatch.setattr(handler, "table_named", self.dynamodb.Table)
        return self.rooms[name]

    def _client(self, service: str) -> Any:
        if service == "events":
            return SimpleNamespace(put_events=self._put_events)
        if service == "sns":
            return SimpleNamespace(publish=lambda **message: self.messages.append(message))
        if service == "cloudwatch":
            return SimpleNamespace(put_metric_data=self._put, get_metric_data=self._traffic)
        if service == "sagemaker":
            return boto3.client("sagemaker")
        if service == "s3":
            return _Dated(self.s3, self.landed)
        return self.ssm

    def _put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 (as boto3 spells them)
        self.events += [json.loads(entry["Detail"]) for entry in Entries]
        return {"FailedEntryCount": 0, "Entries": []}

    def _put(self, Namespace: str, MetricData: list[dict[str, Any]]) -> None:  # noqa: N803 (as boto3 spells them)
        self.points += [{"Namespace": Namespace, **point} for point in MetricData]

    disk: float = 20.0

    def _traffic(
        self,
        MetricDataQueries: list[dict[str, Any]],  # noqa: N803 (as boto3 spells them)
        StartTime: datetime,  # noqa: N803
        EndTime: datetime,  # noqa: N803
    ) -> dict[str, Any]:
        calls = [calls for hour, calls in self.calls.items() if StartTime <= hour < EndTime]
        known = {"Invocations": calls, "DiskUtilization": [self.disk]}
        names = {query["Id"]: query["MetricStat"]["Metric"]["MetricName"] for query in MetricDataQueries}
        return {"MetricDataResults": [{"Id": id_, "Values": known[name]} for id_, name in names.items()]}


class _Dated:
    """An S3 client whose objects landed when the test says."""

    def __init__(self, client: Any, landed: dict[str, datetime]) -> None:
        self._client, self._landed = client, landed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_paginator(self, operation: str) -> Any:
        pages = self._client.get_paginator(operation)
        return SimpleNamespace(paginate=lambda **asked: map(self._dated, pages.paginate(**asked)))

    def _dated(self, page: dict[str, Any]) -> dict[str, Any]:
        for item in page.get("Contents", ()):
            item["LastModified"] = self._landed.get(item["Key"], item["LastModified"])
        return page


@pytest.fixture
def plane(load: Callable[[str], SimpleNamespace], monkeypatch: pytest.MonkeyPatch) -> Iterator[Plane]:
    """Hourly, a quarter of an hour after each hour; nothing has been captured yet."""
    monkeypatch.setenv("TABLE", TABLE)
    monkeypatch.setenv("MONITORS_PREFIX", PREFIX)
    monkeypatch.setenv("TOPIC_ARN", "topic")
    monkeypatch.setenv("NAMESPACE", "ModelMonitor")
    monkeypatch.setenv("ENVIRONMENT", "dev")
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        boto3.client("dynamodb").create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        found = Plane(load, monkeypatch)
        found.configure()
        yield found
