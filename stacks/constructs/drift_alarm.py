"""Alarms on drift of the data: it is well formed, and not what the model was trained on."""

from __future__ import annotations

from typing import Final

from model_monitor import contract
from model_monitor.contract import Cause
from stacks.constructs.alarm_words import Words
from stacks.constructs.cause_alarm import cause_alarm
from stacks.constructs.monitor_alarm import ABOVE, Watched
from stacks.constructs.scheduled_monitor import ScheduledMonitor

MANY: Final = Words(
    "drifted from the baseline",
    "another population: a new market, another caller, a changed source of many features",
    "see what they have in common; if the change is to stay, retrain and renew the baseline",
)
ONE: Final = Words(
    "drifted from the baseline",
    "a changed unit or source of this feature, or another population",
    "ask the owner of the feature; see its distribution beside the baseline's in the report",
)


def drift(monitor: ScheduledMonitor, drift_max: float | None) -> Watched:
    """Live data moved away from the baseline.

    drift_max: a distance that no feature may exceed; None: whatever the drift check finds violated.
    """
    found = cause_alarm(monitor, Cause.DRIFT)
    if drift_max is None:
        return found
    return Watched(
        what=found.what,
        description=f"Some feature is further from the baseline than {drift_max:g}. {found.description}",
        metric=monitor.metric(contract.METRIC_DRIFT_MAX),
        operator=ABOVE,
        threshold=drift_max,
    )


def drift_share(monitor: ScheduledMonitor, share: float) -> Watched:
    """Many features moved at once."""
    return Watched(
        what="drift-share",
        description=MANY.text(f"In a run of {monitor.schedule_name} more than {share:.0%} of the features"),
        metric=monitor.metric(contract.METRIC_DRIFTED_SHARE),
        operator=ABOVE,
        threshold=share,
    )


def feature_drift(monitor: ScheduledMonitor, feature: str, distance: float) -> Watched:
    """One feature moved further away from its baseline than it may."""
    return Watched(
        what=f"drift-{feature}",
        description=ONE.text(
            f"In a run of {monitor.schedule_name} the feature {feature}, distance above {distance:g},"
        ),
        metric=monitor.metric(contract.feature_drift_metric(feature)),
        operator=ABOVE,
        threshold=distance,
    )
