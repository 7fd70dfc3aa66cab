"""Metrics of regressions against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from sklearn import metrics as oracle

from model_monitor.monitors.model_quality.regression import regression
from tests.effort import examples

NUMBERS = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))


@given(records=st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=50))
@settings(max_examples=examples(80))
def test_regression_metrics_agree_with_scikit_learn(records: list[tuple[float, float]]) -> None:
    truth, predicted = (np.array(side) for side in zip(*records, strict=True))
    assume(np.ptp(truth) > 1e-2)
    error = truth - predicted
    squares = float(((truth - truth.mean()) ** 2).sum())
    values = regression(len(truth), float(np.abs(error).sum()), float((error**2).sum()), squares)
    assert values["mae"] == pytest.approx(oracle.mean_absolute_error(truth, predicted), rel=1e-9)
    assert values["mse"] == pytest.approx(oracle.mean_squared_error(truth, predicted), rel=1e-9)
    assert values["rmse"] == pytest.approx(oracle.root_mean_squared_error(truth, predicted), rel=1e-9)
    assert values["r2"] == pytest.approx(oracle.r2_score(truth, predicted), rel=1e-9)


def test_a_truth_that_never_varies_leaves_the_explained_share_undefined() -> None:
    assert math.isnan(regression(3, 1.0, 1.0, 0.0)["r2"])
    assert regression(3, 1.5, 0.75, 0.0)["rmse"] == 0.5


def test_no_records_have_no_error() -> None:
    assert all(math.isnan(value) for value in regression(0, 0.0, 0.0, 0.0).values())
