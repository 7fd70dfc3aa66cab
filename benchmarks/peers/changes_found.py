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
    pairs = [changes.windows(size, number, baseline) for number in range(asked["windows"])]
    answer: dict[str, object] = {change.name: {"skipped": "has no such check"} for change in changes.CHANGES}
    for name, excess in excess_of.items():
        answer[name] = answer_for(changes.find(name), excess, pairs)
    print(json.dumps(answer | {"records": changes.told_apart(size, baseline)}))


def answer_for(
    change: changes.Change, excess: Excess, pairs: list[tuple[Sample, Sample, np.ndarray]]
) -> dict[str, object]:
    """The smallest change found with the peer's threshold, and with one at which none of these healthy windows is an alarm."""
    baselines = [frame(baseline) for baseline, _, _ in pairs]

    @cache
    def found(level: float) -> np.ndarray:
        made = (window if not level else change.make(window, level, drawn) for _, window, drawn in pairs)
        return np.array([excess(baseline, frame(sample)) for baseline, sample in zip(baselines, made, strict=True)])

    def least(above: float) -> float | None:
        if np.mean(found(0.0) > above) >= changes.FOUND:
            return 0.0
        return changes.smallest(change, lambda level: float(np.mean(found(level) > above)))

    none = found(0.0)
    return {
        "smallest": least(0.0),
        "smallest_when_quiet": least(max(float(none.max()), 0.0)),
        "false_alarms": float(np.mean(none > 0)),
        "windows": len(pairs),
    }
