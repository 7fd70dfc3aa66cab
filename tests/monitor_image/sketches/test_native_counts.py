"""Whole numbers counted by the compiled reader, against the profile that numpy makes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from model_monitor.sketches import numbers as module
from model_monitor.sketches.numbers import SMALL_RANGE, Numbers
from tests.effort import examples

pytestmark = pytest.mark.usefixtures("native")
WHOLE = st.one_of(st.integers(0, 9), st.integers(-70_000, 70_000), st.integers(-(2**63), 2**63 - 1))
DOUBLE = st.one_of(st.just(np.nan), st.integers(-3, 3), st.integers(-70_000, 70_000), st.floats(allow_nan=False))


def with_numpy(values: np.ndarray, present: int) -> Numbers:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_native", None)
        return Numbers.of(values, present)


def assert_same(values: np.ndarray, present: int) -> None:
    found, expected = Numbers.of(values, present), with_numpy(values, present)
    assert repr(found.to_json()) == repr(expected.to_json())  # as text, where NaN is itself


@settings(deadline=None, max_examples=examples(300))
@given(values=st.lists(WHOLE, min_size=1, max_size=60))
@example(values=[2**53, 2**53 + 1])
@example(values=[-(2**53), 0])
@example(values=[-(2**63), 2**63 - 1])
@example(values=[0, SMALL_RANGE, SMALL_RANGE + 1])
def test_whole_numbers(values: list[int]) -> None:
    assert_same(np.array(values, np.int64), len(values))


@settings(deadline=None, max_examples=examples(300))
@given(values=st.lists(DOUBLE, min_size=1, max_size=60))
@example(values=[np.nan, -0.0, 0.0])
@example(values=[np.nan, SMALL_RANGE])
@example(values=[np.nan, 1 - SMALL_RANGE, SMALL_RANGE - 1])
@example(values=[np.nan, np.inf])
@example(values=[np.nan, 0.5])
@example(values=[np.nan])
def test_doubles_beside_missing_cells(values: list[float]) -> None:
    cells = np.array(values, np.float64)
    assert_same(cells, int((~np.isnan(cells)).sum()))


@pytest.mark.parametrize("missing", [0.0, 0.02])
@pytest.mark.parametrize("highest", [1, 9, 2_000, 50_000])
def test_columns_longer_than_what_is_looked_at_together(highest: int, missing: float) -> None:
    rng = np.random.default_rng(highest)
    whole = rng.integers(-highest, highest, 10_007, endpoint=True)
    assert_same(whole, whole.size)
    cells = np.where(rng.random(whole.size) < missing, np.nan, whole)
    assert_same(cells, int((~np.isnan(cells)).sum()))


def test_the_compiled_counter_is_asked(native) -> None:
    values, counts = native.count_whole(np.array([3, 5, 3]), False)
    assert np.frombuffer(values).tolist() == [3.0, 5.0]
    assert np.frombuffer(counts, np.int64).tolist() == [2, 1]
    assert native.count_whole(np.array([0.5, np.nan]), True) is None
    assert native.count_whole(np.array([], np.int64), False) is None
