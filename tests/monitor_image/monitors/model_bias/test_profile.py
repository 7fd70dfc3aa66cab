"""Bias profiles: the same however records are cut, bounded, exact through JSON."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, strategies as st

from model_monitor.monitors.model_bias import (
    profile as bias_profiles,
    statistics as bias_statistics,
    table as bias_table,
)
from model_monitor.monitors.model_bias.profile import BiasProfile
from model_monitor.schema import Rows
from tests.bias_tables import labelled, measure, settings, values
from tests.tables import column

SETTINGS = settings(
    facets=[{"name": "sex", "values": [1]}, {"name": "amount", "values": [0.5]}, "code"],
    group_variable="town",
    flip_test={"rows": 12, "sample": 6},
)
CELL = st.tuples(
    st.one_of(st.none(), st.integers(0, 1)),  # sex
    st.one_of(st.none(), st.floats(-10, 10, allow_nan=False), st.integers(-5, 5)),  # amount
    st.one_of(st.none(), st.sampled_from(["x", "y", "00501", "true"])),  # code
    st.one_of(st.none(), st.integers(0, 4), st.sampled_from(["s", "t"])),  # town
    st.one_of(st.none(), st.integers(0, 1)),  # label
    st.one_of(st.none(), st.integers(0, 1)),  # prediction
    st.floats(0, 1),  # score
)
RECORDS = st.lists(CELL, max_size=40)
NAMES = ("sex", "amount", "code", "town")


def rows_of(records: list[Any]) -> Rows:
    columns = {name: [record[i] for record in records] for i, name in enumerate(NAMES)}
    label, said, score = ([record[i] for record in records] for i in (4, 5, 6))
    return labelled(columns, label, said, score=score)


def written(profile: BiasProfile) -> Any:
    return orjson.loads(orjson.dumps(profile.to_json()))


@given(records=RECORDS, cuts=st.tuples(st.integers(0, 40), st.integers(0, 40)))
def test_a_whole_is_the_merge_of_its_parts_in_any_grouping(records: list[Any], cuts: tuple[int, int]) -> None:
    low, high = sorted(cuts)
    a, b, c = (BiasProfile.of(rows_of(part), SETTINGS) for part in (records[:low], records[low:high], records[high:]))
    whole = written(BiasProfile.of(rows_of(records), SETTINGS))
    assert written(a.merge(b).merge(c)) == written(a.merge(b.merge(c))) == whole
    assert written(c.merge(a).merge(b)) == whole  # not even the order matters


@given(records=RECORDS)
def test_the_empty_profile_changes_nothing_and_json_and_processes_neither(records: list[Any]) -> None:
    rows = rows_of(records)
    profile, empty = BiasProfile.of(rows, SETTINGS), BiasProfile.empty(SETTINGS, rows.schema)
    content = written(profile)
    assert written(empty.merge(profile)) == content == written(profile.merge(empty))
    assert written(BiasProfile.from_json(content)) == content
    assert written(pickle.loads(pickle.dumps(profile))) == content


@given(records=RECORDS, cut=st.integers(0, 40))
def test_statistics_do_not_depend_on_the_cuts(records: list[Any], cut: int) -> None:
    whole = measure(rows_of(records), SETTINGS)
    parts = measure(rows_of(records), SETTINGS, cuts=[rows_of(records[:cut]), rows_of(records[cut:])])
    assert [values(entry) for entry in parts.entries] == [values(entry) for entry in whole.entries]
    assert [(e.text, e.reason, e.flip) for e in parts.entries] == [(e.text, e.reason, e.flip) for e in whole.entries]


def many(name: str, count: int, **more: Any) -> Rows:
    index = list(range(count))
    columns: dict[str, Any] = {"sex": [i % 2 for i in index], "town": [0] * count, **more}
    columns[name] = [f"v{i}" for i in index]
    return labelled(columns, [i // 2 % 2 for i in index], [i // 4 % 2 for i in index])


@pytest.mark.parametrize("size", [1, 7, 100])
def test_more_groups_than_are_kept_leave_the_conditional_metrics_without_a_value(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    for module in (bias_table, bias_profiles):
        monkeypatch.setattr(module, "GROUPS_KEPT", 9)
    found = settings(facets=[{"name": "sex", "values": [1]}], group_variable="town", flip_test=False)
    rows = [many("town", 40)] if size == 100 else _cut(many("town", 40), size)
    (entry,) = measure(rows[0], found, cuts=rows).entries
    for name in ("CDDL", "CDDPL"):
        told = {**entry.pre, **entry.post}[name]
        assert (told.value, told.error) == (None, bias_statistics.TOO_MANY_GROUPS)
    assert entry.pre["CI"].value == 0
    profile = BiasProfile.empty(found, rows[0].schema)
    for part in rows:
        profile = profile.merge(BiasProfile.of(part, found))
    assert profile.facets[0].table.counts.size == 5 * 1 * 4 * 5


def test_more_values_of_a_facet_than_are_kept_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (bias_table, bias_profiles):
        monkeypatch.setattr(module, "FACETS_KEPT", 9)
    rows = _cut(many("town", 40), 7)
    (entry,) = measure(rows[0], settings(facets=["town"]), cuts=rows).entries
    assert entry.reason == bias_statistics.TOO_MANY_VALUES
    assert (entry.text, entry.pre, entry.post) == ("", {}, {})


def _cut(rows: Rows, size: int) -> list[Rows]:
    """The same table again and again in pieces, through its cells."""
    columns = {
        name: [str(v) if isinstance(v, str) else v for v in _cells(rows, i)] for i, name in enumerate(rows.schema.names)
    }
    assert rows.truth is not None
    label = [int(rows.truth.words[code]) for code in rows.truth.codes.tolist()]
    assert rows.prediction is not None
    assert rows.prediction.numbers is not None
    said = rows.prediction.numbers.tolist()
    return [
        labelled(
            {name: cells[i : i + size] for name, cells in columns.items()}, label[i : i + size], said[i : i + size]
        )
        for i in range(0, rows.count, size)
    ]


def _cells(rows: Rows, place: int) -> list[Any]:
    column = rows.features[place]
    return column.texts.to_pylist() if column.numbers is None else column.numbers.tolist()


def test_records_without_a_label_are_left_out_and_those_without_a_facet_are_on_neither_side() -> None:
    rows = labelled(
        {"sex": [0, 0, 1, 1, None, 1]},
        [1, 0, 1, 0, 1, None],
        [1, 0, 1, 0, 1, 1],
    )
    statistics = measure(rows, settings(facets=[{"name": "sex", "values": [1]}], flip_test=False))
    assert (statistics.records, statistics.labelled, statistics.predicted) == (6, 5, 5)
    assert statistics.missing == {"sex": 1}
    (entry,) = statistics.entries
    assert (entry.advantaged, entry.disadvantaged) == (2, 2)


def test_a_score_speaks_where_there_is_no_prediction_and_is_positive_only_above_the_threshold() -> None:
    found = settings(facets=[{"name": "sex", "values": [1]}], probability_threshold=0.5, flip_test=False)
    rows = labelled({"sex": [0, 0, 1, 1]}, [1, 0, 1, 0], score=[0.5, 0.51, 0.9, 0.1])
    (entry,) = measure(rows, found).entries
    assert entry.post["DPPL"].value == 0  # one of two on each side: 0.5 itself is not above
    both = labelled({"sex": [0, 0, 1, 1]}, [1, 0, 1, 0], [0, None, 1, None], score=[0.9, 0.9, 0.1, 0.1])
    (entry,) = measure(both, found).entries
    assert entry.post["DI"].value == 1.0


def test_a_score_speaks_of_labels_that_are_texts_too() -> None:
    found = settings(facets=[{"name": "sex", "values": [1]}], label_values=["yes"], flip_test=False)
    rows = labelled({"sex": [0, 0, 1, 1]}, ["yes", "no", "yes", "no"], score=[0.9, 0.8, 0.9, 0.1])
    (entry,) = measure(rows, found).entries
    assert entry.post["DI"].value == 0.5
    assert entry.pre["DPL"].value == 0


def test_the_highest_of_several_scores_speaks() -> None:
    rows = labelled({"sex": [0, 0, 1, 1]}, [2, 0, 2, 1])
    scores = ([0.1, 0.5, 0.2, None], [0.2, 0.3, 0.2, 0.4], [0.7, 0.2, 0.6, 0.4])
    rows = replace(rows, class_scores=tuple(map(column, scores)))
    found = settings(facets=[{"name": "sex", "values": [1]}], label_values=[2], flip_test=False)
    statistics = measure(rows, found)
    assert statistics.predicted == 3
    assert statistics.entries[0].post["DI"].value == 2.0  # one of two, one of one
    named = settings(
        facets=[{"name": "sex", "values": [1]}], label_values=["c"], class_labels=["a", "b", "c"], flip_test=False
    )
    named_rows = labelled({"sex": [0, 0, 1, 1]}, ["c", "a", "c", "b"])
    named_rows = replace(named_rows, class_scores=rows.class_scores)
    assert measure(named_rows, named).entries[0].post["DI"].value == 2.0


@given(records=RECORDS)
def test_few_codes_are_counted_at_once_and_many_one_axis_after_the_other_alike(records: list[Any]) -> None:
    rows = rows_of(records)
    at_once = written(BiasProfile.of(rows, SETTINGS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bias_profiles, "CELLS_COUNTED", 0)
        assert written(BiasProfile.of(rows, SETTINGS)) == at_once


@pytest.mark.parametrize("wanted", [1, True, "true", "True"])
def test_true_is_found_however_it_is_written(wanted: Any) -> None:
    found = settings(facets=[{"name": "flag", "values": [wanted]}], flip_test=False)
    for cells in ([True, False, True], ["True", "False", "True"], [1, 0, 1], [1.0, 0.0, 1.0], ["1", "0", "1"]):
        assert measure(labelled({"flag": cells}, [1, 0, 1]), found).entries[0].disadvantaged == 2


@pytest.mark.parametrize(
    ("cells", "values_", "text", "members"),
    [
        ([0, 1] * 10, [0], "0", 10),  # two whole numbers are never a scale, however few records
        ([True, False] * 10, [1], "1", 10),
        (["a", "b"] * 10, ["a"], "a", 10),
        (["a", "b", "c", "d"] * 5, ["a", "c"], "a,c", 10),
        (list(range(20)), [9], "(9, 19]", 10),  # whole numbers, many different
        ([1, 2, 3, 4] * 30, [3], "3", 30),  # whole numbers, few different: a value
        ([i / 2 for i in range(20)], [5], "(5.0, 9.5]", 9),
        ([str(i) for i in range(20)], ["9"], "(9, 19]", 10),  # whole numbers as text
        (list(range(20)), [3, 5], "3,5", 2),  # several are values
    ],
)
def test_configured_values_are_read_by_clarifys_rule(
    cells: list[Any], values_: list[Any], text: str, members: int
) -> None:
    count = len(cells)
    rows = labelled({"facet": cells}, [i % 2 for i in range(count)])
    (entry,) = measure(rows, settings(facets=[{"name": "facet", "values": values_}])).entries
    assert (entry.text, entry.disadvantaged) == (text, members)


def test_read_as_settles_what_the_rule_would_leave_to_the_size_of_the_window() -> None:
    rows = labelled({"age": [1, 2, 3, 4] * 30}, [0, 1] * 60)
    threshold = settings(facets=[{"name": "age", "values": [2], "read_as": "threshold"}])
    (entry,) = measure(rows, threshold).entries
    assert (entry.text, entry.disadvantaged) == ("(2, 4]", 60)
    several = settings(facets=[{"name": "age", "values": [1, 3], "read_as": "threshold"}])
    assert measure(rows, several).entries[0].text == "(1, 3],(3, 4]"
    few = labelled({"age": list(range(20))}, [0, 1] * 10)
    value = settings(facets=[{"name": "age", "values": [9], "read_as": "values"}])
    assert (measure(few, value).entries[0].text, measure(few, value).entries[0].disadvantaged) == ("9", 1)


def test_the_flip_test_of_a_sample_says_so_and_is_near_the_exact_one() -> None:
    source = np.random.default_rng(5)
    n = 6000
    sex, x = source.integers(0, 2, n), source.normal(size=n)
    said = (x + 0.6 * sex + 0.4 * source.normal(size=n) > 0).astype(int)
    rows = labelled({"sex": sex.tolist(), "x": x.tolist()}, said.tolist(), said.tolist())
    facets = [{"name": "sex", "values": [1]}]
    (exact,) = measure(rows, settings(facets=facets)).entries
    (sample,) = measure(rows, settings(facets=facets, flip_test={"rows": 3000, "sample": 2000})).entries
    assert exact.flip is not None
    assert sample.flip is not None
    assert (exact.flip.records, exact.flip.seen, sample.flip.records, sample.flip.seen) == (n, n, 2000, n)
    assert sample.flip.low < exact.flip.value < sample.flip.high
    assert sample.flip.low < sample.flip.value < sample.flip.high
    again = settings(facets=facets, flip_test={"rows": 3000, "sample": 2000, "seed": 1})
    assert measure(rows, again).entries[0].flip != sample.flip


def test_memory_bounds_the_rows_that_are_kept() -> None:
    found = settings(facets=[{"name": "sex", "values": [1]}], flip_test={"memory_mb": 1})
    rows = labelled({"sex": [0, 1] * 40_000, "x": list(range(80_000))}, [0, 1] * 40_000, [0, 1] * 40_000)
    profile = BiasProfile.of(rows, found)
    assert profile.rows is not None
    assert profile.rows.limit == (1 << 20) // (8 * 4 + 1)
    assert profile.rows.rows <= 2 * profile.rows.limit
    assert profile.rows.seen == 80_000


def test_a_text_feature_leaves_the_flip_test_without_a_value_unless_it_is_the_facet() -> None:
    columns = {"sex": ["m", "f"] * 10, "town": ["a", "b"] * 10, "x": list(range(20))}
    label = [0, 1, 1, 0] * 5
    found = settings(facets=[{"name": "sex", "values": ["f"]}])
    (entry,) = measure(labelled(columns, label, label), found).entries
    assert entry.post["FT"].error == bias_statistics.TEXT_FEATURES
    del columns["town"]
    (entry,) = measure(labelled(columns, label, label), found).entries
    assert entry.post["FT"].value is not None


def test_records_with_a_missing_feature_are_left_out_of_the_flip_test_and_counted() -> None:
    columns = {"sex": [0, 1] * 10, "x": [None, 1.0] + [float(i) for i in range(18)]}
    label = [0, 1, 1, 0] * 5
    (entry,) = measure(labelled(columns, label, label), settings(facets=[{"name": "sex", "values": [1]}])).entries
    assert entry.flip is not None
    assert (entry.flip.incomplete, entry.flip.tested) == (1, 10)


def test_labels_that_are_read_unlike_leave_the_model_without_metrics() -> None:
    """Observed amounts are above a threshold or not; predicted ones that are all one value are no scale."""
    source = np.random.default_rng(1)
    rows = labelled({"sex": [0, 1] * 20}, source.normal(size=40).tolist(), [1.0] * 40)
    found = settings(facets=[{"name": "sex", "values": [1]}], label_values=[0.2], flip_test=False)
    (entry,) = measure(rows, found).entries
    assert {value.value for value in entry.post.values()} == {None}
    assert "label_read_as" in entry.post["DI"].error
    assert entry.pre["DPL"].value is not None
    settled = settings(
        facets=[{"name": "sex", "values": [1]}], label_values=[0.2], label_read_as="threshold", flip_test=False
    )
    (entry,) = measure(rows, settled).entries
    assert entry.post["DI"].value == 1.0
