"""What sampling alone explains of a ranking that differs from the baseline's: both are means over the records that were explained.

Global attributions of both sides are drawn again around what they have in common, as far apart as their standard errors say; how
often NDCG is then as low as it was found is the chance. Where that is too rare to be counted, errors are made larger until it is
not, and what lies t deviations out among errors s times as large lies s·t deviations out among the true ones (Student's t). That is
exact for one pair of features that change places, and rather too large a chance where one of several pairs might.
Source: scaled-sigma sampling, Sun, Li, Gu & Srivastava (2015), by the reliability index.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import PCG64, Generator

from model_monitor.monitors.conclusion import Evidence
from model_monitor.monitors.model_explainability.attributions import Aggregation
from model_monitor.monitors.tails import student_reached, student_tail

DRAWS: Final = 4000
COUNTED: Final = 40  # draws, from which on a share of them is believed
SCALES: Final = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)  # of the errors
CELLS_DRAWN: Final = 10_000_000
TIED: Final = 1e-9  # relative; equal values that are computed in two ways
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
    chance = 1.0 if lost <= 0 else null.chance(lost * (1 - TIED))
    return Evidence(chance, lambda level: max(0.0, 1 - null.reached(level)))


@dataclass(frozen=True, slots=True, eq=False)
class _Null:
    """What both sides have in common, and how far each may be from it.

    mixing: (features, k), of independent numbers; None: each has its own.
    """

    middle: np.ndarray
    error: np.ndarray
    baseline_error: np.ndarray
    mixing: np.ndarray | None
    freedom: int

    @classmethod
    def of(cls, current: Side, baseline: Side, correlation: np.ndarray | None) -> _Null | None:
        if current.records < 2 or not np.isfinite(current.errors).all():
            return None
        mixing, wider = _mixing(correlation)
        here, there = current.records, baseline.records
        if there < 2 or not np.isfinite(baseline.errors).all():
            nothing = np.zeros_like(current.errors)
            return cls(baseline.values, wider * current.errors, nothing, mixing, here - 1)
        one = (here * (here * current.errors**2) + there * (there * baseline.errors**2)) / (here + there)
        middle = (here * current.values + there * baseline.values) / (here + there)
        one = wider * np.sqrt(one)
        return cls(middle, one / math.sqrt(here), one / math.sqrt(there), mixing, here + there - 2)

    def chance(self, lost: float) -> float:
        """Of losing at least so much of NDCG."""
        share = COUNTED / DRAWS
        for scale in SCALES:
            beyond = int((self.lost(scale) >= lost).sum())
            if beyond >= COUNTED:
                share = (beyond + 1) / (DRAWS + 1)
                break
        return share if scale == 1 else student_tail(scale * student_reached(share, self.freedom), self.freedom)

    def reached(self, level: float) -> float:
        """What is lost with that chance."""
        share = max(level, COUNTED / DRAWS)
        out = [student_reached(min(each, 0.5), self.freedom) for each in (level, share)]
        scale = out[0] / out[1] if level < share else 1.0
        return float(np.quantile(self.lost(scale), 1 - share))

    def lost(self, scale: float) -> np.ndarray:
        """1 - NDCG of `DRAWS` draws of both sides with errors so many times as large."""
        source, parts, left = Generator(PCG64(0)), [], DRAWS
        while left:
            some = min(left, max(1, CELLS_DRAWN // len(self.middle)))
            noise = [_mixed(source, some, len(self.middle), self.mixing) for _ in range(2)]
            errors = (self.error, self.baseline_error)
            sides = [np.abs(self.middle + each * scale * error) for each, error in zip(noise, errors, strict=True)]
            parts.append(_lost(*sides))
            left -= some
        return np.concatenate(parts)


def _mixing(correlation: np.ndarray | None) -> tuple[np.ndarray | None, float]:
    if correlation is None:
        return None, ANY_CORRELATION
    worth, axes = np.linalg.eigh(correlation)
    return np.asarray(axes * np.sqrt(np.maximum(worth, 0.0))), 1.0


def _mixed(source: Generator, draws: int, features: int, mixing: np.ndarray | None) -> np.ndarray:
    """Normal numbers, (draws, features), as alike as features are; without a mixing in time that grows with their number."""
    if mixing is None:
        return source.standard_normal((draws, features))
    return np.asarray(source.standard_normal((draws, mixing.shape[1])) @ mixing.T)


def _lost(order: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """1 - NDCG of many pairs, (draws, features) each, none of them negative."""
    discounts = 1.0 / np.log2(np.arange(2, gains.shape[1] + 2))
    ranked = np.take_along_axis(gains, np.argsort(-order, axis=1, kind="stable"), axis=1)
    ideal = np.sort(gains, axis=1)[:, ::-1] @ discounts
    with np.errstate(invalid="ignore"):
        return np.maximum(np.nan_to_num(1 - ranked @ discounts / ideal), 0.0)
