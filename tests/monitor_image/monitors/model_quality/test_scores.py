"""Scores by truth: exact while they are few, and off by no more than they say when they are many."""

from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st
from sklearn.metrics import roc_auc_score

from model_monitor.monitors.model_quality import scores
from model_monitor.monitors.model_quality.classification import area_under_roc
from model_monitor.monitors.model_quality.scores import Scores

RECORDS = st.lists(st.tuples(st.floats(allow_nan=False, width=32), st.booleans()), max_size=60)


def count(records: list[tuple[float, bool]], limit: int = scores.SCORES_KEPT) -> Scores:
    values, truth = (np.array([record[side] for record in records], kind) for side, kind in ((0, float), (1, bool)))
    return Scores.of(values, truth, limit)


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
    limit = max(kept, 2)  # the sign is never joined
    whole = count(records, limit)
    assert whole.keys.size <= limit
    assert whole.negatives.sum() + whole.positives.sum() == len(records)
    assert count(records[:cut], limit).merge(count(records[cut:], limit)) == whole
    assert Scores.from_json(whole.to_json()) == whole
    if records:
        assert whole.merge(Scores()) == Scores().merge(whole) == whole


@given(records=RECORDS, limit=st.sampled_from([2, 3, 8]))
def test_no_more_bits_are_dropped_than_needed(records: list[tuple[float, bool]], limit: int) -> None:
    found, exact = count(records, limit), count(records)
    assert (found.shift == 0) == (exact.keys.size <= limit)
    if found.shift:
        assert np.unique(exact.keys >> (found.shift - 1)).size > limit


def test_of_many_scores_the_area_is_within_its_stated_error() -> None:
    source = np.random.default_rng(4)
    truth = source.random(300_000) < 0.2
    values = source.beta(2, 5, truth.size) + 0.1 * truth
    found = Scores.of(values, truth)
    exact = roc_auc_score(truth, values)
    assert found.keys.size <= scores.SCORES_KEPT
    assert 0 < found.area_error < 1e-4
    assert abs(area_under_roc(found.negatives, found.positives) - exact) <= found.area_error
