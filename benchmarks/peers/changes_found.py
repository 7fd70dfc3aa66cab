"""What the peers of the calibration share: the same windows as ours, and the search for the smallest change found.

A peer says of a baseline and a window how far it is from calling it an alarm: above 0 it does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import cache
from statistics import NormalDist

import numpy as np
import pandas as pd

from benchmarks.calibration import changes
from benchmarks.calibration.samples import Sample

MIDDLE, FAR = 0.5, 0.975  # of healthy windows, the points through which a bell is laid

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
    checks = 2 * len(pairs[0][0].features) + 1  # drift and gaps of every feature, and the accuracy
    level = asked["budget"] / checks
    for name, excess in excess_of.items():
        made = [(then, window, drawn) for (then, _), (_, window, drawn) in zip(frames, pairs, strict=True)]
        answer[name] = answer_for(changes.find(name), excess, made[: asked["windows"]], healthy[excess], level)
    print(json.dumps(answer | {"records": changes.told_apart(size, baseline)}))


def answer_for(
    change: changes.Change,
    excess: Excess,
    pairs: list[tuple[pd.DataFrame, Sample, np.ndarray]],
    healthy: np.ndarray,
    level: float,
) -> dict[str, object]:
    """The smallest change found with the peer's threshold, one that no healthy window exceeds, and one as rare as ours may be."""

    @cache
    def found(size: float) -> np.ndarray:
        return np.array([excess(then, frame(change.make(window, size, drawn))) for then, window, drawn in pairs])

    def least(above: float) -> float | None:
        if np.mean(healthy > above) >= changes.FOUND:
            return 0.0
        return changes.smallest(change, lambda size: float(np.mean(found(size) > above)))

    return {
        "smallest": least(0.0),
        "smallest_when_quiet": least(max(float(healthy.max()), 0.0)),
        "smallest_at_equal": least(max(threshold(healthy, level), float(healthy.max()), 0.0)),
        "false_alarms": float(np.mean(healthy > 0)),
        "windows": len(pairs),
        "healthy": len(healthy),
    }


def threshold(healthy: np.ndarray, level: float) -> float:
    """That healthy windows exceed with a chance: by the bell through their middle and their far end.

    Tails heavier than a bell's exceed it more often, which flatters the peer.
    """
    bell = NormalDist()
    middle, far = np.quantile(healthy, (MIDDLE, FAR))
    return float(middle + (far - middle) * bell.inv_cdf(1 - level) / bell.inv_cdf(FAR))
