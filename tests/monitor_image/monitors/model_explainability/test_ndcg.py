"""The agreement of two rankings of attributions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.metrics import ndcg_score

from model_monitor.monitors.model_explainability.ndcg import ndcg

attributions = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.1, 0.4, 1.0, 2.5]), st.floats(0.0, 3.0)), min_size=2, max_size=12
).filter(lambda pairs: any(baseline for baseline, _ in pairs))


def test_the_documented_example_comes_out():
    sat, gpa, rank = 0.7, 0.5, 0.05
    assert ndcg(np.array([0.1, 0.2, 0.3]), np.array([sat, gpa, rank])) == pytest.approx(0.6876, abs=5e-5)


@given(pairs=attributions, is_swapped=st.booleans())
def test_it_is_what_scikit_learn_computes_ties_included(pairs, is_swapped):
    baseline, current = np.array(pairs).T[:: -1 if is_swapped else 1]
    if not baseline.any():
        return
    expected = ndcg_score(baseline[None], current[None])
    assert ndcg(current, baseline) == pytest.approx(expected, abs=1e-12)


def test_the_same_order_is_one_and_the_sign_does_not_matter():
    baseline = np.array([0.3, -0.2, 0.1])
    assert ndcg(np.array([-9.0, 5.0, 0.5]), baseline) == 1.0


def test_a_baseline_without_any_attribution_says_nothing():
    assert math.isnan(ndcg(np.ones(3), np.zeros(3)))
