"""Paired differences: against formulas of their own, and against the truth in simulations."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, strategies as st

from model_monitor.comparison.differences import MeansGain, SharesGain, of_areas, of_influences, of_right

SAMPLES = 4000


@given(won=st.integers(0, 60), lost=st.integers(0, 60), rest=st.integers(0, 200), confidence=st.floats(0.6, 0.999))
def test_an_interval_of_shares_is_the_gains_that_the_score_test_accepts(won, lost, rest, confidence):
    gain = SharesGain(won, lost, max(won + lost + rest, 1))
    low, high = gain.interval(confidence)
    assert -1 <= low <= gain.value <= high <= 1
    level = (1 - confidence) / 2
    for bound, side in ((low, 1), (high, -1)):
        if abs(bound) < 1 and won + lost:
            assert gain.chance_below(bound) == pytest.approx(1 - level if side > 0 else level, abs=1e-6)


@given(won=st.integers(0, 60), lost=st.integers(0, 60), rest=st.integers(1, 200))
def test_exchanging_the_models_mirrors_the_interval(won, lost, rest):
    size = won + lost + rest
    low, high = SharesGain(won, lost, size).interval(0.95)
    mirrored = SharesGain(lost, won, size).interval(0.95)
    assert mirrored == pytest.approx((-high, -low), abs=1e-9)


def test_at_no_difference_the_score_test_is_mcnemars():
    gain = SharesGain(25, 10, 500)
    statistic = (25 - 10) / math.sqrt(35)
    assert gain.chance_below(0.0) == pytest.approx(NormalDist().cdf(statistic), rel=1e-9)


@pytest.mark.parametrize(("won", "lost", "size", "truth"), [(0, 1, 44, 0.02), (25, 10, 500, 0.05), (3, 9, 80, -0.2)])
def test_the_score_rests_on_the_likeliest_shares_that_differ_by_the_bound(won, lost, size, truth):
    """The nuisance share by searching the likelihood, where the code solves a quadratic."""
    only_lost = np.linspace(max(0.0, -truth) + 1e-9, (1 - truth) / 2 - 1e-9, 400_001)
    only_won = only_lost + truth
    likelihood = won * np.log(only_won) + lost * np.log(only_lost)
    likelihood += (size - won - lost) * np.log1p(-only_won - only_lost)
    best = only_lost[np.argmax(likelihood)]
    score = (won - lost - size * truth) / math.sqrt(size * (2 * best + truth - truth**2))
    assert SharesGain(won, lost, size).chance_below(truth) == pytest.approx(NormalDist().cdf(score), rel=1e-3)


def test_models_that_agree_everywhere_differ_by_nothing_but_chance():
    same = np.array([True, False] * 100)
    gain = of_right(same, same)
    low, high = gain.interval(0.95)
    assert gain.value == 0
    assert -0.03 < low < 0 < high < 0.03


def area(scores, is_positive):
    """By comparing every pair."""
    pairs = scores[is_positive][:, None] - scores[~is_positive][None, :]
    return ((pairs > 0) + 0.5 * (pairs == 0)).mean()


def test_areas_and_their_error_agree_with_every_pair_and_with_leaving_records_out():
    random = np.random.default_rng(3)
    is_positive = random.random(120) < 0.4
    champion = np.round(random.normal(is_positive * 0.8, 1), 1)
    challenger = np.round(champion + random.normal(is_positive * 0.3, 0.7), 1)
    first, second, gain = of_areas(champion, challenger, is_positive)
    assert first == pytest.approx(area(champion, is_positive))
    assert second == pytest.approx(area(challenger, is_positive))
    assert gain.value == pytest.approx(second - first)
    parts = []
    for class_ in (True, False):  # the jackknife of either class: near DeLong's variance, by another way
        left_out = []
        for place in np.flatnonzero(is_positive == class_):
            rest = np.arange(120) != place
            left_out.append(area(challenger[rest], is_positive[rest]) - area(champion[rest], is_positive[rest]))
        count = len(left_out)
        parts.append((count - 1) / count * np.sum((np.array(left_out) - np.mean(left_out)) ** 2))
    assert gain.error == pytest.approx(math.sqrt(sum(parts)), rel=0.02)


def test_a_mean_difference_is_a_paired_t_interval():
    champion, challenger = np.array([1.0, 2.0, 4.0, 3.0, 5.0]), np.array([2.0, 2.5, 4.0, 5.0, 5.5])
    gain = of_influences(0.8, champion, challenger, 5)
    assert gain.error == pytest.approx(0.7582875 / math.sqrt(5), rel=1e-6)  # of 1, 0.5, 0, 2, 0.5
    low, high = gain.interval(0.95)
    assert (low + high) / 2 == pytest.approx(0.8)
    assert (high - low) / 2 == pytest.approx(2.7764 * gain.error, rel=0.01)  # the quantile of four degrees of freedom


def test_no_spread_is_certainty():
    gain = MeansGain(0.0, 0.0, 50, 49)
    assert gain.interval(0.95) == (0.0, 0.0)
    assert (gain.chance_below(0.0), gain.chance_below(0.1)) == (1.0, 0.0)


@pytest.mark.parametrize("share", [0.05, 0.4])
def test_models_that_are_equally_good_are_rarely_told_apart(share):
    """Of shares with very few to very many records on which they differ; the interval is of 90 %, 5 % on either side."""
    random = np.random.default_rng(11)
    for size in (100, 1000):
        won, lost = random.multinomial(size, [share / 2, share / 2, 1 - share], SAMPLES)[:, :2].T
        pairs, counts = np.unique(np.stack([won, lost]), axis=1, return_counts=True)
        above = sum(
            count
            for (one, other), count in zip(pairs.T.tolist(), counts.tolist(), strict=True)
            if one > other and SharesGain(one, other, size).interval(0.9)[0] > 0
        )
        assert above / SAMPLES < 0.065  # three standard errors of 4,000 samples are 1 %
