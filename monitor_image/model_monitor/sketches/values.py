"""How often each text occurs, by hash: all of them while there are not very many, then a fair sample and the heavy ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from model_monitor.sketches.heavy import HASH_BITS, HeavyHitters

VALUES_KEPT: Final = 1 << 17  # 2 MB a feature
ALL_HASHES: Final = 1 << HASH_BITS


def no_hashes() -> np.ndarray:
    """Of nothing."""
    return np.empty(0, np.uint64)


def no_counts() -> np.ndarray:
    """Of nothing."""
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Values:
    """The smallest hashes, at most `VALUES_KEPT`, with exact counts; beyond that number the heavy values besides.

    hashes: uint64 (k,) of 40 bits, ascending and different. counts: int64 (k,), records of each. heavy: None while every value
    is kept.
    Which hashes are kept depends on the set of values alone (a hash among the smallest of all is among the smallest of each
    part), so a merge is exact, associative and commutative. Of two values with one hash, which k values have with the chance
    k^2 / 2^41, nobody knows that they differ.
    Source: Cohen & Kaplan (2007), bottom-k sketches: the kept values are a uniform sample of the different values.
    """

    hashes: np.ndarray = field(default_factory=no_hashes)
    counts: np.ndarray = field(default_factory=no_counts)
    heavy: HeavyHitters | None = None

    @classmethod
    def of(cls, hashes: np.ndarray, counts: np.ndarray) -> Values:
        """From hashes of 40 bits, which may repeat, and how often each occurs."""
        hashes, counts = added(hashes, counts)
        if hashes.size <= VALUES_KEPT:
            return cls(hashes, counts)
        return cls(hashes[:VALUES_KEPT], counts[:VALUES_KEPT], HeavyHitters.of(hashes, counts))

    def merge(self, other: Values) -> Values:
        """Combine two disjoint parts."""
        if not self.hashes.size or not other.hashes.size:
            return self if self.hashes.size else other
        hashes, counts = added(np.concatenate([self.hashes, other.hashes]), np.concatenate([self.counts, other.counts]))
        if hashes.size <= VALUES_KEPT and self.heavy is None and other.heavy is None:
            return Values(hashes, counts)
        return Values(hashes[:VALUES_KEPT], counts[:VALUES_KEPT], self._heavy().merge(other._heavy()))

    def _heavy(self) -> HeavyHitters:
        return HeavyHitters.of(self.hashes, self.counts) if self.heavy is None else self.heavy

    @property
    def limit(self) -> int:
        """Every value whose hash is below is kept."""
        return ALL_HASHES if self.heavy is None else int(self.hashes[-1]) + 1

    @property
    def total(self) -> int:
        """Records in all."""
        return int(self.counts.sum()) if self.heavy is None else int(self.heavy.counters[0, :, 0].sum())

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        return {
            "hashes": self.hashes.tolist(),
            "counts": self.counts.tolist(),
            "heavy": None if self.heavy is None else self.heavy.to_json(),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Values:
        """The inverse of `to_json`."""
        heavy = content["heavy"]
        return cls(
            np.array(content["hashes"], np.uint64),
            np.array(content["counts"], np.int64),
            None if heavy is None else HeavyHitters.from_json(heavy),
        )


def added(hashes: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each hash once, ascending, with the sum of its counts."""
    order = np.argsort(hashes, kind="stable")
    hashes, counts = hashes[order], counts[order]
    if not hashes.size:
        return hashes, counts
    starts = np.append(0, np.flatnonzero(hashes[1:] != hashes[:-1]) + 1)
    return (hashes, counts) if starts.size == hashes.size else (hashes[starts], np.add.reduceat(counts, starts))
