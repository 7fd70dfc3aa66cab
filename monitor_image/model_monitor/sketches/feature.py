"""One feature in numbers, read from its sketches or from a statistics file; and how a restricted one is told."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from model_monitor.schema import FeatureType, Privacy
from model_monitor.sketches.kinds import canonical_text
from model_monitor.sketches.numbers import Numbers
from model_monitor.sketches.ranks import Buckets, Ranks
from model_monitor.sketches.texts import TextStatistics

CATEGORIES_SHOWN = 120  # a text feature with more different values has no distribution. Source: Deequ `ColumnProfiler`
MERGED = "(other)"  # restricted features: all categories with few records
MERGED_BELOW = 10


@dataclass(frozen=True, slots=True)
class NumericStatistics:
    """The numbers of a feature. minimum and maximum are None where a baseline file does not tell them.

    ranks: the whole sample, None where only buckets are known.
    levels: the sample as AWS's `sketch.data`; rank_error: no rank is wrong by more values.
    """

    count: int
    mean: float
    sum: float
    std_dev: float
    minimum: float | None
    maximum: float | None
    distinct_count: float
    buckets: Buckets | None = None
    ranks: Ranks | None = None
    levels: tuple[np.ndarray, ...] = ()
    rank_error: int = 0


@dataclass(frozen=True, slots=True)
class FeatureStatistics:
    """One feature.

    kinds: int64 (5,), literals by `Kind`; None when read from a file.
    numeric: numbers among the values, whatever the type: a stray text does not hide the rest.
    spelled: how many missing values were written as which text, where the feature's type was not known when they were read.
    categories: count by text, None when there are too many; numbers in their canonical form. With a `salt`: by digest.
    text: of a text feature its values by hash and what they look like; None where a baseline's file does not tell.
    """

    name: str
    inferred_type: FeatureType
    present: int
    missing: int
    distinct_count: float = 0.0
    numeric: NumericStatistics | None = None
    categories: Mapping[str, int] | None = None
    kinds: np.ndarray | None = None
    privacy: Privacy = Privacy.OPEN
    salt: str | None = None
    text: TextStatistics | None = None
    spelled: Mapping[str, int] = field(default_factory=dict)

    @property
    def completeness(self) -> float:
        """Share of values that are not null; 0 of nothing."""
        count = self.present + self.missing
        return self.present / count if count else 0.0

    @property
    def shown_categories(self) -> Mapping[str, int] | None:
        """The distribution of a text feature; None when it has too many different values."""
        if not self.inferred_type.is_categorical or self.categories is None:
            return None
        return self.categories if len(self.categories) <= CATEGORIES_SHOWN else None


def numeric_of(numbers: Numbers) -> NumericStatistics | None:
    """Statistics of numbers; None without any."""
    moments, quantiles = numbers.moments, numbers.quantiles
    if not moments.count:
        return None
    ranks = quantiles.ranks()
    return NumericStatistics(
        moments.count,
        moments.mean,
        moments.sum,
        moments.std_dev,
        moments.minimum,
        moments.maximum,
        numbers.distinct_count,
        Buckets.equal_width(ranks, moments.minimum, moments.maximum),
        ranks,
        tuple(quantiles.levels()),
        quantiles.rank_error_bound,
    )


# --- what leaves a run about a restricted feature ------------------------------------------------------------------------


def masked_text(text: str, salt: str) -> str:
    """The digest that stands for a category."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=salt.encode(), digest_size=8).hexdigest()


def masked(categories: Mapping[str, int], salt: str) -> dict[str, int]:
    """Categories by their digests; small groups become one of at least `MERGED_BELOW`, so that nobody is alone in one."""
    counts: Counter[str] = Counter()
    for text, count in categories.items():
        counts[masked_text(canonical_text(text), salt)] += count
    kept = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    others = 0
    while kept and (min(kept.values()) < MERGED_BELOW or 0 < others < MERGED_BELOW):
        others += kept.popitem()[1]
    return kept | {MERGED: others} if others else kept


def masked_like(categories: Mapping[str, int], salt: str, known: Collection[str]) -> dict[str, int]:
    """Categories as a restricted baseline would name them: what it does not know belongs to its merged group."""
    counts: Counter[str] = Counter()
    for text, count in categories.items():
        digest = masked_text(canonical_text(text), salt)
        counts[digest if digest in known else MERGED] += count
    return dict(counts)


def is_crowd(numeric: NumericStatistics) -> bool:
    """Enough different records that their mean is no record's value."""
    return numeric.count >= MERGED_BELOW and numeric.std_dev > 0 and bool(np.isfinite(numeric.std_dev))


def masked_buckets(numeric: NumericStatistics) -> Buckets | None:
    """Buckets whose bounds are no record's value: mean and half standard deviations, rounded, without small groups."""
    if numeric.ranks is None or not is_crowd(numeric):
        return None
    digits = 1 - int(np.floor(np.log10(numeric.std_dev)))
    bounds = np.unique(np.round(numeric.mean + numeric.std_dev * np.arange(-6, 7) / 2, digits))
    below = np.concatenate([[0], numeric.ranks.below(bounds[1:-1]), [numeric.ranks.total]])
    kept = [0]
    for position in range(1, below.size - 1):
        is_large = below[position] - below[kept[-1]] >= MERGED_BELOW and below[-1] - below[position] >= MERGED_BELOW
        if is_large:
            kept.append(position)
    kept.append(below.size - 1)
    return Buckets(bounds[kept], np.diff(below[kept]), is_closed=False)
