"""Moments against exact arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st

from model_monitor.sketches.moments import Moments
from model_monitor.sketches.numbers import Numbers

doubles = st.lists(st.floats(-1e9, 1e9, allow_nan=False), min_size=1, max_size=40)


def moments_of(values: list[float]) -> Moments:
    return Numbers.of(np.array(values, np.float64), len(values)).moments


@given(values=doubles)
def test_mean_and_deviation_agree_with_exact_arithmetic(values):
    exact = [Fraction(value) for value in values]
    mean = sum(exact) / len(exact)
    variance = sum((value - mean) ** 2 for value in exact) / len(exact)
    scale = max(map(abs, values))
    moments = moments_of(values)
    assert math.isclose(moments.mean, float(mean), rel_tol=1e-12, abs_tol=1e-13 * scale)
    assert math.isclose(moments.sum, float(sum(exact)), rel_tol=1e-12, abs_tol=1e-13 * scale * len(values))
    assert math.isclose(moments.std_dev, math.sqrt(variance), rel_tol=1e-9, abs_tol=1e-14 * scale)


def test_a_spread_far_from_zero_is_not_lost_to_rounding():
    values = [1e9 + step for step in (4.0, 7.0, 13.0, 16.0)]
    assert moments_of(values).std_dev == pytest.approx(math.sqrt(22.5), rel=1e-12)


@pytest.mark.parametrize("values", [[1e16, 1e16 + 2], [1e16, 1e16 + 2] * 50])
def test_a_mean_that_is_no_double_does_not_widen_the_spread(values):
    assert moments_of(values).std_dev == 1.0


def test_sums_of_many_parts_lose_nothing():
    parts = [Numbers.of(np.array([0.1]), 1).moments for _ in range(20_000)]
    merged = Moments()
    for part in parts:
        merged = merged.merge(part)
    assert merged.sum == float(Fraction(0.1) * 20_000)


def test_whole_numbers_sum_exactly_beyond_what_doubles_hold():
    numbers = np.concatenate([np.full(3, 2**52 + 1), np.full(3, 2**52 - 30_000)])
    assert Numbers.of(numbers, 6).moments.sum == float(sum(map(int, numbers)))


def test_moments_of_integers_and_of_the_same_numbers_as_doubles_are_equal():
    numbers = np.random.default_rng(1).integers(-500, 4000, 10_000)
    whole, doubles = Numbers.of(numbers, 10_000), Numbers.of(numbers.astype(float), 10_000)
    assert whole.quantiles.to_json() == doubles.quantiles.to_json()
    assert whole.moments.to_json() == pytest.approx(doubles.moments.to_json(), rel=1e-13)


def test_cells_that_are_no_numbers_do_not_count():
    assert Numbers.of(np.array([1.0, math.nan, 3.0]), 2).moments.count == 2


def test_negative_zero_is_zero():
    assert str(Numbers.of(np.array([-0.0, -0.0]), 2).moments.minimum) == "0.0"
    assert Numbers.of(np.array([-0.0, 0.0]), 2).distinct_count == 1


@pytest.mark.parametrize("extreme", [2**63 - 1, -(2**63)])
def test_the_largest_integers_do_not_overflow(extreme):
    moments = Numbers.of(np.array([extreme] * 5, np.int64), 5).moments
    assert moments.mean == float(extreme)
    assert moments.std_dev == 0


def test_a_sum_beyond_the_largest_double_is_infinite_and_nothing_is_raised():
    numbers = Numbers.of(np.array([1e308, 1.1e308]), 2).merge(Numbers.of(np.array([1.2e308]), 1))
    assert numbers.moments.sum == math.inf
    assert numbers.moments.maximum == 1.2e308
