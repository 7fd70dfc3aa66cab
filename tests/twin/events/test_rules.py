"""Rules start their targets on matching events and on schedules of virtual time."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.deployed import deploy, function, reason, ref, role
from twin import Twin


def rule(twin: Twin, *, permitted: bool = True, target: dict[str, Any] | None = None, **properties: Any) -> str:
    """A rule whose target is a function; returns the function's name."""
    targets = [{"Id": "t", "Arn": {"Fn::GetAtt": ["F", "Arn"]}, **(target or {})}]
    permission = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Fn::GetAtt": ["F", "Arn"]},
        "Principal": "events.amazonaws.com",
        "SourceArn": {"Fn::GetAtt": ["Rule", "Arn"]},
    }
    resources = {
        "Role": role(),
        "F": function("def handle(event, context): return 'seen'"),
        "Rule": {"Type": "AWS::Events::Rule", "Properties": {"Name": "r", "Targets": targets, **properties}},
    }
    if permitted:
        resources["Permission"] = {"Type": "AWS::Lambda::Permission", "Properties": permission}
    assert deploy(twin, resources).endswith("COMPLETE"), reason(twin)
    return ref(twin, "F")


def seen(twin: Twin) -> list[Any]:
    """The events that functions were given."""
    twin.functions.drain()
    return [json.loads((Path(e.data["directory"]) / "event.json").read_text()) for e in twin.journal.of("function")]


def test_an_event_that_matches_reaches_the_function_in_its_envelope(twin: Twin) -> None:
    rule(twin, EventPattern={"source": ["aws.sagemaker"], "detail": {"Status": ["Completed"]}})
    twin.events.emit("aws.sagemaker", "Training Job", {"Status": "Failed"}, [])
    twin.events.emit("aws.sagemaker", "Training Job", {"Status": "Completed", "Name": "j"}, ["arn:job"])
    (event,) = seen(twin)
    assert len(event.pop("id")) == 36
    assert event == {
        "version": "0",
        "detail-type": "Training Job",
        "source": "aws.sagemaker",
        "account": "123456789012",
        "time": "2026-03-02T00:00:00Z",
        "region": "eu-west-1",
        "resources": ["arn:job"],
        "detail": {"Status": "Completed", "Name": "j"},
    }


def test_a_scheduled_rule_fires_as_virtual_time_passes(twin: Twin) -> None:
    rule(twin, ScheduleExpression="cron(40 * * * ? *)")
    twin.advance(timedelta(hours=2))
    events = seen(twin)
    assert [event["time"] for event in events] == ["2026-03-02T00:40:00Z", "2026-03-02T01:40:00Z"]
    assert events[0]["source"] == "aws.events"
    assert events[0]["detail-type"] == "Scheduled Event"
    assert events[0]["resources"] == ["arn:aws:events:eu-west-1:123456789012:rule/r"]


def test_a_rate_counts_from_the_rule_s_creation(twin: Twin) -> None:
    twin.advance(timedelta(minutes=25))
    rule(twin, ScheduleExpression="rate(30 minutes)")
    twin.advance(timedelta(minutes=65))
    assert [event["time"] for event in seen(twin)] == ["2026-03-02T00:55:00Z", "2026-03-02T01:25:00Z"]


def test_a_disabled_or_deleted_rule_does_nothing(twin: Twin) -> None:
    rule(twin, ScheduleExpression="rate(1 hour)", State="DISABLED")
    twin.advance(timedelta(hours=1))
    rule(twin, ScheduleExpression="rate(1 hour)", State="ENABLED")
    twin.advance(timedelta(hours=1))
    twin.client("cloudformation").delete_stack(StackName="test")
    twin.deployments.wait(next(iter(twin.deployments.stacks.values())))
    twin.advance(timedelta(hours=2))
    assert [event["time"] for event in seen(twin)] == ["2026-03-02T02:00:00Z"]


def test_a_function_that_does_not_admit_eventbridge_is_not_called(twin: Twin) -> None:
    rule(twin, EventPattern={"source": ["mine"]}, permitted=False)
    twin.events.emit("mine", "x", {})
    assert seen(twin) == []
    assert "admits events.amazonaws.com" in twin.journal.of("event")[-1].text


@pytest.mark.parametrize(
    ("target", "given"),
    [
        ({"Input": '{"fixed": 1}'}, {"fixed": 1}),
        ({"InputPath": "$.detail.list[1]"}, "b"),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"n": "$.detail.name", "l": "$.detail.list"},
                    "InputTemplate": '{"text": "job <n>", "all": <l>, "rule": <aws.events.rule-name>}',
                }
            },
            {"text": "job j", "all": ["a", "b"], "rule": "r"},
        ),
    ],
)
def test_a_target_gets_the_input_it_asks_for(twin: Twin, target: dict[str, Any], given: Any) -> None:
    rule(twin, EventPattern={"source": ["mine"]}, target=target)
    twin.events.emit("mine", "x", {"name": "j", "list": ["a", "b"]})
    assert seen(twin) == [given]


def test_put_events_reaches_rules_and_reports_malformed_entries(twin: Twin) -> None:
    rule(twin, EventPattern={"source": ["mine"]})
    entries = [
        {"Source": "mine", "DetailType": "x", "Detail": '{"a": 1}'},
        {"Source": "mine", "DetailType": "x", "Detail": "not json"},
    ]
    answer = twin.client("events").put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][1]["ErrorCode"] == "MalformedDetail"
    assert [event["detail"] for event in seen(twin)] == [{"a": 1}]


def test_topics_and_queues_can_be_targets(twin: Twin) -> None:
    events, sqs, sns = twin.client("events"), twin.client("sqs"), twin.client("sns")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    topic = sns.create_topic(Name="t")["TopicArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish"}
    twin.resource_policies.put(f"sns:{topic}", {"Statement": [statement]})
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    events.put_rule(Name="r", EventPattern='{"source": ["mine"]}')
    queue = {"Id": "q", "Arn": "arn:aws:sqs:eu-west-1:123456789012:q"}
    events.put_targets(Rule="r", Targets=[queue, {"Id": "t", "Arn": topic}])
    twin.events.emit("mine", "x", {"a": 1})
    assert json.loads(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"])["detail"] == {"a": 1}
    assert json.loads(twin.messages.outbox[0].text)["detail"] == {"a": 1}


@pytest.mark.parametrize(
    ("operation", "arguments", "message"),
    [
        ("put_rule", {"Name": "r", "EventPattern": '{"source": [{"cidr": "x"}]}'}, "unknown matcher cidr"),
        ("put_rule", {"Name": "r", "ScheduleExpression": "rate(1 hours)"}, "singular for 1"),
        ("put_targets", {"Rule": "r", "Targets": [{"Id": "x", "Arn": "arn:aws:states:r:1:x"}]}, "targets of states"),
        ("create_event_bus", {"Name": "other"}, "default event bus only"),
    ],
)
def test_what_the_twin_would_not_honour_is_refused_when_it_is_put(
    twin: Twin, operation: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        getattr(twin.client("events"), operation)(**arguments)
