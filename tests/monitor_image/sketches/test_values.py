"""Counts by hash: which values are kept, and that no cut of the records makes a difference."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
from hypothesis import given, strategies as st

from model_monitor.sketches import values as module
from model_monitor.sketches.values import ALL_HASHES, Values

FEW = 8  # values kept in these tests

records = st.lists(st.integers(0, 30).map(lambda value: value * (ALL_HASHES // 31)), max_size=80)


def of(found: list[int]) -> Values:
    return Values.of(np.array(found, np.uint64), np.ones(len(found), np.int64))


@given(records, st.integers(0, 80), st.integers(0, 80))
def test_every_cut_and_order_of_the_records_gives_the_same(found: list[int], one: int, other: int) -> None:
    with patch.object(module, "VALUES_KEPT", FEW):
        low, high = sorted((one, other))
        a, b, c = (of(part) for part in (found[:low], found[low:high], found[high:]))
        whole = of(found).to_json()
        assert a.merge(b).merge(c).to_json() == whole
        assert a.merge(b.merge(c)).to_json() == whole
        assert c.merge(a).merge(b).to_json() == whole


@given(records)
def test_kept_values_have_exact_counts_and_are_those_below_the_limit(found: list[int]) -> None:
    with patch.object(module, "VALUES_KEPT", FEW):
        values = of(found)
        expected = {hash_: found.count(hash_) for hash_ in sorted(set(found)) if hash_ < values.limit}
        assert dict(zip(values.hashes.tolist(), values.counts.tolist(), strict=True)) == expected
        assert values.total == len(found)
        assert (values.limit == ALL_HASHES) == (len(set(found)) <= FEW)


@given(records)
def test_values_survive_json_exactly(found: list[int]) -> None:
    with patch.object(module, "VALUES_KEPT", FEW):
        content = of(found).to_json()
        assert Values.from_json(content).to_json() == content
