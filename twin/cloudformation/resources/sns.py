"""SNS: topics, subscriptions and topic policies."""

from __future__ import annotations

from twin.cloudformation import recorded_policies
from twin.cloudformation.shapes import is_true, only, tags, texts
from twin.cloudformation.types import Made, Request, ResourceFailed, Types

SUBSCRIPTION_ATTRIBUTES = ("FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy", "DeliveryPolicy")


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
    recorded_policies.register(types, "AWS::SNS::TopicPolicy", "sns", "Topics")


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
    return texts(wanted, "DisplayName", "KmsMasterKeyId")


def _create_topic(request: Request) -> Made:
    sns, wanted = request.client("sns"), request.properties
    attributes = _topic_attributes(request)
    if is_true(wanted.get("FifoTopic")):
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
    answer = request.client("sns").subscribe(
        TopicArn=wanted["TopicArn"],
        Protocol=wanted["Protocol"],
        Endpoint=wanted["Endpoint"],
        Attributes=texts(wanted, *SUBSCRIPTION_ATTRIBUTES),
        ReturnSubscriptionArn=True,
    )
    return Made(answer["SubscriptionArn"], {"Arn": answer["SubscriptionArn"]})


def _update_subscription(request: Request) -> None:
    wanted = only(request, "TopicArn", "Protocol", "Endpoint", "Region", *SUBSCRIPTION_ATTRIBUTES)
    for name, value in texts(wanted, *SUBSCRIPTION_ATTRIBUTES).items():
        request.client("sns").set_subscription_attributes(
            SubscriptionArn=request.ref, AttributeName=name, AttributeValue=value
        )
