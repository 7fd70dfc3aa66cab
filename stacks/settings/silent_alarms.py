"""Alarms that could never ring, whatever runs find: an alarm that sleeps for ever is worse than none.

Beside the bounds of each value, which `MonitorAlarms` knows: what a monitor does not measure at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from stacks.settings.analysis import REGRESSION, WORSE_WHEN_GREATER

if TYPE_CHECKING:
    from stacks.settings.monitor import Monitor, MonitorAlarms

DISABLED: Final = "Disabled"


def beyond_any_value(alarms: MonitorAlarms) -> Iterator[str]:
    """Bounds that no share, distance or quality can pass; equal is not beyond."""
    distances: Mapping[str, float | None] = {"drift_max": alarms.drift_max} | {
        f"drift_features.{name}": value for name, value in alarms.drift_features.items()
    }
    for path, distance in distances.items():
        if distance == 1:
            yield f"{path}: can never ring, as no distance is above 1; give a lower one"
    if alarms.label_coverage == 0:
        yield "label_coverage: can never ring, as no share is below 0; give a higher one"
    for name, value in alarms.quality.items():
        is_share = name not in REGRESSION
        if is_share and name in WORSE_WHEN_GREATER and value >= 1:
            yield f"quality.{name}: can never ring, as no share is above 1; give a lower value"
        if is_share and name not in WORSE_WHEN_GREATER and value <= 0:
            yield f"quality.{name}: can never ring, as no share is below 0; give a higher value"


def unmeasured(monitor: Monitor) -> Iterator[str]:
    """Alarms on drift of a monitor that measures none, of any feature or of the one that is named."""
    alarms, off = monitor.alarms, monitor.thresholds.evaluate_constraints == DISABLED
    asked = [f"alarms.drift_features.{name}" for name in alarms.drift_features]
    asked += ["alarms.drift_max"] if alarms.drift_max is not None else []
    if not monitor.baseline.dataset and not monitor.baseline.statistics:
        for path in asked:
            yield f"{path}: can never ring, as a baseline without statistics has nothing to measure drift from; give them"
        return
    for path in asked:
        own = monitor.features.get(path.removeprefix("alarms.drift_features."))
        choice = own.evaluate_constraints if own is not None and own.evaluate_constraints is not None else None
        if choice == DISABLED or (off and choice is None):
            where = "thresholds" if choice is None else f"features.{path.removeprefix('alarms.drift_features.')}"
            yield f"{path}: can never ring, as {where}.evaluate_constraints is Disabled; enable it, or take the alarm away"
