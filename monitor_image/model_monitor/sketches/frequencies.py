"""How often each text of a feature occurs, as long as there are few different ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from model_monitor.sketches.distinct import Distinct

TEXTS_KEPT = 4096  # different texts counted exactly
CHARACTERS_KEPT = 1_000_000  # of all different texts together, so that long texts do not fill the memory
KEYS_KEPT = 256


@dataclass(frozen=True, slots=True)
class Frequencies:
    """Counts by text, or None once there are too many; then only their number is estimated.

    Whether there are too many depends on the set of texts alone, so it does not depend on the cuts.
    """

    counts: Mapping[str, int] | None = field(default_factory=dict)
    hashes: Distinct = field(default_factory=Distinct)

    @classmethod
    def of(cls, texts: pa.DictionaryArray | None) -> Frequencies:
        """From one chunk; nulls are not counted."""
        if texts is None or not len(texts) - texts.null_count:
            return cls()
        codes = texts.indices.drop_null() if texts.null_count else texts.indices
        counts = np.bincount(codes.to_numpy(zero_copy_only=False), minlength=len(texts.dictionary))
        seen = np.flatnonzero(counts)
        dictionary = texts.dictionary if seen.size == counts.size else texts.dictionary.take(pa.array(seen))
        return cls.of_counts(dictionary.to_pylist(), counts[seen].tolist())

    @classmethod
    def of_counts(cls, texts: Iterable[str], counts: Iterable[int]) -> Frequencies:
        """From texts, which may repeat, and how often each occurs."""
        by_text: Counter[str] = Counter()
        for text, count in zip(texts, counts, strict=True):
            by_text[text] += count
        return _kept(by_text)

    def merge(self, other: Frequencies) -> Frequencies:
        """Combine two disjoint parts."""
        if self.counts is None or other.counts is None:
            return Frequencies(None, self.distinct.merge(other.distinct))
        if not self.counts or not other.counts:
            return self if self.counts else other
        merged = Counter(self.counts)
        merged.update(other.counts)
        return _kept(merged)

    @property
    def distinct(self) -> Distinct:
        """The hashes of the texts seen."""
        return self.hashes if self.counts is None else Distinct.of_texts(self.counts)

    @property
    def distinct_count(self) -> float:
        """How many different texts; exact while they are counted."""
        return self.hashes.estimate if self.counts is None else float(len(self.counts))

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        counts = None if self.counts is None else [[text, count] for text, count in sorted(self.counts.items())]
        return {"counts": counts, "hashes": self.hashes.to_json()}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Frequencies:
        """The inverse of `to_json`."""
        counts = content["counts"]
        return cls(None if counts is None else dict(counts), Distinct.from_json(content["hashes"]))


def _kept(counts: Counter[str]) -> Frequencies:
    if len(counts) > TEXTS_KEPT or sum(map(len, counts)) > CHARACTERS_KEPT:
        return Frequencies(None, Distinct.of_texts(counts))
    return Frequencies(dict(counts))


@dataclass(frozen=True, slots=True)
class KeyCounts:
    """Records that had each of some keys: those with the smallest hashes when there are very many.

    is_complete: no key was left out.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    is_complete: bool = True

    @classmethod
    def of(cls, counts: Mapping[str, int], is_complete: bool = True) -> KeyCounts:
        """Keep the keys of the smallest hashes; which ones does not depend on the cuts."""
        if len(counts) <= KEYS_KEPT:
            return cls(dict(counts), is_complete)
        kept = sorted(counts, key=lambda key: (xxhash.xxh3_64_intdigest(key.encode("utf-8", "surrogatepass")), key))
        return cls({key: counts[key] for key in kept[:KEYS_KEPT]}, False)

    def merge(self, other: KeyCounts) -> KeyCounts:
        """Combine two disjoint parts."""
        if not self.counts or not other.counts:
            return self if self.counts else other
        merged = Counter(self.counts)
        merged.update(other.counts)
        return KeyCounts.of(merged, self.is_complete and other.is_complete)

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        return {"counts": sorted(map(list, self.counts.items())), "is_complete": self.is_complete}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> KeyCounts:
        """The inverse of `to_json`."""
        return cls(dict(content["counts"]), content["is_complete"])
