"""How often each text of a feature occurs: by text as long as there are few different ones, by hash above."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from model_monitor.sketches.distinct import Distinct
from model_monitor.sketches.forms import Forms
from model_monitor.sketches.heavy import HASH_BITS
from model_monitor.sketches.kinds import canonical_text
from model_monitor.sketches.values import Values

TEXTS_KEPT = 4096  # different texts counted exactly
CHARACTERS_KEPT = 1_000_000  # of all different texts together, so that long texts do not fill the memory
KEYS_KEPT = 256
ODD_NUMBER = (  # a number in another spelling than `canonical_text` gives it
    r"^([+] ?|-? )[0-9][0-9.eE+-]*$|^-0$|^-?0[0-9.eE+-]+$|^-?[1-9][0-9]*[.eE][0-9.eE+-]*$"
)


@dataclass(frozen=True, slots=True)
class Frequencies:
    """Counts by text, or None once there are too many; then by hash, with what the texts look like.

    hashes, many, looks: empty while every text is counted: then they follow from the texts.
    Whether there are too many depends on the set of texts alone, so it does not depend on the cuts.
    """

    counts: Mapping[str, int] | None = field(default_factory=dict)
    hashes: Distinct = field(default_factory=Distinct)
    many: Values = field(default_factory=Values)
    looks: Forms = field(default_factory=Forms)

    @classmethod
    def of(cls, texts: pa.DictionaryArray | None) -> Frequencies:
        """From one chunk; nulls are not counted."""
        if texts is None or not len(texts) - texts.null_count:
            return cls()
        codes = texts.indices.drop_null() if texts.null_count else texts.indices
        counts = np.bincount(codes.to_numpy(zero_copy_only=False), minlength=len(texts.dictionary))
        seen = np.flatnonzero(counts)
        dictionary = texts.dictionary if seen.size == counts.size else texts.dictionary.take(pa.array(seen))
        if seen.size > TEXTS_KEPT and pc.count_distinct(dictionary).as_py() == seen.size:
            return cls._of_many(dictionary, counts[seen])
        return cls.of_counts(dictionary.to_pylist(), counts[seen].tolist())

    @classmethod
    def of_counts(cls, texts: Iterable[str], counts: Iterable[int]) -> Frequencies:
        """From texts, which may repeat, and how often each occurs."""
        by_text: Counter[str] = Counter()
        for text, count in zip(texts, counts, strict=True):
            by_text[text] += count
        return cls._kept(by_text)

    @classmethod
    def _kept(cls, counts: Mapping[str, int]) -> Frequencies:
        if len(counts) > TEXTS_KEPT or sum(map(len, counts)) > CHARACTERS_KEPT:
            return cls._hashed(counts)
        return cls(dict(counts))

    @classmethod
    def _hashed(cls, counts: Mapping[str, int]) -> Frequencies:
        return cls._of_many(as_array(list(counts)), np.fromiter(counts.values(), np.int64, len(counts)))

    @classmethod
    def _of_many(cls, texts: pa.Array, counts: np.ndarray) -> Frequencies:
        """From different texts, too many to be kept."""
        hashes = text_hashes(texts)
        values = Values.of(value_hashes(texts, hashes), counts)
        return cls(None, Distinct.of_hashes(hashes), values, Forms.of(texts, counts))

    def merge(self, other: Frequencies) -> Frequencies:
        """Combine two disjoint parts."""
        if self.counts is not None and other.counts is not None:
            if not self.counts or not other.counts:
                return self if self.counts else other
            merged = Counter(self.counts)
            merged.update(other.counts)
            return self._kept(merged)
        if self.counts == {} or other.counts == {}:
            return other if self.counts == {} else self
        mine, theirs = (part if part.counts is None else self._hashed(part.counts) for part in (self, other))
        return Frequencies(
            None,
            mine.hashes.merge(theirs.hashes),
            mine.many.merge(theirs.many),
            mine.looks.merge(theirs.looks),
        )

    @property
    def distinct(self) -> Distinct:
        """The hashes of the texts seen."""
        return self.hashes if self.counts is None else Distinct.of_texts(self.counts)

    @property
    def distinct_count(self) -> float:
        """How many different texts; exact while they are counted."""
        return self.hashes.estimate if self.counts is None else float(len(self.counts))

    @property
    def values(self) -> Values:
        """How often each text occurs, by hash; literals of one number are one."""
        return self.many if self.counts is None else self._hashed(self.counts).many

    @property
    def forms(self) -> Forms:
        """What the texts look like."""
        return self.looks if self.counts is None else self._hashed(self.counts).looks

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        counts = None if self.counts is None else [[text, count] for text, count in sorted(self.counts.items())]
        return {
            "counts": counts,
            "hashes": self.hashes.to_json(),
            "many": self.many.to_json(),
            "looks": self.looks.to_json(),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Frequencies:
        """The inverse of `to_json`."""
        counts = content["counts"]
        return cls(
            None if counts is None else dict(counts),
            Distinct.from_json(content["hashes"]),
            Values.from_json(content["many"]),
            Forms.from_json(content["looks"]),
        )


def as_array(texts: Sequence[str]) -> pa.Array:
    """Texts for arrow; halves of a surrogate pair, which it refuses, become question marks."""
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:
        return pa.array([text.encode("utf-8", "replace").decode() for text in texts], pa.string())


def text_hashes(texts: pa.Array) -> np.ndarray:
    """The 64-bit hash of each text, uint64."""
    encoded = texts.cast(pa.binary()).to_pylist()
    return np.fromiter(map(xxhash.xxh3_64_intdigest, encoded), np.uint64, len(encoded))


def value_hashes(texts: pa.Array, hashes: np.ndarray) -> np.ndarray:
    """The hash of `HASH_BITS` of each text, given those of 64: literals of one number have one."""
    is_literal = pc.match_substring_regex(texts, ODD_NUMBER).to_numpy(zero_copy_only=False)
    places = np.flatnonzero(is_literal)
    if places.size:
        canonical = as_array(list(map(canonical_text, texts.take(pa.array(places)).to_pylist())))
        hashes = hashes.copy()
        hashes[places] = text_hashes(canonical)
    return np.asarray(hashes >> np.uint64(64 - HASH_BITS))


def hashes_of(texts: Iterable[str]) -> np.ndarray:
    """The hash of `HASH_BITS` of each text."""
    array = as_array(list(texts))
    return value_hashes(array, text_hashes(array))


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
