"""Composite alarms: one page for one cause, however many alarms of it ring.

`model`: anything that runs found violated, of all monitors of an endpoint; broken data, drift, quality and attribution of one hour
are mostly one cause. `service`: errors or latency of the endpoint, told only when they outlast an update of it. AWS charges each as
much as five alarms, so they are a setting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aws_cdk import Duration, Stack, aws_cloudwatch as cloudwatch, aws_cloudwatch_actions as actions, aws_sns as sns
from constructs import Construct

from model_monitor import contract
from stacks.constructs import alarm_words
from stacks.constructs.alarm_words import Words

UPDATING: Final = "endpoint_updating"  # as lambda/updates sends it
CHANGE: Final = Duration.minutes(30)  # how long a change of an endpoint's state is taken to last
WAIT: Final = Duration.minutes(5)  # until the news of a change has come
EXTENSION: Final = Duration.minutes(10)
CHARACTERS: Final = 10_240  # of a rule
MODEL: Final = Words(
    "gives people a reason to look: data, drift, quality, bias or attributions. You are told once until all of it is over",
    "one change upstream, of which the others follow: broken data first, then drift, then quality",
    "see on the dashboard which alarms ring and since when; begin with broken data",
)
SERVICE: Final = Words(
    "fails or is slow, and not because it is being updated",
    "the model or container, the traffic, the last release",
    "see which of the two alarms rings, and the endpoint's log",
)


class PageOnce(Construct):
    """A composite alarm of one endpoint over alarms that are silent themselves."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        environment: str,
        endpoint: str,
        topic: sns.ITopic,
        *,
        what: str,
        words: Words,
        over: Sequence[str],
        suppressor: cloudwatch.IAlarm | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        rule = " OR ".join(f'ALARM("{name}")' for name in over)
        if len(rule) > CHARACTERS:
            raise ValueError(f"{endpoint}: {len(over)} alarms do not fit into the rule of one composite alarm")
        text = words.text(f"Endpoint {endpoint}")
        self.alarm = cloudwatch.CompositeAlarm(
            self,
            "Alarm",
            composite_alarm_name=contract.alarm_name(environment, endpoint, what),
            alarm_description=alarm_words.with_links(text, environment, Stack.of(self).region),
            alarm_rule=cloudwatch.AlarmRule.from_string(rule),
            actions_suppressor=suppressor,
            actions_suppressor_wait_period=WAIT if suppressor else None,
            actions_suppressor_extension_period=EXTENSION if suppressor else None,
        )
        self.alarm.add_alarm_action(actions.SnsAction(topic))
        self.alarm.add_ok_action(actions.SnsAction(topic))


def updating(scope: Construct, construct_id: str, environment: str, endpoint: str) -> cloudwatch.Alarm:
    """An alarm that tells nobody: it rings while the endpoint is being updated."""
    series = cloudwatch.Metric(
        namespace=contract.NAMESPACE_OWN,
        metric_name=UPDATING,
        dimensions_map={contract.DIMENSION_ENDPOINT: endpoint},
        statistic="Maximum",
        period=CHANGE,
    )
    text = (
        f"Endpoint {endpoint} is being updated, or was in the last half hour.\nOften: a release, SageMaker's own maintenance."
        "\nDo: nothing; pages about its service wait meanwhile."
    )
    return cloudwatch.Alarm(
        scope,
        construct_id,
        alarm_name=contract.alarm_name(environment, endpoint, "updating"),
        alarm_description=alarm_words.with_links(text, environment, Stack.of(scope).region),
        metric=series,
        threshold=1,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        evaluation_periods=1,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
