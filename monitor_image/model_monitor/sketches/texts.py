"""A text feature in numbers, read from its sketches or from the block of a baseline: what its checks compare."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from model_monitor.sketches.forms import Case, Form, Forms
from model_monitor.sketches.frequencies import hashes_of
from model_monitor.sketches.hashes import mixed
from model_monitor.sketches.heavy import BUCKETS, HASH_BITS, STANDARD_ERRORS, HeavyHitters
from model_monitor.sketches.values import ALL_HASHES, Values, added, no_counts, no_hashes

COMMONEST: Final = 120  # values that are told apart from "other", as many as AWS's distribution has
TIMES_KEPT: Final = 64  # values that occur more often are rare enough in number to be one class


@dataclass(frozen=True, slots=True)
class Sample:
    """Every value whose hash is below `limit`, with its records: a uniform sample of the different values, or all of them.

    hashes: uint64 (k,) of 40 bits, ascending. counts: int64 (k,).
    """

    hashes: np.ndarray
    counts: np.ndarray
    limit: int = ALL_HASHES

    @property
    def is_complete(self) -> bool:
        return self.limit == ALL_HASHES

    def below(self, limit: int) -> Sample:
        """The part of the sample below a limit."""
        size = int(np.searchsorted(self.hashes, np.uint64(limit)))
        return Sample(self.hashes[:size], self.counts[:size], min(self.limit, limit))

    def smallest(self, number: int) -> Sample:
        """At most so many values."""
        return self if self.hashes.size <= number else self.below(int(self.hashes[number]))


@dataclass(frozen=True, slots=True)
class Commonest:
    """The values with the most records: hashes uint64 (k,), counts int64 (k,), most first.

    least: no other value has more records. error: standard error of the counts, in records; 0 when they are exact.
    names: the texts of some, where they are known and may be told.
    """

    hashes: np.ndarray = field(default_factory=no_hashes)
    counts: np.ndarray = field(default_factory=no_counts)
    least: int = 0
    error: float = 0.0
    names: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Repetition:
    """How many values occur how often: times and values, float64 (k,); those above `TIMES_KEPT` times are one class.

    Nothing in it says which values they are, so it may be told of every feature.
    """

    times: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, counts: np.ndarray) -> Repetition:
        """Of the counts of a fair sample of the values."""
        numbers = np.bincount(np.minimum(counts, TIMES_KEPT + 1), minlength=TIMES_KEPT + 2).astype(np.float64)
        often = counts[counts > TIMES_KEPT]
        times = np.arange(TIMES_KEPT + 2, dtype=np.float64)
        times[-1] = often.mean() if often.size else 0.0
        seen = np.flatnonzero(numbers)
        return cls(times[seen], numbers[seen])

    @property
    def once(self) -> float:
        """Share of records whose value occurs once: as likely is the next record's value a new one.

        Source: Good (1953), the estimate of Turing.
        """
        records = float(self.times @ self.values)
        return float(self.values[self.times == 1].sum()) / records if records else 0.0


@dataclass(frozen=True, slots=True)
class TextStatistics:
    """The values of a text feature.

    total: records with a value. different: how many different values, with its relative standard error.
    sample: None where values must not be told, or are not known. heavy: of a window with very many values.
    forms: records by pattern class. lengths: records by length (`Forms.lengths`), None where that is not known of all.
    salt: of a restricted baseline: `commonest` are salted hashes. cases: records by case of the letters, None in older baselines.
    """

    total: int
    different: float
    error: float
    commonest: Commonest
    repetition: Repetition
    forms: Mapping[Form, int]
    lengths: np.ndarray | None = None
    sample: Sample | None = None
    heavy: HeavyHitters | None = None
    salt: str | None = None
    cases: Mapping[Case, int] | None = None

    def count_of(self, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(fewest, most) records that each value may have, int64: equal where they are known."""
        fewest, most = np.zeros(hashes.size, np.int64), np.full(hashes.size, self.commonest.least, np.int64)
        if self.heavy is not None:
            fewest, most = around(*self.heavy.estimate(hashes))
        fewest, most = _listed(hashes, self.commonest, fewest, most)
        if self.sample is not None:
            is_inside = hashes < np.uint64(self.sample.limit)
            exact = counts_at(self.sample.hashes, self.sample.counts, hashes)
            fewest, most = np.where(is_inside, exact, fewest), np.where(is_inside, exact, most)
        return fewest, most

    def salted(self, salt: str) -> TextStatistics:
        """As a restricted baseline would know it."""
        commonest = replace(self.commonest, hashes=salted(self.commonest.hashes, salt), names={})
        sample = None
        if self.sample is not None and self.sample.is_complete:
            sample = Sample(*added(salted(self.sample.hashes, salt), self.sample.counts))
        return replace(self, commonest=commonest, sample=sample, heavy=None, salt=salt)


