"""Metrics of classifiers against scikit-learn, AWS's published runs and examples worked by hand."""

from __future__ import annotations

import csv
import json
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn import metrics as oracle

from model_monitor.monitors.model_quality import classification, subsamples
from tests.effort import examples

PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)
SCORED = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])), min_size=2, max_size=60)


def matrix(actual: list[int], predicted: list[int], classes: int) -> np.ndarray:
    return np.asarray(oracle.confusion_matrix(actual, predicted, labels=range(classes)), dtype=np.int64)


def by_score(scores: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    values, cells = np.unique(scores, return_inverse=True)
    positives = np.bincount(cells, weights=truth, minlength=len(values)).astype(np.int64)
    return values, np.bincount(cells, minlength=len(values)) - positives, positives


@given(pairs=PAIRS)
@settings(max_examples=examples(80))
def test_multiclass_metrics_agree_with_scikit_learn_even_when_classes_are_absent(pairs: list[tuple[int, int]]) -> None:
    actual, predicted = map(list, zip(*pairs, strict=True))
    values = classification.multiclass(matrix(actual, predicted, 4))
    kwargs = {"average": "weighted", "zero_division": 0}
    assert values["accuracy"] == pytest.approx(oracle.accuracy_score(actual, predicted), abs=1e-12)
    assert values["weighted_recall"] == pytest.approx(oracle.recall_score(actual, predicted, **kwargs), abs=1e-12)
    assert values["weighted_precision"] == pytest.approx(oracle.precision_score(actual, predicted, **kwargs), abs=1e-12)
    for name, beta in classification.BETAS.items():
        expected = oracle.fbeta_score(actual, predicted, beta=beta, **kwargs)
        assert values[f"weighted_{name}"] == pytest.approx(expected, abs=1e-12)


@given(pairs=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60))
@settings(max_examples=examples(80))
def test_binary_metrics_agree_with_scikit_learn_where_they_are_defined(pairs: list[tuple[int, int]]) -> None:
    actual, predicted = map(list, zip(*pairs, strict=True))
    values = classification.binary(matrix(actual, predicted, 2))
    if 1 not in actual:
        assert all(math.isnan(values[name]) for name in ("recall", "f1", "false_negative_rate"))
        return
    assert values["recall"] == pytest.approx(oracle.recall_score(actual, predicted))
    assert values["precision"] == pytest.approx(oracle.precision_score(actual, predicted, zero_division=0))
    for name, beta in classification.BETAS.items():
        expected = oracle.fbeta_score(actual, predicted, beta=beta, zero_division=0)
        assert values[name] == pytest.approx(expected, abs=1e-12)


@given(records=SCORED)
@settings(max_examples=examples(80))
def test_the_area_under_the_curve_agrees_with_scikit_learn_in_the_face_of_ties(
    records: list[tuple[bool, float]],
) -> None:
    truth, scores = (np.array(side) for side in zip(*records, strict=True))
    _, negatives, positives = by_score(scores, truth)
    area, curves = classification.area_under_roc(negatives, positives), classification.curves(negatives, positives)
    if truth.all() or not truth.any():
        assert math.isnan(area)
        assert curves is None
        return
    assert area == pytest.approx(oracle.roc_auc_score(truth, scores), abs=1e-12)
    assert curves is not None
    rates = oracle.roc_curve(truth, scores, drop_intermediate=False)
    assert curves.false_positive_rates[:-1] == pytest.approx(rates[0])
    assert curves.true_positive_rates[:-1] == pytest.approx(rates[1])
    precisions, recalls, _ = oracle.precision_recall_curve(truth, scores)
    assert curves.precisions[1:][::-1] == pytest.approx(precisions[:-1])
    assert curves.recalls[1:][::-1] == pytest.approx(recalls[:-1])
    assert len(curves.recalls) == len(negatives) + 1
    assert len(curves.true_positive_rates) == len(negatives) + 2


