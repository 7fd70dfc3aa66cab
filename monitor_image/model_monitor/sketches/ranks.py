"""Ranks of a sample: how many of its values are at most x. What distances and bucket counts are computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np


@dataclass(frozen=True, slots=True)
class Ranks:
    """A weighted sample.

    values: float64, ascending and different.
    cumulative: int64, weight of all values up to and including each one; the last is the total.
    """

    values: np.ndarray
    cumulative: np.ndarray

    @classmethod
    def of_counts(cls, values: np.ndarray, counts: np.ndarray) -> Ranks:
        """From ascending, different values and their weights."""
        return cls(values, np.cumsum(counts, dtype=np.int64))

    @classmethod
    def of_levels(cls, levels: Sequence[np.ndarray]) -> Ranks:
        """From the levels of a KLL sketch: an item of level h stands for 2^h values."""
        if not any(level.size for level in levels):
            return cls(np.empty(0), np.empty(0, np.int64))
        items = np.concatenate(levels)
        weights = np.repeat(np.int64(1) << np.arange(len(levels), dtype=np.int64), [level.size for level in levels])
        order = np.argsort(items, kind="stable")
        items, cumulative = items[order], np.cumsum(weights[order])
        is_last = np.append(items[1:] != items[:-1], True)
        return cls(items[is_last], cumulative[is_last])

    @property
    def total(self) -> int:
        """Weight of the whole sample."""
        return int(self.cumulative[-1]) if self.cumulative.size else 0

    def at_most(self, points: np.ndarray) -> np.ndarray:
        """Weight of values <= each point, int64."""
        return self._weight(np.searchsorted(self.values, points, side="right"))

    def below(self, points: np.ndarray) -> np.ndarray:
        """Weight of values < each point, int64."""
        return self._weight(np.searchsorted(self.values, points, side="left"))

    def quantile(self, share: float) -> float:
        """The smallest value whose rank reaches a share in [0, 1] of the total."""
        target = min(max(int(np.ceil(share * self.total)), 1), self.total)
        return float(self.values[np.searchsorted(self.cumulative, target, side="left")])

    def _weight(self, positions: np.ndarray) -> np.ndarray:
        before: np.ndarray = np.concatenate([np.zeros(1, np.int64), self.cumulative])[positions]
        return before


@dataclass(frozen=True, slots=True)
class Buckets:
    """A histogram. bounds: float64 (n + 1,); counts: int64 (n,), lower bound inclusive, the last bucket's upper too.

    is_closed: the outer bounds are the minimum and the maximum; else the outer buckets hold whatever lies beyond.
    """

    bounds: np.ndarray
    counts: np.ndarray
    is_closed: bool = True

    @classmethod
    def equal_width(cls, ranks: Ranks, minimum: float, maximum: float, number: int = 10) -> Buckets:
        """Buckets of one width between minimum and maximum, as AWS's `kll.buckets`.

        Of a constant all bounds are equal, the last bucket holds everything and the others nothing.
        """
        steps = np.arange(number + 1)
        width = float(maximum) - float(minimum)
        if isfinite(width * number):
            bounds = minimum + width * steps / number
        else:  # near the largest double, which a range may exceed
            bounds = minimum * (1 - steps / number) + maximum * (steps / number)
        bounds[-1] = maximum
        lower, upper = ranks.below(bounds[:-1]), ranks.below(bounds[1:])
        upper[-1] = ranks.total
        return cls(bounds, upper - lower)
