"""What sampling alone explains of a ranking that differs from the baseline's: both are means over the records that were explained.

Global attributions of both sides are drawn again around what they have in common, as far apart as their standard errors say; how
often NDCG is then as low as it was found is the chance. Draws come from Student's t; beyond the lowest 100 of 20,000 draws an
exponential tail is fitted to what is missing to 1 (`tails.DrawnTail`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import PCG64, Generator

from model_monitor.monitors.conclusion import Evidence
from model_monitor.monitors.model_explainability.attributions import Aggregation
from model_monitor.monitors.tails import DrawnTail

FEW_DRAWS: Final = 1000
MANY_DRAWS: Final = 20_000
COMMON: Final = 20  # of the few draws that are as low: then more would tell nothing new
CELLS_DRAWN: Final = 10_000_000
ANY_CORRELATION: Final = math.sqrt(2)  # how much wider a difference of two may be than if they were independent
MOST_CORRELATED: Final = 500  # features, beyond which correlations are not computed


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """How well global attributions are known.

    errors: float64 (labels, features), standard errors; NaN where unknown.
    correlation: (labels, features, features) of the sampling errors; None where unknown.
    """

    errors: np.ndarray
    correlation: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One label's attributions, (features,), their standard errors, and the records behind them; 0: taken as they are."""

    values: np.ndarray
    errors: np.ndarray
    records: int


def spread_of(values: np.ndarray, counts: np.ndarray, aggregation: Aggregation) -> Spread:
    """Of single records' attributions, (records, labels, features), each as often as its count says."""
    if aggregation is Aggregation.MEDIAN:
        return Spread(_errors_of_medians(values, counts))
    total = int(counts.sum())
    found = np.abs(values) if aggregation is Aggregation.MEAN_ABS else np.square(values)
    weights = counts[:, None, None].astype(np.float64)
    centred = found - (found * weights).sum(axis=0) / total
    if total < 2:
        return Spread(np.full(values.shape[1:], np.nan))
    variances = (centred * centred * weights).sum(axis=0) / (total - 1)
    errors = np.sqrt(variances / total)
    if values.shape[2] > MOST_CORRELATED:
        return Spread(errors)
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.nan_to_num(centred * np.sqrt(weights / (total - 1)) / np.sqrt(variances))
    return Spread(errors, np.einsum("rlf,rlg->lfg", scaled, scaled))


def _errors_of_medians(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Half the distance between the order statistics a standard error of the rank away on either side."""
    order = np.argsort(values, axis=0, kind="stable")
    ends = np.cumsum(counts[order], axis=0)
    total = int(counts.sum())
    edges = []
    for place in ranks_around_the_median(total):
        found = np.take_along_axis(order, np.argmax(ends >= place, axis=0)[None], axis=0)
        edges.append(np.take_along_axis(values, found, axis=0)[0])
    return np.asarray((edges[1] - edges[0]) / 2)


def ranks_around_the_median(total: int) -> tuple[int, int]:
    """Ranks, from 1 on, between which the median lies as often as a normal number within one deviation of its mean."""
    reach = math.sqrt(total) / 2
    return max(1, math.floor(total / 2 - reach)), min(total, math.ceil(total / 2 + reach) + 1)


def evidence(score: float, current: Side, baseline: Side, correlation: np.ndarray | None) -> Evidence | None:
    """How likely an NDCG as low as `score` is although nothing has changed; None where no error is known.

    correlation: (features, features) of the sampling errors; None: the worst is taken.
    """
    null = _Null.of(current, baseline, correlation)
    if null is None:
        return None
    lost = 1 - score
    tail = DrawnTail.of(null.lost(FEW_DRAWS))
    if tail.chance(lost) < COMMON / FEW_DRAWS:
        tail = DrawnTail.of(null.lost(MANY_DRAWS))
    chance = 1.0 if lost <= 0 else min(1.0, tail.chance(lost * (1 - 1e-9)))
    return Evidence(chance, lambda level: max(0.0, 1 - tail.reached(level)))


@dataclass(frozen=True, slots=True, eq=False)
class _Null:
    """What both sides have in common, and how far each may be from it. mixing: (features, k), of independent numbers."""

    middle: np.ndarray
    error: np.ndarray
    baseline_error: np.ndarray
    mixing: np.ndarray
    freedom: int

    @classmethod
    def of(cls, current: Side, baseline: Side, correlation: np.ndarray | None) -> _Null | None:
        if current.records < 2 or not np.isfinite(current.errors).all():
            return None
        mixing, wider = _mixing(correlation, len(current.values))
        here, there = current.records, baseline.records
        if there < 2 or not np.isfinite(baseline.errors).all():
            nothing = np.zeros_like(current.errors)
            return cls(baseline.values, wider * current.errors, nothing, mixing, here - 1)
        one = (here * (here * current.errors**2) + there * (there * baseline.errors**2)) / (here + there)
        middle = (here * current.values + there * baseline.values) / (here + there)
        one = wider * np.sqrt(one)
        return cls(middle, one / math.sqrt(here), one / math.sqrt(there), mixing, here + there - 2)

    def lost(self, count: int) -> np.ndarray:
        """1 - NDCG of so many draws of both sides."""
        source, parts = Generator(PCG64(count)), []
        while count:
            some = min(count, max(1, CELLS_DRAWN // len(self.middle)))
            noise = [source.standard_normal((some, self.mixing.shape[1])) @ self.mixing.T for _ in range(2)]
            scale = np.sqrt(self.freedom / source.chisquare(self.freedom, (some, 1)))
            sides = [
                np.abs(self.middle + each * scale * error)
                for each, error in zip(noise, (self.error, self.baseline_error), strict=True)
            ]
            parts.append(_lost(*sides))
            count -= some
        return np.concatenate(parts)


def _mixing(correlation: np.ndarray | None, features: int) -> tuple[np.ndarray, float]:
    if correlation is None:
        return np.eye(features), ANY_CORRELATION
    worth, axes = np.linalg.eigh(correlation)
    return np.asarray(axes * np.sqrt(np.maximum(worth, 0.0))), 1.0


def _lost(order: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """1 - NDCG of many pairs, (draws, features) each, none of them negative."""
    discounts = 1.0 / np.log2(np.arange(2, gains.shape[1] + 2))
    ranked = np.take_along_axis(gains, np.argsort(-order, axis=1, kind="stable"), axis=1)
    ideal = np.sort(gains, axis=1)[:, ::-1] @ discounts
    with np.errstate(invalid="ignore"):
        return np.maximum(np.nan_to_num(1 - ranked @ discounts / ideal), 0.0)
