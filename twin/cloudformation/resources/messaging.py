"""Topics, queues and event rules."""

from __future__ import annotations

import json
from typing import Any

from twin.cloudformation.shapes import arguments, only, part, tags
from twin.cloudformation.types import Made, Properties, Request, ResourceFailed, Types

SUBSCRIPTION_ATTRIBUTES = ("FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy", "DeliveryPolicy")
QUEUE_ATTRIBUTES = (
    "DelaySeconds",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
)


def register(types: Types) -> None:
    types.register_type(
        "AWS::SNS::Topic",
        create=_create_topic,
        update=_update_topic,
        delete=lambda request: request.client("sns").delete_topic(TopicArn=request.ref),
        replaced_by={"TopicName", "FifoTopic"},
    )
    types.register_type(
        "AWS::SNS::Subscription",
        create=_create_subscription,
        update=_update_subscription,
        delete=lambda request: request.client("sns").unsubscribe(SubscriptionArn=request.ref),
        replaced_by={"TopicArn", "Protocol", "Endpoint"},
    )
    types.register_type(
        "AWS::SNS::TopicPolicy",
        create=_put_topic_policy,
        update=_put_topic_policy,
        delete=lambda request: _forget(request, "sns", request.properties["Topics"]),
    )
    types.register_type(
        "AWS::SQS::Queue",
        create=_create_queue,
        update=_update_queue,
        delete=lambda request: request.client("sqs").delete_queue(QueueUrl=request.ref),
        replaced_by={"QueueName", "FifoQueue"},
    )
    types.register_type(
        "AWS::SQS::QueuePolicy",
        create=_put_queue_policy,
        update=_put_queue_policy,
        delete=lambda request: _forget(request, "sqs", request.properties["Queues"]),
    )
    types.register_type(
        "AWS::Events::Rule",
        create=_create_rule,
        update=_update_rule,
        delete=_delete_rule,
        replaced_by={"Name", "EventBusName"},
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


# --- SNS ----------------------------------------------------------------------------------------------------------------


def _topic_attributes(request: Request) -> dict[str, str]:
    wanted = only(
        request,
        "TopicName",
        "DisplayName",
        "KmsMasterKeyId",
        "FifoTopic",
        "Tags",
        "Subscription",
        stored=("TracingConfig", "SignatureVersion", "DeliveryStatusLogging", "DataProtectionPolicy"),
    )
    return {name: _text(value) for name, value in part(wanted, "DisplayName", "KmsMasterKeyId").items()}


def _create_topic(request: Request) -> Made:
    sns, wanted = request.client("sns"), request.properties
    attributes = _topic_attributes(request)
    if _text(wanted.get("FifoTopic", False)) == "true":
        raise ResourceFailed("AWS::SNS::Topic: the twin has no FIFO topics")
    name = wanted.get("TopicName") or request.name(limit=256)
    arn = sns.create_topic(Name=name, Attributes=attributes, Tags=tags(request))["TopicArn"]
    for subscription in wanted.get("Subscription", []):
        sns.subscribe(TopicArn=arn, Protocol=subscription["Protocol"], Endpoint=subscription["Endpoint"])
    return Made(arn, {"TopicArn": arn, "TopicName": name})


def _update_topic(request: Request) -> None:
    for name, value in _topic_attributes(request).items():
        request.client("sns").set_topic_attributes(TopicArn=request.ref, AttributeName=name, AttributeValue=value)


def _create_subscription(request: Request) -> Made:
    wanted = only(request, "TopicArn", "Protocol", "Endpoint", "Region", *SUBSCRIPTION_ATTRIBUTES)
    attributes = {name: _text(value) for name, value in part(wanted, *SUBSCRIPTION_ATTRIBUTES).items()}
    answer = request.client("sns").subscribe(
        TopicArn=wanted["TopicArn"],
        Protocol=wanted["Protocol"],
        Endpoint=wanted["Endpoint"],
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )
    return Made(answer["SubscriptionArn"], {"Arn": answer["SubscriptionArn"]})


def _update_subscription(request: Request) -> None:
    wanted = only(request, "TopicArn", "Protocol", "Endpoint", "Region", *SUBSCRIPTION_ATTRIBUTES)
    for name, value in part(wanted, *SUBSCRIPTION_ATTRIBUTES).items():
        request.client("sns").set_subscription_attributes(
            SubscriptionArn=request.ref, AttributeName=name, AttributeValue=_text(value)
        )


def _put_topic_policy(request: Request) -> Made:
    wanted = only(request, "Topics", "PolicyDocument")
    for arn in wanted["Topics"]:
        request.twin.resource_policies.put(f"sns:{arn}", wanted["PolicyDocument"])
    return Made(request.name(), {"Id": request.name()})


def _forget(request: Request, service: str, names: list[str]) -> None:
    for name in names:
        request.twin.resource_policies.forget(f"{service}:{name}")


# --- SQS ----------------------------------------------------------------------------------------------------------------


def _queue_attributes(request: Request) -> dict[str, str]:
    wanted = only(request, "QueueName", "FifoQueue", "Tags", *QUEUE_ATTRIBUTES, stored=("RedriveAllowPolicy",))
    return {name: _text(value) for name, value in part(wanted, *QUEUE_ATTRIBUTES).items()}


def _create_queue(request: Request) -> Made:
    sqs, wanted = request.client("sqs"), request.properties
    attributes = _queue_attributes(request)
    if _text(wanted.get("FifoQueue", False)) == "true":
        attributes["FifoQueue"] = "true"
    name = wanted.get("QueueName") or request.name(limit=80)
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    arn = f"arn:aws:sqs:{request.twin.region}:{request.twin.account}:{name}"
    return Made(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})


def _update_queue(request: Request) -> None:
    request.client("sqs").set_queue_attributes(QueueUrl=request.ref, Attributes=_queue_attributes(request))


def _put_queue_policy(request: Request) -> Made:
    wanted = only(request, "Queues", "PolicyDocument")
    for url in wanted["Queues"]:
        request.twin.resource_policies.put(f"sqs:{url}", wanted["PolicyDocument"])
    return Made(request.name(), {"Id": request.name()})


# --- EventBridge --------------------------------------------------------------------------------------------------------


def _create_rule(request: Request) -> Made:
    name = request.properties.get("Name") or request.name()
    return _put_rule(request, name)


def _update_rule(request: Request) -> Made:
    kept = {target["Id"] for target in request.properties.get("Targets", [])}
    gone = [target["Id"] for target in request.previous.get("Targets", []) if target["Id"] not in kept]
    if gone:
        request.client("events").remove_targets(Rule=request.ref, Ids=gone)
    return _put_rule(request, request.ref)


def _put_rule(request: Request, name: str) -> Made:
    wanted = only(request, "Name", "Description", "EventPattern", "ScheduleExpression", "State", "Targets", "Tags")
    settings: Properties = part(wanted, "Description", "ScheduleExpression", "State")
    if "EventPattern" in wanted:
        settings["EventPattern"] = json.dumps(wanted["EventPattern"])
    events = request.client("events")
    arn = events.put_rule(Name=name, **settings)["RuleArn"]
    targets = arguments("events", "PutTargets", {"Targets": wanted.get("Targets", [])})["Targets"]
    if targets:
        events.put_targets(Rule=name, Targets=targets)
    return Made(name, {"Arn": arn})


def _delete_rule(request: Request) -> None:
    events = request.client("events")
    ids = [target["Id"] for target in request.properties.get("Targets", [])]
    if ids:
        events.remove_targets(Rule=request.ref, Ids=ids)
    events.delete_rule(Name=request.ref)
