"""Scores by truth: exact while they are few, and off by no more than they say when they are many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from model_monitor.metrics.classification import area_under_roc
from model_monitor.profiles import scores
from model_monitor.profiles.scores import Scores

RECORDS = st.lists(st.tuples(st.floats(allow_nan=False, width=32), st.booleans()), max_size=60)


def count(records: list[tuple[float, bool]]) -> Scores:
    return Scores.of(np.array([score for score, _ in records], float), np.array([truth for _, truth in records], bool))


@given(records=RECORDS)
def test_scores_stay_in_their_order_and_exact(records: list[tuple[float, bool]]) -> None:
    found = count(records)
    assert found.values.tolist() == sorted({score for score, _ in records})
    for score, negatives, positives in zip(found.values, found.negatives, found.positives, strict=True):
        assert [(s, t) for s, t in records if s == score].count((score, True)) == positives
        assert sum(s == score for s, _ in records) == negatives + positives
    assert found.area_error == 0.0


@given(records=RECORDS, cut=st.integers(0, 60), kept=st.sampled_from([1, 3, 8, 65536]))
def test_a_whole_is_the_merge_of_its_parts_even_when_scores_are_joined(
    records: list[tuple[float, bool]], cut: int, kept: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "SCORES_KEPT", max(kept, 2))  # the sign is never joined
        whole = count(records)
        assert count(records[:cut]).merge(count(records[cut:])) == whole
    assert Scores.from_json(whole.to_json()) == whole
    assert whole.merge(Scores()) == Scores().merge(whole) == whole


def test_of_many_scores_the_area_is_within_its_stated_error() -> None:
    source = np.random.default_rng(4)
    truth = source.random(300_000) < 0.2
    values = source.beta(2, 5, truth.size) + 0.1 * truth
    found = Scores.of(values, truth)
    exact = roc_auc_score(truth, values)
    assert found.keys.size <= scores.SCORES_KEPT
    assert 0 < found.area_error < 1e-4
    assert abs(area_under_roc(found.negatives, found.positives) - exact) <= found.area_error
