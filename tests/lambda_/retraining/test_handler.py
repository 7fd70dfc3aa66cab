"""The retraining Lambda as a whole, against an in-memory AWS whose SageMaker accepts a job's name once, as the service does."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.lambda_.retraining.covertype import PREFIX, delivered, policy_json

HOUR = datetime(2026, 3, 4, 5, tzinfo=UTC)


class SageMaker:
    """Moto's training jobs with the service's lock on names, and an endpoint in any state."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.endpoint_status = "InService"
        self.refused: list[str] = []
        self._lock = threading.Lock()

    def describe_endpoint(self, **_: Any) -> dict[str, str]:
        return {"EndpointStatus": self.endpoint_status}

    def list_training_jobs(self, **request: Any) -> Any:
        return self.real.list_training_jobs(**request)

    def create_training_job(self, **request: Any) -> Any:
        with self._lock:
            names = [item["TrainingJobName"] for item in self.real.list_training_jobs()["TrainingJobSummaries"]]
            if request["TrainingJobName"] in names:
                self.refused.append(request["TrainingJobName"])
                raise ClientError({"Error": {"Code": "ResourceInUse", "Message": "exists"}}, "CreateTrainingJob")
            return self.real.create_training_job(**request)

    def jobs(self) -> list[str]:
        return [item["TrainingJobName"] for item in self.real.list_training_jobs()["TrainingJobSummaries"]]


