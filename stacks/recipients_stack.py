"""Who is told besides everybody: a topic for each group of people, and events for buses of other teams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import (
    Environment,
    RemovalPolicy,
    Stack,
    aws_events as events,
    aws_events_targets as targets,
    aws_iam as iam,
    aws_kms as kms,
    aws_sns as sns,
    aws_sns_subscriptions as subscriptions,
)
from constructs import Construct

from stacks.constructs.routes import Route
from stacks.settings.environment import Recipients

CLOUDWATCH = "cloudwatch.amazonaws.com"
OURS, ALARM = "model-monitor", "CloudWatch Alarm State Change"


class RecipientsStack(Stack):
    """`routes`: what goes to which topic."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        environment: str,
        recipients: Mapping[str, Recipients],
        endpoints: Sequence[str],
        *,
        env: Environment,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Model monitoring: who else is told")
        self._key: kms.Key | None = None
        self.routes: list[Route] = []
        for name, told in recipients.items():
            inner = Construct(self, name.title().replace("-", ""))
            if told.topic_arn is not None:
                self.routes.append(Route(sns.Topic.from_topic_arn(inner, "Topic", told.topic_arn), told))
            elif told.email:
                self.routes.append(Route(self._topic(inner, told), told))
            if told.event_bus_arn is not None:
                _forward(inner, told.event_bus_arn, environment, told.endpoints or endpoints)

    def _topic(self, scope: Construct, told: Recipients) -> sns.Topic:
        of_this_account = {"StringEquals": {"aws:SourceAccount": self.account}}
        service = iam.ServicePrincipal(CLOUDWATCH)
        if self._key is None:
            self._key = kms.Key(
                self, "Key", description="Messages", enable_key_rotation=True, removal_policy=RemovalPolicy.DESTROY
            )
            self._key.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[service],
                    actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                    resources=["*"],  # in a key policy: this key
                    conditions=of_this_account,
                )
            )
        topic = sns.Topic(scope, "Topic", master_key=self._key, enforce_ssl=True)
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[service], actions=["sns:Publish"], resources=[topic.topic_arn], conditions=of_this_account
            )
        )
        for address in told.email:
            topic.add_subscription(subscriptions.EmailSubscription(address))
        return topic


def _forward(scope: Construct, bus_arn: str, environment: str, endpoints: Sequence[str]) -> None:
    """Ends of runs, and changes of alarms, of some endpoints."""
    bus = events.EventBus.from_event_bus_arn(scope, "Bus", bus_arn)
    starts = [f"{environment}-{name}-" for name in endpoints]
    patterns = {
        "Runs": events.EventPattern(source=[OURS], detail={"endpoint": list(endpoints)}),
        "Alarms": events.EventPattern(
            source=["aws.cloudwatch"],
            detail_type=[ALARM],
            detail={"alarmName": [{"prefix": start} for start in starts]},
        ),
    }
    for name, pattern in patterns.items():
        events.Rule(scope, name, event_pattern=pattern, targets=[targets.EventBus(bus)])
