"""The real `sagemaker` SDK, in an environment of its own, against the twin."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.twin.accounts import capture_below, make_buckets, make_endpoint
from twin import Twin
from twin.sagemaker.schedules import LONGEST_DELAY_MINUTES

ROOT = Path(__file__).resolve().parents[3]
SDK = ROOT / "build" / "venv" / "sdk" / "bin" / "python"
ROLE = "arn:aws:iam::123456789012:role/monitor"
NAME = "covertype-data-quality"
FEATURES = {"version": 0.0, "features": [{"name": "Elevation"}]}
VIOLATIONS = {
    "violations": [{"feature_name": "Elevation", "constraint_check_type": "data_type_check", "description": "d"}]
}

pytestmark = pytest.mark.slow


@pytest.fixture
def sdk() -> Path:
    if not SDK.is_file():
        pytest.skip("sagemaker SDK environment not installed")
    return SDK


@pytest.fixture
def endpoint(twin: Twin) -> str:
    """An endpoint that captures, and one hour of captured data."""
    s3 = twin.client("s3")
    make_buckets(twin, "capture", "reports", "baselines")
    s3.put_object(Bucket="baselines", Key="v1/constraints.json", Body=b"{}")
    s3.put_object(Bucket="baselines", Key="v1/statistics.json", Body=b"{}")
    make_endpoint(twin, "covertype", capture_below("s3://capture/data"), role=ROLE)
    return "covertype"


Drive = Callable[[str], dict[str, Any]]


@pytest.fixture
def drive(twin: Twin, sdk: Path) -> Iterator[Drive]:
    """Steps with the SDK, in one process: it takes longer to be imported than to do any of them."""
    environment = {**twin.environment, "PATH": os.environ["PATH"], "HOME": str(twin.directory)}
    log = twin.directory / "sdk.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sdk, ROOT / "tests" / "sdk" / "drive_monitor.py", ROLE, NAME],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):

        def step(name: str) -> dict[str, Any]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{name}\n")
            process.stdin.flush()
            line = process.stdout.readline()
            assert line, log.read_text()[-3000:]
            found: dict[str, Any] = json.loads(line)
            return found

        yield step
        process.terminate()


def live_through(twin: Twin, hour: int, *, with_data: bool) -> None:
    """One hour of traffic or none, and the execution that follows it."""
    if with_data:
        key = f"data/covertype/v/2026/03/02/{hour:02}/30-00-000-x.jsonl"
        twin.client("s3").put_object(Bucket="capture", Key=key, Body=b"{}")
    start = twin.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    twin.advance_to(start + timedelta(hours=hour + 1, minutes=LONGEST_DELAY_MINUTES))


@pytest.mark.usefixtures("endpoint", "bus")
def test_the_sdk_creates_reads_changes_and_deletes_a_schedule(twin: Twin, drive: Drive) -> None:
    created = drive("create")
    assert created == {"status": "Scheduled", "executions": 0}

    live_through(twin, 0, with_data=True)
    live_through(twin, 1, with_data=False)  # no processing job, so the SDK leaves this execution out
    changed = drive("change")
    live_through(twin, 2, with_data=True)
    assert changed["environment"]["plan"] == "ok"

    seen = drive("read")
    reports = f"s3://reports/r/covertype/{NAME}/2026/03/02"
    assert seen["tags"] == [{"Key": "project", "Value": "loop"}]
    assert seen["seconds"] == 1200
    assert seen["outputs"] == [f"{reports}/01", f"{reports}/03"]
    assert seen["inputs"] == [["endpoint_input_1", "constraints", "baseline"]] * 2
    assert [message.split(":")[0] for message in seen["messages"]] == ["CompletedWithViolations", "Completed"]
    assert seen["statistics"] == [FEATURES, FEATURES]
    assert seen["violations"] == [VIOLATIONS, None]
    assert (seen["latest_statistics"], seen["latest_violations"]) == (FEATURES, None)

    executions = twin.client("sagemaker").list_monitoring_executions(MonitoringScheduleName=NAME)
    assert [e["MonitoringExecutionStatus"] for e in executions["MonitoringExecutionSummaries"]] == [
        "Completed",
        "Failed",
        "CompletedWithViolations",
    ]
    assert drive("stop_and_delete") == {"stopped": "Stopped", "started": "Scheduled", "left": 0}


@pytest.mark.usefixtures("endpoint", "bus")
def test_the_sdk_reads_the_baseline_that_a_job_left(twin: Twin, drive: Drive) -> None:
    twin.client("s3").put_object(Bucket="baselines", Key="training/rows.csv", Body=b"1\n")
    assert drive("learn") == {
        "statistics": FEATURES,
        "constraints": {"version": 0.0, "features": [], "monitoring_config": {}},
    }
