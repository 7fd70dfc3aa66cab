"""An alarm that tells people of a rehearsal: the alarms beside it are real ones, and their messages cannot say what forced them."""

from __future__ import annotations

from constructs import Construct

from model_monitor import contract
from stacks.constructs.monitor_alarm import MonitorAlarmProps, watch


class RehearsalAlarm(Construct):
    """Fires when a run was a rehearsal. No policy knows it, so it trains nothing."""

    def __init__(self, scope: Construct, construct_id: str, props: MonitorAlarmProps) -> None:
        super().__init__(scope, construct_id)
        watch(
            self,
            "Alarm",
            props,
            metric=props.monitor.metric(contract.METRIC_REHEARSAL),
            what="rehearsal",
            description=(
                f"REHEARSAL: a run of {props.monitor.schedule_name} forced a violation to try alarms and notifications. Other "
                "alarms of the same schedule and hour are part of it."
            ),
            threshold=1,
        )