def test_the_best_constant_says_what_is_most_frequent_and_the_first_label_in_a_tie() -> None:
    assert classification.best_constant(np.array([[1, 2], [0, 9]])).tolist() == [[0, 3], [0, 9]]
    assert classification.best_constant(np.array([[1, 2], [3, 0]])).tolist() == [[3, 0], [3, 0]]


def test_deviations_repeat_and_need_two_hundred_records() -> None:
    few, enough = np.array([[99, 20], [30, 50]]), np.array([[99, 20], [30, 51]])
    assert all(math.isnan(value) for value in subsamples.deviations(few, classification.binary).values())
    found = subsamples.deviations(enough, classification.binary)
    assert found == subsamples.deviations(enough, classification.binary)
    share = classification.binary(enough)["accuracy"]
    by_theory = math.sqrt(share * (1 - share) / 160 * (1 - 160 / 199))
    assert 0.3 * by_theory < found["accuracy"] < 3 * by_theory


@pytest.mark.parametrize("scale", [1, 10, 10**6])
def test_deviations_have_the_size_that_sampling_theory_gives(scale: int) -> None:
    counts = np.array([[100, 20], [30, 50]]) * scale
    found = [subsamples.deviations(counts, classification.binary, seed=1000 * n)["accuracy"] for n in range(200)]
    by_theory = math.sqrt(0.75 * 0.25 * 0.2 / (160 * scale))  # (1 - f) / (f n): without replacement
    assert math.sqrt(np.mean(np.square(found))) == pytest.approx(by_theory, rel=0.15)


def test_the_churn_baseline_has_the_values_that_aws_published(shared: Path) -> None:
    folder = shared / "data" / "churn_model_quality"
    baseline = json.loads((folder / "expected.json").read_text())["baseline"]
    published = baseline["aws_published_values"]
    with (folder / "validation_with_predictions.csv").open() as file:
        rows = [(int(row["label"]), int(row["prediction"]), float(row["probability"])) for row in csv.DictReader(file)]
    actual, predicted, scores = map(np.array, zip(*rows, strict=True))
    counts = matrix(actual.tolist(), predicted.tolist(), 2)
    values = classification.binary(counts)
    values |= classification.named_constant(classification.binary(classification.best_constant(counts)))
    values["auc"] = classification.area_under_roc(*by_score(scores, actual)[1:])
    assert set(values) == set(published) - {"confusion_matrix"}
    for name, value in values.items():
        tolerance = 1e-6 if len(str(published[name])) <= 8 else 1e-9
        assert value == pytest.approx(published[name], abs=tolerance), name
    found = subsamples.deviations(counts, classification.binary)
    cells = np.stack(by_score(scores, actual)[1:])
    found |= subsamples.deviations(cells, lambda drawn: {"auc": classification.area_under_roc(*drawn)})
    for name, deviation in baseline["aws_published_standard_deviations_two_runs"]["2021-05-26"].items():
        if name in found:
            assert 0.4 * deviation <= found[name] <= 2.5 * deviation, name


def test_covertype_has_the_values_of_scikit_learn(shared: Path) -> None:
    expected = json.loads((shared / "data" / "covertype_multi_payload" / "expected.json").read_text())
    counts = np.array(expected["confusion_matrix_rows_actual_columns_predicted"])
    for name, value in classification.multiclass(counts).items():
        assert value == pytest.approx(expected[name], abs=1e-9), name
    constant = classification.multiclass(classification.best_constant(counts))["accuracy"]
    assert constant == pytest.approx(expected["accuracy_best_constant_classifier"], abs=1e-12)


def test_an_empty_window_has_no_quality_and_raises_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = classification.multiclass(np.zeros((2, 2), np.int64)) | classification.binary(
            np.zeros((2, 2), np.int64)
        )
    assert all(math.isnan(values[name]) for name in ("accuracy", "weighted_f1", "recall"))
