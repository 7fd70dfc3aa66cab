"""Payloads that name their own values: a header line is no record, and names that are known decide where values belong."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from model_monitor.dataset import native
from model_monitor.dataset.discover import discover
from model_monitor.dataset.records import COUNTS_DIFFER, HEADER_LINE
from model_monitor.dataset.remedies import remedy
from model_monitor.dataset.resolve import resolve_schema
from model_monitor.schema import FeatureType, Rows, Schema
from tests.builders import Payload, capture_event, capture_job, json_payload, read_all, schema, write_capture

DECLARED = schema("age", "income", prediction=0)
TYPES = {"age": FeatureType.INTEGRAL, "income": FeatureType.FRACTIONAL}


def csv(text: str, content_type: str = "text/csv", encoding: str = "CSV") -> Payload:
    return Payload(text, encoding, content_type)


def read(folder, pairs, declared=DECLARED, types=None, **options: Any) -> list[Rows]:
    write_capture(folder, [capture_event(given, answer) for given, answer in pairs])
    job = capture_job(folder, declared, **options)
    return read_all(replace(job, schema=resolve_schema(job, discover(job.dataset), types)))


def values(chunks: list[Rows], name: str) -> list[Any]:
    place = chunks[0].schema.names.index(name)
    columns = [rows.features[place] for rows in chunks if rows.count]
    return sorted(value for column in columns for value in column.numbers.tolist())


def rejected(chunks: list[Rows]) -> dict[str, int]:
    return {reason: count for rows in chunks for reason, count in rows.rejects.by_reason.items()}


HEADED = {
    "said so": csv("age,income\n31,5.5\n44,7.25\n", "text/csv; charset=utf-8; header=present"),
    "said so in base 64": csv("age,income\n31,5.5\n44,7.25\n", "text/csv;header=present", "BASE64"),
    "the features": csv("age,income\n31,5.5\n44,7.25"),
    "quoted": csv('"age","income"\r\n31,5.5\r\n44,7.25\r\n'),
    "another order": csv("income,age\n5.5,31\n7.25,44"),
    "more columns": csv("id,income,age\n1,5.5,31\n2,7.25,44"),
    "names of its own": csv("AGE;,Income\n31,5.5\n44,7.25", "text/csv; header=present"),
    "split": json_payload({"columns": ["income", "age"], "index": [0, 1], "data": [[5.5, 31], [7.25, 44]]}),
    "split of mlflow": json_payload(
        {"dataframe_split": {"data": [[5.5, 31], [7.25, 44]], "columns": ["income", "age"]}}
    ),
    "split by number": json_payload({"dataframe_split": {"columns": [0, 1], "data": [[31, 5.5], [44, 7.25]]}}),
    "none": csv("31,5.5\n44,7.25"),
}


@pytest.mark.parametrize("types", [None, TYPES], ids=["declared", "undeclared"])
@pytest.mark.parametrize("heading", HEADED)
def test_a_heading_says_where_values_belong_and_is_no_record(tmp_path, heading, types):
    schema_ = DECLARED if types is None else Schema(is_positional=True)
    given = HEADED[heading]
    if heading == "more columns":
        given = replace(given, content_type="text/csv; header=present")
    answered = (types is None and csv("0.5\n0.25")) or None  # undeclared, a response would take the first features
    chunks = read(tmp_path, [(given, answered)] * 3, schema_, types)
    assert values(chunks, "age") == [31] * 3 + [44] * 3
    assert values(chunks, "income") == [5.5] * 3 + [7.25] * 3
    assert not rejected(chunks)


def test_payloads_with_and_without_a_heading_may_be_mixed(tmp_path):
    chunks = read(tmp_path, [(payload, csv("1\n0")) for payload in HEADED.values() if "id" not in payload.text])
    assert values(chunks, "age") == [31] * 10 + [44] * 10
    assert not rejected(chunks)


def test_columns_that_no_feature_claims_are_counted_and_missing_ones_are_absent(tmp_path):
    given = json_payload({"dataframe_split": {"columns": ["height", "age"], "data": [[180, 31], [175, 44]]}})
    (rows,) = read(tmp_path, [(given, csv("1\n0"))])
    assert (rows.extra, rows.absent) == ({"height": 2}, {"income": 2})


def test_declared_records_may_be_those_of_a_split_table(tmp_path):
    declared = replace(DECLARED, payload=replace(DECLARED.payload, records="dataframe_split.data"))
    tables = [{"columns": ["income", "age"], "data": [[5.5, 31]]}, {"columns": ["age", "income"], "data": [[44, 7.25]]}]
    chunks = read(tmp_path, [(json_payload({"dataframe_split": each}), csv("1")) for each in tables], declared)
    assert (values(chunks, "age"), values(chunks, "income")) == ([31, 44], [5.5, 7.25])


@pytest.mark.parametrize("header", ["predicted", "label,score", '"a b"'])
def test_a_header_above_numbers_is_none_on_the_side_that_has_a_line_more(tmp_path, header):
    row = ",".join("1" for _ in header.split(","))
    for i, pair in enumerate(((csv("31,5.5"), csv(f"{header}\n{row}\n")), (csv("Years,Money\n31,5.5\n"), csv("1\n")))):
        (rows,) = read(tmp_path / str(i), [pair] * 4)
        assert (rows.count, rows.rejects.count) == (4, 0)


def test_what_may_be_a_header_is_refused_as_one(tmp_path):
    (rows,) = read(tmp_path, [(csv("31,5.5"), csv("verdict\ncat"))] * 4)
    assert rejected([rows]) == {HEADER_LINE: 4}
    assert "header=present" in remedy(rows.rejects, capture_job(tmp_path, DECLARED))


def test_a_line_of_numbers_more_is_no_header(tmp_path):
    (rows,) = read(tmp_path, [(csv("31,5.5"), csv("1\n0"))] * 4)
    assert rejected([rows]) == {COUNTS_DIFFER: 8 // 2}


def test_categories_that_are_called_like_features_stay_records(tmp_path):
    declared = schema("color", "shape")
    (rows,) = read(tmp_path, [(csv("color,round\nshape,square"), None)] * 2, declared)
    assert rows.count == 4


@pytest.mark.parametrize("request_form", ["objects", "split", "header"])
def test_names_decide_which_side_a_feature_is_of(tmp_path, request_form):
    given = {
        "objects": json_payload([{"age": 31, "income": 5.5}, {"age": 44, "income": 7.25}]),
        "split": HEADED["split"],
        "header": HEADED["said so"],
    }[request_form]
    types = {**TYPES, "median": FeatureType.FRACTIONAL}
    answers = {
        "key": json_payload({"median": [201.5, 203.5]}),
        "keys": json_payload([{"median": 201.5}, {"median": 203.5}]),
        "header": csv("median\n201.5\n203.5\n", "text/csv; header=present"),
    }
    for form, answer in answers.items():
        chunks = read(tmp_path / form, [(given, answer)] * 2, Schema(is_positional=True), types)
        assert values(chunks, "age") == [31, 31, 44, 44]
        assert values(chunks, "median") == [201.5, 201.5, 203.5, 203.5]


def test_an_answer_without_a_name_takes_no_feature_that_the_request_names(tmp_path):
    given = json_payload({"age": [31, 44], "income": [5.5, 7.25]})
    for i, answer in enumerate((json_payload({"median": [201.5, 203.5]}), json_payload([201.5, 203.5]), csv("1\n0"))):
        (rows,) = read(tmp_path / str(i), [(given, answer)] * 2, Schema(is_positional=True), TYPES)
        assert (rows.count, values([rows], "age")) == (4, [31, 31, 44, 44])


BESIDE = {
    "one reason": ({"why": ["x"], "score": 0.5}, 1),
    "several reasons": ({"why": ["x", "y"], "score": 0.5}, 1),
    "a reason each": ({"why": ["x", "y"], "model": "v1"}, 2),
    "a number each": ({"ranks": [1, 2], "model": "v1"}, 2),
}


@pytest.mark.parametrize("reader", ["compiled", "python"])
@pytest.mark.parametrize("answer", BESIDE)
def test_an_answer_that_is_looked_for_by_name_is_no_list_under_another_name(tmp_path, monkeypatch, reader, answer):
    if reader == "python":
        monkeypatch.setattr(native, "_native", None)
    said, records = BESIDE[answer]
    given = csv("31,5.5\n44,7.25" if records == 2 else "31,5.5")
    (rows,) = read(tmp_path, [(given, json_payload(said))] * 3, schema("age", "income", prediction="label"))
    if records == 1:
        assert (rows.count, rows.prediction.numbers, rows.prediction.texts) == (3, None, None)
    else:  # one answer of some names, for two records
        assert (rows.count, rejected([rows])) == (0, {COUNTS_DIFFER: 6})


@pytest.mark.parametrize(
    "mapping", [{"prediction": 0}, {"prediction": "label", "output_records": "ranks"}], ids=["a place", "told where"]
)
def test_such_a_list_is_the_answers_where_a_place_says_so(tmp_path, mapping):
    pairs = [(csv("31,5.5\n44,7.25"), json_payload({"ranks": [1, 2], "model": "v1"}))]
    (rows,) = read(tmp_path, pairs, schema("age", "income", **mapping))
    assert rows.prediction.numbers.tolist() == [1, 2]


def test_a_table_that_is_damaged_costs_only_itself(tmp_path):
    whole = HEADED["split"]
    damaged = [
        replace(whole, text=text) for text in ('{"columns": ["a"', '{"columns": 1, "data": 2}', json.dumps("columns"))
    ]
    chunks = read(tmp_path, [(payload, csv("1\n0")) for payload in (whole, *damaged)])
    assert sum(rows.count for rows in chunks) == 2
    assert sum(rows.rejects.count for rows in chunks) >= 3
