"""What was read: counts that merge, and repeats that do not depend on the cuts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import orjson
from hypothesis import given, strategies as st

from model_monitor.schema import Column, Events, Reject, Rejects, Rows, Schema
from model_monitor.sketches.reading import KEYS_KEPT, Reading, RepeatedKeys

EVENTS = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 4)), max_size=30)  # (id, records)


def rows_of(events: list[tuple[int, int]], variant: str = "AllTraffic") -> Rows:
    records = np.array([count for _, count in events], np.int64)
    return Rows(
        schema=Schema(),
        count=int(records.sum()),
        features=(Column(np.zeros(5, np.int64)),)[:0],
        events=Events(
            ids=tuple(f"id-{identity}" for identity, _ in events),
            times=np.array([1_000 + identity for identity, _ in events], np.int64),
            records=records,
            variant=variant,
        ),
        payload_index=np.concatenate([np.arange(count) for count in records] or [np.empty(0, np.int64)]),
    )


@given(EVENTS, st.integers(0, 30))
def test_a_whole_is_the_merge_of_its_parts(events, cut):
    whole = Reading.of(rows_of(events))
    parts = Reading.of(rows_of(events[:cut])).merge(Reading.of(rows_of(events[cut:])))
    assert parts.to_json() == whole.to_json()


@given(EVENTS)
def test_the_empty_reading_is_the_identity(events):
    reading = Reading.of(rows_of(events))
    assert Reading().merge(reading).to_json() == reading.merge(Reading()).to_json() == reading.to_json()


@given(EVENTS)
def test_json_gives_the_same_reading_back(events):
    reading = Reading.of(rows_of(events))
    assert Reading.from_json(orjson.loads(orjson.dumps(reading.to_json()))).to_json() == reading.to_json()


@given(EVENTS)
def test_repeats_are_exact_while_keys_are_few(events):
    seen = Counter((identity, index) for identity, count in events for index in range(count))
    assert Reading.of(rows_of(events)).repeats == seen.total() - len(seen)


def test_repeats_are_estimated_within_two_percent_of_the_records_when_keys_are_many():
    keys = 3 * KEYS_KEPT
    once = [(identity, 1) for identity in range(keys)]
    reading = Reading.of(rows_of(once + once[: keys // 2]))
    assert abs(reading.repeats - keys // 2) < 0.02 * reading.records
    assert Reading.of(rows_of(once)).repeats == 0


def test_rows_of_a_plain_dataset_have_no_events_and_no_repeats():
    reading = Reading.of(Rows(schema=Schema(), count=5, features=()))
    assert (reading.records, reading.events, reading.repeats, reading.first_time) == (5, 0, 0, None)


def test_variants_times_and_rejects_are_kept():
    blue = Reading.of(rows_of([(1, 2), (5, 1)], "blue"))
    rejects = Rejects(Counter({"not JSON": 1}), (Reject("a.jsonl", 3, "not JSON"),))
    odd = Counter({"odd JSON": 2})
    green = Reading.of(Rows(schema=Schema(), count=0, features=(), rejects=rejects, outside_window=4, tolerated=odd))
    merged = blue.merge(green)
    assert merged.variants == {"blue": 3}
    assert merged.tolerated == Reading.from_json(merged.to_json()).tolerated == odd
    assert (merged.first_time, merged.last_time) == (1_001, 1_005)
    assert (merged.outside_window, merged.rejects.count, merged.rejected_fraction) == (4, 1, 0.25)


def test_records_of_events_without_ids_are_no_repeats_of_each_other():
    rows = rows_of([(1, 2), (2, 2), (1, 2)])
    nameless = replace(rows, events=replace(rows.events, ids=("", "", "")))
    assert Reading.of(nameless).repeats == 0
    mixed = replace(rows, events=replace(rows.events, ids=("id-1", "", "id-1")))
    assert Reading.of(mixed).repeated_keys.counts.tolist() == [2, 2]


def test_variants_are_told_as_mixed_where_ids_come_back():
    keys = RepeatedKeys(np.arange(3, dtype=np.uint64), np.array([2, 1, 1]))
    mixed = Reading(records=4, variants=Counter(a=3, b=1), repeated_keys=keys)
    assert "'a' (3 records), 'b' (1 record)" in mixed.mixed_variants
    assert not replace(mixed, variants=Counter(a=4)).mixed_variants
    assert not replace(mixed, repeated_keys=RepeatedKeys()).mixed_variants
