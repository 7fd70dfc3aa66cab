"""Ranks of the numbers of one feature: exact counts while there are few different values, a KLL sketch above."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model_monitor.sketches.kll import SKETCH_SIZE, KllSketch, levels_of_counts
from model_monitor.sketches.ranks import Ranks

VALUES_KEPT = 4096  # different values counted exactly; 64 KB a feature, as much as a sketch
RAW_VALUES = SKETCH_SIZE + 2  # AWS's sketches hold so many values as they are, in one level


def _no_values() -> np.ndarray:
    return np.empty(0, np.float64)


def _no_counts() -> np.ndarray:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Either exact or sketched, never both. Whether it is exact does not depend on the cuts.

    values, counts: different values, ascending (float64), and how often each occurs (int64); empty when sketched.
    sketch: None while exact.
    """

    values: np.ndarray = field(default_factory=_no_values)
    counts: np.ndarray = field(default_factory=_no_counts)
    sketch: KllSketch | None = None

    @classmethod
    def of_counts(cls, values: np.ndarray, counts: np.ndarray) -> Quantiles:
        """From ascending, different values and how often each occurs."""
        if values.size > VALUES_KEPT:
            return cls(sketch=KllSketch.of_counts(values, counts))
        return cls(values, counts)

    def merge(self, other: Quantiles) -> Quantiles:
        """Combine two disjoint parts."""
        if self.sketch is not None or other.sketch is not None:
            if not other.sketch and not other.values.size:
                return self
            if not self.sketch and not self.values.size:
                return other
            return Quantiles(sketch=self._sketched().merge(other._sketched()))
        if np.array_equal(self.values, other.values):
            return Quantiles(self.values, self.counts + other.counts)
        values, where = np.unique(np.concatenate([self.values, other.values]), return_inverse=True)
        counts = np.zeros(values.size, np.int64)
        np.add.at(counts, where, np.concatenate([self.counts, other.counts]))
        return Quantiles.of_counts(values, counts)

    @property
    def is_exact(self) -> bool:
        """Every value is counted."""
        return self.sketch is None

    @property
    def rank_error_bound(self) -> int:
        """No rank is wrong by more values; 0 when exact."""
        return 0 if self.sketch is None else self.sketch.rank_error_bound

    def ranks(self) -> Ranks:
        """The sample, for distances, buckets and quantiles."""
        if self.sketch is not None:
            return Ranks.of_levels(self.sketch.levels)
        return Ranks.of_counts(self.values, self.counts)

    def levels(self) -> list[np.ndarray]:
        """As AWS's `sketch.data`: ascending items by level, Σ len·2^level is the number of values."""
        if self.sketch is not None:
            return [np.sort(level) for level in self.sketch.levels]
        if int(self.counts.sum()) <= RAW_VALUES:
            return [np.repeat(self.values, self.counts)]
        return levels_of_counts(self.values, self.counts)

    def _sketched(self) -> KllSketch:
        return self.sketch or KllSketch.of_counts(self.values, self.counts)

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        if self.sketch is not None:
            return {"sketch": self.sketch.to_json()}
        return {"values": self.values.tolist(), "counts": self.counts.tolist()}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Quantiles:
        """The inverse of `to_json`."""
        if "sketch" in content:
            return cls(sketch=KllSketch.from_json(content["sketch"]))
        return cls(np.array(content["values"], np.float64), np.array(content["counts"], np.int64))
