"""How alike records next to each other are, against series whose design effect is known in closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from model_monitor.dataset.capture import empty_rows
from model_monitor.schema import Column, Feature, Rows, Schema
from model_monitor.sketches.kinds import no_kinds
from model_monitor.sketches.neighbours import ANSWERS, FEWEST, LAGS, Alike, Neighbours

SIZE = 4000


def numbers(values: np.ndarray) -> Column:
    return Column(no_kinds(), values)


def texts(codes: np.ndarray) -> Column:
    words = pa.array([f"word{i}" for i in range(int(codes.max()) + 1)])
    return Column(no_kinds(), None, pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), words))


def rows(*columns: Column, count: int = SIZE) -> Rows:
    schema = Schema(tuple(Feature(f"x{i}") for i in range(len(columns))))
    return Rows(schema, count, columns)


def names(table: Rows) -> tuple[str, ...]:
    return table.schema.names


def alike(table: Rows) -> Alike:
    return Neighbours.of(table).alike(names(table))


def effect(*columns: Column, count: int = SIZE) -> float:
    return alike(rows(*columns, count=count)).effect


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


def test_the_column_whose_neighbours_are_most_alike_decides_and_is_named():
    random = np.random.default_rng(3)
    grouped, apart = numbers(np.repeat(random.normal(size=SIZE // 4), 4)), numbers(random.normal(size=SIZE))
    found = alike(rows(apart, grouped))
    assert found.column == "x1"
    assert found.effect == pytest.approx(effect(grouped), rel=0.05)


def test_predictions_and_scores_are_looked_at_too():
    random = np.random.default_rng(4)
    table = rows(numbers(random.normal(size=SIZE)))
    grouped = numbers(np.repeat(random.normal(size=SIZE // 4), 4))
    assert alike(table) == Alike()
    for name in ("score", "prediction"):
        found = alike(replace(table, **{name: grouped}))
        assert (found.column, found.effect > 3) == (name, True)


def test_an_identifier_says_who_and_not_what():
    sessions = np.repeat(np.arange(SIZE // 10), 10)
    assert effect(texts(sessions), numbers(np.random.default_rng(5).normal(size=SIZE))) == 1.0


@pytest.mark.parametrize(
    "series",
    [
        lambda place, noise: place,
        lambda place, noise: np.cumsum(np.abs(noise)),
        lambda place, noise: place // 100 % 24,
        lambda place, noise: place // 1000,
        lambda place, noise: noise + np.sin(place * 2 * np.pi / 2400),
        lambda place, noise: noise + place / SIZE,
        lambda place, noise: noise + 9 * (place > 1000),
        lambda place, noise: noise + 0.5 * (place > 2048),
        lambda place, noise: np.where((place > 1000) & (place < 1600), 1.3, noise),
    ],
    ids=["counter", "clock", "hour", "weekday", "season", "trend", "large step", "step", "burst"],
)
@pytest.mark.parametrize("size", [SIZE, 8192])
def test_what_changes_slowly_makes_no_alike_neighbours(series, size):
    """Counters, clocks, seasons and breaks would otherwise switch every check off."""
    for seed in range(5):
        noise = np.random.default_rng(seed).normal(size=size)
        assert effect(numbers(series(np.arange(size), noise).astype(np.float64)), count=size) == 1.0


def test_sessions_are_seen_beside_a_season():
    random = np.random.default_rng(12)
    sessions = np.repeat(random.normal(size=SIZE // 4), 4)
    found = effect(numbers(sessions + np.sin(np.arange(SIZE) * 2 * np.pi / 2400)))
    assert 2 < found < 6


def test_few_records_say_nothing():
    grouped = np.repeat(np.random.default_rng(7).normal(size=FEWEST), 4)[: FEWEST - 1]
    assert effect(numbers(grouped), count=FEWEST - 1) == 1.0


def test_parts_add_up_in_any_order_and_nothing_changes_nothing():
    random = np.random.default_rng(8)
    tables = [rows(numbers(autoregressive(0.5, random)), texts(random.integers(0, 3, SIZE))) for _ in range(3)]
    first, second, third = map(Neighbours.of, tables)
    left, right = first.merge(second).merge(third), first.merge(second.merge(third))
    np.testing.assert_allclose(left.correlations, right.correlations)
    np.testing.assert_allclose(left.records, right.records)
    told = names(tables[0])
    assert first.merge(second).alike(told).effect == pytest.approx(second.merge(first).alike(told).effect)
    assert Neighbours().merge(first) is first
    assert first.merge(Neighbours()) is first
    assert Neighbours().alike(told) == Alike()
    assert left.correlations.shape == (2 + len(ANSWERS), LAGS)


def test_a_part_without_records_or_answers_takes_nothing_away():
    """A file that nobody can read, and events without an answer."""
    random = np.random.default_rng(10)
    table = rows(numbers(random.normal(size=SIZE)))
    grouped = numbers(np.repeat(random.normal(size=SIZE // 4), 4))
    scored, known = replace(table, score=grouped), Neighbours.of(replace(table, score=grouped))
    for other in (empty_rows(table.schema), table, replace(table, prediction=numbers(random.normal(size=SIZE)))):
        part = Neighbours.of(other)
        for merged in (known.merge(part), part.merge(known)):
            assert merged.alike(names(scored)) == known.alike(names(scored))


def test_more_records_tell_it_more_closely():
    random = np.random.default_rng(9)
    parts = [Neighbours.of(rows(numbers(autoregressive(0.6, random)))) for _ in range(16)]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.merge(part)
    assert whole.alike(("x0",)).effect == pytest.approx(4.0, rel=0.15)
