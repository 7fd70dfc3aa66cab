"""Whether two rankings of features agree where it matters: the normalised discounted cumulative gain."""

from __future__ import annotations

import math

import numpy as np


def ndcg(current: np.ndarray, baseline: np.ndarray) -> float:
    """The baseline's attributions summed in the current order, discounted by place, over the same in its own order.

    Args:
        current, baseline: float64 (features,), attributions of the same features; signs are dropped. Features with equal
            current attributions share the mean discount of their places.
    Returns: in [0, 1], 1 when the order is the baseline's; NaN when the baseline attributes nothing to any feature.
    Sources: Järvelin & Kekäläinen (2002); ties: McSherry & Najork (2008).
    """
    gains, order = np.abs(baseline), np.abs(current)
    discounts = 1.0 / np.log2(np.arange(2, len(gains) + 2))
    ideal = float(np.sort(gains)[::-1] @ discounts)
    if not ideal or not math.isfinite(ideal):
        return math.nan
    _, group, sizes = np.unique(-order, return_inverse=True, return_counts=True)
    mean_gains = np.bincount(group, gains, len(sizes)) / sizes
    ends = np.cumsum(sizes)
    sums = np.concatenate([[0.0], np.cumsum(discounts)])
    return float(min(1.0, mean_gains @ (sums[ends] - sums[ends - sizes]) / ideal))
