"""Standard errors against finite differences, an area's variance taken pair by pair, and samples drawn again and again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn import metrics as sk

from model_monitor.contract import ProblemType
from model_monitor.monitors.model_quality import classification, standard_errors
from model_monitor.monitors.model_quality.regression import regression
from model_monitor.monitors.model_quality.residuals import Residuals, Sizes
from model_monitor.monitors.model_quality.scores import Scores

BINARY, MULTICLASS = ProblemType.BINARY, ProblemType.MULTICLASS
Measure = Callable[[np.ndarray], Mapping[str, float]]

matrices = st.integers(2, 5).flatmap(
    lambda size: st.lists(st.integers(1, 400), min_size=size * size, max_size=size * size).map(
        lambda cells: np.array(cells, np.int64).reshape(size, size)
    )
)


def by_differences(counts: np.ndarray, measure: Measure, name: str, step: float = 1e-3) -> float:
    """The delta method with numerical derivatives: variance of a multinomial sample, pushed through the metric."""
    shares, total = counts / counts.sum(), counts.sum()
    slopes = np.zeros(counts.size)
    for cell in range(counts.size):
        move = np.zeros(counts.size)
        move[cell] = step
        up, down = (measure(counts + sign * move.reshape(counts.shape))[name] for sign in (1, -1))
        slopes[cell] = (up - down) / (2 * step) * total
    mean = slopes @ shares.ravel()
    return math.sqrt(((slopes - mean) ** 2 @ shares.ravel()) / total)


@given(counts=matrices)
def test_errors_of_many_classes_are_those_of_the_delta_method(counts: np.ndarray) -> None:
    found = standard_errors.of_counts(counts, MULTICLASS)
    assert found.keys() == classification.multiclass(counts).keys()
    for name, error in found.items():
        assert error == pytest.approx(by_differences(counts, classification.multiclass, name), rel=1e-4, abs=1e-9), name


@given(counts=matrices.filter(lambda counts: len(counts) == 2))
def test_errors_of_two_classes_are_those_of_the_delta_method(counts: np.ndarray) -> None:
    """Of a rate the delta method says the same as its own denominator does."""
    found = standard_errors.of_counts(counts, BINARY)
    assert found.keys() == classification.binary(counts).keys()
    for name, error in found.items():
        assert error == pytest.approx(by_differences(counts, classification.binary, name), rel=1e-4, abs=1e-9), name


def test_a_share_has_the_error_of_its_own_denominator() -> None:
    found = standard_errors.of_counts(np.array([[800, 100], [20, 80]]), BINARY)
    assert found["recall"] == pytest.approx(math.sqrt(0.8 * 0.2 / 100))
    assert found["precision"] == pytest.approx(math.sqrt(80 / 180 * 100 / 180 / 180))
    assert standard_errors.sizes(np.array([[800, 100], [20, 80]]), BINARY) == {
        **{"recall": 100, "true_positive_rate": 100, "false_negative_rate": 100},
        **{"true_negative_rate": 900, "false_positive_rate": 900, "precision": 180, "accuracy": 1000},
        **dict.fromkeys(("f0_5", "f1", "f2"), 200),
    }


def test_a_metric_of_no_record_has_no_error() -> None:
    found = standard_errors.of_counts(np.array([[9, 0], [0, 0]]), BINARY)
    assert math.isnan(found["recall"])
    assert math.isnan(found["precision"])
    assert found["accuracy"] == 0.0
    assert math.isnan(standard_errors.of_area(np.array([3, 1]), np.array([1, 0])))
    assert all(math.isnan(error) for error in standard_errors.of_residuals(Residuals()).values())


scored = st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.3, 0.5, 0.8])), min_size=4, max_size=60)


@given(records=scored.filter(lambda records: 2 <= sum(is_positive for is_positive, _ in records) <= len(records) - 2))
def test_the_error_of_an_area_is_delongs(records: list[tuple[bool, float]]) -> None:
    """DeLong's two variances from every pair of a positive and a negative."""
    is_positive, score = (np.array(column) for column in zip(*records, strict=True))
    pairs = np.sign(score[is_positive][:, None] - score[~is_positive][None, :]) / 2 + 0.5
    by_positive, by_negative = pairs.mean(axis=1), pairs.mean(axis=0)
    expected = math.sqrt(by_positive.var(ddof=1) / by_positive.size + by_negative.var(ddof=1) / by_negative.size)
    counts = Scores.of(score, is_positive)
    assert standard_errors.of_area(counts.negatives, counts.positives) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    influence = standard_errors.area_influences(counts.negatives, counts.positives)
    table = np.stack([counts.negatives, counts.positives])
    assert (influence * table).sum(axis=1) == pytest.approx([0.0, 0.0], abs=1e-9)


