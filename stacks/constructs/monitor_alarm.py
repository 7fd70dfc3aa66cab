"""What all alarms of a monitor share: a name people can read, one action, and no opinion on silence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from aws_cdk import aws_cloudwatch as cloudwatch, aws_cloudwatch_actions as actions, aws_sns as sns
from constructs import Construct

from model_monitor import contract
from stacks.constructs import alarm_words
from stacks.constructs.scheduled_monitor import ScheduledMonitor

AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD  # equal is not beyond, as in the checks
BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD


@dataclass(frozen=True, kw_only=True)
class MonitorAlarmProps:
    """Whose runs are watched, and who is told. periods: how many runs; of_periods: among so many, None: in a row.

    is_silent: the run itself tells people of it; the alarm's state still starts what hangs on it.
    """

    environment: str
    region: str
    monitor: ScheduledMonitor
    topic: sns.ITopic
    periods: int = 1
    of_periods: int | None = None
    is_silent: bool = False


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What one alarm is about. what: the end of its name; description: for people; the rest: when it fires."""

    what: str
    description: str
    metric: cloudwatch.IMetric
    operator: cloudwatch.ComparisonOperator = AT_LEAST
    threshold: float = 1


class MonitorAlarm(Construct):
    """One alarm that publishes to the topic. name: explicit, because people read it in a page and the retraining policy decides
    by it."""

    def __init__(self, scope: Construct, construct_id: str, props: MonitorAlarmProps, watched: Watched) -> None:
        super().__init__(scope, construct_id)
        self.name = watch(self, "Alarm", props, watched)


def watch(scope: Construct, construct_id: str, props: MonitorAlarmProps, watched: Watched) -> str:
    """Make the alarm; its name. Missing values do not breach: silence is the staleness alarm's business."""
    name = contract.alarm_name(props.environment, props.monitor.schedule_name, watched.what)
    alarm = cloudwatch.Alarm(
        scope,
        construct_id,
        alarm_name=name,
        alarm_description=alarm_words.with_links(watched.description, props.environment, props.region),
        metric=watched.metric,
        threshold=watched.threshold,
        comparison_operator=watched.operator,
        evaluation_periods=props.of_periods or props.periods,
        datapoints_to_alarm=props.periods if props.of_periods else None,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    if not props.is_silent:
        alarm.add_alarm_action(telling(props.topic))
    return name


@lru_cache(maxsize=16)
def telling(topic: sns.ITopic) -> actions.SnsAction:
    """What all alarms of a topic do: one action for all of them, since each is a call to the CDK."""
    return actions.SnsAction(topic)
