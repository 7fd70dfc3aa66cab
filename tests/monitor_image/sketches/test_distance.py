"""Distances against SciPy, and worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import special, stats

from model_monitor.sketches.distance import (
    binned_kolmogorov_smirnov,
    categorical_linf,
    chi_squared,
    chi_squared_tail,
    kolmogorov_smirnov,
    robust,
)
from model_monitor.sketches.numbers import Numbers
from model_monitor.sketches.ranks import Buckets, Ranks

samples = st.lists(st.integers(-20, 20).map(lambda value: value / 4), min_size=1, max_size=60)
counts = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 200), min_size=2)


def ranks(values: list[float]) -> Ranks:
    return Numbers.of(np.array(values, np.float64), len(values)).quantiles.ranks()


@pytest.mark.filterwarnings("ignore:divide by zero")  # of its p-value, which is not asked for
@given(first=samples, second=samples)
def test_the_numeric_distance_is_the_statistic_of_the_two_sample_test(first, second):
    expected = stats.ks_2samp(first, second, method="asymp").statistic
    assert kolmogorov_smirnov(ranks(first), ranks(second)) == pytest.approx(expected, abs=1e-12)


def test_the_numeric_distance_worked_by_hand():
    # shares at most 1: 2/4 and 0/2; at most 2: 3/4 and 1/2; at most 3: 4/4 and 2/2
    assert kolmogorov_smirnov(ranks([1, 1, 2, 3]), ranks([2, 3])) == 0.5


@given(first=samples, second=samples)
def test_buckets_never_show_more_than_the_samples(first, second):
    base = ranks(second)
    buckets = Buckets.equal_width(base, min(second), max(second))
    assert binned_kolmogorov_smirnov(ranks(first), buckets) <= kolmogorov_smirnov(ranks(first), base) + 1e-12


@pytest.mark.parametrize(("values", "seen"), [([5.0] * 9 + [4.0], 0.1), ([5.0] * 7 + [6.0] * 3, 0.3)])
def test_values_beyond_the_range_of_a_constant_show_in_its_buckets(values, seen):
    buckets = Buckets.equal_width(ranks([5.0] * 50), 5.0, 5.0)
    assert binned_kolmogorov_smirnov(ranks(values), buckets) == pytest.approx(seen)


def test_a_shift_shows_in_buckets_alone():
    random = np.random.default_rng(3)
    base = ranks(random.normal(size=20_000).tolist())
    buckets = Buckets.equal_width(base, float(base.values[0]), float(base.values[-1]))
    assert binned_kolmogorov_smirnov(ranks(random.normal(1.0, size=20_000).tolist()), buckets) > 0.3


@given(first=counts, second=counts)
def test_the_categorical_distance_is_symmetric_and_zero_only_for_equal_shares(first, second):
    distance = categorical_linf(first, second)
    assert distance == pytest.approx(categorical_linf(second, first))
    assert 0 <= distance <= 1
    assert categorical_linf(first, {key: 3 * count for key, count in first.items()}) < 1e-12


def test_the_categorical_distance_worked_by_hand():
    # shares of a: 0.5 and 0.2; b: 0.5 and 0.7; c: 0 and 0.1
    assert categorical_linf({"a": 5, "b": 5}, {"a": 2, "b": 7, "c": 1}) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("n", "m", "allowance"), [(60, 9999, 0.233), (500, 9999, 0.082), (1000, 10_000, 0.060), (10_000, 10_000, 0.025)]
)
def test_the_allowance_for_small_samples_is_as_published(n, m, allowance):
    assert 0.9 - robust(0.9, n, m) == pytest.approx(allowance, abs=6e-4)


def test_a_robust_distance_is_never_negative():
    assert robust(0.01, 40, 1000) == 0


@pytest.mark.parametrize("degrees", [1, 2, 3, 10, 119])
@pytest.mark.parametrize("statistic", [0.0, 1e-9, 0.3, 1.0, 5.0, 30.0, 119.0, 400.0, 2000.0])
def test_the_tail_of_chi_squared_agrees_with_scipy(degrees, statistic):
    expected = special.gammaincc(degrees / 2, statistic / 2)
    assert chi_squared_tail(statistic, degrees) == pytest.approx(expected, rel=1e-8, abs=1e-14)


@given(current=counts, baseline=st.dictionaries(st.sampled_from("abcdefgh"), st.integers(80, 200), min_size=8))
def test_chi_squared_without_small_cells_agrees_with_scipy(current, baseline):
    observed = [current.get(key, 0) + 150 for key in sorted(baseline)]
    expected = np.array([baseline[key] for key in sorted(baseline)], float)
    expected *= sum(observed) / expected.sum()
    result = chi_squared(dict(zip(sorted(baseline), observed, strict=True)), baseline)
    reference = stats.chisquare(observed, expected)
    assert result is not None
    assert result.statistic == pytest.approx(reference.statistic, rel=1e-12)
    assert result.p_value == pytest.approx(reference.pvalue, rel=1e-8, abs=1e-14)


def test_small_cells_are_merged_from_the_smallest_up():
    # expected 50, 45, 3, 2: two of four are below 5, one more than a fifth: the last two become one cell of 5
    result = chi_squared({"a": 48, "b": 46, "c": 4, "d": 2}, {"a": 500, "b": 450, "c": 30, "d": 20})
    reference = stats.chisquare([48, 46, 6], [50, 45, 5])
    assert result is not None
    assert result.categories == 3
    assert result.statistic == pytest.approx(reference.statistic)


def test_two_categories_need_ten_expected_each():
    assert chi_squared({"a": 30, "b": 9}, {"a": 300, "b": 90}) is None
    result = chi_squared({"a": 30, "b": 10}, {"a": 300, "b": 100})
    assert result is not None
    assert result.p_value == pytest.approx(1.0)


def test_categories_the_baseline_does_not_have_are_not_part_of_the_test():
    known = chi_squared({"a": 30, "b": 20}, {"a": 300, "b": 300})
    assert chi_squared({"a": 30, "b": 20, "new": 500}, {"a": 300, "b": 300}) == known


def test_nothing_in_common_gives_no_result():
    assert chi_squared({"new": 50}, {"a": 30, "b": 30}) is None


def test_distances_of_sketches_stay_within_twice_the_rank_error():
    random = np.random.default_rng(11)
    first, second = random.normal(size=80_000), random.normal(0.2, 1.1, size=50_000)
    distance = kolmogorov_smirnov(
        Numbers.of(first, first.size).quantiles.ranks(), Numbers.of(second, second.size).quantiles.ranks()
    )
    assert math.isclose(distance, stats.ks_2samp(first, second).statistic, abs_tol=0.005)
