"""An alarm on decisions that were never made: an alarm reached the retraining function, and every attempt to judge it failed."""

from __future__ import annotations

from aws_cdk import Duration, aws_sqs as sqs
from constructs import Construct

from stacks.constructs.monitor_alarm import MonitorAlarmProps, watch


class UndecidedAlarm(Construct):
    """Fires while the queue of failed events holds one. The retraining policy does not know this alarm, so it trains nothing."""

    def __init__(self, scope: Construct, construct_id: str, props: MonitorAlarmProps, failed: sqs.IQueue) -> None:
        super().__init__(scope, construct_id)
        watch(
            self,
            "Alarm",
            props,
            metric=failed.metric_approximate_number_of_messages_visible(
                period=Duration.minutes(5), statistic="Maximum"
            ),
            what="undecided",
            description=(
                f"An alarm of {props.monitor.schedule_name} was not judged: the retraining function failed every time. "
                "Its log says why; the event waits in the queue of failed events."
            ),
            threshold=1,
        )
