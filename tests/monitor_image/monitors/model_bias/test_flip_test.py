"""The flip test against scikit-learn, and its rule for ties against a slow count."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from model_monitor.monitors.model_bias.flip_test import flip_test, interval


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("others", [3, 9, 10, 400])
def test_without_ties_it_is_scikit_learns_nearest_neighbours(seed: int, others: int) -> None:
    source = np.random.default_rng(seed)
    a, d = source.normal(size=(others, 4)), source.normal(size=(150, 4))
    said_a, said_d = source.random(others) < 0.5, source.random(150) < 0.5
    classifier = KNeighborsClassifier(n_neighbors=5 if others > 9 else 1).fit(a, said_a)
    expected = said_d.astype(int) - classifier.predict(d).astype(int)
    value, flips = flip_test(a, said_a, d, said_d, workers=1)
    assert flips.tolist() == expected.tolist()
    assert value == expected.mean()


def slowly(a: np.ndarray, said_a: np.ndarray, d: np.ndarray, said_d: np.ndarray) -> list[int]:
    """Records as far as the last of the k nearest share the places that are left; more than half must be positive."""
    k = 5 if len(a) > 9 else 1
    flips = []
    for record, said in zip(d.tolist(), said_d.tolist(), strict=True):
        squares = [sum((x - y) ** 2 for x, y in zip(record, other, strict=True)) for other in a.tolist()]
        last = sorted(squares)[k - 1]
        nearer = [bool(yes) for square, yes in zip(squares, said_a, strict=True) if square < last]
        tied = [bool(yes) for square, yes in zip(squares, said_a, strict=True) if square == last]
        is_positive = 2 * (sum(nearer) * len(tied) + (k - len(nearer)) * sum(tied)) > k * len(tied)
        flips.append(int(said) - int(is_positive))
    return flips


@pytest.mark.parametrize("seed", range(20))
def test_records_that_are_equally_far_share_the_places_that_are_left(seed: int) -> None:
    source = np.random.default_rng(seed)
    rows, width = int(source.integers(1, 300)), int(source.integers(1, 4))
    a = source.integers(0, 3, size=(rows, width)).astype(float)
    d = source.integers(0, 4, size=(40, width)).astype(float)
    said_a, said_d = source.random(rows) < 0.5, source.random(40) < 0.5
    _, flips = flip_test(a, said_a, d, said_d, workers=1)
    assert flips.tolist() == slowly(a, said_a, d, said_d)


def test_a_tie_of_more_records_than_any_search_finds_at_once_is_settled_all_the_same() -> None:
    """A thousand records on a circle around one: all of them share the five places."""
    angles = np.linspace(0, 2 * np.pi, 1000, endpoint=False)
    a = np.column_stack([np.cos(angles), np.sin(angles)])
    record = np.zeros((1, 2))
    for positive, expected in ((499, 1), (500, 1), (501, 0)):
        said = np.arange(1000) < positive
        _, flips = flip_test(a, said, record, np.array([True]), workers=1)
        assert flips.tolist() == [expected]


def test_neither_the_order_of_records_nor_the_number_of_threads_changes_anything() -> None:
    source = np.random.default_rng(3)
    a, d = source.integers(0, 5, size=(500, 3)).astype(float), source.integers(0, 5, size=(300, 3)).astype(float)
    said_a, said_d = source.random(500) < 0.5, source.random(300) < 0.5
    value, flips = flip_test(a, said_a, d, said_d, workers=1)
    order = source.permutation(500)
    again, same = flip_test(a[order], said_a[order], d, said_d, workers=2)
    assert (again, same.tolist()) == (value, flips.tolist())


def test_negative_zero_is_zero() -> None:
    a = np.array([[0.0], [-0.0]] * 6)
    said = np.array([True, False] * 6)
    assert flip_test(a, said, np.array([[-0.0]]), np.array([True]))[0] == 1.0  # an even vote is negative


def test_the_interval_is_the_binomial_one_and_stays_within_bounds() -> None:
    low, high = interval(np.array([1] * 20 + [0] * 80, np.int8))
    half = 1.959963984540054 * np.sqrt(0.2 * 0.8 / 100)
    assert (low, high) == (pytest.approx(0.2 - half), pytest.approx(0.2 + half))
    assert interval(np.ones(10, np.int8)) == (1.0, 1.0)
