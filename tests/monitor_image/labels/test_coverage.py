"""What a join lost is told the same however the predictions were cut."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, strategies as st

from model_monitor.labels.coverage import Coverage

DAY = 86400
FOUND = st.lists(st.tuples(st.integers(-1, 9), st.integers(-1, 200 * DAY)), max_size=30)


def cover(records: list[tuple[int, int]], variant: str = "a") -> Coverage:
    found, times = np.array(records, np.int64).reshape(-1, 2).T
    return Coverage.of(found, 10, times, 200 * DAY, variant)


def test_losses_are_told_on_both_sides_by_variant_and_age() -> None:
    coverage = cover([(3, 0), (3, 5), (-1, 200 * DAY - 3600), (-1, 0), (-1, -1)]).merge(cover([(4, 0)], "b"))
    assert coverage.matched == Counter({"a": 2, "b": 1})
    assert coverage.unlabelled == Counter(
        {("a", "under 1 day"): 1, ("a", "90 days or more"): 1, ("a", "unknown"): 1},
    )
    assert (coverage.predictions, coverage.share, coverage.unused(10)) == (6, 0.5, 8)


def test_nothing_predicted_has_no_share() -> None:
    assert Coverage().share is None
    assert Coverage().unused(7) == 7


@given(records=FOUND, cut=st.integers(0, 30))
def test_a_whole_is_the_merge_of_its_parts_and_survives_json(records: list[tuple[int, int]], cut: int) -> None:
    whole = cover(records)
    assert cover(records[:cut]).merge(cover(records[cut:])) == whole
    assert Coverage.from_json(whole.to_json()) == whole
    assert whole.merge(Coverage()) == Coverage().merge(whole) == whole
