"""Sums of errors merge, and give the metrics of the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn import metrics as oracle

from model_monitor.monitors.model_quality.regression import regression
from model_monitor.monitors.model_quality.residuals import Residuals

NUMBERS = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))


@given(records=st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=40), cut=st.integers(0, 40))
def test_merged_parts_have_the_errors_that_scikit_learn_finds_in_the_whole(
    records: list[tuple[float, float]], cut: int
) -> None:
    truth, predicted = np.array(records).T
    found = Residuals.of(truth[:cut], predicted[:cut]).merge(Residuals.of(truth[cut:], predicted[cut:]))
    values = regression(found.truth.count, found.absolute.sum, found.squared, found.truth.m2)
    assert values["mae"] == pytest.approx(oracle.mean_absolute_error(truth, predicted), rel=1e-9, abs=1e-9)
    assert values["mse"] == pytest.approx(oracle.mean_squared_error(truth, predicted), rel=1e-9, abs=1e-9)
    assert Residuals.from_json(found.to_json()) == found
    assert found.merge(Residuals()) == Residuals().merge(found) == found
