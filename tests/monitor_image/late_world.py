"""An endpoint whose labels come later: capture, labels and history that outlive the jobs of its schedule."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.captures import HOUR, events_of, write_capture, write_lines
from tests.monitor_image.conftest import ENDPOINT, FEATURES, SCHEDULE, OptMl, land

DAY, ONE_HOUR = timedelta(days=1), timedelta(hours=1)
RECORDS = 40  # ten requests of four
QUALITY = {
    "problem_type": "multiclass",
    "label_delay": "P7D",
    "min_coverage": 0.8,
    "label_horizon": "P14D",
    "thresholds": {"accuracy": 0.8},
}


def hour(number: int) -> datetime:
    """The start of a window, counted in hours from the first."""
    return HOUR + number * ONE_HOUR


def label_of(number: int, record: int, is_right: bool) -> dict[str, Any]:
    """Ground truth of one record of a window; the model of `captures.outputs` says its place in the request modulo 3."""
    place = record % 4
    said = place % 3
    truth = said if is_right else (said + 1) % 3
    return {
        "groundTruthData": {"data": str(truth), "encoding": "CSV"},
        "eventMetadata": {"eventId": f"{number}-event-{record // 4:06d}", "payload_index": place},
        "eventVersion": "0",
    }


@dataclass
class World:
    """What lies in the account beside the jobs; locations are folders, or S3 prefixes where a test says so."""

    root: Path
    quality: dict[str, Any] = field(default_factory=lambda: dict(QUALITY))
    changes: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    jobs: int = 0

    @property
    def capture(self) -> Path:
        return self.root / "capture"

    @property
    def history(self) -> Path:
        return self.root / "history"

    @property
    def labels(self) -> Path:
        return self.root / "labels"

    def events(self, number: int, records: int = RECORDS) -> list[dict[str, Any]]:
        events = events_of(land(records, seed=number), time=hour(number))
        for event in events:
            event["eventMetadata"]["eventId"] = f"{number}-{event['eventMetadata']['eventId']}"
        return events

    def serve(self, number: int, records: int = RECORDS) -> None:
        """Traffic in one hour."""
        write_capture(self.capture, self.events(number, records), ENDPOINT, hour=hour(number))

    def label(self, number: int, at: datetime, right: Iterable[int], wrong: Iterable[int] = ()) -> None:
        """Labels of one window's records, collected at a time: those the model got right, and those it got wrong."""
        lines = [label_of(number, r, True) for r in right] + [label_of(number, r, False) for r in wrong]
        self.labels.mkdir(exist_ok=True)
        write_lines(self.labels / f"{at:%Y/%m/%d/%H}/{number}.jsonl", lines)

    def run(self, number: int, late_minutes: int = 5, now: datetime | None = None) -> OptMl:
        """The schedule's job for one window, some minutes after it ended; a tree of its own for every job."""
        self.jobs += 1
        tree = OptMl(self.root / f"job_{self.jobs}")
        self.labels.mkdir(exist_ok=True)
        given = {"monitors": {"model_quality": self.quality}, "history": str(self.history)}
        tree.configure(FEATURES, **(given | {"ground_truth": str(self.labels)} | self.changes))
        source = self.capture / ENDPOINT / "AllTraffic" / f"{hour(number):%Y/%m/%d/%H}"
        target = tree.root / "processing/input/endpoint" / source.relative_to(self.capture)
        target.mkdir(parents=True)
        for file in sorted(source.glob("*.jsonl")):
            (target / file.name).write_bytes(file.read_bytes())
        now = now or hour(number + 1) + timedelta(minutes=late_minutes)
        tree.environment |= {
            "dataset_format": '{"sagemakerCaptureJson":{}}',
            "publish_cloudwatch_metrics": "Enabled",
            "start_time": f"{hour(number):%Y-%m-%dT%H:%M:%SZ}",
            "end_time": f"{hour(number + 1):%Y-%m-%dT%H:%M:%SZ}",
            "sagemaker_endpoint_name": ENDPOINT,
            "sagemaker_monitoring_schedule_name": SCHEDULE,
            "sagemaker_endpoint_datacapture_prefix": str(self.capture),
            "MODEL_MONITOR_NOW": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        } | self.variables
        self.status = tree.run()
        return tree

    def kept(self, kind: str) -> list[str]:
        """Names of the history's entries."""
        return sorted(path.name for path in (self.history / "model_quality" / kind).glob("*.json"))

    def score(self, number: int) -> dict[str, Any]:
        path = self.history / f"model_quality/scored/{hour(number):%Y%m%d%H%M}.json"
        content: dict[str, Any] = json.loads(path.read_text())
        return content


def points(tree: OptMl, name: str) -> list[tuple[str, float]]:
    """(time, value) of every data point of a metric that a job published; none when it failed."""
    if not tree.metrics_file.exists():
        return []
    lines = map(json.loads, tree.metrics_file.read_text().splitlines())
    return [(point["Timestamp"], point["Value"]) for point in lines if point["MetricName"] == name]
