"""The retraining Lambda as a whole, against an in-memory AWS whose SageMaker accepts a job's name once, as the service does."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.lambda_.retraining.covertype import INDEX, PARAMETER, PREFIX, delivered, policy_json
from tests.lambda_.retraining.memory_table import MemoryTable

HOUR = datetime(2026, 3, 4, 5, tzinfo=UTC)
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:model-monitor-dev-retraining"


class SageMaker:
    """An endpoint in any state, and the state machine of retrainings, which may fail."""

    def __init__(self) -> None:
        self.endpoint_status = "InService"
        self.fails_with = ""
        self.started: dict[str, dict[str, Any]] = {}

    def describe_endpoint(self, **_: Any) -> dict[str, str]:
        return {"EndpointStatus": self.endpoint_status}

    def start_execution(self, stateMachineArn: str, name: str, input: str) -> None:  # noqa: N803 (as boto3 spells them)
        assert stateMachineArn == MACHINE
        if self.fails_with or name in self.started:
            code = self.fails_with or "ExecutionAlreadyExists"
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, "StartExecution")
        self.started[name] = json.loads(input)

    def jobs(self) -> list[str]:
        return list(self.started)


@cache
def real(service: str) -> Any:
    """Moto answers whichever client is asked, and making one takes a while."""
    return boto3.client(service)


@dataclass
class World:
    """The services of one account; calls are counted by service and operation."""

    room: Any
    table: MemoryTable = field(default_factory=MemoryTable)
    s3: Any = field(default_factory=lambda: real("s3"))
    ssm: Any = field(default_factory=lambda: real("ssm"))
    cloudwatch: Any = field(default_factory=lambda: real("cloudwatch"))
    sagemaker: SageMaker = field(default_factory=SageMaker)
    events: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)

    def client(self, service: str) -> Any:
        self.calls[service] += 1
        if service == "events":
            return SimpleNamespace(put_events=self._put_events)
        if service == "sns":
            return SimpleNamespace(publish=lambda **message: self.messages.append(message))
        return self.sagemaker if service == "stepfunctions" else getattr(self, service)

    def named(self, name: str) -> MemoryTable:
        self.calls["table"] += 1
        return self.table

    def _put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 (as boto3 spells them)
        self.events += [{**entry, "Detail": json.loads(entry["Detail"])} for entry in Entries]
        return {"FailedEntryCount": 0}

    def decided(self) -> list[dict[str, Any]]:
        """All decisions that are kept, oldest first."""
        return [item for (pk, _), item in sorted(self.table.items.items()) if pk.startswith("decision#")]

    def policy(self, **changes: Any) -> None:
        self.ssm.put_parameter(Name=PARAMETER, Value=policy_json(**changes), Type="String", Overwrite=True)


@pytest.fixture
def world(load: Callable[[str], SimpleNamespace], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    with mock_aws():
        room = load("retraining")
        (tmp_path / "index.json").write_text(json.dumps(INDEX))
        monkeypatch.setattr(room.index, "FILE", tmp_path / "index.json")
        for name, value in {
            "TABLE": "table",
            "ENVIRONMENT": "dev",
            "TOPIC_ARN": "topic",
            "NAMESPACE": "ModelMonitor",
            "KMS_KEY": KEY,
            "RETRAINING_MACHINE_ARN": MACHINE,
        }.items():
            monkeypatch.setenv(name, value)
        world = World(room)
        for module in (room.handler, room.gather, room.start, room.tell):
            monkeypatch.setattr(module, "client", world.client)
        monkeypatch.setattr(room.handler, "table_named", world.named)
        for bucket in ("reports", "models"):
            world.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        world.s3.put_object(Bucket="models", Key="covertype/train/train.csv", Body=b"1,2\n")
        world.policy()
        report(world, HOUR, {"baseline_drift_check": 2})
        yield world


def report(world: World, hour: datetime, violations: dict[str, int], **more: Any) -> None:
    body = {"verdict": "violated", "monitors": [{"key": "data_quality", "violations": violations}], **more}
    key = f"reports/covertype/covertype-data-quality/{hour:%Y/%m/%d/%H}/report.json"
    world.s3.put_object(Bucket="reports", Key=key, Body=json.dumps(body).encode())


def message(time: datetime = HOUR + timedelta(minutes=7), **changes: Any) -> dict[str, Any]:
    return delivered(f"{time:%Y-%m-%dT%H:%M:%S}.236+0000", **{"Trigger": {"EvaluationPeriods": 1}, **changes})


def reason(world: World, event: dict[str, Any]) -> str:
    (decision,) = world.room.handler.handle(event)["decisions"]
    return str(decision["reason"])


def test_a_drift_alarm_starts_the_workflow_with_all_that_was_decided(world: World) -> None:
    assert reason(world, message()) == "drift"
    ((name, given),) = world.sagemaker.started.items()
    assert name == given["run"] == f"{PREFIX}-202603040507-1"
    assert (given["endpoint"], given["mode"], given["cause"]) == ("covertype", "train", "drift")
    (decision,) = world.decided()
    assert given["decision"] == {"pk": decision["pk"], "sk": decision["sk"]}


@pytest.fixture
def capture_log(world: World) -> Iterator[list[dict[str, Any]]]:
    entries: list[dict[str, Any]] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            entries.append(json.loads(record.getMessage()))

    keep = Keep()
    world.room.aws.logger.addHandler(keep)
    yield entries
    world.room.aws.logger.removeHandler(keep)


def test_every_decision_is_one_json_line_with_a_reason(world: World, capture_log: list[dict[str, Any]]) -> None:
    event = message()
    event["Records"] += message(AlarmName="covertype-violations")["Records"]
    event["Records"].append({"Sns": {"MessageId": "m-9", "Message": "secret"}})
    world.room.handler.handle(event)
    kept = [(entry["action"], entry["reason"]) for entry in capture_log if "action" in entry]
    assert kept == [("start", "drift"), ("refuse", "not_a_drift_alarm"), ("ignore", "unreadable_message")]
    assert "secret" not in json.dumps(capture_log)


def test_the_same_message_twice_starts_one_job(world: World) -> None:
    assert [reason(world, message()), reason(world, message())] == ["drift", "already_handled"]
    assert len(world.sagemaker.jobs()) == 1
    assert len(world.events) == 1


LATER = message(HOUR + timedelta(minutes=20), AlarmName="covertype-drift-composite", AlarmRule="ALARM(a)")


def test_alarms_minutes_apart_start_one_job(world: World) -> None:
    assert [reason(world, message()), reason(world, LATER)] == ["drift", "training_in_progress"]


@pytest.mark.parametrize("minutes", [9, 57])
def test_alarms_that_are_judged_at_once_start_one_job(world: World, minutes: int) -> None:
    """On one side of an hour's end or on both: the second one has read what was true before the first one wrote."""
    assert reason(world, message(HOUR + timedelta(minutes=minutes - 4))) == "drift"
    world.table.behind = 1
    second = message(HOUR + timedelta(minutes=minutes + 5), AlarmName="covertype-drift-composite")
    assert reason(world, second) == "training_in_progress"
    assert world.table.behind == 0, "it did read what was old"
    assert len(world.sagemaker.jobs()) == 1


