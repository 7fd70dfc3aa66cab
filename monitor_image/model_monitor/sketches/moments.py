"""Count, sum, spread and range of the numbers of one feature."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

EXACT_SUM_LIMIT = 2**62  # int64 sums stay exact below; the margin covers the sum's own partial sums


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, sum, centred sum of squares, minimum and maximum.

    total + residue: the sum, as a leading double and what rounding left of it.
    m2: Σ (x - mean)².
    """

    count: int = 0
    total: float = 0.0
    residue: float = 0.0
    m2: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf

    @classmethod
    def of(cls, values: np.ndarray, minimum: float, maximum: float) -> Moments:
        """Moments of float64 values without NaN; minimum and maximum are known to the caller."""
        if not values.size:
            return cls()
        with np.errstate(over="ignore", invalid="ignore"):
            total = float(np.add.reduce(values))
            centred = values - total / values.size
            rest = float(np.add.reduce(centred))
            np.multiply(centred, centred, out=centred)
            m2 = float(np.add.reduce(centred)) - rest * rest / values.size
        return cls(values.size, total, 0.0, max(m2, 0.0), minimum, maximum)

    @classmethod
    def of_counts(cls, values: np.ndarray, counts: np.ndarray) -> Moments:
        """Moments of distinct ascending float64 values and how often each occurs (int64)."""
        if not values.size:
            return cls()
        count = int(counts.sum())
        largest = max(abs(float(values[0])), abs(float(values[-1])))
        with np.errstate(over="ignore", invalid="ignore"):
            total = _sum(values, counts, largest * count)
            centred = values - total / count
            rest = float(np.add.reduce(centred * counts))
            m2 = float(np.add.reduce(centred * centred * counts)) - rest * rest / count
        return cls(count, total, 0.0, max(m2, 0.0), float(values[0]), float(values[-1]))

    def merge(self, other: Moments) -> Moments:
        """Combine two disjoint parts. Source: Chan, Golub & LeVeque (1983); sums by Knuth's two-sum."""
        if not self.count or not other.count:
            return self if self.count else other
        count = self.count + other.count
        delta = other.mean - self.mean
        total = self.total + other.total
        part = total - self.total
        lost = (self.total - (total - part)) + (other.total - part)
        return Moments(
            count,
            total,
            self.residue + other.residue + lost if math.isfinite(lost) else 0.0,
            self.m2 + other.m2 + delta * (delta * (self.count * (other.count / count))),
            min(self.minimum, other.minimum),
            max(self.maximum, other.maximum),
        )

    @property
    def sum(self) -> float:
        """The sum of all values."""
        return self.total + self.residue

    @property
    def mean(self) -> float:
        """The mean; 0 of nothing."""
        return self.sum / self.count if self.count else 0.0

    @property
    def std_dev(self) -> float:
        """Population standard deviation (divides by n), as AWS's statistics have it."""
        return math.sqrt(self.m2 / self.count) if self.count else 0.0

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly; the range of nothing is null."""
        content = asdict(self)
        return content if self.count else content | {"minimum": None, "maximum": None}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Moments:
        """The inverse of `to_json`."""
        return cls(**content) if content["count"] else cls()


def _sum(values: np.ndarray, counts: np.ndarray, bound: float) -> float:
    """Σ value·count: exact for whole numbers when no partial sum can overflow."""
    if bound < EXACT_SUM_LIMIT:
        whole = values.astype(np.int64)
        if np.array_equal(whole, values):
            return float(int(np.add.reduce(whole * counts)))
    return float(np.add.reduce(values * counts))
