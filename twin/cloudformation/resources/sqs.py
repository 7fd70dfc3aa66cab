"""SQS: queues and queue policies."""

from __future__ import annotations

from twin.cloudformation import recorded_policies
from twin.cloudformation.shapes import is_true, only, texts
from twin.cloudformation.types import Made, Request, Types

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
        "AWS::SQS::Queue",
        create=_create_queue,
        update=_update_queue,
        delete=lambda request: request.client("sqs").delete_queue(QueueUrl=request.ref),
        replaced_by={"QueueName", "FifoQueue"},
    )
    recorded_policies.register(types, "AWS::SQS::QueuePolicy", "sqs", "Queues")


def _queue_attributes(request: Request) -> dict[str, str]:
    wanted = only(request, "QueueName", "FifoQueue", "Tags", *QUEUE_ATTRIBUTES, stored=("RedriveAllowPolicy",))
    return texts(wanted, *QUEUE_ATTRIBUTES)


def _create_queue(request: Request) -> Made:
    sqs, wanted = request.client("sqs"), request.properties
    attributes = _queue_attributes(request)
    if is_true(wanted.get("FifoQueue")):
        attributes["FifoQueue"] = "true"
    name = wanted.get("QueueName") or request.name(limit=80)
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    arn = f"arn:aws:sqs:{request.twin.region}:{request.twin.account}:{name}"
    return Made(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})


def _update_queue(request: Request) -> None:
    request.client("sqs").set_queue_attributes(QueueUrl=request.ref, Attributes=_queue_attributes(request))
