"""Ranks: exact while few values differ, within a stated error above, and the same for the same cuts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from model_monitor.sketches.distinct import HASHES_KEPT
from model_monitor.sketches.kll import KllSketch, capacity
from model_monitor.sketches.numbers import Numbers
from model_monitor.sketches.quantiles import RAW_VALUES, VALUES_KEPT, Quantiles
from model_monitor.sketches.ranks import Buckets, Ranks

STATED_RANK_ERROR = 0.005  # of the number of values, up to a few million values in chunks of any size


def profile(values: np.ndarray, chunk: int) -> Numbers:
    merged = Numbers()
    for start in range(0, values.size, chunk):
        part = values[start : start + chunk]
        merged = merged.merge(Numbers.of(part, part.size))
    return merged


def rank_error(values: np.ndarray, numbers: Numbers) -> float:
    ordered = np.sort(values)
    points = ordered[:: max(1, values.size // 5000)]
    exact = np.searchsorted(ordered, points, side="right")
    return float(np.abs(numbers.quantiles.ranks().at_most(points) - exact).max()) / values.size


def data(shape: str, size: int) -> np.ndarray:
    random = np.random.default_rng(7)
    return {
        "normal": lambda: random.normal(size=size),
        "heavy tail": lambda: random.pareto(0.5, size),
        "sorted": lambda: np.sort(random.random(size)),
        "falling": lambda: np.sort(random.random(size))[::-1].copy(),
        "mostly zero": lambda: np.where(random.random(size) < 0.9, 0.0, random.random(size)),
        "wide integers": lambda: random.integers(0, 10**12, size).astype(float),
    }[shape]()


@pytest.mark.parametrize("shape", ["normal", "heavy tail", "sorted", "falling", "mostly zero", "wide integers"])
@pytest.mark.parametrize("chunk", [997, 16_384, 200_000])
def test_ranks_stay_within_the_stated_error_however_the_data_is_cut(shape, chunk):
    values = data(shape, 200_000)
    numbers = profile(values, chunk)
    assert not numbers.quantiles.is_exact
    assert rank_error(values, numbers) <= STATED_RANK_ERROR
    assert rank_error(values, numbers) * values.size <= numbers.quantiles.rank_error_bound


@pytest.mark.slow
def test_ranks_of_five_million_values_stay_within_the_stated_error():
    values = data("normal", 5_000_000)
    assert rank_error(values, profile(values, 65_536)) <= STATED_RANK_ERROR


def test_the_weights_of_a_sketch_add_up_to_the_number_of_values():
    numbers = profile(data("normal", 123_457), 10_000)
    assert sum(level.size << height for height, level in enumerate(numbers.quantiles.levels())) == 123_457


def test_a_sketch_is_the_same_for_the_same_cuts():
    values = data("heavy tail", 60_000)
    assert profile(values, 7_000).to_json() == profile(values, 7_000).to_json()


@given(seed=st.integers(0, 2**32 - 1), cut=st.integers(0, 9_000))
def test_whether_ranks_are_exact_does_not_depend_on_the_cuts(seed, cut):
    random = np.random.default_rng(seed)
    distinct = int(random.integers(VALUES_KEPT - 40, VALUES_KEPT + 40))
    values = np.concatenate([np.arange(distinct), random.integers(0, distinct, 9_000 - distinct)]) * 0.5
    random.shuffle(values)
    numbers = [profile(values, 9_000), profile(values, max(cut, 1_000))]
    assert [each.quantiles.is_exact for each in numbers] == [distinct <= VALUES_KEPT] * 2
    assert numbers[0].moments.minimum == numbers[1].moments.minimum
    assert numbers[0].distinct_count == numbers[1].distinct_count


def test_a_sketch_stays_small():
    levels = profile(data("normal", 1_000_000), 65_536).quantiles.levels()
    assert sum(level.size for level in levels) < 8_192


def test_capacities_shrink_from_the_bottom():
    assert [capacity(level) for level in range(5)] == [2050, 1314, 842, 540, 346]


def test_the_half_that_survives_alternates_after_the_first_compaction():
    items = np.arange(2050.0)
    sketch, survivors = KllSketch(), []
    for _ in range(5):
        sketch = KllSketch((items,), (sum(sketch.compactions[:1]),)).merge(KllSketch((), ()))
        survivors.append(float(sketch.levels[1][0]))
    assert survivors == [0.0, 1.0, 1.0, 0.0, 0.0]


def test_an_odd_item_out_stays_where_it_is():
    sketch = KllSketch((np.arange(2051.0),), (0,)).merge(KllSketch((), ()))
    assert [level.tolist() for level in sketch.levels] == [[2050.0], list(range(0, 2050, 2))]


def test_ranks_of_levels_hold_each_value_once():
    ranks = Ranks.of_levels([np.array([2.0, 1.0]), np.array([2.0])])
    assert (ranks.values.tolist(), ranks.cumulative.tolist()) == ([1.0, 2.0], [1, 4])


def test_whole_numbers_that_doubles_cannot_tell_apart_are_one_value_in_every_cut():
    numbers = np.array([2**53, 2**53 + 1], np.int64)
    apart = Numbers.of(numbers[:1], 1).merge(Numbers.of(numbers[1:], 1))
    assert apart.to_json() == Numbers.of(numbers, 2).to_json()
    assert apart.distinct_count == 1


def test_few_values_are_written_as_they_are():
    quantiles = Quantiles.of_counts(np.array([1.0, 2.0]), np.array([1, 2]))
    assert [level.tolist() for level in quantiles.levels()] == [[1.0, 2.0, 2.0]]


def test_many_values_with_few_different_ones_are_written_by_the_digits_of_their_counts():
    counts = np.array([RAW_VALUES, 5])
    levels = Quantiles.of_counts(np.array([1.0, 2.0]), counts).levels()
    assert sum(level.size << height for height, level in enumerate(levels)) == counts.sum()
    ranks = Ranks.of_levels(levels)
    assert ranks.at_most(np.array([1.0, 2.0])).tolist() == [RAW_VALUES, RAW_VALUES + 5]


def test_an_empty_sketch_is_no_part_of_a_merge():
    sketched = Quantiles(sketch=KllSketch.of_counts(np.arange(5_000.0), np.ones(5_000, np.int64)))
    assert sketched.merge(Quantiles()) is sketched
    assert Quantiles().merge(sketched) is sketched


@given(values=st.lists(st.floats(-100, 100).map(lambda value: round(value, 1)), min_size=1, max_size=300))
def test_bucket_counts_are_those_of_numpy(values):
    array = np.array(values) + 0.0
    numbers = Numbers.of(array, array.size)
    buckets = Buckets.equal_width(numbers.quantiles.ranks(), numbers.moments.minimum, numbers.moments.maximum)
    if array.min() < array.max():
        assert buckets.counts.tolist() == np.histogram(array, buckets.bounds)[0].tolist()
    assert buckets.counts.sum() == array.size


def test_a_constant_fills_the_last_of_ten_equal_buckets():
    buckets = Buckets.equal_width(Ranks.of_counts(np.array([3.5]), np.array([40])), 3.5, 3.5)
    assert set(buckets.bounds.tolist()) == {3.5}
    assert buckets.counts.tolist() == [0] * 9 + [40]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "values",
    [
        [-1.7e308, 1.7e308],
        [0.5] * 40 + [1e308],
        [1e308, 1.79e308],
        [-1.79e308, -1e308, 3.0],
        [-1.79e308, 0.0, 1.79e308],
    ],
)
def test_buckets_of_the_widest_ranges_are_finite_and_ascend(values):
    numbers = Numbers.of(np.array(values), len(values))
    buckets = Buckets.equal_width(numbers.quantiles.ranks(), numbers.moments.minimum, numbers.moments.maximum)
    assert np.isfinite(buckets.bounds).all()
    assert (np.diff(buckets.bounds) > 0).all()
    assert (buckets.bounds[0], buckets.bounds[-1]) == (min(values), max(values))
    assert buckets.counts.tolist() == np.histogram(np.array(values), buckets.bounds)[0].tolist()


def test_quantiles_are_values_of_the_sample():
    ranks = Ranks.of_counts(np.array([1.0, 2.0, 10.0]), np.array([1, 1, 2]))
    assert [ranks.quantile(share) for share in (0.0, 0.25, 0.5, 0.51, 1.0)] == [1.0, 1.0, 2.0, 10.0, 10.0]


def test_distinct_numbers_are_estimated_within_five_percent_and_the_same_for_any_cuts():
    values = data("wide integers", 150_000)
    numbers = [profile(values, chunk) for chunk in (1_000, 65_536)]
    assert numbers[0].hashes.to_json() == numbers[1].hashes.to_json()
    assert len(numbers[0].hashes.to_json()) == HASHES_KEPT
    assert numbers[0].distinct_count == pytest.approx(np.unique(values).size, rel=0.05)
