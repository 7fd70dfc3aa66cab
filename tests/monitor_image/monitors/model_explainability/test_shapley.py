"""Shapley values: the laws that define them, an oracle from the definition, and the estimate against the exact ones."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from model_monitor.monitors.model_explainability import shapley
from model_monitor.sketches.hashes import mixed
from tests.effort import examples


def keys_of(rows):
    return mixed(np.arange(len(rows), dtype=np.uint64))


def exact(model, rows, baselines):
    return shapley.exact(model, rows, baselines, model(baselines).mean(axis=0))


def kernel(model, rows, baselines, **options):
    return shapley.kernel(model, rows, baselines, model(baselines).mean(axis=0), keys_of(rows), **options)


def random_model(features, outputs, seed):
    """A smooth model in which features interact."""
    chance = np.random.default_rng(seed)
    first, second = chance.normal(size=(features, 6)), chance.normal(size=(6, outputs))
    return lambda rows: np.tanh(np.asarray(rows, np.float64) @ first) @ second


def by_permutations(model, row, baselines):
    """The definition: the mean marginal contribution over all orders in which features may join."""
    features = len(row)
    total = np.zeros((model(baselines).shape[1], features))
    for order in permutations(range(features)):
        mixture = baselines.copy()
        before = model(mixture).mean(axis=0)
        for feature in order:
            mixture[:, feature] = row[feature]
            after = model(mixture).mean(axis=0)
            total[:, feature] += after - before
            before = after
    return total / np.prod(np.arange(1, features + 1))


cases = st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.integers(0, 1000))


@given(case=cases)
@settings(max_examples=25)
def test_exact_values_are_the_definition(case):
    features, outputs, baselines, seed = case
    chance = np.random.default_rng(seed)
    rows, others = chance.normal(size=(2, features)), chance.normal(size=(baselines, features))
    model = random_model(features, outputs, seed)
    found = exact(model, rows, others)
    for row, values in zip(rows, found, strict=True):
        assert np.allclose(values, by_permutations(model, row, others), atol=1e-12)


@given(case=cases)
@settings(max_examples=25)
def test_the_estimate_from_all_coalitions_is_exact(case):
    features, outputs, baselines, seed = case
    chance = np.random.default_rng(seed)
    rows, others = chance.normal(size=(3, features)), chance.normal(size=(baselines, features))
    model = random_model(features, outputs, seed)
    found = kernel(model, rows, others, samples=2**features)
    assert np.allclose(found, exact(model, rows, others), atol=1e-10)


@given(features=st.integers(1, 30), samples=st.integers(2, 200), outputs=st.integers(1, 3), seed=st.integers(0, 99))
@settings(max_examples=examples(60))
def test_values_and_the_expected_value_sum_to_the_prediction(features, samples, outputs, seed):
    chance = np.random.default_rng(seed)
    rows, others = chance.normal(size=(4, features)), chance.normal(size=(2, features))
    model = random_model(features, outputs, seed)
    found = kernel(model, rows, others, samples=samples, seed=seed)
    assert np.allclose(found.sum(axis=2) + model(others).mean(axis=0), model(rows), atol=1e-9)


def test_features_that_play_the_same_part_get_the_same_value():
    rows, others = np.array([[2.0, 2.0, -1.0]]), np.array([[0.5, 0.5, 0.0]])
    values = exact(lambda x: (x[:, :1] * x[:, 1:2]) + x[:, 2:] ** 2, rows, others)[0, 0]
    assert values[0] == pytest.approx(values[1], abs=1e-15)
    assert values[0] != pytest.approx(values[2], abs=0.1)


def test_a_feature_that_the_model_does_not_read_gets_nothing():
    chance = np.random.default_rng(3)
    rows, others = chance.normal(size=(5, 4)), chance.normal(size=(2, 4))
    values = exact(lambda x: np.sin(x[:, :1] + x[:, 1:2] * x[:, 2:3]), rows, others)
    assert np.abs(values[:, :, 3]).max() < 1e-15
    assert np.abs(values[:, :, :3]).min(axis=0).max() > 1e-3


@given(seed=st.integers(0, 99), scale=st.floats(-3, 3))
@settings(max_examples=20)
def test_values_of_a_sum_of_models_are_the_sums_of_their_values(seed, scale):
    chance = np.random.default_rng(seed)
    rows, others = chance.normal(size=(3, 6)), chance.normal(size=(1, 6))
    one, two = random_model(6, 1, seed), random_model(6, 1, seed + 1)
    for explain in (exact, lambda *given: kernel(*given, samples=40)):
        both = explain(lambda x: one(x) + scale * two(x), rows, others)
        assert np.allclose(both, explain(one, rows, others) + scale * explain(two, rows, others), atol=1e-10)


@given(features=st.integers(2, 25), seed=st.integers(0, 99))
@settings(max_examples=30)
def test_a_linear_model_is_explained_without_error_from_few_coalitions(features, seed):
    chance = np.random.default_rng(seed)
    weights, rows = chance.normal(size=features), chance.normal(size=(4, features))
    others = chance.normal(size=(2, features))
    samples = max(4 * features, 60)
    found = kernel(lambda x: (x @ weights)[:, None], rows, others, samples=samples)
    assert np.allclose(found[:, 0], weights * (rows - others.mean(axis=0)), atol=1e-8)


def test_more_coalitions_come_closer_to_the_exact_values():
    chance = np.random.default_rng(5)
    rows, others = chance.normal(size=(40, 12)), chance.normal(size=(1, 12))
    model = random_model(12, 1, 5)
    truth = exact(model, rows, others)
    errors = [np.abs(kernel(model, rows, others, samples=n) - truth).mean() for n in (60, 240, 960, 2400)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 4


def test_a_value_depends_on_neither_order_nor_batches(monkeypatch):
    chance = np.random.default_rng(6)
    rows, others = chance.normal(size=(30, 10)), chance.normal(size=(2, 10))
    model, keys = random_model(10, 2, 6), keys_of(rows)
    expected = model(others).mean(axis=0)
    whole = shapley.kernel(model, rows, others, expected, keys, samples=90, seed=4)
    order = chance.permutation(30)
    turned = shapley.kernel(model, rows[order], others, expected, keys[order], samples=90, seed=4)
    assert np.allclose(turned, whole[order], atol=1e-12)
    exact_whole = shapley.exact(model, rows, others, expected)
    for cells in (1, 50, 7000):
        monkeypatch.setattr(shapley, "BATCH_CELLS", cells)
        again = shapley.kernel(model, rows, others, expected, keys, samples=90, seed=4)
        assert np.allclose(again, whole, atol=1e-12)
        if cells > 1:
            assert np.allclose(shapley.exact(model, rows, others, expected), exact_whole, atol=1e-12)


def test_the_seed_and_the_row_settle_the_draw():
    chance = np.random.default_rng(7)
    rows, others = np.repeat(chance.normal(size=(1, 16)), 2, axis=0), chance.normal(size=(1, 16))
    model = random_model(16, 1, 7)
    found = kernel(model, rows, others, samples=60, seed=1)
    assert not np.allclose(found[0], found[1])  # same cells under other keys: fresh coalitions
    assert np.array_equal(found, kernel(model, rows, others, samples=60, seed=1))
    assert not np.allclose(found, kernel(model, rows, others, samples=60, seed=2))


def test_coalitions_are_complementary_pairs_of_the_asked_number():
    asked = []

    def model(rows):
        asked.append(rows.copy())
        return rows.sum(axis=1, keepdims=True)

    shapley.kernel(model, np.ones((1, 14)), np.zeros((1, 14)), np.zeros(1), keys_of(np.ones((1, 1))), samples=100)
    ones, others = asked[1], asked[2]
    assert len(ones) + len(others) == 100
    assert np.array_equal(ones, 1 - others)
    assert shapley.kernel_cost(14, 1, 100) == sum(map(len, asked))


def test_sizes_are_drawn_by_the_shapley_kernel():
    plan = shapley.Plan.of(30, 40)
    assert not len(plan.fixed)
    sizes = plan.members(keys_of(np.ones((4000, 1))), 0).sum(axis=2).ravel()
    weights = np.array([1 / (s * (30 - s)) for s in range(1, 16)]) * ([2] * 14 + [1])
    shares = np.bincount(sizes, minlength=16)[1:] / sizes.size
    assert np.abs(shares - weights / weights.sum()).max() < 0.01
    each = plan.members(keys_of(np.ones((4000, 1))), 0).mean(axis=(0, 1))
    assert np.ptp(each) < 0.02  # every feature as often as any other


def test_text_features_are_substituted_whole():
    rows = np.array([["red", 2.0], ["blue", None]], object)
    others = np.array([["blue", 1.0]], object)
    worth = {"red": 10.0, "blue": 1.0}

    def model(cells):
        return np.array([[worth[colour] + (number or 0.0)] for colour, number in cells])

    values = exact(model, rows, others)
    assert values[:, 0].tolist() == [[9.0, 1.0], [0.0, -1.0]]
    assert np.allclose(kernel(model, rows, others, samples=10), values)


@given(case=cases, alike=st.lists(st.booleans(), min_size=15, max_size=15))
@settings(max_examples=25)
def test_features_that_are_as_in_a_baseline_row_cost_nothing_and_change_nothing(case, alike):
    features, outputs, baselines, seed = case
    chance = np.random.default_rng(seed)
    rows, others = chance.normal(size=(3, features)), chance.normal(size=(baselines, features))
    is_alike = np.array(alike[: 3 * features]).reshape(3, features)
    rows = np.where(is_alike, others[0], rows)
    asked = []

    def model(cells):
        asked.append(len(cells))
        return random_model(features, outputs, seed)(cells)

    expected = model(others).mean(axis=0)
    asked.clear()
    found = shapley.exact(model, rows, others, expected)
    assert sum(asked) == shapley.exact_costs(rows, others).sum()
    for row, values in zip(rows, found, strict=True):
        assert np.allclose(values, by_permutations(model, row, others), atol=1e-12)


def test_many_features_that_seldom_differ_are_explained_exactly():
    chance = np.random.default_rng(9)
    others = np.zeros((1, 60))
    rows = (chance.random((8, 60)) < 0.1).astype(float)
    weights = chance.normal(size=60)
    assert shapley.exact_costs(rows, others).max() < 2**15
    found = exact(lambda cells: (cells @ weights)[:, None], rows, others)
    assert np.allclose(found[:, 0], rows * weights, atol=1e-12)


def test_two_missing_cells_are_alike():
    numbers = np.array([[np.nan, 1.0]])
    assert shapley.exact_costs(numbers, np.array([[np.nan, 0.0]])).tolist() == [2.0]
    cells = np.array([[None, "x"]], object)
    assert shapley.exact_costs(cells, np.array([[None, "x"]], object)).tolist() == [0.0]


def test_no_rows_are_no_values():
    model = random_model(4, 2, 0)
    assert exact(model, np.empty((0, 4)), np.zeros((1, 4))).shape == (0, 2, 4)
    assert kernel(model, np.empty((0, 4)), np.zeros((1, 4)), samples=8).shape == (0, 2, 4)
