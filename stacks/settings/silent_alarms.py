"""Alarms that could never ring, whatever runs find: an alarm that sleeps for ever is worse than none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from stacks.settings.analysis import REGRESSION, WORSE_WHEN_GREATER

DISABLED: Final = "Disabled"


def of_distances(distances: Mapping[str, float | None]) -> Iterator[str]:
    """Bounds by path that no distance can pass; equal is not beyond."""
    for path, distance in distances.items():
        if distance == 1:
            what = "share" if path.endswith("_share") else "distance"
            yield f"{path}: can never ring, as no {what} is above 1; give a lower one"


def of_coverage(share: float | None) -> Iterator[str]:
    """A bound that no share of labels can fall below."""
    if share == 0:
        yield "label_coverage: can never ring, as no share is below 0; give a higher one"


def of_quality(bounds: Mapping[str, float]) -> Iterator[str]:
    """Bounds that no share can pass on the side on which it gets worse; errors of numbers have no end."""
    for name, value in bounds.items():
        if name in REGRESSION:
            continue
        if name in WORSE_WHEN_GREATER and value >= 1:
            yield f"quality.{name}: can never ring, as no share is above 1; give a lower value"
        if name not in WORSE_WHEN_GREATER and value <= 0:
            yield f"quality.{name}: can never ring, as no share is below 0; give a higher value"


def of_unmeasured_drift(asked: Mapping[str, str | None], of_all: str | None, *, has_statistics: bool) -> Iterator[str]:
    """Alarms on drift that no run measures.

    Args:
        asked: path of each alarm's bound → `evaluate_constraints` of its one feature, None where nothing else is said of it.
        of_all: the same of all features. has_statistics: the baseline has what drift is measured from.
    """
    for path, of_feature in asked.items():
        if not has_statistics:
            yield f"{path}: can never ring, as a baseline without statistics has nothing to measure drift from; give them"
        elif (of_feature or of_all) == DISABLED:
            where = f"features.{path.rpartition('drift_features.')[2]}" if of_feature else "thresholds"
            yield f"{path}: can never ring, as {where}.evaluate_constraints is Disabled; enable it, or take the alarm away"
