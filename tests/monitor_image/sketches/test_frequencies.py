"""Counts of texts, and what is left of them when there are too many."""

from __future__ import annotations

import pyarrow as pa
import pytest

from model_monitor.sketches.frequencies import CHARACTERS_KEPT, KEYS_KEPT, TEXTS_KEPT, Frequencies, KeyCounts


def texts(values: list[str | None]) -> Frequencies:
    return Frequencies.of(pa.array(values, pa.string()).dictionary_encode())


def test_texts_are_counted_and_nulls_are_not():
    assert texts(["a", None, "b", "a"]).counts == {"a": 2, "b": 1}


def test_entries_of_a_dictionary_that_no_cell_uses_do_not_exist():
    column = pa.DictionaryArray.from_arrays(pa.array([2, 2], pa.int32()), pa.array(["x", "y", "z"]))
    assert Frequencies.of(column).counts == {"z": 2}


def test_a_text_that_a_dictionary_holds_twice_is_one():
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), pa.array(["x", "x"]))
    assert Frequencies.of(column).counts == {"x": 2}


@pytest.mark.parametrize("empty", [None, pa.array([None], pa.string()).dictionary_encode()])
def test_a_column_without_texts_has_no_counts(empty):
    assert Frequencies.of(empty).counts == {}


def test_beyond_the_limit_only_the_number_of_different_texts_is_known():
    values = [f"id-{number}" for number in range(20_000)]
    whole, parts = texts(values), texts(values[:3_000]).merge(texts(values[3_000:6_000])).merge(texts(values[6_000:]))
    assert whole.counts is None
    assert whole.to_json() == parts.to_json()
    assert whole.distinct_count == pytest.approx(20_000, rel=0.05)


def test_the_limit_is_the_same_for_the_whole_and_for_the_sum_of_small_parts():
    values = [f"id-{number}" for number in range(TEXTS_KEPT + 1)]
    assert texts(values[:-1]).counts is not None
    assert texts(values[:2_000]).merge(texts(values[2_000:])).counts is None


def test_a_few_enormous_texts_do_not_fill_the_memory():
    assert texts(["x" * (CHARACTERS_KEPT + 1)]).counts is None


def test_keys_nobody_claims_are_bounded_and_which_are_kept_does_not_depend_on_the_cuts():
    keys = {f"key-{number}": number + 1 for number in range(3 * KEYS_KEPT)}
    items = list(keys.items())
    parts = KeyCounts.of(dict(items[:300])).merge(KeyCounts.of(dict(items[300:])))
    assert parts.to_json() == KeyCounts.of(keys).to_json()
    assert len(parts.counts) == KEYS_KEPT
    assert not parts.is_complete
    assert all(keys[key] == count for key, count in parts.counts.items())
