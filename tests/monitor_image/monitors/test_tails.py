"""Tails of what was drawn, and of Student's t: beyond the largest draws, with ties and infinities among them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from model_monitor.monitors.tails import DrawnTail, student_reached, student_tail


def test_within_the_draws_chances_are_counted():
    found = DrawnTail.of(np.arange(1000.0))
    assert found.chance(900.0) == pytest.approx(101 / 1001)


def test_beyond_the_draws_they_fall_as_an_exponential_distributions_do():
    found = DrawnTail.of(np.random.default_rng(1).exponential(size=20_000))
    for value in (8.0, 12.0, 16.0):
        assert math.log(found.chance(value)) == pytest.approx(-value, abs=0.25 * value)


@pytest.mark.parametrize("share", [0.004, 0.02, 0.6])
def test_equal_draws_at_the_top_do_not_end_the_tail(share):
    """Nor do they make it fall faster than the values do."""
    size = 1000
    tied = round(share * size)
    found = DrawnTail.of(np.concatenate([np.linspace(0, 1, size - tied, endpoint=False), np.full(tied, 1.5)]))
    assert found.chance(1.5) >= tied / size
    assert found.chance(2.0) < found.chance(1.5)
    assert found.chance(60.0) < 1e-6
    assert found.reached(1e-6) > 1.5
    assert found.chance(found.reached(1e-6)) == pytest.approx(1e-6)


@pytest.mark.parametrize("ended", [0.2, 0.5, 0.8])
def test_what_takes_whole_values_only_is_never_found_rarer_than_it_is(ended):
    """Numbers of failures: a geometric distribution, whose tail is known."""
    draws = np.random.default_rng(2).geometric(ended, size=20_000).astype(float)
    found = DrawnTail.of(draws)
    for value in range(int(draws.max()) - 2, int(draws.max()) + 10):
        assert found.chance(float(value)) >= 0.5 * stats.geom.sf(value - 1, ended)


def test_one_larger_draw_beside_equal_ones_is_as_rare_as_it_was():
    draws = np.concatenate([np.zeros(850), np.ones(149), [2.0]])
    assert DrawnTail.of(draws).chance(2.0) >= 1 / 1000


def test_draws_that_are_all_equal_tell_no_more_than_their_number():
    assert DrawnTail.of(np.zeros(999)).chance(1.0) == pytest.approx(1 / 1000)


def test_infinite_draws_stay_beyond_every_number():
    draws = np.concatenate([np.linspace(0, 1, 997), np.full(3, math.inf)])
    assert DrawnTail.of(draws).chance(1e9) == pytest.approx(4 / 1001)


@pytest.mark.parametrize("freedom", [5, 9, 30, 400])
def test_students_tail_is_scipys_and_can_be_turned_round(freedom):
    for value in (-2.0, 0.0, 0.5, 2.0, 4.0):
        assert student_tail(value, freedom) == pytest.approx(stats.t.sf(value, freedom), rel=0.05)
    assert (student_tail(math.inf, freedom), student_tail(-math.inf, freedom)) == (0.0, 1.0)
    assert student_tail(student_reached(1e-5, freedom), freedom) == pytest.approx(1e-5)
