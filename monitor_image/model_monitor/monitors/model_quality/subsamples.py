"""How much a metric varies: its standard deviation over five seeded subsamples of 80 % of the records.

Records in the same cell of a table of counts are interchangeable, so thinning the counts is sampling records. What is kept
is settled by a hash of each record's place in the table, not by a random source: the same counts give the same figure.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from model_monitor.sketches.hashes import GOLDEN, finalised

MINIMUM_RECORDS: Final = 200
SHARE: Final = 0.8
DRAWS: Final = 5
SEED: Final = 20180801
LARGE_CELL: Final = 256  # above, what a cell keeps is drawn at once, normally distributed


def deviations(
    counts: np.ndarray, measure: Callable[[np.ndarray], Mapping[str, float]], *, seed: int = SEED
) -> dict[str, float]:
    """Sample standard deviation (n - 1) of each metric over subsamples without replacement.

    Args:
        counts: int64 of any shape, records in each cell.
        measure: metrics of such a table.
    Returns: by metric; NaN for all of them below 200 records, and where some subsample leaves a metric undefined.
    """
    if counts.sum() < MINIMUM_RECORDS:
        return dict.fromkeys(measure(counts), math.nan)
    return spread([measure(_thin(counts, seed + number)) for number in range(DRAWS)])


def spread(samples: list[Mapping[str, float]]) -> dict[str, float]:
    """Sample standard deviation (n - 1) of each metric over samples of it; NaN where one of them is undefined."""
    return {name: _deviation([sample[name] for sample in samples]) for name in samples[0]}


def is_kept(keys: np.ndarray, number: int, *, seed: int = SEED) -> np.ndarray:
    """Which records are in subsample `number`, by their 64-bit keys: four of five, whatever the order of reading."""
    return _mix(keys, seed + number) < np.uint64(SHARE * 2**64)


def content_keys(columns: Sequence[np.ndarray]) -> np.ndarray:
    """A 64-bit key of each record's float64 numbers, for records that have no id: equal records have equal keys."""
    keys = np.zeros(columns[0].size, np.uint64)
    for column in columns:
        keys = _finalise(keys ^ np.ascontiguousarray(column + 0.0).view(np.uint64))
    return keys


def _deviation(values: list[float]) -> float:
    return statistics.stdev(values) if all(math.isfinite(value) for value in values) else math.nan


def _thin(counts: np.ndarray, seed: int) -> np.ndarray:
    cells = counts.ravel()
    is_small = cells <= LARGE_CELL
    records = np.repeat(np.arange(cells.size), np.where(is_small, cells, 0))
    kept = is_kept(np.arange(records.size, dtype=np.uint64), 0, seed=seed)
    drawn = np.bincount(records[kept], minlength=cells.size)
    noise = _normal(np.arange(cells.size, dtype=np.uint64), seed)
    large = np.rint(cells * SHARE + noise * np.sqrt(cells * SHARE * (1 - SHARE))).astype(np.int64)
    return np.where(is_small, drawn, np.clip(large, 0, cells)).reshape(counts.shape)


def _normal(keys: np.ndarray, seed: int) -> np.ndarray:
    """Standard normal numbers, as the share of ones among 256 bits of hashes."""
    ones = sum(np.bitwise_count(_mix(keys, seed + (part << 32))).astype(np.int64) for part in range(1, 5))
    return np.asarray((ones - 128) / 8.0)


def _mix(keys: np.ndarray, seed: int) -> np.ndarray:
    """A 64-bit hash of each key. The seed is hashed first, for neighbouring seeds would only shift the keys."""
    return _finalise(keys ^ _finalise(np.array([seed], dtype=np.uint64)))


def _finalise(keys: np.ndarray) -> np.ndarray:
    """The number that SplitMix64 draws at each place of its sequence."""
    return finalised((keys + np.uint64(1)) * GOLDEN)
