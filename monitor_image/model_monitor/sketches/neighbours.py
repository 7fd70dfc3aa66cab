"""How alike records are that stand next to each other: sessions, retries, several records of one customer.

Captured records stand in the order of their time, so a baseline of healthy traffic shows how many of them tell as much as one
that is drawn alone: its design effect, 1 + 2 Σ ρ(k), of the correlations ρ(k) of records k places apart. They are taken in excess
of those of records about a hundred places apart, so that hours and days, which differ from each other, are no alike neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Final, Self

import numpy as np

from model_monitor.schema import Column, Rows

LAGS: Final = 32  # places between two records, at most: alike ones that are farther apart are not seen
LASTS: Final = 8  # of them: records that far apart must be as strange as others
GOES_ON: Final = 0.1  # of the likeness of next neighbours, above which it has not ended by then
FAR: Final = range(97, 129)  # places apart, at which records are as strange to each other as those of one hour are
STRETCH: Final = 4096  # records that are looked at together
LOOKED_AT: Final = 2 * STRETCH  # of the records of a chunk, so that large baselines take no longer
FEWEST: Final = 512  # records, below which nothing is said
CHANCE: Final = 1e-3  # that independent columns, all together, are taken for dependent ones
REACH: Final = 3.0  # spreads around the middle, up to which a number counts: one outlier says nothing of its neighbours
QUARTILES: Final = (0.25, 0.5, 0.75)
TAILS: Final = 0.5  # times the root of the records: with a larger kurtosis a few neighbours alone make a correlation
SAME: Final = 0.9  # likewise, share of pairs with one text
STRANGERS: Final = 0.01  # share of pairs with one text, below which it is an identifier: it says who, not what
CAUTION: Final = NormalDist().inv_cdf(0.95)  # standard errors that are added, so that few effects are taken for smaller
ANSWERS: Final = ("prediction", "score")  # columns beside the features


def _nothing() -> np.ndarray:
    return np.zeros((0, LAGS))


def _no_records() -> np.ndarray:
    return np.zeros(0)


@dataclass(frozen=True, slots=True)
class Alike:
    """How many records tell as much as one drawn alone, at least 1, and the column that shows it; "" where none does."""

    effect: float = 1.0
    column: str = ""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Correlations of the columns of a dataset, summed over stretches, each weighted by its records.

    Columns are the features, then `ANSWERS`; no columns at all is the identity of `merge`.
    correlations: float64 (columns, LAGS), of records 1, 2, … places apart. records: float64 (columns,), that were looked at.
    """

    correlations: np.ndarray = field(default_factory=_nothing)
    records: np.ndarray = field(default_factory=_no_records)

    @classmethod
    def of(cls, rows: Rows) -> Self:
        """One chunk, from its start."""
        columns = (*rows.features, rows.prediction, rows.score)
        found = cls(np.zeros((len(columns), LAGS)), np.zeros(len(columns)))
        for start in range(0, min(rows.count, LOOKED_AT), STRETCH):
            stop = min(start + STRETCH, rows.count)
            if stop - start >= FEWEST:
                for place, column in enumerate(columns):
                    part = None if column is None else _correlations(column, start, stop)
                    if part is not None:
                        found.correlations[place] += part * (stop - start)
                        found.records[place] += stop - start
        return found

    def merge(self, other: Self) -> Self:
        """Combine two disjoint parts."""
        if not self.records.size or not other.records.size:
            return self if self.records.size else other
        return type(self)(self.correlations + other.correlations, self.records + other.records)

    def alike(self, features: tuple[str, ...]) -> Alike:
        """What is known of the column whose records tell least, with a margin for what is not known of it.

        A column says nothing unless its neighbours are alike beyond chance and the likeness ends within `LAGS`: what goes on for
        longer is a clock, a counter or a season.
        """
        told = np.flatnonzero(self.records)
        level = NormalDist().inv_cdf(1 - CHANCE / (2 * max(told.size, 1)))
        names = (*features, *ANSWERS)
        found = [
            Alike(
                _effect(self.correlations[place] / self.records[place], float(self.records[place]), level), names[place]
            )
            for place in told.tolist()
        ]
        most = max(found, key=lambda each: each.effect, default=Alike())
        return most if most.effect > 1 else Alike()


def _effect(correlations: np.ndarray, records: float, level: float) -> float:
    """1 + 2 Σ ρ(k). Sources: Geyer (1992), the initial positive sequence; Madras & Sokal (1988), its standard error."""
    if float(correlations[:2].max()) * math.sqrt(records) <= level:
        return 1.0
    if float(correlations[-LASTS:].mean()) > GOES_ON * float(correlations[:2].mean()):
        return 1.0
    sums = np.concatenate([[1.0], correlations])[: LAGS // 2 * 2].reshape(-1, 2).sum(axis=1)
    lasting = int(np.argmax(sums <= 0)) if (sums <= 0).any() else sums.size
    effect = 2.0 * float(sums[:lasting].sum()) - 1.0
    error = math.sqrt(2 * (4 * lasting + 1) / records)
    return max(1.0, effect * (1 + CAUTION * error))


def _correlations(column: Column, start: int, stop: int) -> np.ndarray | None:
    """Of one column over a stretch; None where it says nothing of neighbours: nearly all values are alike, or each is another."""
    if column.texts is not None:
        codes = column.texts.indices.slice(start, stop - start).fill_null(-1).to_numpy(zero_copy_only=False)
        if (codes >= 0).sum() * 2 >= codes.size:
            return _of_codes(codes)
    return None if column.numbers is None else _of_numbers(column.numbers[start:stop].astype(np.float64))


def _of_numbers(numbers: np.ndarray) -> np.ndarray | None:
    """Pearson's, of numbers that are cut off far from their middle; missing ones lie in it. None where too few differ."""
    present = numbers[np.isfinite(numbers)]
    if present.size * 2 < numbers.size:
        return None
    low, middle, high = np.quantile(present, QUARTILES)
    spread = float(high - low) or float(present.std())
    if not 0 < spread < math.inf:
        return None
    scaled = np.clip((np.where(np.isfinite(numbers), numbers, middle) - middle) / spread, -REACH, REACH)
    scaled -= scaled.mean()
    squares = scaled * scaled
    variance = float(squares.mean())
    if not variance or float((squares * squares).mean()) > TAILS * math.sqrt(scaled.size) * variance**2:
        return None
    return _in_excess(variance, lambda k: float(scaled[k:] @ scaled[:-k]) / (scaled.size - k))


def _of_codes(codes: np.ndarray) -> np.ndarray | None:
    """How much more often neighbours have one text than strangers do."""
    counts = np.bincount(codes + 1).astype(np.float64)
    strangers = float((counts * (counts - 1)).sum()) / (codes.size * (codes.size - 1.0))
    if not STRANGERS <= strangers <= SAME:
        return None
    return _in_excess(1.0, lambda k: float(np.mean(codes[k:] == codes[:-k])))


def _in_excess(of_itself: float, at: Callable[[int], float]) -> np.ndarray | None:
    """Correlations at 1 … LAGS, from how alike records are k places apart, of which those far apart are taken off."""
    far = sum(map(at, FAR)) / len(FAR)
    if of_itself <= far:
        return None
    return np.array([(at(k) - far) / (of_itself - far) for k in range(1, LAGS + 1)])
