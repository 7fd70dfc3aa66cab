"""Kept rows: what is kept, how it merges, and which rows are a sample of too many."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
from hypothesis import given, strategies as st

from model_monitor.schema import Events, Rows, Truth
from model_monitor.sketches.kept import KeptRows, Values
from tests.strategies import NAMES, records
from tests.tables import table

COLUMNS = ("amount", "code", "anything", "prediction", "score", "label", "event_id", "payload_index", "time", "variant")
LIMITS = st.sampled_from([1, 3, 10, 1000])


def rows_of(found: list[tuple[Any, ...]], first: int = 0, *, has_ids: bool = True) -> Rows:
    """Records of `records()`, each an event of its own, with roles and labels."""
    columns = {name: [record[i] for record in found] for i, name in enumerate(NAMES)}
    rows, n = table(columns), len(found)
    words = ("1", "no")
    truth = Truth(np.array([(first + i) % 3 - 1 for i in range(n)], np.int32), words, np.arange(n), n)
    events = Events(
        tuple(f"e{(first + i) % 17}" for i in range(n)), np.arange(first, first + n) - 1, np.ones(n, np.int64), "blue"
    )
    return replace(
        rows,
        events=events if has_ids else Events(),
        payload_index=np.zeros(n, np.int64) if has_ids else np.empty(0, np.int64),
        prediction=rows.features[0],
        score=rows.features[1],
        truth=truth,
    )


def kept(found: list[Any], first: int = 0, limit: int = 1000, **changes: Any) -> KeptRows:
    return KeptRows.of(rows_of(found, first, **changes), COLUMNS, limit)


@given(found=records(), cut=st.integers(0, 60), limit=LIMITS, has_ids=st.booleans())
def test_a_whole_is_the_merge_of_its_parts_also_above_the_limit(found, cut, limit, has_ids):
    whole = kept(found, limit=limit, has_ids=has_ids)
    parts = [
        kept(found[:cut], limit=limit, has_ids=has_ids),
        kept(found[cut:], min(cut, len(found)), limit, has_ids=has_ids),
    ]
    assert parts[0].merge(parts[1]).to_json() == whole.to_json()


@given(found=records(), cuts=st.tuples(st.integers(0, 60), st.integers(0, 60)), limit=LIMITS)
def test_regrouping_the_parts_agrees_also_above_the_limit(found, cuts, limit):
    low, high = sorted(min(cut, len(found)) for cut in cuts)
    a, b, c = kept(found[:low], 0, limit), kept(found[low:high], low, limit), kept(found[high:], high, limit)
    assert a.merge(b).merge(c).to_json() == a.merge(b.merge(c)).to_json()


@given(found=records(), limit=LIMITS)
def test_kept_rows_survive_json_and_the_way_to_another_process(found, limit):
    content = kept(found, limit=limit).to_json()
    written = orjson.dumps(content)
    assert orjson.dumps(KeptRows.from_json(orjson.loads(written)).to_json()) == written
    assert pickle.loads(pickle.dumps(kept(found, limit=limit))).to_json() == content


@given(found=records())
def test_every_cell_is_kept_as_it_was(found):
    content = kept(found).to_json()["columns"]
    expected = [None if r[1] is None else float(r[1]) for r in found]
    assert content["amount"] == content["score"] == expected
    assert content["code"] == [r[2] for r in found]
    assert content["label"] == [(None, 1.0, "no")[i % 3] for i in range(len(found))]
    assert content["event_id"] == [f"e{i % 17}" for i in range(len(found))]
    assert content["time"] == [None if i == 0 else float(i - 1) for i in range(len(found))]
    assert content["variant"] == ["blue"] * len(found)


def test_at_most_the_limit_is_kept_and_which_rows_does_not_depend_on_the_order_of_files():
    found = [(0, float(i), "x", i) for i in range(400)]
    rows = [kept([record], i, 40) for i, record in enumerate(found)]
    forward, backward = rows[0], rows[-1]
    for each in rows[1:]:
        forward = forward.merge(each)
    for each in reversed(rows[:-1]):
        backward = backward.merge(each)
    assert forward.is_sample
    assert (forward.seen, forward.settled().rows) == (400, 40)
    assert forward.rows <= 80
    keys = [set(each.to_json()["keys"]) for each in (forward, backward)]
    assert keys[0] == keys[1]


def test_captures_of_one_key_are_sampled_together():
    found = [(0, float(i), "x", i) for i in range(17 * 30)]
    sample = kept(found, limit=3 * 30)  # 17 keys, 30 captures of each
    ids = sample.to_json()["columns"]["event_id"]
    assert {ids.count(one) for one in ids} == {30}


def test_a_sample_is_close_to_uniform():
    found = [(0, float(i), "x", i) for i in range(20_000)]
    rows = KeptRows.of(replace(rows_of(found, has_ids=False)), ("amount",), 2_000)
    amounts = np.array(rows.to_json()["columns"]["amount"])
    assert abs(amounts.mean() - 9_999.5) < 3 * 20_000 / np.sqrt(12 * 2_000)


def test_words_that_no_kept_row_has_are_dropped():
    values = Values(None, np.array([0, 1, -1, 2], np.int32), ("a", "b", "c")).take(np.array([1, 2]))
    assert values.words == ("b",)
    assert values.cells(2) == ["b", None]


def test_a_name_that_is_no_column_is_missing_everywhere():
    assert KeptRows.of(rows_of([(1, 1.0, "x", 1)]), ("nothing",), 10).to_json()["columns"] == {"nothing": [None]}
