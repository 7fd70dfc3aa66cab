"""How many different values a feature has: the smallest hashes of all values seen."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import xxhash

from model_monitor.sketches.hashes import different, mixed

HASHES_KEPT = 4096  # relative standard error 1/sqrt(4094): 1.6 %
_HASH_RANGE = 2.0**64


def _no_hashes() -> np.ndarray:
    return np.empty(0, np.uint64)


@dataclass(frozen=True, slots=True)
class Distinct:
    """The smallest hashes, ascending and different, at most `HASHES_KEPT`. Which ones does not depend on the cuts.

    Source: Beyer et al. (2007), k minimum values.
    """

    hashes: np.ndarray = field(default_factory=_no_hashes)

    @classmethod
    def of_numbers(cls, values: np.ndarray) -> Distinct:
        """From different float64 values, with no negative zero among them."""
        return cls(_smallest(mixed(values.view(np.uint64))))

    @classmethod
    def of_texts(cls, texts: Collection[str]) -> Distinct:
        """From different texts."""
        encoded = (text.encode("utf-8", "surrogatepass") for text in texts)
        return cls(_smallest(np.fromiter(map(xxhash.xxh3_64_intdigest, encoded), np.uint64, len(texts))))

    @classmethod
    def of_hashes(cls, hashes: np.ndarray) -> Distinct:
        """From the 64-bit hashes of texts."""
        return cls(_smallest(hashes))

    def merge(self, other: Distinct) -> Distinct:
        """Combine two parts."""
        if not self.hashes.size or not other.hashes.size:
            return self if self.hashes.size else other
        return Distinct(different(np.concatenate([self.hashes, other.hashes]))[:HASHES_KEPT])

    @property
    def estimate(self) -> float:
        """Number of different values: exact below `HASHES_KEPT`."""
        if self.hashes.size < HASHES_KEPT:
            return float(self.hashes.size)
        return (HASHES_KEPT - 1) * (_HASH_RANGE / (float(self.hashes[-1]) + 1.0))

    def to_json(self) -> list[int]:
        """The hashes."""
        hashes: list[int] = self.hashes.tolist()
        return hashes

    @classmethod
    def from_json(cls, content: list[int]) -> Distinct:
        """The inverse of `to_json`."""
        return cls(np.array(content, np.uint64))


def _smallest(hashes: np.ndarray) -> np.ndarray:
    if hashes.size > HASHES_KEPT:
        hashes = np.partition(hashes, HASHES_KEPT)[:HASHES_KEPT]
    return different(hashes)
