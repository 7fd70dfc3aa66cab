"""AWS services that publish to a topic: they need the topic's policy and, where it is encrypted, the key's.

Two traps of real accounts show here: a policy of one's own replaces the default that lets CloudWatch in, and a topic under
AWS's own key (alias/aws/sns) or under a key that does not name the service cannot be reached by it at all.
"""

from __future__ import annotations

from typing import Final

from botocore.exceptions import ClientError

from twin.iam import policies
from twin.surroundings import Surroundings

CLOUDWATCH: Final = "cloudwatch.amazonaws.com"
EVENTBRIDGE: Final = "events.amazonaws.com"
BY_DEFAULT: Final = (CLOUDWATCH,)  # a topic's default policy admits the account's own alarms, and no rules
KEY_ACTIONS: Final = ("kms:Decrypt", "kms:GenerateDataKey")


def refusal(twin: Surroundings, service: str, topic_arn: str) -> str:
    """Why a service may not publish to a topic; empty when it may."""
    policy = twin.resource_policies.get(f"sns:{topic_arn}")
    if policy is None and service not in BY_DEFAULT:
        return f"the default policy of {topic_arn} does not admit {service}: give the topic a policy that does"
    if policy is not None and not policies.admits(policy, service, "sns:Publish"):
        return f"the policy of {topic_arn} does not let {service} publish (it replaces the default policy)"
    key = _key(twin, topic_arn)
    if not key:
        return ""
    if key.endswith("alias/aws/sns"):
        return f"{topic_arn} is encrypted with alias/aws/sns, which {service} cannot use: use a key of your own"
    try:
        document = twin.client("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    except ClientError as error:
        return f"the key {key} of {topic_arn} cannot be read: {error}"
    missing = [action for action in KEY_ACTIONS if not policies.admits(document, service, action)]
    return f"the policy of key {key} does not let {service} do {', '.join(missing)}" if missing else ""


def _key(twin: Surroundings, topic_arn: str) -> str:
    try:
        attributes = twin.client("sns").get_topic_attributes(TopicArn=topic_arn)["Attributes"]
    except ClientError:
        return ""  # no such topic: publishing says so itself
    return str(attributes.get("KmsMasterKeyId", ""))