@pytest.fixture
def world(load: Callable[[str], SimpleNamespace], monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    with mock_aws():
        room = load("retraining")
        monkeypatch.setenv("POLICY_PARAMETER", "/policy")
        monkeypatch.setenv("STATE_PREFIX", "/state/covertype")
        s3, ssm = boto3.client("s3"), boto3.client("ssm")
        sagemaker = SageMaker(boto3.client("sagemaker"))
        cloudwatch = boto3.client("cloudwatch")
        clients = {"s3": s3, "ssm": ssm, "sagemaker": sagemaker, "cloudwatch": cloudwatch}
        monkeypatch.setattr(room.handler, "client", clients.__getitem__)
        for bucket in ("reports", "models"):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        s3.put_object(Bucket="models", Key="covertype/train/train.csv", Body=b"1,2\n")
        ssm.put_parameter(Name="/policy", Value=policy_json(), Type="String")
        world = SimpleNamespace(room=room, s3=s3, ssm=ssm, sagemaker=sagemaker, cloudwatch=cloudwatch)
        report(world, HOUR, {"baseline_drift_check": 2})
        yield world


def report(world: SimpleNamespace, hour: datetime, violations: dict[str, int], **more: Any) -> None:
    body = {"verdict": "violated", "monitors": [{"key": "data_quality", "violations": violations}], **more}
    key = f"reports/covertype/covertype-data-quality/{hour:%Y/%m/%d/%H}/report.json"
    world.s3.put_object(Bucket="reports", Key=key, Body=json.dumps(body).encode())


def message(time: datetime = HOUR + timedelta(minutes=7), **changes: Any) -> dict[str, Any]:
    return delivered(f"{time:%Y-%m-%dT%H:%M:%S}.236+0000", **{"Trigger": {"EvaluationPeriods": 1}, **changes})


def reason(world: SimpleNamespace, event: dict[str, Any]) -> str:
    (decision,) = world.room.handler.handle(event)["decisions"]
    return str(decision["reason"])


def test_a_drift_alarm_starts_the_job_the_policy_describes(world: SimpleNamespace) -> None:
    assert reason(world, message()) == "drift"
    job = world.sagemaker.real.describe_training_job(TrainingJobName=f"{PREFIX}-202603040500-1")
    assert [channel["ChannelName"] for channel in job["InputDataConfig"]] == ["train"]
    assert job["HyperParameters"] == {
        "num_round": "100",
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": '"s3://assets/sourcedir.tar.gz"',
        "sagemaker_container_log_level": "20",
        "sagemaker_region": '"eu-west-1"',
    }
    assert job["ResourceConfig"]["VolumeKmsKeyId"] == job["OutputDataConfig"]["KmsKeyId"]


def test_fresh_data_joins_the_original_once_it_is_there(world: SimpleNamespace) -> None:
    world.s3.put_object(Bucket="models", Key="covertype/training/a.csv", Body=b"1,2\n")
    reason(world, message())
    job = world.sagemaker.real.describe_training_job(TrainingJobName=f"{PREFIX}-202603040500-1")
    assert [channel["ChannelName"] for channel in job["InputDataConfig"]] == ["train", "fresh"]


def test_an_empty_channel_is_left_out_with_a_line_in_the_log(
    world: SimpleNamespace, capture_log: list[dict[str, Any]]
) -> None:
    world.s3.put_object(Bucket="models", Key="covertype/training/", Body=b"")  # a console's folder
    reason(world, message())
    left_out = [entry for entry in capture_log if entry["event"] == "channel_left_out"]
    assert [(entry["channel"], entry["reason"]) for entry in left_out] == [("fresh", "prefix_is_empty")]


@pytest.fixture
def capture_log(world: SimpleNamespace) -> Iterator[list[dict[str, Any]]]:
    entries: list[dict[str, Any]] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            entries.append(json.loads(record.getMessage()))

    keep = Keep()
    world.room.aws.logger.addHandler(keep)
    yield entries
    world.room.aws.logger.removeHandler(keep)


def test_every_decision_is_one_json_line_with_a_reason(
    world: SimpleNamespace, capture_log: list[dict[str, Any]]
) -> None:
    event = message()
    event["Records"] += message(AlarmName="covertype-violations")["Records"]
    event["Records"].append({"Sns": {"MessageId": "m-9", "Message": "secret"}})
    world.room.handler.handle(event)
    kept = [(entry["action"], entry["reason"]) for entry in capture_log if "action" in entry]
    assert kept == [("start", "drift"), ("refuse", "not_a_drift_alarm"), ("ignore", "unreadable_message")]
    assert "secret" not in json.dumps(capture_log)


def test_the_same_message_twice_starts_one_job(world: SimpleNamespace) -> None:
    assert [reason(world, message()), reason(world, message())] == ["drift", "already_handled"]
    assert len(world.sagemaker.jobs()) == 1


def test_alarms_minutes_apart_start_one_job(world: SimpleNamespace) -> None:
    later = message(HOUR + timedelta(minutes=20), AlarmName="covertype-drift-composite", AlarmRule="ALARM(a)")
    assert [reason(world, message()), reason(world, later)] == ["drift", "cooldown"]


def test_concurrent_invocations_start_one_job(world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both read the state and the jobs before either writes: the name decides."""
    start = world.room.handler._start
    both_decided = threading.Barrier(2, timeout=20)

    def wait_then_start(*arguments: Any) -> Any:
        both_decided.wait()
        return start(*arguments)

    monkeypatch.setattr(world.room.handler, "_start", wait_then_start)
    events = [message(), message(HOUR + timedelta(minutes=9), AlarmName="covertype-drift-composite")]
    reasons: list[str] = []
    threads = [threading.Thread(target=lambda e=event: reasons.append(reason(world, e))) for event in events]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(reasons) == ["already_started", "drift"]
    assert len(world.sagemaker.jobs()) == 1


def test_an_invocation_that_died_before_it_wrote_its_state_is_repeated_safely(
    world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = world.room.handler._write_state

    def die(_state: Any) -> None:
        raise OSError("killed")

    monkeypatch.setattr(world.room.handler, "_write_state", die)
    with pytest.raises(OSError, match="killed"):
        world.room.handler.handle(message())
    monkeypatch.setattr(world.room.handler, "_write_state", write)
    assert reason(world, message()) == "already_started"
    assert reason(world, message()) == "already_handled"
    assert len(world.sagemaker.jobs()) == 1


def test_other_errors_of_the_service_are_raised_so_that_lambda_tries_again(
    world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ResourceLimitExceeded"}}, "CreateTrainingJob")

    monkeypatch.setattr(world.sagemaker, "create_training_job", full)
    with pytest.raises(ClientError, match="ResourceLimitExceeded"):
        world.room.handler.handle(message())
    with pytest.raises(world.ssm.exceptions.ParameterNotFound):
        world.ssm.get_parameter(Name="/state/covertype/retraining")


def test_the_next_day_trains_again_and_the_week_has_a_limit(world: SimpleNamespace) -> None:
    reasons = []
    for day in range(4):
        time = HOUR + timedelta(days=day, minutes=7)
        report(world, time, {"baseline_drift_check": 1})
        reasons.append(reason(world, message(time)))
    assert reasons == ["drift", "drift", "weekly_limit", "weekly_limit"]


def test_an_updating_endpoint_refuses(world: SimpleNamespace) -> None:
    world.sagemaker.endpoint_status = "Updating"
    assert reason(world, message()) == "endpoint_not_in_service"
    assert world.sagemaker.jobs() == []


def test_the_newest_report_decides_whether_the_data_is_broken(world: SimpleNamespace) -> None:
    report(world, HOUR - timedelta(hours=1), {"data_type_check": 3})
    report(world, HOUR + timedelta(hours=1), {"data_type_check": 3})  # after the state change
    assert reason(world, message()) == "drift"


def test_all_windows_an_alarm_looked_at_must_be_sound(world: SimpleNamespace) -> None:
    report(world, HOUR - timedelta(hours=1), {"missing_column_check": 1, "baseline_drift_check": 1})
    assert reason(world, message(Trigger={"EvaluationPeriods": 2})) == "broken_data"
    assert world.sagemaker.jobs() == []


def test_midnight_does_not_hide_the_report_of_the_evening(world: SimpleNamespace) -> None:
    midnight = (HOUR + timedelta(days=1)).replace(hour=0, minute=2)
    report(world, midnight - timedelta(hours=1), {"completeness_check": 1, "baseline_drift_check": 1})
    assert reason(world, message(midnight)) == "broken_data"


@pytest.mark.parametrize(("hours", "periods"), [(24, 4), (1, 80)])
def test_broken_data_of_three_days_ago_counts_where_the_alarm_looked_at_it(
    world: SimpleNamespace, hours: int, periods: int
) -> None:
    world.ssm.put_parameter(Name="/policy", Value=policy_json(hours=hours), Type="String", Overwrite=True)
    report(world, HOUR - timedelta(days=3), {"data_type_check": 3, "baseline_drift_check": 1})
    assert reason(world, message(Trigger={"EvaluationPeriods": periods})) == "broken_data"


def test_without_a_report_nothing_is_trained_and_lambda_tries_again(world: SimpleNamespace) -> None:
    with pytest.raises(world.room.handler.NotYetError, match="no_report"):
        world.room.handler.handle(message(HOUR + timedelta(days=9)))
    assert world.sagemaker.jobs() == []


def test_an_alarm_that_overtakes_its_report_waits_for_it(world: SimpleNamespace) -> None:
    """The container's metrics may be seen before its report is uploaded; the report of the hour before is not about them."""
    report(world, HOUR, {})
    with pytest.raises(world.room.handler.NotYetError, match="report_of_another_run"):
        world.room.handler.handle(message())
    report(world, HOUR, {"baseline_drift_check": 1, "data_type_check": 1})
    assert reason(world, message()) == "broken_data"
    assert world.sagemaker.jobs() == []


def shown(world: SimpleNamespace, checks: list[dict[str, Any]], types: list[str], **trigger: Any) -> bool:
    """Whether checks without violations show what an alarm with this trigger is about."""
    (alarm,) = world.room.alarms.read(message(Trigger={"EvaluationPeriods": 1, **trigger}))
    return bool(world.room.evidence.shows({"monitors": [{"violations": {}, "checks": checks}]}, alarm, types))


def test_a_distance_below_the_check_but_above_the_alarm_is_drift(world: SimpleNamespace) -> None:
    checks = [{"check_type": "baseline_drift_check", "distance": d, "observed": 0.5} for d in (None, 0.01, 0.06)]
    del checks[0]["observed"]
    drift = ["baseline_drift_check"]
    assert shown(world, checks, drift, Threshold=0.05)
    assert not shown(world, checks, drift, Threshold=0.2)
    assert not shown(world, checks, drift)


def test_a_quality_beyond_the_alarm_s_own_threshold_is_shown_by_the_report_of_its_run(world: SimpleNamespace) -> None:
    checks = [
        {"check_type": "LessThanThreshold", "subject": "accuracy", "observed": 0.7},
        {"check_type": "LessThanThreshold", "subject": "recall", "observed": 0.1},
    ]
    below = {"MetricName": "accuracy", "ComparisonOperator": "LessThanThreshold"}
    assert shown(world, checks, ["LessThanThreshold"], Threshold=0.8, **below)
    assert not shown(world, checks, ["LessThanThreshold"], Threshold=0.6, **below), (
        "another metric is worse, not this one"
    )
    assert not shown(world, checks, ["LessThanThreshold"], Threshold=0.7, **below), "equal is not below"


def rehearsed(world: SimpleNamespace, time: datetime, value: float, schedule: str = "covertype-data-quality") -> None:
    dimensions = {"Endpoint": "covertype", "MonitoringSchedule": schedule}
    point = {
        "MetricName": "rehearsal",
        "Dimensions": [{"Name": name, "Value": told} for name, told in dimensions.items()],
        "Timestamp": time,
        "Value": value,
    }
    world.cloudwatch.put_metric_data(Namespace="metrics", MetricData=[point])


def test_a_forced_violation_trains_nothing_even_when_reports_are_not_asked(world: SimpleNamespace) -> None:
    rehearsed(world, HOUR, 1)
    trusting = policy_json(retrain_on_broken_data=True)
    world.ssm.put_parameter(Name="/policy", Value=trusting, Type="String", Overwrite=True)
    assert reason(world, message()) == "rehearsal"
    assert world.sagemaker.jobs() == []


def test_a_rehearsal_of_another_day_or_schedule_stops_nothing(world: SimpleNamespace) -> None:
    rehearsed(world, HOUR - timedelta(days=1), 1)
    rehearsed(world, HOUR, 1, schedule="covertype-daily")
    rehearsed(world, HOUR, 0)
    assert reason(world, message()) == "drift"


def window(end: datetime) -> dict[str, str]:
    return {name: f"{time:%Y-%m-%dT%H:%M:%SZ}" for name, time in (("start", end - timedelta(hours=1)), ("end", end))}


LATE = {
    "monitor": "model_quality",
    "window": window(HOUR - timedelta(days=7)),
    "state": "scored",
    "violations": [{"feature_name": "accuracy", "constraint_check_type": "LessThanThreshold"}],
    "metrics": {"accuracy": 0.6},
}
QUALITY = {"AlarmName": "covertype-model-quality"}


def test_a_score_that_came_late_trains_by_the_report_of_the_run_that_published_it(world: SimpleNamespace) -> None:
    report(world, HOUR, {}, late=[LATE])
    assert reason(world, message(**QUALITY)) == "model_quality"


def test_broken_data_of_the_window_that_waited_for_labels_explains_its_score(world: SimpleNamespace) -> None:
    report(world, HOUR, {}, late=[LATE])
    then = HOUR - timedelta(days=7)
    report(world, then, {"data_type_check": 4}, window=window(then))
    assert reason(world, message(**QUALITY)) == "broken_data"
    report(world, then, {"data_type_check": 4}, window=window(then - timedelta(hours=1)))
    report(world, then - timedelta(hours=1), {}, window=window(then))
    assert reason(world, message(**QUALITY)) == "model_quality", "the report of another window says nothing"


def test_a_late_value_beyond_the_alarm_s_own_threshold_is_shown_too(world: SimpleNamespace) -> None:
    report(world, HOUR, {}, late=[{**LATE, "violations": []}])
    trigger = {"EvaluationPeriods": 1, "MetricName": "accuracy", "ComparisonOperator": "LessThanThreshold"}
    with pytest.raises(world.room.handler.NotYetError, match="report_of_another_run"):
        world.room.handler.handle(message(**QUALITY, Trigger={**trigger, "Threshold": 0.5}))
    assert reason(world, message(**QUALITY, Trigger={**trigger, "Threshold": 0.7})) == "model_quality"


def test_an_endpoint_that_is_gone_is_told_from_an_error(world: SimpleNamespace) -> None:
    status = world.room.evidence.endpoint_status
    assert status(world.sagemaker.real, "nobody") == "Missing"

    def deny(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeEndpoint")

    with pytest.raises(ClientError, match="AccessDenied"):
        status(SimpleNamespace(describe_endpoint=deny), "covertype")


def test_a_running_job_of_this_policy_is_seen_and_others_are_not(world: SimpleNamespace) -> None:
    summaries = [
        {"TrainingJobName": f"{PREFIX}-202603010000-1", "TrainingJobStatus": "InProgress"},
        {"TrainingJobName": f"my-{PREFIX}-202603010000-1", "TrainingJobStatus": "InProgress"},
        {"TrainingJobName": f"{PREFIX}-202602010000-1", "TrainingJobStatus": "Completed"},
    ]
    listed = SimpleNamespace(list_training_jobs=lambda **_: {"TrainingJobSummaries": summaries})
    jobs = world.room.evidence.jobs(listed, PREFIX)
    assert jobs.in_progress == (f"{PREFIX}-202603010000-1",)
    assert len(jobs.names) == 2
