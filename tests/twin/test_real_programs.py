"""The programs that the twin runs for others are the project's own: train.py, inference.py and the monitor image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.twin.accounts import furnished, put
from tests.twin.pump import NAMES, SCHEDULE, ask, deploy, make_baseline, rows, schedule, source, train
from twin import Twin

HOUR = timedelta(hours=1)

pytestmark = pytest.mark.slow


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    """An account with one role, one bucket and the real interpreters."""
    with furnished(tmp_path) as running:
        yield running


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
