"""Schedules on the virtual clock: when they are due, what they call as whom, and what becomes of calls that fail."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.deployed import deploy, function, reason, role
from tests.twin.states.test_machines import machine, states_role
from twin import Twin
from twin.scheduler import expressions

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ACCOUNT = "eu-west-1:123456789012"
QUEUE, DEAD = f"arn:aws:sqs:{ACCOUNT}:q", f"arn:aws:sqs:{ACCOUNT}:dead"
INPUT = json.dumps(
    {
        "time": "<aws.scheduler.scheduled-time>",
        "id": "<aws.scheduler.execution-id>",
        "attempt": "<aws.scheduler.attempt-number>",
        "schedule": "<aws.scheduler.schedule-arn>",
    }
)
OFF = {"Mode": "OFF"}


@pytest.fixture
def caller(twin: Twin) -> str:
    """A role that Scheduler may take and that may do everything; two queues, `q` and `dead`."""
    for name in ("q", "dead"):
        twin.client("sqs").create_queue(QueueName=name)
    return states_role(twin, "caller", service="scheduler")


def schedule(twin: Twin, role_arn: str, when: str, arn: str = QUEUE, **more: Any) -> None:
    target = {"Arn": arn, "RoleArn": role_arn, "Input": INPUT, **more.pop("target", {})}
    settings = {"Name": "s", "FlexibleTimeWindow": OFF, "ScheduleExpression": when, "Target": target, **more}
    twin.client("scheduler").create_schedule(**settings)


def messages(twin: Twin, name: str = "q") -> list[dict[str, Any]]:
    sqs = twin.client("sqs")
    url, found = sqs.get_queue_url(QueueName=name)["QueueUrl"], []
    while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get(
        "Messages"
    ):
        for message in got:
            attributes = {key: value["StringValue"] for key, value in message.get("MessageAttributes", {}).items()}
            found.append({**json.loads(message["Body"]), **attributes})
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def times(twin: Twin) -> list[str]:
    return [message["time"][11:16] for message in messages(twin)]


def test_a_schedule_is_due_at_its_times(twin: Twin, caller: str) -> None:
    expected = {
        ("cron(5 * * * ? *)", "UTC"): ["00:05", "01:05", "02:05"],
        ("cron(5 3 * * ? *)", "Europe/Berlin"): ["02:05"],
        ("rate(50 minutes)", "UTC"): ["00:50", "01:40", "02:30"],
        ("at(2026-03-02T01:30:20)", "UTC"): ["01:30"],
    }
    for number, (when, zone) in enumerate(expected):
        schedule(twin, caller, when, Name=str(number), ScheduleExpressionTimezone=zone)
    with pytest.raises(ClientError, match="has passed"):
        schedule(twin, caller, "at(2026-03-02T01:30:00)", ScheduleExpressionTimezone="Asia/Kolkata")
    twin.advance(3 * HOUR)
    found = messages(twin)
    for number, times_of_day in enumerate(expected.values()):
        assert [m["time"][11:16] for m in found if m["schedule"].endswith(f"/{number}")] == times_of_day


def test_clocks_that_change_skip_what_is_not_there_and_do_not_repeat_what_is_twice() -> None:
    found = expressions.parse("cron(30 2 * * ? *)", "Europe/Berlin")
    born = datetime(2026, 1, 1, tzinfo=UTC)

    def due(day: datetime) -> list[str]:
        minutes = [day + timedelta(minutes=30) + n * HOUR for n in range(4)]
        return [f"{minute:%H:%M}" for minute in minutes if found.is_due(minute, born)]

    assert due(datetime(2026, 3, 28, tzinfo=UTC)) == ["01:30"]
    assert due(datetime(2026, 3, 29, tzinfo=UTC)) == []  # 02:30 does not exist
    assert due(datetime(2026, 10, 25, tzinfo=UTC)) == ["00:30"]  # 02:30 comes twice


def test_the_input_says_which_event_it_is(twin: Twin, caller: str) -> None:
    schedule(twin, caller, "rate(1 hour)")
    twin.advance(2 * HOUR)
    first, second = messages(twin)
    assert first["time"] == "2026-03-02T01:00:00Z"
    assert first["attempt"] == "1"
    assert first["schedule"] == f"arn:aws:scheduler:{ACCOUNT}:schedule/default/s"
    assert len(first["id"]) == 36
    assert first["id"] != second["id"]


def test_a_flexible_window_delays_the_call_and_not_the_scheduled_time(twin: Twin, caller: str) -> None:
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 30}
    schedule(twin, caller, "rate(1 hour)", FlexibleTimeWindow=window)
    twin.advance(6 * HOUR)
    entries = twin.journal.of("scheduler")
    delays = [entry.time - entry.data["scheduled"] for entry in entries]
    assert all(timedelta(0) <= delay < 30 * MINUTE for delay in delays)
    assert len(set(delays)) > 1
    assert {entry.data["scheduled"].minute for entry in entries} == {0}


def test_a_deployed_schedule_starts_a_machine_until_it_is_disabled(twin: Twin) -> None:
    arn = machine(twin, states_role(twin, "states"), {"Type": "Pass", "End": True})
    by_scheduler = states_role(twin, "caller", (["states:StartExecution"], arn), service="scheduler")

    def template(state: str) -> dict[str, Any]:
        properties = {
            "GroupName": {"Ref": "Group"},
            "FlexibleTimeWindow": OFF,
            "ScheduleExpression": "cron(0 * * * ? *)",
            "State": state,
            "Target": {"Arn": arn, "RoleArn": by_scheduler, "Input": INPUT},
        }
        group = {"Type": "AWS::Scheduler::ScheduleGroup", "Properties": {"Name": "g"}}
        return {"Group": group, "S": {"Type": "AWS::Scheduler::Schedule", "Properties": properties}}

    assert deploy(twin, template("ENABLED")) == "CREATE_COMPLETE", reason(twin)
    twin.advance(HOUR)
    assert deploy(twin, template("DISABLED")) == "UPDATE_COMPLETE", reason(twin)
    twin.advance(2 * HOUR)
    states = twin.client("stepfunctions")
    (execution,) = states.list_executions(stateMachineArn=arn)["executions"]
    given = states.describe_execution(executionArn=execution["executionArn"])["input"]
    assert json.loads(given)["time"] == "2026-03-02T01:00:00Z"
    assert json.loads(given)["schedule"].startswith(f"arn:aws:scheduler:{ACCOUNT}:schedule/g/")
    assert twin.identity.violations() == []
    scheduler = twin.client("scheduler")
    (listed,) = scheduler.list_schedules(GroupName="g")["Schedules"]
    assert (listed["State"], listed["Target"]) == ("DISABLED", {"Arn": arn})
    twin.client("cloudformation").delete_stack(StackName="test")
    assert scheduler.list_schedules()["Schedules"] == []
    assert [group["Name"] for group in scheduler.list_schedule_groups()["ScheduleGroups"]] == ["default"]


def test_a_function_is_called_asynchronously(twin: Twin, caller: str) -> None:
    deploy(twin, {"Role": role(), "F": function("def handle(e, c): return e['time']", FunctionName="f")})
    schedule(twin, caller, "rate(1 hour)", f"arn:aws:lambda:{ACCOUNT}:function:f")
    twin.advance(HOUR)
    assert [entry.data["payload"] for entry in twin.journal.of("function")] == ["2026-03-02T01:00:00Z"]


def test_a_call_that_fails_is_tried_again_and_ends_in_the_dead_letter_queue(twin: Twin, caller: str) -> None:
    target = {"RetryPolicy": {"MaximumRetryAttempts": 2}, "DeadLetterConfig": {"Arn": DEAD}}
    arn = f"arn:aws:states:{ACCOUNT}:stateMachine:nobody"
    schedule(twin, caller, "at(2026-03-02T00:10:00)", arn, target=target)
    twin.advance(HOUR)
    failed = [e.time.minute for e in twin.journal.of("scheduler") if "not delivered" in e.text]
    assert failed == [10, 11, 13]
    (dead,) = messages(twin, "dead")
    assert (dead["ERROR_CODE"], dead["RETRY_ATTEMPTS"]) == ("StateMachineDoesNotExist", "2")
    assert (dead["EXHAUSTED_RETRY_CONDITION"], dead["TARGET_ARN"]) == ("MaximumRetryAttempts", arn)
    assert (dead["attempt"], dead["SCHEDULED_TIME"]) == ("3", "2026-03-02T00:10:00Z")


def test_a_call_grows_too_old_and_is_lost_where_the_role_may_not_reach_the_queue(twin: Twin, caller: str) -> None:
    blind = states_role(twin, "blind", (["s3:GetObject"], "*"), service="scheduler")
    target = {"RetryPolicy": {"MaximumEventAgeInSeconds": 120}, "DeadLetterConfig": {"Arn": DEAD}}
    schedule(twin, blind, "at(2026-03-02T00:10:00)", target=target)
    twin.advance(HOUR)
    texts = [entry.text for entry in twin.journal.of("scheduler")]
    assert [("not delivered" in text, "lost" in text) for text in texts] == [
        (True, False),
        (True, False),
        (False, True),
    ]
    assert {(v.role, v.action) for v in twin.identity.violations()} == {("blind", "sqs:SendMessage")}


def test_every_event_comes_twice_and_out_of_order_where_a_test_asks_for_it(twin: Twin, caller: str) -> None:
    twin.scheduler.deliver_twice = True
    schedule(twin, caller, "rate(1 hour)", EndDate=datetime(2026, 3, 2, 3, 30, tzinfo=UTC))
    twin.advance(5 * HOUR)
    assert times(twin) == ["01:00", "01:00", "02:00", "03:00", "03:00", "02:00"]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"when": "cron(0 * * * * *)"}, "Invalid Schedule Expression"),
    ({"ScheduleExpressionTimezone": "Europe/Nowhere"}, "is no time zone"),
    ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, "MaximumWindowInMinutes from 1 to 1440"),
    ({"arn": "arn:aws:scheduler:::aws-sdk:sfn:startExecution"}, "state machines, functions and queues"),
    ({"target": {"EcsParameters": {"TaskDefinitionArn": "t"}}}, "no targets with EcsParameters"),
    ({"target": {"RetryPolicy": {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 186}}}, "from 0 to 185"),
    ({"target": {"DeadLetterConfig": {"Arn": f"{DEAD}.fifo"}}}, "no standard SQS queue"),
    ({"arn": f"arn:aws:lambda:{ACCOUNT}:function:f", "target": {"Input": "no"}}, "expected JSON"),
    ({"role_arn": "arn:aws:iam::123456789012:role/monitor"}, "must allow AWS EventBridge Scheduler to assume"),
    ({"GroupName": "g"}, "group g does not exist"),
]


def test_what_the_service_refuses_or_the_twin_lacks_is_refused(twin: Twin, caller: str) -> None:
    for changes, words in REFUSED:
        with pytest.raises(ClientError, match=words):
            schedule(twin, **{"role_arn": caller, "when": "rate(1 hour)", **changes})
    assert twin.client("scheduler").list_schedules()["Schedules"] == []


def test_who_creates_a_schedule_passes_its_role(twin: Twin, caller: str) -> None:
    states_role(twin, "maker", (["scheduler:CreateSchedule"], f"arn:aws:scheduler:{ACCOUNT}:schedule/default/*"))
    target = {"Arn": QUEUE, "RoleArn": caller}
    settings = {"FlexibleTimeWindow": OFF, "ScheduleExpression": "rate(1 hour)", "Target": target}
    with pytest.raises(ClientError, match="iam:PassRole"):
        twin.client("scheduler", "maker").create_schedule(Name="s", **settings)
