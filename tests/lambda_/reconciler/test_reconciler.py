"""The reconciler publishes what no container could, once per execution."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from model_monitor import contract

NOW = datetime(2026, 3, 4, 5, 40, tzinfo=UTC)
HOUR = NOW.replace(minute=0)
NAMESPACE = "demo/monitoring"
SCHEDULE = "covertype-data-quality"


class SageMaker:
    """Executions by schedule, answered in pages of two."""

    def __init__(self) -> None:
        self.executions: dict[str, list[dict[str, Any]]] = {SCHEDULE: []}
        self.requests: list[dict[str, Any]] = []

    def list_monitoring_executions(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        found = [
            execution
            for execution in self.executions[request["MonitoringScheduleName"]]
            if request["ScheduledTimeAfter"] <= execution["ScheduledTime"] <= request["ScheduledTimeBefore"]
        ]
        start = int(request.get("NextToken", 0))
        page: dict[str, Any] = {"MonitoringExecutionSummaries": found[start : start + 2]}
        return page | ({"NextToken": str(start + 2)} if len(found) > start + 2 else {})


def execution(hours_ago: int, status: str, reason: str = "") -> dict[str, Any]:
    summary = {"ScheduledTime": HOUR - timedelta(hours=hours_ago), "MonitoringExecutionStatus": status}
    return summary | ({"FailureReason": reason} if reason else {})


def make_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's."""
    monkeypatch.setenv("TABLE", "runs")
    boto3.client("dynamodb").create_table(
        TableName="runs",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.fixture
def world(
    load: Callable[[str], SimpleNamespace], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[SimpleNamespace]:
    with mock_aws():
        room = load("reconciler")
        schedules = {SCHEDULE: {"endpoint": "covertype", "namespace": NAMESPACE}}
        index = tmp_path / "watched.json"
        index.write_text(json.dumps({"schedules": schedules, "shadow_prefixes": []}))
        monkeypatch.setattr(room.watched, "FILE", index)
        make_table(monkeypatch)
        sagemaker = SageMaker()
        clients = {"cloudwatch": boto3.client("cloudwatch"), "sagemaker": sagemaker}
        monkeypatch.setattr(room.handler, "client", clients.__getitem__)
        yield SimpleNamespace(room=room, sagemaker=sagemaker, cloudwatch=clients["cloudwatch"])


def run(world: SimpleNamespace, now: datetime = NOW) -> int:
    return int(world.room.handler.handle({"time": now.strftime("%Y-%m-%dT%H:%M:%SZ")})["published"])


def values(world: SimpleNamespace, time: datetime) -> dict[str, list[float]]:
    """SampleCount and Sum of each run metric at one time."""
    found = {}
    for verdict in contract.Verdict:
        name = contract.run_metric(verdict)
        points = world.cloudwatch.get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=name,
            Dimensions=[
                {"Name": key, "Value": value} for key, value in contract.dimensions("covertype", SCHEDULE).items()
            ],
            StartTime=time,
            EndTime=time + timedelta(minutes=1),
            Period=60,
            Statistics=["SampleCount", "Sum"],
        )["Datapoints"]
        found[name] = [point for data in points for point in (data["SampleCount"], data["Sum"])]
    return found


def test_an_empty_window_is_published_as_no_data_at_its_scheduled_time(world: SimpleNamespace) -> None:
    world.sagemaker.executions[SCHEDULE] = [execution(0, "Failed", "Job inputs had no data")]
    assert run(world) == 1
    assert values(world, HOUR) == {
        "run_no_data": [1, 1],
        "run_waiting": [1, 0],
        "run_insufficient_data": [1, 0],
        "run_ok": [1, 0],
        "run_violated": [1, 0],
        "run_error": [1, 0],
    }


@pytest.mark.parametrize(
    ("status", "reason"), [("Failed", "AlgorithmError: exit code 137"), ("Stopped", ""), ("Failed", "")]
)
def test_every_other_end_without_a_verdict_is_an_error(world: SimpleNamespace, status: str, reason: str) -> None:
    world.sagemaker.executions[SCHEDULE] = [execution(0, status, reason)]
    run(world)
    assert (values(world, HOUR)["run_error"], values(world, HOUR)["run_no_data"]) == ([1, 1], [1, 0])


@pytest.mark.parametrize("status", ["Completed", "CompletedWithViolations", "InProgress", "Pending", "Stopping"])
def test_what_the_container_reports_itself_is_left_alone(world: SimpleNamespace, status: str) -> None:
    world.sagemaker.executions[SCHEDULE] = [execution(0, status)]
    assert run(world) == 0
    assert not any(values(world, HOUR).values())


def test_an_execution_is_published_once(world: SimpleNamespace) -> None:
    world.sagemaker.executions[SCHEDULE] = [execution(1, "Failed", "Job inputs had no data")]
    assert [run(world), run(world), run(world, NOW + timedelta(hours=1))] == [1, 0, 0]
    assert values(world, NOW)["run_no_data"] == [1, 1]


def test_an_execution_that_ends_after_a_later_one_is_still_published(world: SimpleNamespace) -> None:
    late = execution(2, "InProgress")
    world.sagemaker.executions[SCHEDULE] = [execution(1, "Failed", "Job inputs had no data"), late]
    run(world)
    late |= {"MonitoringExecutionStatus": "Failed", "FailureReason": "time-out"}
    assert run(world) == 1
    assert values(world, NOW)["run_error"] == [2, 1]


def test_a_run_that_was_killed_after_its_hour_is_stamped_where_alarms_still_see_it(world: SimpleNamespace) -> None:
    world.sagemaker.executions[SCHEDULE] = [execution(0, "Completed"), execution(1, "Failed", "time-out")]
    run(world)
    assert values(world, NOW)["run_error"] == [1, 1]
    assert not any(values(world, HOUR - timedelta(hours=1)).values())


def test_a_daily_run_that_fails_after_most_of_its_day_is_published(world: SimpleNamespace) -> None:
    world.sagemaker.executions[SCHEDULE] = [execution(24, "Failed", "time-out")]
    assert run(world) == 1


def test_all_pages_are_read_and_old_windows_are_not_published(world: SimpleNamespace) -> None:
    world.sagemaker.executions[SCHEDULE] = [execution(h, "Failed", "Job inputs had no data") for h in range(30)]
    assert run(world) == 26
    assert len(world.sagemaker.requests) == 13


def test_what_was_published_is_forgotten_when_it_can_no_longer_come_back(world: SimpleNamespace) -> None:
    kept = world.room.decide.kept(["2026-03-02T04:00:00Z", "2026-03-02T05:00:00Z"], datetime(2026, 3, 2, 5, tzinfo=UTC))
    assert kept == ["2026-03-02T05:00:00Z"]


def test_one_schedule_that_fails_does_not_silence_the_others(
    world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = {"endpoint": "covertype", "namespace": NAMESPACE}
    monkeypatch.setattr(world.room.watched, "schedules", lambda: {"deleted-schedule": target, SCHEDULE: target})
    world.sagemaker.executions[SCHEDULE] = [execution(1, "Failed", "Job inputs had no data")]
    with pytest.raises(world.room.handler.ReconcileError, match="deleted-schedule"):
        run(world)
    assert values(world, NOW)["run_no_data"] == [1, 1]


def test_an_event_without_a_time_is_refused(world: SimpleNamespace) -> None:
    with pytest.raises(ValueError, match="time"):
        world.room.handler.handle({})


def test_names_are_those_of_the_contract(world: SimpleNamespace) -> None:
    decide = world.room.decide
    data = decide.metric_data(decide.Outcome(NOW, "ok", ""), "s", {"endpoint": "e"}, NOW)
    verdicts = {contract.run_metric(verdict) for verdict in contract.Verdict}
    assert {metric["MetricName"] for metric in data} == {*verdicts, contract.METRIC_CAUSES}
    assert {pair["Name"]: pair["Value"] for pair in data[0]["Dimensions"]} == contract.dimensions("e", "s")
    assert decide.NO_DATA_REASON == contract.NO_DATA_REASON
    assert decide.CLOCK_FORMAT == contract.TIME_FORMAT


def test_a_killed_run_is_told_in_the_series_that_its_schedule_publishes(world: SimpleNamespace) -> None:
    decide, target = world.room.decide, {"endpoint": "e", "published": ["causes", "run_no_data"]}
    data = decide.metric_data(decide.Outcome(NOW, "error", "killed"), "s", target, NOW)
    values = {point["MetricName"]: point["Value"] for point in data}
    assert values == {"causes": 10**contract.Cause.ERROR.place, "run_no_data": 0}
