"""Rows become bodies as the published templates say, and templates that cannot work are told before any work."""

import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given, strategies as st

from model_monitor.errors import PredictorError
from model_monitor.predictors.base import Matrix
from model_monitor.predictors.templates import CSV, JSON, JSON_LINES, compile_template, faults

NAMES = ("A", "B")
ROWS = Matrix(np.array([[0.0, 1.0], [3.0, 4.0]]), NAMES, (True, True))
MIXED = Matrix(
    np.array([[39.0, "Private", 1.5], [None, 'a "quoted", word', None], [7.0, "", 2.0]], object),
    ("age", "class", "rate"),
    (True, False, False),
)


def body(rows, content_type, content=None, record=None):
    template = compile_template(content_type, content, record, rows.names)
    return template.body(template.encode(rows))


@pytest.mark.parametrize(
    ("content", "record", "expected"),
    [
        ('{"instances":$records}', "$features", {"instances": [[0, 1], [3, 4]]}),
        ('{"instances": $records, "names": $feature_names}', "$features",
         {"instances": [[0, 1], [3, 4]], "names": ["A", "B"]}),
        ("$records", "$features_kvp", [{"A": 0, "B": 1}, {"A": 3, "B": 4}]),
        ("$records", '{"b": "${B}", "a": "${A}"}', [{"b": 1, "a": 0}, {"b": 4, "a": 3}]),
        ('{"records":$records}', '{"features":$features}', {"records": [{"features": [0, 1]}, {"features": [3, 4]}]}),
        ("$records", '{"x":$features,"n":$feature_names}',
         [{"x": [0, 1], "n": ["A", "B"]}, {"x": [3, 4], "n": ["A", "B"]}]),
    ],
)  # fmt: skip
def test_a_json_body_is_what_its_templates_say(content, record, expected):
    assert json.loads(body(ROWS, JSON, content, record)) == expected


def test_a_record_template_alone_in_a_body_is_one_record_a_request():
    template = compile_template(JSON, '{"row":$record}', "$features_kvp", NAMES)
    assert template.is_single
    assert [json.loads(template.body([record])) for record in template.encode(ROWS)] == [
        {"row": {"A": 0, "B": 1}},
        {"row": {"A": 3, "B": 4}},
    ]


def test_json_lines_hold_one_record_a_line():
    found = body(ROWS, JSON_LINES, '{"features":$features}')
    assert found == b'{"features":[0,1]}\n{"features":[3,4]}'


def test_whole_numbers_of_integral_features_have_no_fraction_and_missing_cells_are_empty():
    rows = Matrix(np.array([[39.0, 39.0], [np.nan, np.nan]]), NAMES, (True, False))
    assert body(rows, CSV) == b"39,39.0\n,"
    assert body(rows, JSON, "$records", "$features") == b"[[39,39.0],[null,null]]"


def test_an_integral_feature_that_is_asked_about_a_fraction_keeps_it():
    rows = Matrix(np.array([[39.0], [39.5]]), ("A",), (True,))
    assert body(rows, CSV) == b"39.0\n39.5"


def test_text_is_quoted_where_a_line_needs_it():
    found = list(csv.reader(io.StringIO(body(MIXED, CSV).decode())))
    assert found == [["39", "Private", "1.5"], ["", 'a "quoted", word', ""], ["7", "", "2.0"]]
    assert b'7,"",2.0' in body(MIXED, CSV)  # an empty text is no missing value


def test_text_and_missing_cells_stay_what_they_are_in_json():
    assert json.loads(body(MIXED, JSON, "$records", "$features_kvp")) == [
        {"age": 39, "class": "Private", "rate": 1.5},
        {"age": None, "class": 'a "quoted", word', "rate": None},
        {"age": 7, "class": "", "rate": 2.0},
    ]


def test_names_and_templates_may_hold_any_character():
    names = ('say "hi"', "100%", "naïve", "a}b")
    rows = Matrix(np.array([[1.0, 2.0, 3.0, 4.0]]), names, ())
    named = "{" + ",".join(f'{json.dumps(name)}:"${{{json.dumps(name)[1:-1]}}}"' for name in names) + ',"%s":"%"}'
    values = dict(zip(names, (1.0, 2.0, 3.0, 4.0), strict=True))
    assert json.loads(body(rows, JSON, "$records", "$features_kvp")) == [values]
    assert json.loads(body(rows, JSON, "$records", named)) == [{**values, "%s": "%"}]


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
            st.one_of(st.none(), st.text()),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_any_cells_come_back_from_json_as_they_went_in(cells):
    values = np.empty((len(cells), 2), object)
    values[:] = cells
    found = json.loads(body(Matrix(values, NAMES), JSON, "$records", "$features"))
    assert [tuple(row) for row in found] == cells


def test_the_size_of_a_body_is_known_before_it_is_built():
    for content_type, content, record in ((CSV, None, None), (JSON, '{"instances":$records}', "$features")):
        template = compile_template(content_type, content, record, NAMES)
        records = template.encode(ROWS)
        assert template.size_bytes(len(records), sum(map(len, records))) == len(template.body(records))


@pytest.mark.parametrize(
    ("content_type", "content", "record", "complaint"),
    [
        (JSON_LINES, None, None, "content_template: is missing"),
        (JSON_LINES, '{"features":1}', None, r"\$features exactly once, found none"),
        (JSON_LINES, "[$features,$features]", None, "exactly once"),
        (JSON_LINES, '{"features":$features', None, "is no JSON"),
        (JSON_LINES, '{"features":\n$features}', None, "one line"),
        (JSON_LINES, "$features", "$features", "record_template: is for application/json only"),
        (JSON, None, None, "content_template: is missing.*record_template: is missing"),
        (JSON, "$records", None, "record_template: is missing"),
        (JSON, "[1]", "$features", r"\$records \(a list\) or \$record .* found none"),
        (JSON, "[$record,$records]", "$features", "exactly once"),
        (JSON, "$records", "{}", "for every feature, found none"),
        (JSON, "$records", '{"a":$features,"b":$features_kvp}', r"found \$features, \$features_kvp"),
        (JSON, "$records", "[$features_kvp,$features_kvp]", "should hold"),
        (JSON, "$records", '{"a":"${A}"}', "has no placeholder for B"),
        (JSON, "$records", '{"a":"${A}","b":"${B}","c":"${C}"}', "names what is no feature: C"),
        (JSON, "$records", '{"a":"${A}","b":"${B}","c":"${B}"}', "repeats B"),
        (CSV, "$features", None, "content_template: is for JSON only"),
    ],
)
def test_a_template_that_cannot_work_is_refused_with_what_is_wrong(content_type, content, record, complaint):
    with pytest.raises(PredictorError, match=complaint):
        compile_template(content_type, content, record, NAMES)


def test_what_needs_no_names_is_told_before_there_are_any():
    assert faults(JSON, "$records", '{"a":"${A}"}') == []
    assert faults(JSON, "$records", "{") != []
