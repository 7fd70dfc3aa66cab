"""How alike records next to each other are, against series whose design effect is known in closed form."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from model_monitor.schema import Column, Feature, Rows, Schema
from model_monitor.sketches.kinds import no_kinds
from model_monitor.sketches.neighbours import FEWEST, LAGS, Neighbours

SIZE = 4000


def numbers(values: np.ndarray) -> Column:
    return Column(no_kinds(), values)


def texts(codes: np.ndarray) -> Column:
    words = pa.array([f"word{i}" for i in range(int(codes.max()) + 1)])
    return Column(no_kinds(), None, pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), words))


def rows(*columns: Column, count: int = SIZE) -> Rows:
    schema = Schema(tuple(Feature(f"x{i}") for i in range(len(columns))))
    return Rows(schema, count, columns)


def effect(*columns: Column, count: int = SIZE) -> float:
    return Neighbours.of(rows(*columns, count=count)).design_effect


def autoregressive(rho: float, random: np.random.Generator, size: int = SIZE) -> np.ndarray:
    found = np.empty(size)
    value = random.normal()
    for i, noise in enumerate(random.normal(size=size) * np.sqrt(1 - rho**2)):
        value = rho * value + noise
        found[i] = value
    return found


@pytest.mark.parametrize("rho", [0.3, 0.6, 0.8])
def test_it_is_that_of_an_autoregressive_series(rho):
    """(1 + rho) / (1 - rho): what the mean's variance is multiplied by. A margin is added, and little is lost."""
    true = (1 + rho) / (1 - rho)
    found = [effect(numbers(autoregressive(rho, np.random.default_rng(seed)))) for seed in range(12)]
    assert min(found) > 0.85 * true
    assert np.median(found) < 1.6 * true


@pytest.mark.parametrize("size", [2, 5])
def test_it_is_that_of_groups_of_equal_records(size):
    """1 + (m - 1) rho with rho 1. Source: Kish (1965)."""
    random = np.random.default_rng(size)
    found = effect(numbers(np.repeat(random.normal(size=SIZE // size), size)))
    assert size * 0.9 < found < size * 1.5
    codes = np.repeat(random.integers(0, 4, SIZE // size), size)
    assert size * 0.9 < effect(texts(codes)) < size * 1.5


@pytest.mark.parametrize(
    "draw",
    [
        lambda random: random.normal(size=SIZE),
        lambda random: random.standard_cauchy(SIZE),
        lambda random: random.pareto(1.2, SIZE),
        lambda random: (random.random(SIZE) < 0.001).astype(float),
        lambda random: np.where(random.random(SIZE) < 0.4, np.nan, random.integers(0, 9, SIZE)),
        lambda random: np.full(SIZE, 7.0),
        lambda random: np.tile([0.0, 1.0], SIZE // 2),
    ],
    ids=["normal", "cauchy", "pareto", "rare", "missing", "constant", "in turn"],
)
def test_independent_records_count_one_each(draw):
    found = [effect(*(numbers(draw(np.random.default_rng([seed, i]))) for i in range(5))) for seed in range(20)]
    assert found == [1.0] * 20


def test_the_column_whose_neighbours_are_most_alike_decides():
    random = np.random.default_rng(3)
    alike, apart = np.repeat(random.normal(size=SIZE // 4), 4), random.normal(size=SIZE)
    assert effect(numbers(apart), numbers(alike)) == pytest.approx(effect(numbers(alike)), rel=0.05)


def test_predictions_and_scores_are_looked_at_too():
    random = np.random.default_rng(4)
    table = rows(numbers(random.normal(size=SIZE)))
    alike = numbers(np.repeat(random.normal(size=SIZE // 4), 4))
    told = Rows(table.schema, SIZE, table.features, score=alike)
    assert Neighbours.of(table).design_effect == 1.0
    assert Neighbours.of(told).design_effect > 3


def test_an_identifier_says_who_and_not_what():
    sessions = np.repeat(np.arange(SIZE // 10), 10)
    assert effect(texts(sessions), numbers(np.random.default_rng(5).normal(size=SIZE))) == 1.0


def test_day_and_night_do_not_make_neighbours_alike():
    """Stretches are compared within themselves: a level that differs from one to the next says nothing."""
    random = np.random.default_rng(6)
    days = np.concatenate([random.normal(size=4096), 9 + random.normal(size=4096)])
    assert effect(numbers(days), count=days.size) == 1.0


def test_few_records_say_nothing():
    alike = np.repeat(np.random.default_rng(7).normal(size=FEWEST), 4)[: FEWEST - 1]
    assert effect(numbers(alike), count=FEWEST - 1) == 1.0


def test_parts_add_up_in_any_order_and_nothing_changes_nothing():
    random = np.random.default_rng(8)
    parts = [
        Neighbours.of(rows(numbers(autoregressive(0.5, random)), texts(random.integers(0, 3, SIZE)))) for _ in range(3)
    ]
    first, second, third = parts
    left, right = first.merge(second).merge(third), first.merge(second.merge(third))
    np.testing.assert_allclose(left.correlations, right.correlations)
    np.testing.assert_allclose(left.records, right.records)
    assert first.merge(second).design_effect == pytest.approx(second.merge(first).design_effect)
    assert Neighbours().merge(first) is first
    assert first.merge(Neighbours()) is first
    assert Neighbours().design_effect == 1.0
    assert left.correlations.shape == (2, LAGS)


def test_more_records_tell_it_more_closely():
    random = np.random.default_rng(9)
    parts = [Neighbours.of(rows(numbers(autoregressive(0.6, random)))) for _ in range(16)]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.merge(part)
    assert whole.design_effect == pytest.approx(4.0, rel=0.15)
