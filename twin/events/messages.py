"""SNS: delivery of what is published, with the service's own envelopes. Topics and subscriptions are moto's records.

Functions are called asynchronously, queues get the message, e-mail goes to an outbox (nobody confirms subscriptions here).
Other protocols are refused when somebody subscribes with them.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from twin.api import ApiError, Call
from twin.events import patterns
from twin.functions.functions import Functions
from twin.surroundings import Surroundings

PROTOCOLS: Final = ("lambda", "sqs", "email", "email-json")
MESSAGE_BYTES: Final = 256 * 1024
SUBJECT_CHARACTERS: Final = 100


@dataclass(frozen=True, slots=True)
class Mail:
    """An e-mail that SNS would have sent."""

    time: datetime
    address: str
    topic_arn: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class _Message:
    id: str
    topic_arn: str
    subject: str | None
    bodies: dict[str, str]
    attributes: dict[str, Any]
    time: datetime

    def body(self, protocol: str) -> str:
        return self.bodies.get(protocol, self.bodies["default"])


class Messages:
    """Publishes to topics."""

    def __init__(self, twin: Surroundings, functions: Functions) -> None:
        self._twin, self._functions = twin, functions
        self.outbox: list[Mail] = []
        twin.api.register(
            "sns",
            Publish=lambda asked, _: {"MessageId": self._publish(asked)},
            PublishBatch=self._publish_batch,
        )
        twin.api.gate(self._check)

    def _check(self, call: Call) -> None:
        if call.service == "sns" and call.operation == "Subscribe" and call.parameters.get("Protocol") not in PROTOCOLS:
            protocol = call.parameters.get("Protocol")
            known = ", ".join(PROTOCOLS)
            raise ApiError("NotImplementedByTwin", f"the twin does not deliver by {protocol}; it knows: {known}")
        if (
            call.service == "sns"
            and call.operation == "CreateTopic"
            and call.parameters.get("Name", "").endswith(".fifo")
        ):
            raise ApiError("NotImplementedByTwin", "the twin has no FIFO topics")

    def _publish_batch(self, asked: dict[str, Any], call: Call) -> dict[str, Any]:
        del call
        sent = [
            {"Id": entry["Id"], "MessageId": self._publish({**entry, "TopicArn": asked["TopicArn"]})}
            for entry in asked["PublishBatchRequestEntries"]
        ]
        return {"Successful": sent, "Failed": []}

    def _publish(self, asked: dict[str, Any]) -> str:
        topic_arn = asked.get("TopicArn") or asked.get("TargetArn")
        if not topic_arn:
            raise ApiError("NotImplementedByTwin", "the twin publishes to topics only, not to telephone numbers")
        message = self._message(topic_arn, asked)
        subscriptions = self._subscriptions(topic_arn)
        self._twin.journal.add(
            "message",
            f"{topic_arn.rpartition(':')[2]}: {message.subject or message.body('default')[:80]}",
            topic=topic_arn,
            message_id=message.id,
            subject=message.subject,
            message=message.body("default"),
            subscriptions=[f"{s['Protocol']}:{s['Endpoint']}" for s in subscriptions],
        )
        for subscription in subscriptions:
            attributes = self._twin.client("sns").get_subscription_attributes(
                SubscriptionArn=subscription["SubscriptionArn"]
            )["Attributes"]
            if _passes(attributes, message):
                self._deliver(subscription, attributes, message)
        return message.id

    def _message(self, topic_arn: str, asked: dict[str, Any]) -> _Message:
        text, subject = asked.get("Message", ""), asked.get("Subject")
        if not text:
            raise ApiError("InvalidParameter", "Invalid parameter: Empty message")
        if len(text.encode()) > MESSAGE_BYTES:
            raise ApiError("InvalidParameter", "Invalid parameter: Message too long")
        if subject is not None and (
            not subject or len(subject) > SUBJECT_CHARACTERS or "\n" in subject or not subject.isascii()
        ):
            raise ApiError("InvalidParameter", "Invalid parameter: Subject")
        bodies = {"default": text}
        if asked.get("MessageStructure") == "json":
            bodies = json.loads(text)
            if "default" not in bodies:
                raise ApiError(
                    "InvalidParameter", "Invalid parameter: Message Structure - No default entry in JSON message body"
                )
        attributes = asked.get("MessageAttributes") or {}
        return _Message(str(uuid.uuid4()), topic_arn, subject, bodies, attributes, self._twin.clock.now())

    def _subscriptions(self, topic_arn: str) -> list[dict[str, str]]:
        client = self._twin.client("sns")
        client.get_topic_attributes(TopicArn=topic_arn)  # NotFound where there is no such topic
        pages = client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
        return [subscription for page in pages for subscription in page["Subscriptions"]]

    def _deliver(self, subscription: dict[str, str], attributes: dict[str, str], message: _Message) -> None:
        protocol, endpoint = subscription["Protocol"], subscription["Endpoint"]
        topic = message.topic_arn.rpartition(":")[2]
        try:
            if protocol == "lambda":
                if not self._functions.permits(endpoint, "sns.amazonaws.com", message.topic_arn):
                    raise ApiError("AccessDeniedException", f"no permission of {endpoint} admits sns.amazonaws.com")
                event = lambda_event(message, subscription["SubscriptionArn"], self._twin.region)
                self._functions.invoke_later(endpoint, event, f"topic {topic}")
            elif protocol == "sqs":
                is_raw = attributes.get("RawMessageDelivery", "false").lower() == "true"
                body = message.body("sqs") if is_raw else json.dumps(_notification(message, "sqs", self._twin.region))
                queue = self._twin.client("sqs").get_queue_url(QueueName=endpoint.rpartition(":")[2])["QueueUrl"]
                self._twin.client("sqs").send_message(QueueUrl=queue, MessageBody=body)
            else:
                subject = message.subject or "AWS Notification Message"
                mail = Mail(message.time, endpoint, message.topic_arn, subject, message.body(protocol))
                self.outbox.append(mail)
                self._twin.journal.add("mail", f"to {endpoint}: {subject}", address=endpoint, subject=subject)
        except Exception as error:  # noqa: BLE001  as in AWS, a failed delivery does not fail the publisher
            text = f"{topic}: {protocol} {endpoint} not reached: {error}"
            self._twin.journal.add("message", text, topic=message.topic_arn, error=str(error))


def _notification(message: _Message, protocol: str, region: str) -> dict[str, Any]:
    """The JSON that SNS sends to queues and (with other spellings) to functions."""
    host = f"https://sns.{region}.amazonaws.com"
    notification: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": message.id,
        "TopicArn": message.topic_arn,
        "Subject": message.subject,
        "Message": message.body(protocol),
        "Timestamp": message.time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{message.time.microsecond // 1000:03d}Z",
        "SignatureVersion": "1",
        "Signature": "the-twin-does-not-sign",
        "SigningCertURL": f"{host}/SimpleNotificationService.pem",
        "UnsubscribeURL": f"{host}/?Action=Unsubscribe",
    }
    if message.attributes:
        notification["MessageAttributes"] = _values(message)
    if message.subject is None:
        del notification["Subject"]
    return notification


def _values(message: _Message) -> dict[str, Any]:
    return {
        name: {"Type": value["DataType"], "Value": value.get("StringValue", str(value.get("BinaryValue")))}
        for name, value in message.attributes.items()
    }


def lambda_event(message: _Message, subscription_arn: str, region: str) -> dict[str, Any]:
    """What a function subscribed to a topic is given: always a Subject (null without one), always MessageAttributes."""
    sns = _notification(message, "lambda", region)
    sns["SigningCertUrl"] = sns.pop("SigningCertURL")
    sns["UnsubscribeUrl"] = sns.pop("UnsubscribeURL")
    sns["Subject"] = message.subject
    sns.setdefault("MessageAttributes", {})
    record = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription_arn, "Sns": sns}
    return {"Records": [record]}


def _passes(attributes: dict[str, str], message: _Message) -> bool:
    """Whether the subscription's filter policy lets the message through."""
    text = attributes.get("FilterPolicy")
    if not text or not json.loads(text):
        return True
    if attributes.get("FilterPolicyScope", "MessageAttributes") == "MessageBody":
        try:
            return patterns.matches(json.loads(text), json.loads(message.body("default")))
        except ValueError:
            return False
    found = {}
    for name, value in message.attributes.items():
        plain = value.get("StringValue", "")
        if value["DataType"].startswith("Number"):
            found[name] = float(plain)
        else:
            found[name] = json.loads(plain) if value["DataType"] == "String.Array" else plain
    return patterns.matches(json.loads(text), found)
