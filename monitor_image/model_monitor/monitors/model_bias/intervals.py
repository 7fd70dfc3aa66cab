"""How much a bias metric varies by chance: its standard deviation over seeded resamples of the records.

Records in the same cell of a table of counts are interchangeable, so drawing cells is drawing records (Efron's bootstrap).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.random import PCG64, Generator

from model_monitor.monitors.model_bias.metrics import post_training, pre_training
from model_monitor.monitors.model_bias.settings import Bootstrap

HELD = 1 << 22  # cells held at once


def deviations(counts: np.ndarray, settings: Bootstrap) -> dict[str, float]:
    """Standard deviation (n - 1) of each metric over resamples with replacement.

    Args:
        counts: int64 (groups, 2, 2, 3), by facet, observed label, and predicted label after a place for none.
    Returns: by metric of either stage, but the flip test; NaN where some resample, but not each alike, leaves it undefined
        or infinite. Of no records nothing is known.
    """
    if not counts.any():
        return {}
    found: dict[str, list[np.ndarray]] = {}
    for drawn in _resamples(counts, settings):
        values = pre_training(drawn.sum(axis=-1)) | post_training(drawn[..., 1:])
        for name, value in values.items():
            found.setdefault(name, []).append(value)
    spread = {}
    for name, parts in found.items():
        values_of = np.concatenate(parts)
        is_fixed = bool(np.isinf(values_of[0])) and bool((values_of == values_of[0]).all())
        is_known = bool(np.isfinite(values_of).all())
        spread[name] = 0.0 if is_fixed else float(np.std(values_of, ddof=1)) if is_known else float("nan")
    return spread


def _resamples(counts: np.ndarray, settings: Bootstrap) -> Iterator[np.ndarray]:
    source = Generator(PCG64(settings.seed))
    total, cells = int(counts.sum()), counts.ravel()
    used = np.flatnonzero(cells)
    left, size = settings.draws, max(1, HELD // cells.size)
    while left:
        drawn = np.zeros((min(left, size), cells.size), np.int64)
        drawn[:, used] = source.multinomial(total, cells[used] / total, size=len(drawn))
        left -= len(drawn)
        yield drawn.reshape(len(drawn), *counts.shape)
