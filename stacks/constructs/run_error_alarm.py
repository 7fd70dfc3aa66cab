"""An alarm on runs that could not judge: settings, permissions, too many unreadable records, a killed container."""

from __future__ import annotations

from model_monitor import contract
from stacks.constructs.monitor_alarm import Watched
from stacks.constructs.scheduled_monitor import ScheduledMonitor


def run_error(monitor: ScheduledMonitor) -> Watched:
    """A run ended in an error."""
    return Watched(
        what="error",
        description=f"A run of {monitor.schedule_name} ended in an error. Its exit message and its log say why.",
        metric=monitor.metric(contract.run_metric(contract.Verdict.ERROR)),
    )
