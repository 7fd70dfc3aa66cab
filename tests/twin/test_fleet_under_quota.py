"""A fleet of endpoints whose windows end together, in an account that may run few jobs at once. Five minutes: run by hand, with
`pytest -m exhaustive`; tests/twin/test_managed_runs.py shows the same with many windows of one endpoint."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stacks.settings import environment as settings
from tests.captures import csv_side, csv_text, event, json_side
from tests.synthesis import synthesize
from tests.twin.accounts import capture_below, make_buckets, make_endpoint
from twin import Twin

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TEAM = "team-123456789012"
NAMES = [f"shop-{number:02}" for number in range(20)]
QUOTA, RECORDS = 4, 40


def document() -> dict[str, Any]:
    monitor = {"runner": "processing", "min_records": 20, "baseline": {"dataset": f"s3://{TEAM}/baseline.csv"}}
    endpoint = {
        "capture": {"destination": f"s3://{TEAM}/capture"},
        "payload": {"features": ["height", "weight"], "label": "size"},
        "monitors": {"quality": monitor},
    }
    return {
        "version": 1,
        "account": "123456789012",
        "region": "eu-west-1",
        "storage": {"keep_data": False},
        "endpoints": dict.fromkeys(NAMES, endpoint),
    }


def make_endpoints(twin: Twin) -> None:
    """As other teams have them."""
    make_endpoint(twin, NAMES[0], capture_below(f"s3://{TEAM}/capture"), artefact=None)
    for name in NAMES[1:]:
        twin.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName="c")


def capture(twin: Twin, name: str, start: datetime) -> None:
    lines = []
    for number in range(RECORDS):
        row = {"height": 50 + number % 7, "weight": 20 + number % 5}
        time = start + MINUTE * number
        lines.append(json.dumps(event(number, csv_side([row]), json_side([{"label": 1}]), time)))
    key = f"capture/{name}/AllTraffic/{start:%Y/%m/%d/%H}/00.jsonl"
    twin.client("s3").put_object(Bucket=TEAM, Key=key, Body="\n".join(lines).encode() + b"\n")


def test_twenty_endpoints_wait_for_instances_and_each_has_its_verdict(tmp_path: Path) -> None:
    assembly = synthesize(settings.parse(document(), "shops", "test")).folder
    with Twin(tmp_path / "twin", start=START) as twin:
        make_buckets(twin, TEAM)
        rows = [["height", "weight", "size"], *([50 + n % 7, 20 + n % 5, 1] for n in range(400))]
        twin.client("s3").put_object(Bucket=TEAM, Key="baseline.csv", Body=csv_text(rows).encode())
        make_endpoints(twin)
        twin.deploy_assembly(assembly)
        twin.quotas.processing_jobs = {"ml.m5.large": QUOTA}
        twin.advance_to(START + 59 * MINUTE)
        for name in NAMES:
            capture(twin, name, START)
        twin.advance_to(START + 2 * HOUR)

        told = [e.data["event"]["detail"] for e in twin.journal.of("event") if "Monitoring Run Ended" in e.text]
        ends = {f"{START + HOUR:%Y-%m-%dT%H:%M:%SZ}"}
        verdicts = [(d["endpoint"], d["verdict"]) for d in told if {d["window"]["end"]} == ends]
        assert sorted(verdicts) == [(name, "ok") for name in NAMES], "each once"
        started = [e.time for e in twin.journal.of("processing") if e.text.endswith(" started")]
        running = Counter(time for time in started if time > START)  # before, a baseline each
        assert sum(running.values()) == len(NAMES)
        assert max(running.values()) <= QUOTA, "a job holds its instance for the minute in which it runs"
        assert twin.identity.violations() == []
