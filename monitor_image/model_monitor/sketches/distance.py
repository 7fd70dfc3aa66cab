"""Distances between two samples of one feature. A distance has no opinion: thresholds are the checks' business.

Source of all: Deequ `Distance` as AWS's analyzer uses it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from model_monitor.sketches.ranks import Buckets, Ranks

ROBUST_FACTOR = 1.8  # c(α) of the two-sample Kolmogorov-Smirnov test at α ≈ 0.003
SMALL_EXPECTED = 5.0  # chi-squared: expected counts below make the approximation poor
SMALL_EXPECTED_OF_TWO = 10.0
SMALL_SHARE = 0.2


def kolmogorov_smirnov(current: Ranks, baseline: Ranks) -> float:
    """The largest difference between two empirical distribution functions, over the items of both.

    Args:
        current, baseline: samples that are not empty.
    Returns: distance in [0, 1]; 0 when the shares are equal everywhere.
    """
    points = np.concatenate([current.values, baseline.values])
    return _largest_gap(current.at_most(points) / current.total, baseline.at_most(points) / baseline.total)


def binned_kolmogorov_smirnov(current: Ranks, baseline: Buckets) -> float:
    """The same where the baseline is known by its buckets only: differences are seen at their bounds.

    Never larger than the distance of the whole samples.
    """
    bounds, total = baseline.bounds, current.total
    outside = 0.0
    if baseline.is_closed:
        beyond = (current.below(bounds[:1])[0], total - current.at_most(bounds[-1:])[0])
        outside = float(max(beyond)) / total
    shares = np.cumsum(baseline.counts)[:-1] / baseline.counts.sum()
    return max(outside, _largest_gap(current.below(bounds[1:-1]) / total, shares))


def categorical_linf(current: Mapping[str, int], baseline: Mapping[str, int]) -> float:
    """The largest difference between the shares of one category, over the categories of both; in [0, 1].

    Args:
        current, baseline: counts by category, not all zero.
    """
    n, m = sum(current.values()), sum(baseline.values())
    return max(
        abs(current.get(category, 0) / n - baseline.get(category, 0) / m)
        for category in current.keys() | baseline.keys()
    )


def robust(distance: float, n: int, m: int, *, factor: float = ROBUST_FACTOR) -> float:
    """What is left of a distance after the allowance for the sizes of the two samples; in [0, 1].

    Args:
        factor: the result depends on it; 1.8 is AWS's.
    """
    return max(0.0, distance - factor * math.sqrt((n + m) / (n * m)))


@dataclass(frozen=True, slots=True)
class ChiSquared:
    """Result of a chi-squared test. categories: how many were left after small ones were merged."""

    statistic: float
    p_value: float
    categories: int


def chi_squared(current: Mapping[str, int], baseline: Mapping[str, int]) -> ChiSquared | None:
    """Pearson's test of the current counts against the baseline's shares; None when fewer than two categories are left.

    Categories that the baseline does not have are ignored. The smallest expected counts are merged while too many are
    small: with two categories either below 10, with more a fifth of them below 5.
    """
    categories = sorted(baseline)
    observed = np.array([current.get(category, 0) for category in categories], np.float64)
    reference = np.array([baseline[category] for category in categories], np.float64)
    if not observed.sum() or not reference.sum():
        return None
    expected = reference * (observed.sum() / reference.sum())
    while expected.size > 1 and _has_small(expected):
        smallest, second = np.argsort(expected, kind="stable")[:2]
        for counts in (observed, expected):
            counts[second] += counts[smallest]
        observed, expected = np.delete(observed, smallest), np.delete(expected, smallest)
    if expected.size < 2:
        return None
    statistic = float(((observed - expected) ** 2 / expected).sum())
    return ChiSquared(statistic, chi_squared_tail(statistic, expected.size - 1), int(expected.size))


def homogeneity(current: Mapping[str, int], baseline: Mapping[str, int]) -> float:
    """p-value of Pearson's test that two samples have the same shares; both are samples, unlike in `chi_squared`.

    Categories of which the smaller sample is expected to hold fewer than 5 are one. 1 where fewer than two are left.
    """
    names = sorted(current.keys() | baseline.keys())
    table = np.array([[counts.get(name, 0) for name in names] for counts in (current, baseline)], np.float64)
    if not table.sum(axis=1).all():
        return 1.0
    is_rare = table.sum(axis=0) * (table.sum(axis=1).min() / table.sum()) < SMALL_EXPECTED
    table = np.column_stack([table[:, ~is_rare], table[:, is_rare].sum(axis=1)])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return 1.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    return chi_squared_tail(float(((table - expected) ** 2 / expected).sum()), table.shape[1] - 1)


def chi_squared_tail(statistic: float, degrees_of_freedom: int) -> float:
    """Probability of a larger value: the regularised upper incomplete gamma function Q(k/2, x/2).

    Source: Abramowitz & Stegun 6.5.29 (series) and 6.5.31 (continued fraction, by Lentz's method).
    """
    a, x = degrees_of_freedom / 2, statistic / 2
    if x <= 0:
        return 1.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        n = a
        while term > total * 1e-17:
            n += 1
            term *= x / n
            total += term
        return max(0.0, 1.0 - scale * total)
    b = x + 1 - a
    c, d = math.inf, 1 / b
    fraction = d
    for i in range(1, 10_000):
        step = -i * (i - a)
        b += 2
        d = 1 / (step * d + b)
        c = b + step / c
        fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return min(1.0, scale * fraction)


def _has_small(expected: np.ndarray) -> bool:
    if expected.size == 2:
        return bool((expected < SMALL_EXPECTED_OF_TWO).any())
    return int((expected < SMALL_EXPECTED).sum()) > math.floor(SMALL_SHARE * expected.size)


def _largest_gap(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first - second).max()) if first.size else 0.0
