"""What all alarms of a monitor share: a name people can read, one action, and no opinion on silence."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_cloudwatch as cloudwatch, aws_cloudwatch_actions as actions, aws_sns as sns
from constructs import Construct

from model_monitor import contract
from stacks.constructs.scheduled_monitor import ScheduledMonitor


@dataclass(frozen=True, kw_only=True)
class MonitorAlarmProps:
    """Whose runs are watched, and who is told. periods: how many runs in a row."""

    environment: str
    monitor: ScheduledMonitor
    topic: sns.ITopic
    periods: int = 1

    def name(self, what: str) -> str:
        """Explicit, because people read it in a page and the retraining policy decides by it."""
        return contract.alarm_name(self.environment, self.monitor.schedule_name, what)


def watch(
    scope: Construct,
    construct_id: str,
    props: MonitorAlarmProps,
    *,
    metric: cloudwatch.IMetric,
    what: str,
    description: str,
    threshold: float,
    operator: cloudwatch.ComparisonOperator = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
) -> cloudwatch.Alarm:
    """One alarm that publishes to the topic. Missing values do not breach: silence is StalenessAlarm's business."""
    alarm = cloudwatch.Alarm(
        scope,
        construct_id,
        alarm_name=props.name(what),
        alarm_description=description,
        metric=metric,
        threshold=threshold,
        comparison_operator=operator,
        evaluation_periods=props.periods,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    alarm.add_alarm_action(actions.SnsAction(props.topic))
    return alarm
