"""What the peers of the calibration share: the same windows as ours, and the search for the smallest change found.

A peer says of a baseline and a window how far it is from calling it an alarm: above 0 it does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd

from benchmarks.calibration import changes
from benchmarks.calibration.samples import Sample

Excess = Callable[[pd.DataFrame, pd.DataFrame], float]  # (baseline, window) → above 0: an alarm


def frame(sample: Sample) -> pd.DataFrame:
    """The columns that the changes are about."""
    columns = {changes.NUMBER: sample.features[changes.NUMBER], changes.GAPPED: sample.features[changes.GAPPED]}
    return pd.DataFrame(columns | {"label": sample.label, "prediction": sample.prediction, "score": sample.score})


def main(excess_of: dict[str, Excess]) -> None:
    """Answer on stdout for windows of one size; see `benchmarks/calibration/power.py`."""
    asked = json.loads(sys.argv[1])
    size, baseline = asked["size"], asked["baseline"]
    pairs = [changes.windows(size, number, baseline) for number in range(asked["healthy"])]
    frames = [(frame(then), frame(now)) for then, now, _ in pairs]
    healthy = {excess: np.array([excess(then, now) for then, now in frames]) for excess in set(excess_of.values())}
    answer: dict[str, object] = {change.name: {"skipped": "has no such check"} for change in changes.CHANGES}
    for name, excess in excess_of.items():
        made = [(then, window, drawn) for (then, _), (_, window, drawn) in zip(frames, pairs, strict=True)]
        answer[name] = answer_for(changes.find(name), excess, made[: asked["windows"]], healthy[excess])
    print(json.dumps(answer | {"records": changes.told_apart(size, baseline)}))


def answer_for(
    change: changes.Change, excess: Excess, pairs: list[tuple[pd.DataFrame, Sample, np.ndarray]], healthy: np.ndarray
) -> dict[str, object]:
    """The smallest change found with the peer's threshold, and with one at which no healthy window is an alarm."""

    @cache
    def found(level: float) -> np.ndarray:
        return np.array([excess(then, frame(change.make(window, level, drawn))) for then, window, drawn in pairs])

    def least(above: float) -> float | None:
        if np.mean(healthy > above) >= changes.FOUND:
            return 0.0
        return changes.smallest(change, lambda level: float(np.mean(found(level) > above)))

    return {
        "smallest": least(0.0),
        "smallest_when_quiet": least(max(float(healthy.max()), 0.0)),
        "false_alarms": float(np.mean(healthy > 0)),
        "windows": len(pairs),
        "healthy": len(healthy),
    }
