"""Alarms on what is no run: the kit's own functions and workflows, people's reviews, the endpoint while it is updated."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_cloudwatch as cloudwatch, aws_sns as sns
from constructs import Construct

from model_monitor import contract
from stacks.constructs.monitor_alarm import Watched, telling

SILENCE_IS_FINE = cloudwatch.TreatMissingData.NOT_BREACHING
SILENCE_BREACHES = cloudwatch.TreatMissingData.BREACHING


@dataclass(frozen=True, kw_only=True)
class Told:
    """Whose alarm it is, and who is told. of: the middle of its name, an endpoint or a part of the kit."""

    environment: str
    of: str
    topic: sns.ITopic


def tell(
    scope: Construct,
    construct_id: str,
    told: Told,
    watched: Watched,
    *,
    periods: int = 1,
    missing: cloudwatch.TreatMissingData = SILENCE_IS_FINE,
    is_silent: bool = False,
) -> str:
    """Make the alarm; its name, explicit because people read it in a page. is_silent: another one pages for it."""
    name = contract.alarm_name(told.environment, told.of, watched.what)
    alarm = cloudwatch.Alarm(
        scope,
        construct_id,
        alarm_name=name,
        alarm_description=watched.description,
        metric=watched.metric,
        threshold=watched.threshold,
        evaluation_periods=periods,
        comparison_operator=watched.operator,
        treat_missing_data=missing,
    )
    if not is_silent:
        alarm.add_alarm_action(telling(told.topic))
    return name
