"""How often each score met each truth: what the area under the ROC curve and the curves are read from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np

SCORES_KEPT: Final = 65536
SIGN: Final = np.int64(-(2**63))


def _none() -> np.ndarray:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Negatives and positives at each score. Exact up to 65,536 different scores.

    Above, neighbours are joined by dropping the last `shift` bits of the scores' doubles, as few as suffice; so the result
    does not depend on how the records were cut. What that costs is known: see `area_error`.

    keys: int64, ascending and different; in the order of the scores, without their last `shift` bits.
    negatives, positives: int64, one for each key.
    limit: how many different scores are kept, where they shall be fewer.
    """

    keys: np.ndarray = field(default_factory=_none)
    negatives: np.ndarray = field(default_factory=_none)
    positives: np.ndarray = field(default_factory=_none)
    shift: int = 0
    limit: int = SCORES_KEPT

    @classmethod
    def of(cls, scores: np.ndarray, is_positive: np.ndarray, limit: int = SCORES_KEPT) -> Self:
        """One chunk of float64 scores without NaN."""
        counts = [(~is_positive).astype(np.int64), is_positive.astype(np.int64)]
        return cls._of_cells(_ordered(scores), counts[0], counts[1], 0, limit)

    @classmethod
    def _of_cells(cls, cells: np.ndarray, negatives: np.ndarray, positives: np.ndarray, shift: int, limit: int) -> Self:
        order = np.argsort(cells, kind="stable")
        cells = cells[order]
        joined = _bits_to_drop(cells, limit)
        cells = cells >> joined
        starts = np.flatnonzero(np.append(True, cells[1:] != cells[:-1])) if cells.size else np.empty(0, np.int64)
        sums = [np.add.reduceat(part[order], starts) if cells.size else _none() for part in (negatives, positives)]
        return cls(cells[starts], sums[0], sums[1], shift + joined, limit)

    def merge(self, other: Self) -> Self:
        """Combine two disjoint parts."""
        if not self.keys.size or not other.keys.size:
            return self if self.keys.size else other
        shift = max(self.shift, other.shift)
        cells = np.concatenate([self.keys >> (shift - self.shift), other.keys >> (shift - other.shift)])
        negatives = np.concatenate([self.negatives, other.negatives])
        positives = np.concatenate([self.positives, other.positives])
        return self._of_cells(cells, negatives, positives, shift, min(self.limit, other.limit))

    def within(self, limit: int) -> Self:
        """The same counts of at most `limit` different scores."""
        return self._of_cells(self.keys, self.negatives, self.positives, self.shift, limit)

    def table(self, coarser: Self) -> np.ndarray:
        """Negatives and positives, int64 (2, keys), at the scores of a coarser one that these are part of."""
        where = np.searchsorted(coarser.keys, self.keys >> (coarser.shift - self.shift))
        counts = np.zeros((2, coarser.keys.size), np.int64)
        for row, part in zip(counts, (self.negatives, self.positives), strict=True):
            np.add.at(row, where, part)
        return counts

    @property
    def area_error(self) -> float:
        """How far the area under the ROC curve can be off, because joined scores count as ties; 0 while exact."""
        pairs = int(self.negatives.sum()) * int(self.positives.sum())
        if not self.shift or not pairs:
            return 0.0
        return float(np.sum(self.negatives.astype(np.float64) * self.positives) / (2.0 * pairs))

    @property
    def values(self) -> np.ndarray:
        """The scores, float64 ascending: of joined ones the one whose dropped bits are 0."""
        keys = self.keys << self.shift
        return np.where(keys >= 0, keys, SIGN - keys).view(np.float64)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scores) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]  # counts are arrays, as of any other profile

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        arrays = {name: getattr(self, name).tolist() for name in ("keys", "negatives", "positives")}
        return {**arrays, "shift": self.shift, "limit": self.limit}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        keys, negatives, positives = (np.array(content[name], np.int64) for name in ("keys", "negatives", "positives"))
        return cls(keys, negatives, positives, content["shift"], content["limit"])


def _bits_to_drop(cells: np.ndarray, limit: int) -> int:
    """The fewest last bits without which no more than `limit` of the ascending cells differ."""
    low, high = 0, 64 if cells.size > limit else 0
    while low < high:
        middle = (low + high) // 2
        shifted = cells >> min(middle, 63)
        if np.count_nonzero(shifted[1:] != shifted[:-1]) < limit:
            high = middle
        else:
            low = middle + 1
    return low


def _ordered(scores: np.ndarray) -> np.ndarray:
    """Doubles as whole numbers of the same order; -0 and 0 are one."""
    bits = (scores + 0.0).view(np.int64)
    return np.where(bits >= 0, bits, SIGN - bits)
