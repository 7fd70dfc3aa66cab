"""What sampling alone explains: exact tests against SciPy, bounds against simulation, and what a level allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from model_monitor.monitors import chance

sizes = st.integers(1, 400)


@given(drawn=sizes, others=sizes, marked=st.integers(0, 400), count=st.integers(0, 400))
def test_the_hypergeometric_tail_is_scipys(drawn, others, marked, count):
    total, marked = drawn + others, min(marked, drawn + others)
    expected = stats.hypergeom.sf(count - 1, total, marked, drawn)
    assert chance.hypergeometric_tail(count, drawn, marked, total) == pytest.approx(expected, rel=1e-7, abs=1e-14)


@given(trials=sizes, count=st.integers(0, 400), share=st.floats(0, 1))
def test_the_binomial_tail_is_scipys(trials, count, share):
    expected = stats.binom.sf(count - 1, trials, share)
    assert chance.binomial_tail(count, trials, share) == pytest.approx(expected, rel=1e-7, abs=1e-14)


def test_tails_of_many_records_are_found_in_moderate_time():
    assert chance.hypergeometric_tail(60_500, 1_000_000, 600_000, 10_000_000) == pytest.approx(
        stats.hypergeom.sf(60_499, 10_000_000, 600_000, 1_000_000), rel=1e-5
    )


@given(count=st.integers(0, 60), size=st.integers(60, 300), baseline=st.integers(0, 60), of=st.integers(60, 300))
def test_more_often_is_fishers_exact_test_and_its_allowance_is_where_a_level_ends(count, size, baseline, of):
    found = chance.more_often(count, size, baseline, of)
    table = [[count, size - count], [baseline, of - baseline]]
    assert found.p_value == pytest.approx(stats.fisher_exact(table, alternative="greater").pvalue, rel=1e-6, abs=1e-12)
    largest = round(found.allowed(1e-3) * size)
    assert chance.more_often(largest, size, baseline, of).p_value > 1e-3 or not largest
    if largest < size:
        assert chance.more_often(largest + 1, size, baseline, of).p_value <= 1e-3


def test_a_declared_share_of_nothing_is_no_matter_of_chance():
    assert chance.more_often_than(1, 100, 0.0).p_value == 0.0
    assert chance.more_often_than(0, 100, 0.0).p_value == 1.0


@pytest.mark.parametrize(("size", "baseline"), [(40, 600), (320, 600), (320, 320), (2000, 10_000)])
def test_the_bound_on_a_distance_holds_and_is_not_far_from_the_truth(size, baseline):
    source = np.random.default_rng(7)
    steps = np.repeat([1 / size, -1 / baseline], [size, baseline])
    found = [float(np.abs(np.cumsum(source.permutation(steps))).max()) for _ in range(4000)]  # of records without ties
    for level in (0.1, 0.01, 1e-4):
        allowed = chance.distance(0.0, size, baseline).allowed(level)
        assert chance.distance(allowed, size, baseline).p_value == pytest.approx(level)
        if level > 1e-4:  # a larger distance is never more likely, so these have at most the level
            assert level / 8 <= np.mean(np.array(found) >= allowed) <= level * 1.25
    falling = [chance.distance(value, size, baseline).p_value for value in np.linspace(0.01, 0.9, 30)]
    assert falling == sorted(falling, reverse=True)


def sample(source: np.random.Generator, shares: np.ndarray, size: int) -> Mapping[str, int]:
    return {str(name): int(count) for name, count in enumerate(source.multinomial(size, shares)) if count}


def zipf(values: int) -> np.ndarray:
    weights = 1 / np.arange(1, values + 1) ** 1.3
    return weights / weights.sum()


def test_the_largest_difference_of_healthy_samples_is_explained():
    source, shares = np.random.default_rng(3), zipf(200)
    p_values = []
    for _ in range(400):
        now, then = sample(source, shares, 320), sample(source, shares, 600)
        gap = max(abs(now.get(name, 0) / 320 - then.get(name, 0) / 600) for name in now.keys() | then.keys())
        p_values.append(chance.largest_difference(gap, now, then).p_value)
    assert np.mean(np.array(p_values) <= 0.05) <= 0.075
    moved = Counter(sample(source, shares, 240)) + Counter({"0": 80})
    then = sample(source, shares, 600)
    gap = max(abs(moved.get(name, 0) / 320 - then.get(name, 0) / 600) for name in moved.keys() | then.keys())
    assert chance.largest_difference(gap, moved, then).p_value < 1e-4


few_counts = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 5), min_size=1)


def brute_unseen(now: Mapping[str, int], then: Mapping[str, int]) -> np.ndarray:
    """Chance of at least so many new occurrences, value by value."""
    n, m = sum(now.values()), sum(then.values())
    chances = np.array([1.0])
    for name in now.keys() | then.keys():
        pooled = now.get(name, 0) + then.get(name, 0)
        alone = stats.hypergeom.pmf(pooled, n + m, pooled, n)
        chances = np.convolve(chances, [1 - alone, *[0.0] * (pooled - 1), alone])
    return np.cumsum(chances[::-1])[::-1]


@given(now=few_counts, then=few_counts)
def test_new_values_are_as_likely_as_counting_them_one_by_one_says(now, then):
    expected = brute_unseen(now, then)
    for count in range(min(sum(now.values()), len(expected) - 1) + 1):
        found = chance.unseen(count, now, then).p_value
        assert found == pytest.approx(expected[count], rel=1e-6, abs=1e-12)


@given(now=few_counts, then=few_counts)
def test_the_bound_of_new_values_is_never_below_their_chance(now, then):
    expected = brute_unseen(now, then)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(chance, "ADDITIONS", 0)
        for count in range(min(sum(now.values()), len(expected) - 1) + 1):
            assert chance.unseen(count, now, then).p_value >= expected[count] * (1 - 1e-9)


@pytest.mark.parametrize(
    ("size", "others", "values"), [(320, 600, 400), (20_000, 10_000, 5_000), (200_000, 2_000, 9_000)]
)
def test_new_values_take_a_bounded_number_of_additions(size, others, values, monkeypatch):
    source, shares, additions = np.random.default_rng(8), zipf(values), []
    add = chance._with_alike

    def counted(spread, *given):
        additions.append(spread.size * (given[-1] + 1))
        return add(spread, *given)

    monkeypatch.setattr(chance, "_with_alike", counted)
    now, then = sample(source, shares, size), sample(source, shares, others)
    strange = sum(count for name, count in now.items() if name not in then)
    found = chance.unseen(strange, now, then)
    assert sum(additions) <= chance.ADDITIONS
    assert found.p_value > 1e-3
    assert chance.unseen(min(size, 3 * strange + 200), now, then).p_value < 1e-6
    assert strange / size < found.allowed(1e-6) < 1


@pytest.mark.parametrize("values", [5, 50, 2000])
def test_unseen_values_of_healthy_samples_are_explained(values):
    source, shares = np.random.default_rng(5), zipf(values)
    p_values = []
    for _ in range(600):
        now, then = sample(source, shares, 320), sample(source, shares, 600)
        strange = sum(count for name, count in now.items() if name not in then)
        p_values.append(chance.unseen(strange, now, then).p_value)
    p_values = np.array(p_values)
    assert np.mean(p_values <= 0.05) <= 0.075
    assert np.mean(p_values <= 0.01) <= 0.02


def test_unseen_values_of_a_window_much_larger_than_its_baseline_are_explained():
    """One that the baseline missed has hundreds of occurrences there."""
    source, shares = np.random.default_rng(6), 0.8 ** np.arange(40)
    p_values = []
    for _ in range(200):
        now, then = (sample(source, shares / shares.sum(), size) for size in (200_000, 2_000))
        strange = sum(count for name, count in now.items() if name not in then)
        p_values.append(chance.unseen(strange, now, then).p_value)
    assert min(p_values) > 1e-4
    assert np.mean(np.array(p_values) <= 0.05) <= 0.1


def test_records_that_all_turn_into_one_unknown_value_are_not_explained():
    then = {"a": 300, "b": 299, "rare": 1}
    assert chance.unseen(300, {"unknown": 300}, then).p_value < 1e-12
    assert chance.unseen(3, {"a": 297, "x": 1, "y": 1, "z": 1}, then).p_value > 1e-3
    assert chance.unseen(0, {"a": 300}, then).p_value == 1.0


def test_values_that_hardly_occur_twice_say_nothing_by_being_new():
    source = np.random.default_rng(1)
    now, then = ({str(name): 1 for name in source.integers(0, 1 << 60, size)} for size in (320, 600))
    assert chance.unseen(320, now, then).p_value > 0.5


def test_the_allowance_of_unseen_values_is_where_a_level_ends():
    then, now = {str(name): 1 for name in range(100)} | {"a": 500}, {"a": 290, **{f"n{name}": 1 for name in range(30)}}
    found = chance.unseen(30, now, then)
    assert 0 < found.allowed(1e-4) < 1
    assert found.p_value > 1e-4


@pytest.mark.parametrize(
    "falling", [stats.norm.sf, stats.expon.sf, lambda x: float(stats.binom.sf(np.ceil(50 * x) - 1, 50, 0.1))]
)
@pytest.mark.parametrize("level", [0.3, 1e-3, 1e-8])
def test_where_a_chance_crosses_a_level_is_found_in_few_steps(falling, level):
    asked = []
    found = chance.crossing(lambda x: asked.append(x) or float(falling(x)), level, 40.0)
    assert falling(found) <= level
    assert falling(found * (1 - 2e-4)) > level
    assert len(asked) <= 24


def test_a_level_that_is_never_reached_is_crossed_at_the_end():
    assert chance.crossing(lambda _: 0.5, 0.1, 3.0) == 3.0


def test_a_chance_of_which_nothing_can_be_said_at_the_end_is_crossed_before_it():
    found = chance.crossing(lambda x: float(stats.norm.sf(x)) if x < 39 else 1.0, 1e-3, 40.0)
    assert stats.norm.sf(found) <= 1e-3 < stats.norm.sf(found * (1 - 2e-4))


def test_the_normal_tail_is_scipys():
    for value in (-3.0, 0.0, 2.5, 6.0):
        assert chance.normal_tail(value) == pytest.approx(stats.norm.sf(value), rel=1e-9)
