"""Topics deliver with the service's envelopes to functions, queues and the outbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.deployed import deploy, function, reason, ref, role
from twin import Twin


def stack(twin: Twin, protocol: str, endpoint: Any, *, permitted: bool = True, **subscription: Any) -> str:
    """A topic, a function and a queue, and one subscription; returns the topic's ARN."""
    permission = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Fn::GetAtt": ["F", "Arn"]},
        "Principal": "sns.amazonaws.com",
        "SourceArn": {"Ref": "Topic"},
    }
    resources = {
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "alarms"}},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "pages", "VisibilityTimeout": "60"}},
        "Role": role(),
        "F": function("def handle(event, context): return 'seen'"),
        "Subscription": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {"TopicArn": {"Ref": "Topic"}, "Protocol": protocol, "Endpoint": endpoint, **subscription},
        },
    }
    if permitted:
        resources["Permission"] = {"Type": "AWS::Lambda::Permission", "Properties": permission}
    assert deploy(twin, resources) == "CREATE_COMPLETE", reason(twin)
    return ref(twin, "Topic")


def test_a_function_gets_the_real_envelope(twin: Twin) -> None:
    topic = stack(twin, "lambda", {"Fn::GetAtt": ["F", "Arn"]})
    published = twin.client("sns").publish(
        TopicArn=topic,
        Subject='ALARM: "drift" in EU (Ireland)',
        Message='{"AlarmName": "drift"}',
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "drift"}},
    )
    twin.functions.drain()
    (call,) = twin.journal.of("function")
    assert call.data["cause"] == "topic alarms"
    event = json.loads((Path(call.data["directory"]) / "event.json").read_text())
    (record,) = event["Records"]
    assert record["EventSource"] == "aws:sns"
    assert record["EventSubscriptionArn"].startswith(topic)
    sns = record["Sns"]
    assert (sns["Type"], sns["MessageId"], sns["TopicArn"]) == ("Notification", published["MessageId"], topic)
    assert sns["Subject"] == 'ALARM: "drift" in EU (Ireland)'
    assert sns["Message"] == '{"AlarmName": "drift"}'
    assert sns["Timestamp"] == "2026-03-02T00:00:00.000Z"
    assert sns["MessageAttributes"] == {"kind": {"Type": "String", "Value": "drift"}}
    assert {"SignatureVersion", "Signature", "SigningCertUrl", "UnsubscribeUrl"} < set(sns)


def test_a_function_that_does_not_admit_sns_is_not_called(twin: Twin) -> None:
    topic = stack(twin, "lambda", {"Fn::GetAtt": ["F", "Arn"]}, permitted=False)
    twin.client("sns").publish(TopicArn=topic, Message="hello")
    twin.functions.drain()
    assert twin.journal.of("function") == []
    assert "admits sns.amazonaws.com" in twin.journal.of("message")[-1].text


@pytest.mark.parametrize("is_raw", [False, True])
def test_a_queue_gets_the_notification_or_the_bare_message(twin: Twin, is_raw: bool) -> None:
    topic = stack(twin, "sqs", {"Fn::GetAtt": ["Queue", "Arn"]}, RawMessageDelivery=is_raw)
    twin.client("sns").publish(TopicArn=topic, Message="hello")
    (message,) = twin.client("sqs").receive_message(QueueUrl=ref(twin, "Queue"))["Messages"]
    if is_raw:
        assert message["Body"] == "hello"
    else:
        body = json.loads(message["Body"])
        assert (body["Type"], body["Message"], body["TopicArn"]) == ("Notification", "hello", topic)
        assert "Subject" not in body


def test_mail_lies_in_the_outbox(twin: Twin) -> None:
    topic = stack(twin, "email", "someone@example.com")
    twin.client("sns").publish(TopicArn=topic, Subject="Drift", Message="It drifts.")
    (mail,) = twin.messages.outbox
    assert (mail.address, mail.subject, mail.text) == ("someone@example.com", "Drift", "It drifts.")
    assert [entry.text for entry in twin.journal.of("mail")] == ["to someone@example.com: Drift"]


def test_a_filter_policy_decides_on_attributes_or_on_the_body(twin: Twin) -> None:
    topic = stack(twin, "email", "a@example.com", FilterPolicy={"state": ["ALARM"], "level": [{"numeric": [">", 2]}]})
    sns = twin.client("sns")
    sns.subscribe(
        TopicArn=topic,
        Protocol="email",
        Endpoint="b@example.com",
        Attributes={"FilterPolicy": '{"state": ["OK"]}', "FilterPolicyScope": "MessageBody"},
    )

    def attributes(state: str, level: str) -> dict[str, Any]:
        values = {"state": ("String", state), "level": ("Number", level)}
        return {name: {"DataType": kind, "StringValue": value} for name, (kind, value) in values.items()}

    sns.publish(TopicArn=topic, Message='{"state": "ALARM"}', MessageAttributes=attributes("ALARM", "3"))
    sns.publish(TopicArn=topic, Message='{"state": "ALARM"}', MessageAttributes=attributes("ALARM", "1"))
    sns.publish(TopicArn=topic, Message='{"state": "OK"}')
    assert [mail.address for mail in twin.messages.outbox] == ["a@example.com", "b@example.com"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"Message": ""}, "Empty message"),
        ({"Message": "x", "Subject": "y" * 101}, "Subject"),
        ({"Message": "x", "Subject": "a\nb"}, "Subject"),
        ({"Message": "x" * 262145}, "Message too long"),
        ({"Message": '{"sqs": "x"}', "MessageStructure": "json"}, "No default entry"),
    ],
)
def test_what_the_service_refuses_to_publish_is_refused(twin: Twin, arguments: dict[str, str], message: str) -> None:
    topic = twin.client("sns").create_topic(Name="t")["TopicArn"]
    with pytest.raises(ClientError, match=message):
        twin.client("sns").publish(TopicArn=topic, **arguments)


def test_a_topic_that_is_not_there_is_not_found(twin: Twin) -> None:
    with pytest.raises(ClientError, match="NotFound"):
        twin.client("sns").publish(TopicArn="arn:aws:sns:eu-west-1:123456789012:none", Message="x")


def test_a_protocol_the_twin_cannot_deliver_by_is_refused_at_subscription(twin: Twin) -> None:
    topic = twin.client("sns").create_topic(Name="t")["TopicArn"]
    with pytest.raises(ClientError, match="no FIFO topics"):
        twin.client("sns").create_topic(Name="t.fifo")
    with pytest.raises(ClientError, match="does not deliver by https"):
        twin.client("sns").subscribe(TopicArn=topic, Protocol="https", Endpoint="https://example.com")
