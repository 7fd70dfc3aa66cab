"""An alarm on runs that could not judge: settings, permissions, too many unreadable records, a killed container."""

from __future__ import annotations

from constructs import Construct

from model_monitor import contract
from stacks.constructs.monitor_alarm import MonitorAlarmProps, watch


class RunErrorAlarm(Construct):
    """Fires when a run ends in an error."""

    def __init__(self, scope: Construct, construct_id: str, props: MonitorAlarmProps) -> None:
        super().__init__(scope, construct_id)
        watch(
            self,
            "Alarm",
            props,
            metric=props.monitor.metric(contract.run_metric(contract.Verdict.ERROR)),
            what="error",
            description=f"A run of {props.monitor.schedule_name} ended in an error. Its exit message and its log say why.",
            threshold=1,
        )
