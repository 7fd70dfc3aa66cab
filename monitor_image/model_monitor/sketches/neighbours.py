"""How alike records are that stand next to each other: sessions, retries, several records of one customer.

Captured records stand in the order of their time, so a baseline of healthy traffic shows how many of them tell as much as one
that is drawn alone: its design effect, 1 + 2 Σ ρ(k), of the correlations ρ(k) of records k places apart. Correlations are
taken within stretches of records, so that hours or days that differ from each other do not count as alike neighbours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Final, Self

import numpy as np

from model_monitor.schema import Column, Rows

LAGS: Final = 32  # places between two records, at most: alike ones that are farther apart are not seen
STRETCH: Final = 4096  # records that are looked at together
LOOKED_AT: Final = 2 * STRETCH  # of the records of a chunk, so that large baselines take no longer
FEWEST: Final = 256  # records, below which nothing is said
CHANCE: Final = 1e-3  # that independent columns, all together, are taken for dependent ones
REACH: Final = 3.0  # spreads around the middle, up to which a number counts: one outlier says nothing of its neighbours
QUARTILES: Final = (0.25, 0.5, 0.75)
TAILS: Final = 0.5  # times the root of the records: with a larger kurtosis a few neighbours alone make a correlation
SAME: Final = 0.9  # likewise, share of pairs with one text
STRANGERS: Final = 0.01  # share of pairs with one text, below which it is an identifier: it says who, not what
CAUTION: Final = NormalDist().inv_cdf(0.95)  # standard errors that are added, so that few effects are taken for smaller


def _nothing() -> np.ndarray:
    return np.zeros((0, LAGS))


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Correlations of the columns of a dataset, summed over stretches, each weighted by its records.

    correlations: float64 (columns, LAGS), of records 1, 2, … places apart. records: float64 (columns,), that were looked at.
    """

    correlations: np.ndarray = field(default_factory=_nothing)
    records: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of(cls, rows: Rows) -> Self:
        """One chunk, from its start; features, predictions and scores."""
        columns = [*rows.features, *(column for column in (rows.prediction, rows.score) if column is not None)]
        found = cls(np.zeros((len(columns), LAGS)), np.zeros(len(columns)))
        for start in range(0, min(rows.count, LOOKED_AT), STRETCH):
            stop = min(start + STRETCH, rows.count)
            if stop - start >= FEWEST:
                parts = [_correlations(_cells(column, start, stop)) for column in columns]
                for place, part in enumerate(parts):
                    if part is not None:
                        found.correlations[place] += part * (stop - start)
                        found.records[place] += stop - start
        return found

    def merge(self, other: Self) -> Self:
        """Combine two disjoint parts."""
        if not self.records.size or not other.records.size:
            return self if self.records.size else other
        if self.records.size != other.records.size:  # a part without predictions: what both have
            size = min(self.records.size, other.records.size)
            return type(self)(
                self.correlations[:size] + other.correlations[:size], self.records[:size] + other.records[:size]
            )
        return type(self)(self.correlations + other.correlations, self.records + other.records)

    @property
    def design_effect(self) -> float:
        """How many records tell as much as one drawn alone, at least 1: that of the column where they tell least.

        1 where no column shows for certain that its neighbours are alike; else with a margin for what is not known of it.
        Sources: Geyer (1992), the initial positive sequence; Madras & Sokal (1988), its standard error.
        """
        told = np.flatnonzero(self.records)
        if not told.size:
            return 1.0
        level = NormalDist().inv_cdf(1 - CHANCE / (2 * told.size))
        return max(
            (
                _effect(self.correlations[place] / self.records[place], float(self.records[place]), level)
                for place in told
            ),
            default=1.0,
        )


def _effect(correlations: np.ndarray, records: float, level: float) -> float:
    if float(correlations[:2].max()) * math.sqrt(records) <= level:
        return 1.0
    sums = np.concatenate([[1.0], correlations])[: LAGS // 2 * 2].reshape(-1, 2).sum(axis=1)
    lasting = int(np.argmax(sums <= 0)) if (sums <= 0).any() else sums.size
    effect = 2.0 * float(sums[:lasting].sum()) - 1.0
    error = math.sqrt(2 * (4 * lasting + 1) / records)
    return max(1.0, effect * (1 + CAUTION * error))


def _cells(column: Column, start: int, stop: int) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Numbers, NaN where a cell is none, and codes of texts, -1 likewise."""
    numbers = None if column.numbers is None else column.numbers[start:stop].astype(np.float64)
    if column.texts is None:
        return numbers, None
    indices = column.texts.indices.slice(start, stop - start)
    return numbers, indices.fill_null(-1).to_numpy(zero_copy_only=False)


def _correlations(cells: tuple[np.ndarray | None, np.ndarray | None]) -> np.ndarray | None:
    """Of one column over a stretch; None where all its values are alike, or each is another."""
    numbers, codes = cells
    if codes is not None and (codes >= 0).sum() * 2 >= codes.size:
        return _of_codes(codes)
    return None if numbers is None else _of_numbers(numbers)


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
    return np.array([float(scaled[k:] @ scaled[:-k]) / (scaled.size - k) / variance for k in range(1, LAGS + 1)])


def _of_codes(codes: np.ndarray) -> np.ndarray | None:
    """How much more often neighbours have one text than strangers do."""
    counts = np.bincount(codes + 1)
    strangers = float((counts.astype(np.float64) * (counts - 1)).sum()) / (codes.size * (codes.size - 1.0))
    if not STRANGERS <= strangers <= SAME:
        return None
    alike = (float(np.mean(codes[k:] == codes[:-k])) for k in range(1, LAGS + 1))
    return np.array([(each - strangers) / (1 - strangers) for each in alike])