def around(estimates: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(fewest, most) records, four standard errors around an estimate."""
    fewest = np.floor(np.maximum(estimates - STANDARD_ERRORS * errors, 0.0)).astype(np.int64)
    return fewest, np.ceil(estimates + STANDARD_ERRORS * errors).astype(np.int64)


def _listed(
    hashes: np.ndarray, commonest: Commonest, fewest: np.ndarray, most: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of the values that are listed, what the list says."""
    order = np.argsort(commonest.hashes)
    counts = counts_at(commonest.hashes[order], commonest.counts[order], hashes)
    low, high = around(counts.astype(np.float64), np.full(hashes.size, commonest.error))
    return np.where(counts > 0, low, fewest), np.where(counts > 0, high, most)


def counts_at(known: np.ndarray, counts: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """The count of each hash, 0 where it is not known; `known` ascends."""
    if not known.size:
        return np.zeros(hashes.size, np.int64)
    places = np.minimum(np.searchsorted(known, hashes), known.size - 1)
    return np.where(known[places] == hashes, counts[places], 0)


def salted(hashes: np.ndarray, salt: str) -> np.ndarray:
    """Other hashes for hashes, which cannot be compared with those of another baseline."""
    key = np.uint64(int.from_bytes(hashlib.blake2b(salt.encode(), digest_size=8).digest()))
    return np.asarray(mixed(hashes ^ key) >> np.uint64(64 - HASH_BITS))


def read_texts(
    values: Values, forms: Forms, has_numbers: bool, different: float | None, names: Mapping[str, int] | None
) -> TextStatistics:
    """The statistics of a profile's sketches.

    Args:
        has_numbers: some values were read as numbers, so that nobody knows how long they were written.
        different: how many different values, where that is known; None: as the sample says.
        names: counts by text, where every text is known and may be told.
    """
    sample = Sample(values.hashes, values.counts, values.limit)
    share = sample.limit / ALL_HASHES
    estimate = sample.hashes.size / share if share else 0.0
    error = 0.0 if sample.is_complete else 1 / np.sqrt(sample.hashes.size)
    return TextStatistics(
        total=values.total,
        different=estimate if different is None else different,
        error=float(error),
        commonest=_commonest(values, names),
        repetition=Repetition.of(values.counts),
        forms={form: int(forms.classes[form]) for form in Form if forms.classes[form]},
        lengths=None if has_numbers else forms.lengths,
        sample=sample,
        heavy=values.heavy,
        cases={case: int(forms.cases[case]) for case in Case if forms.cases[case]},
    )


def of_categories(
    categories: Mapping[str, int],
    forms: Mapping[Form, int],
    lengths: np.ndarray | None,
    cases: Mapping[Case, int] | None = None,
) -> TextStatistics:
    """The statistics of values all of which are known by their texts."""
    values = Values.of(hashes_of(categories), np.fromiter(categories.values(), np.int64, len(categories)))
    return replace(read_texts(values, Forms(), lengths is None, None, None), forms=forms, lengths=lengths, cases=cases)


def _commonest(values: Values, names: Mapping[str, int] | None) -> Commonest:
    hashes, counts, error = values.hashes, values.counts, 0.0
    if values.heavy is not None:
        hashes, counts, error = _with_heavy(values, values.heavy)
    order = np.lexsort((hashes, -counts))
    top, rest = order[:COMMONEST], order[COMMONEST:]
    least = int(counts[rest[0]]) if rest.size else 0
    if values.heavy is not None:
        least = max(least, values.heavy.most_unlisted(hashes[top], counts[top]))
    named: dict[int, str] = {}
    if names:
        shown = sorted(names, key=lambda text: (-names[text], text))[:COMMONEST]
        named = dict(zip(hashes_of(shown).tolist(), shown, strict=True))
    return Commonest(hashes[top], counts[top], least, error, named)


def _with_heavy(values: Values, heavy: HeavyHitters) -> tuple[np.ndarray, np.ndarray, float]:
    """The sample's values with their exact counts, and those that the buckets spell with estimates of theirs."""
    spelled = heavy.candidates()
    spelled = spelled[spelled >= np.uint64(values.limit)]
    estimates, errors = heavy.estimate(spelled)
    is_found = (estimates > STANDARD_ERRORS * errors) & (estimates > values.total / BUCKETS)  # else a bucket of many
    found = np.concatenate([values.hashes, spelled[is_found]])
    counts = np.concatenate([values.counts, np.round(estimates[is_found]).astype(np.int64)])
    return found, counts, float(errors[is_found].max(initial=0.0))
