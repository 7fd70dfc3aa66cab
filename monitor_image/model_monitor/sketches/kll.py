"""A quantile sketch without randomness, in the shape that AWS's statistics files hold.

Levels of items, level h with weight 2^h, compacted lowest full level first; which half of a sorted level survives
alternates by the number of earlier compactions. Source: Karnin, Lang & Liberty (2016), in Deequ's variant
(QuantileNonSample): capacities shrink from the bottom up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

SKETCH_SIZE = 2048
SHRINKING_FACTOR = 0.64


@cache
def capacity(level: int) -> int:
    """Items a level may hold before it is compacted."""
    return 2 * (math.ceil(SKETCH_SIZE * SHRINKING_FACTOR**level / 2) + 1)


@cache
def _total_capacity(levels: int) -> int:
    return sum(map(capacity, range(levels)))


def levels_of_counts(values: np.ndarray, counts: np.ndarray) -> list[np.ndarray]:
    """Ascending values by the binary digits of their counts: exact, and Σ len(level)·2^level is the number of values."""
    height = int(counts.max()).bit_length() if counts.size else 1
    return [values[(counts >> level) & 1 == 1] for level in range(height)]


@dataclass(frozen=True, slots=True)
class KllSketch:
    """levels: float64 arrays, level 0 first; compactions: how often each level was compacted."""

    levels: tuple[np.ndarray, ...] = ()
    compactions: tuple[int, ...] = ()

    @classmethod
    def of_counts(cls, values: np.ndarray, counts: np.ndarray) -> KllSketch:
        """Ascending, different values and how often each occurs."""
        levels = levels_of_counts(values, counts)
        return _condensed(levels, [0] * len(levels))

    def merge(self, other: KllSketch) -> KllSketch:
        """Combine two disjoint parts: levels are concatenated, then condensed."""
        height = max(len(self.levels), len(other.levels))
        levels, compactions = [], []
        for level in range(height):
            parts = [part.levels[level] for part in (self, other) if level < len(part.levels)]
            levels.append(np.concatenate(parts) if len(parts) > 1 else parts[0])
            compactions.append(sum(part.compactions[level] for part in (self, other) if level < len(part.levels)))
        return _condensed(levels, compactions)

    @property
    def count(self) -> int:
        """Number of values the sketch stands for."""
        return sum(level.size << height for height, level in enumerate(self.levels))

    @property
    def rank_error_bound(self) -> int:
        """No rank is wrong by more: each compaction of level h moves any rank by at most 2^h."""
        return sum(number << height for height, number in enumerate(self.compactions))

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        return {"levels": [level.tolist() for level in self.levels], "compactions": list(self.compactions)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> KllSketch:
        """The inverse of `to_json`."""
        levels = tuple(np.array(level, np.float64) for level in content["levels"])
        return cls(levels, tuple(content["compactions"]))


def _condensed(levels: list[np.ndarray], compactions: list[int]) -> KllSketch:
    """Compact the lowest full level until all levels together fit."""
    stored = sum(level.size for level in levels)
    while stored >= _total_capacity(len(levels)):
        level = next(height for height, items in enumerate(levels) if items.size >= capacity(height))
        if level + 1 == len(levels):
            levels.append(np.empty(0))
            compactions.append(0)
        items = levels[level]
        even = items.size - items.size % 2
        survivors = np.sort(items[:even])[_offset(compactions[level]) :: 2]
        levels[level] = items[even:]  # an odd item out stays where it is
        levels[level + 1] = np.concatenate([levels[level + 1], survivors])
        compactions[level] += 1
        stored -= survivors.size
    return KllSketch(tuple(levels), tuple(compactions))


def _offset(earlier: int) -> int:
    """0 or 1: begins with 0 and flips before every second compaction of the level: 0, 1, 1, 0, 0, 1, …"""
    return (earlier + 1) // 2 % 2