def drawn_again(truth: np.ndarray, said: np.ndarray, measure: Callable[..., float], times: int = 1500) -> float:
    random = np.random.Generator(np.random.PCG64(3))
    picks = random.integers(0, truth.size, (times, truth.size))
    return float(np.std([measure(truth[pick], said[pick]) for pick in picks]))


@pytest.mark.parametrize("name", ["mae", "mse", "rmse", "r2"])
def test_errors_of_a_regression_are_those_of_samples_drawn_again(name: str) -> None:
    random = np.random.Generator(np.random.PCG64(5))
    truth = np.exp(random.normal(0, 0.5, 400)) * 10 + 1000
    said = truth + random.normal(0, 2, 400) * (truth - 1000) / 10
    oracle = {
        "mae": sk.mean_absolute_error,
        "mse": sk.mean_squared_error,
        "rmse": lambda a, b: math.sqrt(sk.mean_squared_error(a, b)),
        "r2": sk.r2_score,
    }[name]
    found = standard_errors.of_residuals(Residuals.of(truth, said))[name]
    assert found == pytest.approx(drawn_again(truth, said, oracle), rel=0.08)


@pytest.mark.parametrize("cut", [0, 1, 57, 399, 400])
def test_errors_of_a_regression_merge(cut: int) -> None:
    random = np.random.Generator(np.random.PCG64(6))
    truth = random.normal(1e4, 3, 400)
    said = truth + random.standard_t(3, 400)
    whole = Residuals.of(truth, said)
    parts = Residuals.of(truth[:cut], said[:cut]).merge(Residuals.of(truth[cut:], said[cut:]))
    assert standard_errors.of_residuals(parts) == pytest.approx(standard_errors.of_residuals(whole), rel=1e-9)
    assert parts.sizes == whole.sizes
    assert Residuals.from_json(parts.to_json()) == parts


def test_joint_sums_are_those_of_the_truth_about_its_mean() -> None:
    random = np.random.Generator(np.random.PCG64(7))
    truth, said = random.normal(5, 2, 90), random.normal(5, 2, 90)
    parts = [Residuals.of(truth[part], said[part]) for part in (slice(0, 20), slice(20, 50), slice(50, 90))]
    found = parts[0].merge(parts[1].merge(parts[2])).joint
    away, squares = truth - truth.mean(), (truth - said) ** 2
    assert (found.cubes, found.fourths) == pytest.approx(((away**3).sum(), (away**4).sum()))
    assert (found.squares_by_one, found.squares_by_square) == pytest.approx(
        ((squares * away).sum(), (squares * away**2).sum())
    )
    assert regression(90, 0.0, float(squares.sum()), float((away**2).sum()))["r2"] == pytest.approx(
        sk.r2_score(truth, said)
    )


@given(numbers=st.lists(st.floats(0, 1e300), min_size=1, max_size=30))
def test_a_size_is_known_to_six_per_cent(numbers: list[float]) -> None:
    sizes = Sizes.of(np.array(numbers))
    told = np.repeat(Sizes.values(list(sizes.counts)), list(sizes.counts.values()))
    assert np.sort(told) == pytest.approx(np.sort(numbers), rel=0.04, abs=1e-300)
