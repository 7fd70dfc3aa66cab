"""Where alarms of every endpoint go: one topic, encrypted with a key that CloudWatch may use, and the people behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import (
    CfnOutput,
    Environment,
    RemovalPolicy,
    Stack,
    aws_iam as iam,
    aws_kms as kms,
    aws_sns as sns,
    aws_sns_subscriptions as subscriptions,
)
from constructs import Construct

from stacks.constructs.endpoint_updates import EndpointUpdates
from stacks.settings.environment import Alarms

CLOUDWATCH = "cloudwatch.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class AlertingProps:
    """Who is told. endpoints: of whose updates composite alarms have to know."""

    alarms: Alarms
    endpoints: Sequence[str] = ()


class AlertingStack(Stack):
    """The topic. Its key is its own, so that CloudWatch never may use the key of the data."""

    def __init__(self, scope: Construct, construct_id: str, props: AlertingProps, *, env: Environment) -> None:
        super().__init__(scope, construct_id, env=env, description="Model monitoring: where alarms go")
        self.topic = self._topic(props.alarms.topic_arn)
        for address in props.alarms.email:
            self.topic.add_subscription(subscriptions.EmailSubscription(address))
        if props.alarms.composites:
            EndpointUpdates(self, "Endpoints", props.endpoints)
        CfnOutput(self, "AlarmTopic", value=self.topic.topic_arn, description="Subscribe people and tools here")

    def _topic(self, brought_arn: str | None) -> sns.ITopic:
        if brought_arn is not None:
            return sns.Topic.from_topic_arn(self, "Topic", brought_arn)
        key = kms.Key(
            self,
            "Key",
            description="Messages of alarms",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        service = iam.ServicePrincipal(CLOUDWATCH)
        of_this_account = {"StringEquals": {"aws:SourceAccount": self.account}}
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[service],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],  # in a key policy: this key
                conditions=of_this_account,
            )
        )
        topic = sns.Topic(self, "Topic", master_key=key, enforce_ssl=True)
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[service], actions=["sns:Publish"], resources=[topic.topic_arn], conditions=of_this_account
            )
        )
        return topic
