"""Alarms on drift of the data: it is well formed, and not what the model was trained on."""

from __future__ import annotations

from model_monitor import contract
from stacks.constructs.monitor_alarm import ABOVE, Watched
from stacks.constructs.scheduled_monitor import ScheduledMonitor


def drift(monitor: ScheduledMonitor, drift_max: float | None) -> Watched:
    """Live data moved away from the baseline.

    drift_max: a distance that no feature may exceed; None: whatever the drift check finds violated.
    """
    if drift_max is None:
        return Watched(
            what="drift",
            description=(
                f"Runs of {monitor.schedule_name} found features that drifted from the baseline. The report names them."
            ),
            metric=monitor.metric(contract.violations_metric(contract.CheckType.BASELINE_DRIFT)),
        )
    return Watched(
        what="drift",
        description=(
            f"The largest drift in a run of {monitor.schedule_name} exceeds {drift_max}. The report names the feature."
        ),
        metric=monitor.metric(contract.METRIC_DRIFT_MAX),
        operator=ABOVE,
        threshold=drift_max,
    )


def feature_drift(monitor: ScheduledMonitor, feature: str, distance: float) -> Watched:
    """One feature moved further away from its baseline than it may."""
    return Watched(
        what=f"drift-{feature}",
        description=f"The drift of {feature} in a run of {monitor.schedule_name} exceeds {distance}.",
        metric=monitor.metric(contract.feature_drift_metric(feature)),
        operator=ABOVE,
        threshold=distance,
    )
