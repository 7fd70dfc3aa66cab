"""An alarm that tells people of a rehearsal: the alarms beside it are real ones, and their messages cannot say what forced them."""

from __future__ import annotations

from model_monitor import contract
from stacks.constructs.monitor_alarm import Watched
from stacks.constructs.scheduled_monitor import ScheduledMonitor


def rehearsal(monitor: ScheduledMonitor) -> Watched:
    """A run was a rehearsal. No policy knows this alarm, so it trains nothing."""
    return Watched(
        what="rehearsal",
        description=(
            f"REHEARSAL: a run of {monitor.schedule_name} forced a violation to try alarms and notifications. Other "
            "alarms of the same schedule and hour are part of it.\nOften: create_violation_tests is on.\n"
            "Do: see that people were told, then switch it off."
        ),
        metric=monitor.metric(contract.METRIC_REHEARSAL),
    )
