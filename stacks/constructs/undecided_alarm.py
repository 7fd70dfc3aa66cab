"""An alarm on decisions that were never made: an alarm reached the retraining function, and every attempt to judge it failed."""

from __future__ import annotations

from aws_cdk import Duration, aws_sqs as sqs

from stacks.constructs.monitor_alarm import Watched
from stacks.constructs.scheduled_monitor import ScheduledMonitor


def undecided(monitor: ScheduledMonitor, failed: sqs.IQueue) -> Watched:
    """The queue of failed events holds one. The retraining policy does not know this alarm, so it trains nothing."""
    return Watched(
        what="undecided",
        description=(
            f"An alarm of {monitor.schedule_name} was not judged: the retraining function failed every time. "
            "Its log says why; the event waits in the queue of failed events."
        ),
        metric=failed.metric_approximate_number_of_messages_visible(period=Duration.minutes(5), statistic="Maximum"),
    )