@pytest.mark.parametrize("what", ["start", "tell"])
def test_an_invocation_that_died_goes_on_where_it_stopped(
    world: World, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def die(*_: Any) -> None:
        raise OSError("killed")

    broken = {"start": (world.room.start, "start"), "tell": (world.room.tell, "everybody")}[what]
    with monkeypatch.context() as patched:
        patched.setattr(*broken, die)
        with pytest.raises(OSError, match="killed"):
            world.room.handler.handle(message())
    assert [reason(world, message()), reason(world, message())] == ["drift", "already_handled"]
    assert len(world.sagemaker.jobs()) == len(world.events) == 1


def test_errors_of_the_service_are_raised_so_that_lambda_and_the_pass_try_again(world: World) -> None:
    world.sagemaker.fails_with = "ResourceLimitExceeded"
    with pytest.raises(ClientError, match="ResourceLimitExceeded"):
        world.room.handler.handle(message())
    world.sagemaker.fails_with = ""
    ring(world)
    assert [entry["reason"] for entry in passed(world, HOUR + timedelta(minutes=30))] == ["drift"]
    assert world.sagemaker.jobs() == [f"{PREFIX}-202603040507-1"]


def test_a_start_that_was_never_made_is_left_when_its_endpoint_went_to_another(world: World) -> None:
    world.sagemaker.fails_with = "ResourceLimitExceeded"
    with pytest.raises(ClientError):
        world.room.handler.handle(message())
    world.sagemaker.fails_with = ""
    world.policy(cooldown_hours=0)
    day = HOUR + timedelta(days=1)
    report(world, day, {"baseline_drift_check": 2})
    assert reason(world, message(day + timedelta(minutes=7))) == "drift"
    reason(world, message())
    assert world.sagemaker.jobs() == [f"{PREFIX}-202603050507-1"]


def ended(world: World) -> None:
    """The newest run ended: its last step gives the endpoint back."""
    world.room.decisions.release(world.table, "covertype", world.sagemaker.jobs()[-1])


def test_the_next_day_trains_again_and_the_week_has_a_limit(world: World) -> None:
    reasons = []
    for day in range(4):
        time = HOUR + timedelta(days=day, minutes=7)
        report(world, time, {"baseline_drift_check": 1})
        reasons.append(reason(world, message(time)))
        ended(world)
    assert reasons == ["drift", "drift", "weekly_limit", "weekly_limit"]


def counted(world: World, metric: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.cloudwatch.list_metrics(Namespace="ModelMonitor", MetricName=metric)["Metrics"]
    return found


def ring(world: World, name: str = "covertype-drift", state: str = "ALARM") -> None:
    """An alarm is in a state now."""
    world.cloudwatch.put_metric_alarm(
        AlarmName=name,
        MetricName="drift_max",
        Namespace="metrics",
        EvaluationPeriods=1,
        Period=3600,
        Statistic="Maximum",
        Threshold=0.2,
        ComparisonOperator="GreaterThanThreshold",
    )
    world.cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="told")


def passed(world: World, time: datetime) -> list[dict[str, Any]]:
    """What the pass decides."""
    event = {"detail-type": "Scheduled Event", "source": "aws.events", "time": time.isoformat()}
    found: list[dict[str, Any]] = world.room.handler.handle(event)["decisions"]
    return found


def test_a_refusal_that_time_cures_is_looked_at_again(world: World) -> None:
    world.sagemaker.endpoint_status = "Updating"
    ring(world)
    first = passed(world, HOUR + timedelta(minutes=10))
    assert [entry["rule"] for entry in first] == ["endpoint_settled"]
    assert passed(world, HOUR + timedelta(minutes=40)) == [], "nothing is told twice"
    (known,) = world.decided()
    assert (known["looks"], known["looked_at"]) == (1, "2026-03-04T05:40:00Z")
    world.sagemaker.endpoint_status = "InService"
    assert [entry["reason"] for entry in passed(world, HOUR + timedelta(minutes=70))] == ["drift"]
    assert [event["Detail"]["action"] for event in world.events] == ["refuse", "start"]
    assert world.sagemaker.jobs() == [f"{PREFIX}-202603040610-1"]


def test_the_pass_looks_at_alarms_of_policies_alone(world: World) -> None:
    for name in ("covertype-violations", "someone-elses-alarm", "covertype-bias-drift"):
        ring(world, name)
    ring(world, "covertype-drift", "OK")
    assert passed(world, HOUR + timedelta(minutes=30)) == []


def test_an_alarm_that_fails_keeps_no_other_from_the_pass(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("covertype-drift", "covertype-model-quality"):
        ring(world, name)
    facts = world.room.gather.facts

    def fail(case: Any, *rest: Any) -> Any:
        if case.alarm.name == "covertype-drift":
            raise OSError("its report cannot be read")
        return facts(case, *rest)

    monkeypatch.setattr(world.room.gather, "facts", fail)
    report(world, HOUR, {"LessThanThreshold": 1})
    with pytest.raises(world.room.handler.PassError, match="covertype-drift"):
        passed(world, HOUR + timedelta(minutes=30))
    assert world.sagemaker.jobs() == [f"{PREFIX}-202603040530-1"]


def test_a_message_and_the_pass_are_one_state_change(world: World) -> None:
    ring(world)
    (entry,) = world.cloudwatch.describe_alarms(AlarmNames=["covertype-drift"])["MetricAlarms"]
    time = entry["StateUpdatedTimestamp"]
    report(world, time, {"baseline_drift_check": 1})
    world.sagemaker.endpoint_status = "Updating"
    assert reason(world, message(time)) == "endpoint_not_in_service"
    assert passed(world, time + timedelta(minutes=1)) == []
    assert len(world.decided()) == 1


PROPOSING = {"mode": "propose", "proposal_hours": 24}


def proposed(world: World) -> str:
    """A proposal; what accepts it."""
    world.policy(**PROPOSING)
    (made,) = world.room.handler.handle(message(), SimpleNamespace(function_name="dev-decide"))["decisions"]
    assert (made["action"], made["reason"], made["detail"]) == ("propose", "mode_propose", "drift")
    return str(made["decision"])


def accepted(world: World, decision: str, hours: float) -> dict[str, Any]:
    event = {"accept": decision, "time": (HOUR + timedelta(hours=hours)).isoformat()}
    (made,) = world.room.handler.handle(event)["decisions"]
    return dict(made)


def test_a_proposal_reaches_people_with_evidence_and_the_command_that_accepts_it(world: World) -> None:
    decision = proposed(world)
    (message_,) = world.messages
    assert message_["Subject"] == "Retraining proposed: covertype"
    text = message_["Message"]
    assert "Alarm: covertype-drift" in text
    assert "Violations: baseline_drift_check 2" in text
    assert "Report: s3://reports/reports/covertype/covertype-data-quality/2026/03/04/05/report.json" in text
    assert "Accept until 2026-03-05T05:07:00Z" in text
    command = f"--function-name dev-decide --cli-binary-format raw-in-base64-out --payload '{json.dumps({'accept': decision})}'"
    assert command in text
    assert world.sagemaker.jobs() == []


def test_an_accepted_proposal_starts_once(world: World) -> None:
    decision = proposed(world)
    first = accepted(world, decision, 5)
    assert (first["action"], first["asked_by"], first["reason"]) == ("start", "accepted", "drift")
    assert accepted(world, decision, 6)["reason"] == "already_accepted"
    assert world.sagemaker.jobs() == [f"{PREFIX}-202603041000-1"]


def test_a_proposal_expires_and_what_was_never_proposed_is_not_accepted(world: World) -> None:
    decision = proposed(world)
    assert accepted(world, decision, 25)["reason"] == "proposal_expired"
    assert accepted(world, "covertype/2026-03-04T05:07:00Z#0", 1)["reason"] == "no_such_proposal"
    assert accepted(world, "nobody/2026-03-04T05:07:00Z#0", 1)["reason"] == "no_such_proposal"
    assert world.sagemaker.jobs() == []


def test_accepting_goes_through_the_same_rules(world: World) -> None:
    decision = proposed(world)
    world.sagemaker.endpoint_status = "Updating"
    assert accepted(world, decision, 1)["rule"] == "endpoint_settled"
    world.sagemaker.endpoint_status = "InService"
    assert accepted(world, decision, 2)["action"] == "start"


def test_one_proposal_is_open_until_it_expires(world: World) -> None:
    proposed(world)
    assert reason(world, LATER) == "proposal_open"
    ring(world)
    report(world, HOUR + timedelta(hours=25), {"baseline_drift_check": 2})
    assert [entry["action"] for entry in passed(world, HOUR + timedelta(hours=26))] == ["propose"]
    assert len(world.messages) == 2


def test_a_person_starts_a_run_by_hand_once_a_second(world: World) -> None:
    event = {"run": "covertype", "reason": "a new label set", "time": HOUR.isoformat()}
    (first,), (second,) = (world.room.handler.handle(event)["decisions"] for _ in range(2))
    assert (first["action"], first["asked_by"], first["detail"]) == ("start", "manual", "a new label set")
    assert second["rule"] == "one_at_a_time" or second["reason"] == "already_handled"
    assert world.sagemaker.jobs() == [f"{PREFIX}-202603040500-1"]
    (unknown,) = world.room.handler.handle({"run": "nobody"})["decisions"]
    assert unknown["reason"] == "no_such_endpoint"


def test_a_decision_is_a_record_a_file_an_event_and_a_metric(world: World) -> None:
    reason(world, message())
    (item,) = world.decided()
    assert (item["action"], item["rule"], item["is_done"], item["violations"]) == (
        "start",
        "",
        True,
        {"baseline_drift_check": 2},
    )
    key = f"retraining/covertype/{PREFIX}-202603040507-1/decision.json"
    kept = world.s3.get_object(Bucket="reports", Key=key)
    assert (kept["ServerSideEncryption"], kept["SSEKMSKeyId"]) == ("aws:kms", KEY), (
        "some buckets refuse what names none"
    )
    filed = json.loads(kept["Body"].read())
    (event,) = world.events
    assert (event["Source"], event["DetailType"]) == ("model-monitor", "Retraining Decided")
    for told in (filed, event["Detail"]):
        assert (told["endpoint"], told["reason"], told["run"], told["alarm"]) == (
            "covertype",
            "drift",
            f"{PREFIX}-202603040507-1",
            "covertype-drift",
        )
    (metric,) = counted(world, "retraining_decisions")
    assert {d["Name"]: d["Value"] for d in metric["Dimensions"]} == {"Endpoint": "covertype", "Action": "start"}


def test_people_are_told_of_what_they_have_to_repair(world: World) -> None:
    report(world, HOUR, {"missing_column_check": 1, "baseline_drift_check": 1})
    assert reason(world, message()) == "broken_data"
    (told,) = world.messages
    assert told["Subject"] == "Retraining refused, repair upstream: covertype"
    assert "broken_data (missing_column_check)" in told["Message"]


def test_a_dry_run_keeps_and_tells_and_starts_nothing(world: World) -> None:
    world.policy(dry_run=True)
    assert reason(world, message()) == "dry_run"
    assert [event["Detail"]["detail"] for event in world.events] == ["would start"]
    assert (world.sagemaker.jobs(), world.room.decisions.history(world.table, "covertype").starts) == ([], ())


def test_what_is_not_ours_costs_no_call(world: World) -> None:
    made = [reason(world, message(AlarmName=f"someone-elses-{number}")) for number in range(50)]
    assert set(made) == {"alarm_not_in_policy"}
    assert not world.calls


def test_fifty_alarms_at_once_start_one_job_and_cost_few_calls(world: World) -> None:
    """The policy, the table, and for the first one alone what has to be looked up."""
    names = list(INDEX["alarms"])[:3]
    events = [message(HOUR + timedelta(seconds=n), AlarmName=names[n % 3]) for n in range(50)]
    reasons = Counter(reason(world, event) for event in events)
    assert reasons == {"drift": 1, "training_in_progress": 49}
    asked = Counter(world.calls)
    assert (asked["ssm"], asked["table"], asked["sagemaker"], asked["stepfunctions"]) == (50, 50, 1, 1)
    assert asked["s3"] < 60, "a refused alarm writes its file and reads nothing"


def test_an_event_is_completed_by_what_its_alarm_compares(world: World) -> None:
    ring(world)
    report(
        world,
        HOUR,
        {},
        monitors=[{"violations": {}, "checks": [{"check_type": "baseline_drift_check", "distance": 0.3}]}],
    )
    state = {"value": "ALARM", "reason": "x", "timestamp": f"{HOUR + timedelta(minutes=7):%Y-%m-%dT%H:%M:%S}.000+0000"}
    detail = {"alarmName": "covertype-drift", "state": state, "previousState": {"value": "OK"}}
    event = {"detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch", "detail": detail}
    assert reason(world, {**event, "time": (HOUR + timedelta(minutes=7)).isoformat()}) == "drift"


def test_persistence_counts_windows_that_show_the_cause(world: World) -> None:
    world.policy(persistent_windows=2, persistent_of=3)
    report(world, HOUR - timedelta(hours=1), {})
    report(world, HOUR - timedelta(hours=2), {})
    assert reason(world, message()) == "not_persistent"
    report(world, HOUR - timedelta(hours=2), {"baseline_drift_check": 1})
    assert reason(world, message(HOUR + timedelta(minutes=9))) == "drift"


def test_new_labels_are_counted_since_the_last_start(world: World) -> None:
    world.policy(min_new_labels=3, cooldown_hours=0)
    world.s3.put_object(Bucket="models", Key="covertype/training/a.csv", Body=b"1,2\n1,3\n")
    assert reason(world, message()) == "not_enough_labels"
    world.s3.put_object(Bucket="models", Key="covertype/training/b.csv", Body=b"1,2\n")
    assert reason(world, message(HOUR + timedelta(minutes=9))) == "drift"
    rows = world.room.evidence.new_rows(
        world.s3, "s3://models/covertype/training/", datetime.now(UTC) + timedelta(days=1), 9
    )
    assert rows == 0


def test_a_silent_monitor_proves_nothing(world: World) -> None:
    world.table.put_item(Item={"pk": "silence", "sk": "covertype-data-quality", "is_stale": True})
    assert reason(world, message()) == "monitor_silent"
    world.table.put_item(Item={"pk": "silence", "sk": "covertype-data-quality", "is_stale": False})
    assert reason(world, message(HOUR + timedelta(minutes=9))) == "drift"


def test_an_alarm_that_overtakes_its_report_is_looked_at_again(world: World) -> None:
    """The container's metrics may be seen before its report is uploaded; the report of the hour before is not about them."""
    ring(world)
    report(world, HOUR, {})
    assert [entry["reason"] for entry in passed(world, HOUR + timedelta(minutes=10))] == ["report_of_another_run"]
    report(world, HOUR, {"baseline_drift_check": 1})
    assert [entry["reason"] for entry in passed(world, HOUR + timedelta(minutes=40))] == ["drift"]


def test_without_a_report_nothing_is_trained(world: World) -> None:
    assert reason(world, message(HOUR + timedelta(days=9))) == "no_report"
    assert world.sagemaker.jobs() == []


def test_an_updating_endpoint_refuses(world: World) -> None:
    world.sagemaker.endpoint_status = "Updating"
    assert reason(world, message()) == "endpoint_not_in_service"
    assert world.sagemaker.jobs() == []


def test_the_newest_report_decides_whether_the_data_is_broken(world: World) -> None:
    report(world, HOUR - timedelta(hours=1), {"data_type_check": 3})
    report(world, HOUR + timedelta(hours=1), {"data_type_check": 3})  # after the state change
    assert reason(world, message()) == "drift"


def test_all_windows_an_alarm_looked_at_must_be_sound(world: World) -> None:
    report(world, HOUR - timedelta(hours=1), {"missing_column_check": 1, "baseline_drift_check": 1})
    assert reason(world, message(Trigger={"EvaluationPeriods": 2})) == "broken_data"
    assert world.sagemaker.jobs() == []


def test_midnight_does_not_hide_the_report_of_the_evening(world: World) -> None:
    midnight = (HOUR + timedelta(days=1)).replace(hour=0, minute=2)
    report(world, midnight - timedelta(hours=1), {"completeness_check": 1, "baseline_drift_check": 1})
    assert reason(world, message(midnight)) == "broken_data"


@pytest.mark.parametrize(("hours", "periods"), [(24, 4), (1, 80)])
def test_broken_data_of_three_days_ago_counts_where_the_alarm_looked_at_it(
    world: World, hours: int, periods: int
) -> None:
    world.policy(hours=hours)
    report(world, HOUR - timedelta(days=3), {"data_type_check": 3, "baseline_drift_check": 1})
    assert reason(world, message(Trigger={"EvaluationPeriods": periods})) == "broken_data"


def shown(world: World, checks: list[dict[str, Any]], types: list[str], **trigger: Any) -> bool:
    """Whether checks without violations show what an alarm with this trigger is about."""
    (found,) = world.room.asked.read(message(Trigger={"EvaluationPeriods": 1, **trigger}), HOUR)
    return bool(world.room.evidence.shows({"monitors": [{"violations": {}, "checks": checks}]}, found.alarm, types))


def test_a_distance_below_the_check_but_above_the_alarm_is_drift(world: World) -> None:
    checks = [{"check_type": "baseline_drift_check", "distance": d, "observed": 0.5} for d in (None, 0.01, 0.06)]
    del checks[0]["observed"]
    drift = ["baseline_drift_check"]
    assert shown(world, checks, drift, Threshold=0.05)
    assert not shown(world, checks, drift, Threshold=0.2)
    assert not shown(world, checks, drift)


def test_a_quality_beyond_the_alarm_s_own_threshold_is_shown_by_the_report_of_its_run(world: World) -> None:
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


def rehearsed(world: World, time: datetime, value: float, schedule: str = "covertype-data-quality") -> None:
    dimensions = {"Endpoint": "covertype", "MonitoringSchedule": schedule}
    point = {
        "MetricName": "rehearsal",
        "Dimensions": [{"Name": name, "Value": told} for name, told in dimensions.items()],
        "Timestamp": time,
        "Value": value,
    }
    world.cloudwatch.put_metric_data(Namespace="metrics", MetricData=[point])


def test_a_forced_violation_trains_nothing_even_when_reports_are_not_asked(world: World) -> None:
    rehearsed(world, HOUR, 1)
    world.policy(retrain_on_broken_data=True)
    assert reason(world, message()) == "rehearsal"
    assert world.sagemaker.jobs() == []


def test_a_rehearsal_of_another_day_or_schedule_stops_nothing(world: World) -> None:
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


def test_a_score_that_came_late_trains_by_the_report_of_the_run_that_published_it(world: World) -> None:
    report(world, HOUR, {}, late=[LATE])
    assert reason(world, message(**QUALITY)) == "model_quality"


def test_broken_data_of_the_window_that_waited_for_labels_explains_its_score(world: World) -> None:
    report(world, HOUR, {}, late=[LATE])
    then = HOUR - timedelta(days=7)
    report(world, then, {"data_type_check": 4}, window=window(then))
    assert reason(world, message(**QUALITY)) == "broken_data"
    report(world, then, {"data_type_check": 4}, window=window(then - timedelta(hours=1)))
    report(world, then - timedelta(hours=1), {}, window=window(then))
    later = message(HOUR + timedelta(minutes=9), **QUALITY)
    assert reason(world, later) == "model_quality", "the report of another window says nothing"


def test_a_late_value_beyond_the_alarm_s_own_threshold_is_shown_too(world: World) -> None:
    report(world, HOUR, {}, late=[{**LATE, "violations": []}])
    trigger = {"EvaluationPeriods": 1, "MetricName": "accuracy", "ComparisonOperator": "LessThanThreshold"}
    assert reason(world, message(**QUALITY, Trigger={**trigger, "Threshold": 0.5})) == "report_of_another_run"
    later = message(HOUR + timedelta(minutes=9), **QUALITY, Trigger={**trigger, "Threshold": 0.7})
    assert reason(world, later) == "model_quality"


def test_an_endpoint_that_is_gone_is_told_from_an_error(world: World) -> None:
    status = world.room.evidence.endpoint_status
    assert status(real("sagemaker"), "nobody") == "Missing"

    def deny(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeEndpoint")

    with pytest.raises(ClientError, match="AccessDenied"):
        status(SimpleNamespace(describe_endpoint=deny), "covertype")
