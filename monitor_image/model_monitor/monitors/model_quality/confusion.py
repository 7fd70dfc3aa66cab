"""How often each actual label met each predicted one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np


def _none() -> np.ndarray:
    return np.zeros((0, 0), np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """Counts of actual by predicted labels.

    labels: in their one spelling, numbers in their order and before texts, each seen on either side.
    counts: int64 (labels, labels), one row for each actual label.
    """

    labels: tuple[str, ...] = ()
    counts: np.ndarray = field(default_factory=_none)

    @classmethod
    def of(cls, actual: np.ndarray, predicted: np.ndarray, words: tuple[str, ...]) -> Self:
        """One chunk.

        Args:
            actual, predicted: int (rows,), positions in `words`; no word twice.
        """
        size = len(words)
        cells = np.bincount(actual.astype(np.int64) * size + predicted, minlength=size * size).reshape(size, size)
        is_seen = (cells.sum(axis=0) + cells.sum(axis=1)) > 0
        seen = sorted(np.flatnonzero(is_seen).tolist(), key=lambda place: order_of(words[place]))
        return cls(tuple(words[place] for place in seen), cells[np.ix_(seen, seen)].astype(np.int64))

    def merge(self, other: Self) -> Self:
        """Combine two disjoint parts."""
        if self.labels == other.labels:
            return type(self)(self.labels, self.counts + other.counts)
        labels = tuple(sorted({*self.labels, *other.labels}, key=order_of))
        counts = np.zeros((len(labels), len(labels)), np.int64)
        for part in (self, other):
            where = [labels.index(label) for label in part.labels]
            counts[np.ix_(where, where)] += part.counts
        return type(self)(labels, counts)

    def over(self, labels: tuple[str, ...]) -> np.ndarray:
        """The counts with one row and column for each of `labels`, which name at least all that were seen."""
        counts = np.zeros((len(labels), len(labels)), np.int64)
        where = [labels.index(label) for label in self.labels]
        counts[np.ix_(where, where)] = self.counts
        return counts

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Confusion):
            return NotImplemented
        return self.labels == other.labels and bool(np.array_equal(self.counts, other.counts))

    __hash__ = None  # type: ignore[assignment]  # counts are arrays, as of any other profile

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        return {"labels": list(self.labels), "counts": self.counts.tolist()}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        size = len(content["labels"])
        return cls(tuple(content["labels"]), np.array(content["counts"], np.int64).reshape(size, size))


def order_of(label: str) -> tuple[float, str]:
    """Numbers by their value, then texts."""
    try:
        number = float(label)
    except ValueError:
        return math.inf, label
    return (number if math.isfinite(number) else math.inf), label
