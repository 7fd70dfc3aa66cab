"""What chance explains of new values, against simulation; records that come in groups."""

from __future__ import annotations

import numpy as np
import pytest

from model_monitor.monitors.data_quality.text_comparison import group_size, unseen, unseen_evidence
from model_monitor.sketches.texts import TextStatistics, of_categories

RUNS = 20_000


def statistics(texts: list[str]) -> TextStatistics:
    names, counts = np.unique(texts, return_counts=True)
    return of_categories(dict(zip(names.tolist(), counts.tolist(), strict=True)), {}, None)


def shuffled(pooled: np.ndarray, n: int) -> np.ndarray:
    """Records of the window whose value is not in the baseline, in many deals of the same records."""
    random = np.random.default_rng(1)
    draws = random.multivariate_hypergeometric(pooled, n, size=RUNS)
    return np.where(draws == pooled, draws, 0).sum(axis=1)


@pytest.mark.parametrize("pooled", [[1] * 40 + [5] * 20 + [300], [1] * 400, [2] * 200, [3, 4, 5] * 30 + [100]])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_chance_of_new_values_is_never_told_too_small_and_beside_a_large_baseline_hardly_too_large(pooled, share):
    counts = np.array(pooled)
    n = round(share * counts.sum())
    dealt = shuffled(counts, n)
    for count in sorted(set(np.quantile(dealt, [0.5, 0.9, 0.99, 0.999]).astype(int).tolist())):
        true = float((dealt >= count).mean())
        told = unseen_evidence(count, counts, n, int(counts.sum()) - n).p_value
        assert told >= true - 3 * np.sqrt(true / RUNS)
        assert told <= 20 * true or share == 0.5  # where both sides are as large, what ties values together is lost


def test_the_allowance_is_where_the_chance_falls_to_the_level():
    pooled = np.array([1] * 50 + [10] * 100)
    evidence = unseen_evidence(30, pooled, 200, 850)
    allowed = evidence.allowed(1e-3)
    assert allowed is not None
    assert unseen_evidence(int(np.ceil(allowed * 200)), pooled, 200, 850).p_value <= 1e-3
    assert unseen_evidence(int(allowed * 200) - 1, pooled, 200, 850).p_value > 1e-3


def test_independent_records_come_one_by_one():
    random = np.random.default_rng(2)
    then = statistics([f"v{number}" for number in random.integers(0, 2_000, 20_000)])
    for size in (40, 300, 2_000):
        now = statistics([f"v{number}" for number in random.integers(0, 2_000, size)])
        assert group_size(now, then) < 1.1


@pytest.mark.parametrize("size", [300, 3_000])
def test_the_size_of_groups_is_found(size):
    then = statistics([f"then{number // 5}" for number in range(3_000)])
    now = statistics([f"now{number // 5}" for number in range(size)])
    assert group_size(now, then) == pytest.approx(5, rel=0.02)


@pytest.mark.parametrize("left", [0, 150])
def test_a_value_that_takes_over_is_no_group(left):
    random = np.random.default_rng(4)
    then = statistics([f"v{number}" for number in random.integers(0, 2_000, 20_000)])
    now = statistics(["new"] * 150 + [f"v{number}" for number in random.integers(0, 2_000, left)])
    assert group_size(now, then) < 1.1


def test_the_share_of_new_values_is_estimated_from_the_values_both_know_of():
    from dataclasses import replace

    random = np.random.default_rng(3)
    then = statistics([f"v{number}" for number in random.integers(0, 20_000, 200_000)])
    now = statistics([f"v{number}" for number in random.integers(0, 25_000, 20_000)])
    assert then.sample is not None
    whole, part = unseen(now, then), unseen(now, replace(then, sample=then.sample.smallest(5_000)))
    assert whole is not None
    assert part is not None
    assert whole.share == pytest.approx(0.2, abs=0.01)
    assert part.share == pytest.approx(whole.share, abs=0.02)
