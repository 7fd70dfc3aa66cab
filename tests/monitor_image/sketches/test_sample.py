"""The sample of records that a model is asked about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import orjson
import pytest
from hypothesis import given, strategies as st

from model_monitor.schema import Events
from model_monitor.sketches.sample import RecordSample
from tests.strategies import NAMES, records
from tests.tables import table


def rows_of(found, ids=None):
    rows = table({name: [record[i] for record in found] for i, name in enumerate(NAMES)})
    if ids is None:
        return rows
    count = np.ones(len(found), np.int64)
    return replace(rows, events=Events(tuple(ids), -count, count), payload_index=count - 1)


@given(found=records(), cut=st.integers(0, 60), limit=st.integers(1, 70), has_ids=st.booleans())
def test_a_whole_is_the_merge_of_its_parts_at_any_limit(found, cut, limit, has_ids):
    ids = [str(i % 7) for i in range(len(found))] if has_ids else None
    halves = [
        RecordSample.of(rows_of(part, known), limit, 3, keeps_names=has_ids) for part, known in _cut(found, ids, cut)
    ]
    whole = RecordSample.of(rows_of(found, ids), limit, 3, keeps_names=has_ids)
    assert halves[0].merge(halves[1]).to_json() == whole.to_json()


def _cut(found, ids, at):
    return [(found[part], None if ids is None else ids[part]) for part in (slice(None, at), slice(at, None))]


def test_records_that_fit_are_all_there_and_alike_ones_are_counted():
    sample = RecordSample.of(rows_of([(1, 2.5, "x", None)] * 3 + [(0, None, "y", 4)]), 10, 0)
    assert sample.seen == 4
    assert sample.is_whole
    assert dict(zip(map(tuple, sample.matrix.tolist()), sample.counts.tolist(), strict=True)) == {
        (1.0, 2.5, "x", None): 3,
        (0.0, None, "y", 4.0): 1,
    }
    assert sample.fractions.tolist() == [False, True, False, False]


def test_a_missing_value_is_not_a_zero():
    sample = RecordSample.of(rows_of([(0, 0.0, None, None), (None, None, None, None)]), 10, 0)
    assert len(sample.counts) == 2


def test_records_are_told_apart_by_their_events_and_alike_ones_of_one_event_are_not():
    same = (1, 1.0, "x", 1)
    assert len(RecordSample.of(rows_of([same, same, same], ["a", "b", "b"]), 10, 0).counts) == 2


def test_the_names_of_records_stay_with_their_cells():
    found = [(None, float(i), None, None) for i in range(300)]
    sample = RecordSample.of(rows_of(found, [f"id{i}" for i in range(300)]), 50, 1, keeps_names=True)
    assert [f"id{int(value)}" for value in sample.matrix[:, 1]] == sample.names[:, 0].tolist()
    assert RecordSample.of(rows_of(found), 50, 1, keeps_names=True).names is None


def test_many_alike_records_do_not_hide_the_others():
    found = [(None, float(i % 7 if i < 5000 else i), None, None) for i in range(5100)]
    sample = RecordSample.of(rows_of(found), 20, 1)
    assert len(sample.counts) == 20
    assert len(RecordSample.of(rows_of(found[:5000]), 20, 1).counts) == 7


@pytest.mark.parametrize("has_ids", [True, False])
def test_every_record_has_the_same_chance(has_ids):
    found = [(None, float(i), None, None) for i in range(4000)]
    sample = RecordSample.of(rows_of(found, [f"id{i}" for i in range(4000)] if has_ids else None), 400, 1)
    values = sample.matrix[:, 1].astype(float)
    assert len(values) == 400
    assert abs(values.mean() - 1999.5) < 4 * 1155 / 20
    other = RecordSample.of(rows_of(found), 400, 2).matrix[:, 1].astype(float)
    assert 10 < len(set(values) & set(other)) < 90  # another seed, another sample


def test_numbers_alone_are_a_matrix_of_doubles_after_json_too():
    sample = RecordSample.of(rows_of([(1, 2.0, None, None), (0, None, None, None)]), 5, 0)
    again = RecordSample.from_json(orjson.loads(orjson.dumps(sample.to_json())))
    assert sample.matrix.dtype == again.matrix.dtype == np.float64
    assert np.isnan(again.matrix[:, 2]).all()
