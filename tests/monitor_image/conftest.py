"""An /opt/ml tree for the container, the records that tests put into it, and AWS in memory."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from model_monitor import container
from tests.captures import HOUR, events_of, write_capture, write_csv

ENDPOINT, SCHEDULE = "covertype", "covertype-data-quality"
FEATURES = ("Elevation", "Slope", "Area")
OUTPUT = {"prediction": "label", "score": "score", "payload_index": "payload_index"}
SPAN = (HOUR, HOUR + timedelta(hours=1))


def land(count: int, seed: int = 1, **changes: Any) -> list[dict[str, Any]]:
    """Records of one distribution; `changes` overwrite a feature by a value or a function of the record."""
    chance = random.Random(seed)
    records = [
        {
            "Elevation": chance.randint(2000, 3800),
            "Slope": round(chance.uniform(0, 40), 2) + 0.001,
            "Area": chance.choice(["Rawah", "Cache", "Neota"]),
        }
        for _ in range(count)
    ]
    for name, change in changes.items():
        for record in records:
            record[name] = change(record) if callable(change) else change
    return records


@dataclass
class OptMl:
    """What a processing job finds and leaves below /opt/ml."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def output(self) -> Path:
        return self.root / "processing/output"

    @property
    def message(self) -> str:
        return (self.root / "output/message").read_text(encoding="ascii")

    @property
    def metrics_file(self) -> Path:
        return self.root / "output/metrics/cloudwatch/cloudwatch_metrics.jsonl"

    @property
    def report(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.output / "report.json").read_text())
        return content

    def metrics(self) -> dict[str, float]:
        points = [json.loads(line) for line in (self.output / "metrics.jsonl").read_text().splitlines()]
        return {point["MetricName"]: point["Value"] for point in points if "Value" in point}

    def violations(self) -> list[tuple[str, str]]:
        path = self.output / "constraint_violations.json"
        if not path.exists():
            return []
        found = json.loads(path.read_text())["violations"]
        return sorted((item["feature_name"], item["constraint_check_type"]) for item in found)

    def configure(self, features: Iterable[Any] | None = FEATURES, **changes: Any) -> OptMl:
        payload = None if features is None else {"features": list(features), "label": "Cover_Type", "output": OUTPUT}
        path = self.root / "processing/input/config/monitoring.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"version": 1, "payload": payload} | changes))
        self.environment["monitor_config"] = "/opt/ml/processing/input/config/monitoring.json"
        return self

    def with_baseline(self, baseline: Path) -> OptMl:
        """BaselineConfig: the files of a baseline job, mounted."""
        for variable, folder, name in (
            ("baseline_constraints", "constraints", "constraints.json"),
            ("baseline_statistics", "stats", "statistics.json"),
        ):
            target = self.root / "processing/baseline" / folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((baseline / name).read_bytes())
            self.environment[variable] = f"/opt/ml/processing/baseline/{folder}/{name}"
        return self

    def for_baseline(self, records: list[dict[str, Any]]) -> OptMl:
        write_csv(self.root / "processing/input/baseline_dataset_input/baseline.csv", records)
        self.environment |= {"monitor_job": "baseline", "dataset_format": '{"csv":{"header":true}}'}
        return self

    def for_window(self, events: list[Mapping[str, Any]], files: int = 1) -> OptMl:
        folder = self.root / "processing/input/endpoint"
        folder.mkdir(parents=True, exist_ok=True)
        write_capture(folder, events, ENDPOINT, files=files)
        self.environment |= {
            "dataset_format": '{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}',
            "publish_cloudwatch_metrics": "Enabled",
            "start_time": f"{SPAN[0]:%Y-%m-%dT%H: %M:%SZ}",
            "end_time": f"{SPAN[1]:%Y-%m-%dT%H:%M:%SZ}",
            "MODEL_MONITOR_NOW": f"{SPAN[1] + timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}",
            "sagemaker_endpoint_name": ENDPOINT,
            "sagemaker_monitoring_schedule_name": SCHEDULE,
        }
        return self

    def run(self, **variables: str) -> int:
        return container.main(self.environment | {"MODEL_MONITOR_ROOT": str(self.root)} | variables)


@pytest.fixture
def aws(fake_account: None) -> Iterator[None]:
    """AWS in memory, empty."""
    from moto import mock_aws

    with mock_aws():
        yield


@pytest.fixture
def bucket(aws: None) -> Any:
    """S3 with an empty bucket of the name `bucket`: its client."""
    import boto3

    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return client


@pytest.fixture
def opt_ml(tmp_path: Path):
    """Makes /opt/ml trees, one per call."""
    made: list[OptMl] = []

    def make() -> OptMl:
        made.append(OptMl(tmp_path / f"opt_ml_{len(made)}"))
        return made[-1]

    return make


@pytest.fixture(scope="session")
def healthy_baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a baseline job over 600 records of `land`."""
    tree = OptMl(tmp_path_factory.mktemp("baseline")).configure().for_baseline(land(600, seed=7))
    assert tree.run() == 0, tree.message
    return tree.output


def healthy_events(count: int = 120, **changes: Any) -> list[dict[str, Any]]:
    return events_of(land(count, seed=3, **changes))
