"""The heavy values among very many, found by hash and without a list of candidates: counters that only ever add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

HASH_BITS: Final = 40
ROWS: Final = 2  # of buckets: by the first bits of a hash, and by the next ones
BUCKET_BITS: Final = 9
BUCKETS: Final = 1 << BUCKET_BITS
STANDARD_ERRORS: Final = 4.0  # that an estimate may be off before it is called one
_SHIFTS: Final = np.arange(HASH_BITS, dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class HeavyHitters:
    """Records of each bucket, and of them those whose hash has each bit: int64 (rows, buckets, 1 + bits).

    Sums only, so a merge is exact, associative and commutative. In a bucket that one value dominates, the bits of most
    records spell that value's hash. A value of the share s of all records is missed only when others outweigh it in its
    buckets of both rows; they hold 1/512 of the records on average, so the chance is below (1 / (512 s))^2: 0.2 % at s = 0.05.
    Source: Cormode & Muthukrishnan (2005), What's hot and what's not, section 3 (combinatorial group testing).
    """

    counters: np.ndarray

    @classmethod
    def of(cls, hashes: np.ndarray, counts: np.ndarray) -> HeavyHitters:
        """From hashes of 40 bits (uint64) and how often each occurs (int64)."""
        counters = np.zeros((ROWS, BUCKETS, 1 + HASH_BITS), np.int64)
        for row in range(ROWS if hashes.size else 0):
            buckets = bucket(hashes, row)
            order = np.argsort(buckets, kind="stable")
            ordered, weights = hashes[order].view(np.int64), counts[order]
            starts = np.searchsorted(buckets[order], np.arange(BUCKETS))
            full = np.flatnonzero(np.diff(starts, append=hashes.size))  # the others have no slice to be summed
            counters[row, full, 0] = np.add.reduceat(weights, starts[full])
            for bit in range(HASH_BITS):
                counters[row, full, 1 + bit] = np.add.reduceat(((ordered >> bit) & 1) * weights, starts[full])
        return cls(counters)

    def merge(self, other: HeavyHitters) -> HeavyHitters:
        """Combine two disjoint parts."""
        return HeavyHitters(self.counters + other.counters)

    def candidates(self) -> np.ndarray:
        """The hash that each bucket's records spell, each once: the heavy values are among them."""
        totals, bits = self.counters[:, :, :1], self.counters[:, :, 1:]
        spelled = ((2 * bits > totals).astype(np.uint64) << _SHIFTS).sum(axis=2, dtype=np.uint64)
        return np.unique(spelled[totals[:, :, 0] > 0])

    def estimate(self, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(records of each hash, their standard error), float64 both; of the row in which the error is smaller.

        Every other value of a bucket agrees with a hash in half of the bits on average: what agrees in all is the value.
        """
        found = [self._estimate(hashes, row) for row in range(ROWS)]
        estimates, errors = (np.stack(each) for each in zip(*found, strict=True))
        best, place = errors.argmin(axis=0), np.arange(hashes.size)
        return estimates[best, place], errors[best, place]

    def _estimate(self, hashes: np.ndarray, row: int) -> tuple[np.ndarray, np.ndarray]:
        counters = self.counters[row][bucket(hashes, row)].astype(np.float64)
        totals, bits = counters[:, :1], counters[:, 1:]
        is_set = ((hashes[:, None] >> _SHIFTS) & np.uint64(1)).astype(np.bool_)
        agreeing = np.where(is_set, bits, totals - bits)[:, _telling(row)]
        estimates = np.maximum(2 * agreeing.mean(axis=1) - totals[:, 0], 0.0)
        return estimates, 2 * agreeing.std(axis=1) / np.sqrt(agreeing.shape[1])

    def most_unlisted(self, hashes: np.ndarray, counts: np.ndarray) -> int:
        """How many records a value beside these may have at most: what is left of the fullest bucket."""
        left = []
        for row in range(ROWS):
            listed = np.bincount(bucket(hashes, row), counts.astype(np.float64), BUCKETS)
            left.append(float((self.counters[row, :, 0] - listed).max()))
        return max(0, int(np.ceil(min(left))))

    def to_json(self) -> list[Any]:
        """Everything, exactly."""
        counters: list[Any] = self.counters.tolist()
        return counters

    @classmethod
    def from_json(cls, content: list[Any]) -> HeavyHitters:
        """The inverse of `to_json`."""
        return cls(np.array(content, np.int64))


def bucket(hashes: np.ndarray, row: int) -> np.ndarray:
    """The bucket of each hash in a row."""
    return ((hashes >> np.uint64(HASH_BITS - (row + 1) * BUCKET_BITS)) & np.uint64(BUCKETS - 1)).astype(np.int16)


def _telling(row: int) -> np.ndarray:
    """The bits in which values of one bucket differ."""
    low = HASH_BITS - (row + 1) * BUCKET_BITS
    return np.concatenate([np.arange(low), np.arange(low + BUCKET_BITS, HASH_BITS)])
