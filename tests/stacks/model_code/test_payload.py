"""Every layout of a request, read by one mapping."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from payload import Mapping, MappingError, PayloadError, UnsupportedType, find, parse_path, read_rows

from tests.conftest import ROOT

MAPPING = Mapping.from_json({"features": [{"name": "age"}, {"name": "city"}], "label": "y"})
ROWS = [[37, "Bonn"], [41, "Kiel"]]


@pytest.mark.parametrize(
    "value",
    [
        [{"age": 37, "city": "Bonn"}, {"city": "Kiel", "age": 41}],
        [[37, "Bonn"], [41, "Kiel"]],
        {"age": [37, 41], "city": ["Bonn", "Kiel"]},
        {"city": {"0": "Bonn", "1": "Kiel"}, "age": {"0": 37, "1": 41}},
    ],
    ids=["array of objects", "array of arrays", "object of lists", "object of objects"],
)
def test_every_layout_of_a_json_body_gives_the_same_rows(value: object) -> None:
    assert read_rows(json.dumps(value).encode(), "application/json; charset=utf-8", MAPPING) == ROWS


def test_one_record_alone_is_one_row() -> None:
    assert read_rows('{"age": 37, "city": "Bonn"}', "application/json", MAPPING) == [[37, "Bonn"]]
    assert read_rows('[37, "Bonn"]', "application/json", MAPPING) == [[37, "Bonn"]]


def test_an_empty_list_is_no_rows() -> None:
    assert read_rows("[]", "application/json", MAPPING) == []


def test_a_container_key_is_followed_to_the_records() -> None:
    mapping = Mapping.from_json({"features": [{"name": "age"}, {"name": "city"}], "records": "instances[*].features"})
    body = json.dumps({"instances": [{"features": row} for row in ROWS]})
    assert read_rows(body, "application/json", mapping) == ROWS


def test_a_feature_is_found_by_its_own_path() -> None:
    mapping = Mapping.from_json(
        {"features": [{"name": "age", "path": "person.facts[0]"}, {"name": "city", "path": '"home town"'}]}
    )
    body = json.dumps([{"person": {"facts": [37]}, "home town": "Bonn"}, {"person": {"facts": []}}])
    assert read_rows(body, "application/json", mapping) == [[37, "Bonn"], [None, None]]


def test_an_absent_key_is_a_missing_value_and_an_unknown_one_is_ignored() -> None:
    assert read_rows('{"city": ["Bonn"], "shoe": [44]}', "application/json", MAPPING) == [[None, "Bonn"]]


def test_json_lines_are_one_record_a_line_whatever_its_form() -> None:
    body = '{"age": 37, "city": "Bonn"}\n\n[41, "Kiel"]\n'
    assert read_rows(body, "application/jsonlines", MAPPING) == ROWS


def test_csv_keeps_quoted_commas_quotes_and_line_breaks() -> None:
    body = b'37,"Bonn, ""old""\r\ntown"\r\n\r\n,Kiel\r\n'
    assert read_rows(body, "text/csv", MAPPING) == [["37", 'Bonn, "old"\r\ntown'], [None, "Kiel"]]


def test_a_byte_order_mark_is_no_part_of_the_first_value() -> None:
    assert read_rows(b"\xef\xbb\xbf37,Bonn\n", "text/csv", MAPPING) == [["37", "Bonn"]]


@pytest.mark.parametrize(
    ("body", "content_type", "told"),
    [
        (b"secret,", "text/csv; charset=nowhere", "not text in nowhere"),
        (b"\xff\xfe", "application/json", "not text in utf-8"),
        (b'{"secret', "application/json", "the body is not JSON"),
        (b'[37, "Bonn"]\nsecret', "application/jsonlines", "line 2 is not JSON"),
        (b"37,Bonn\n41,Kiel,secret\n", "text/csv", "record 2 has 3 values, the model takes 2"),
        (b'"secret', "text/csv", "record 1 is not CSV"),
        (b'[{"age": 37}, "secret"]', "application/json", "record 2 should be an object or an array"),
        (b'"secret"', "application/json", "should be an object or an array"),
        (b'{"age": [1, 2], "city": ["secret"]}', "application/json", "differ in length"),
    ],
)
def test_a_bad_request_is_told_where_and_why_without_its_values(body: bytes, content_type: str, told: str) -> None:
    with pytest.raises(PayloadError, match=told) as refused:
        read_rows(body, content_type, MAPPING)
    assert "secret" not in str(refused.value)


def test_a_body_without_the_container_key_is_told_so() -> None:
    mapping = Mapping.from_json({"features": [{"name": "age"}], "records": "instances"})
    with pytest.raises(PayloadError, match="nothing lies where the mapping looks"):
        read_rows('{"rows": []}', "application/json", mapping)


def test_an_unknown_content_type_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedType, match="image/png"):
        read_rows(b"", "image/png", MAPPING)


def test_a_path_beyond_keys_indices_and_wildcards_is_refused() -> None:
    with pytest.raises(MappingError, match="more of JMESPath"):
        parse_path("rows[?age > `30`]")


def test_paths_agree_with_jmespath() -> None:
    import jmespath

    value = {"a": [{"b": {"c d": [1, 2]}}, {"b": None}, {}], "e": 5}
    for expression in ("a[0].b", 'a[0].b."c d"[-1]', "a[*].b", 'a[*].b."c d"[0]', "a[7]", "e.f", "@", "a.b"):
        assert find(value, parse_path(expression)) == jmespath.search(expression, value), expression


def test_a_mapping_without_features_is_refused() -> None:
    with pytest.raises(MappingError, match="no features"):
        Mapping.from_json({"features": []})


@pytest.mark.parametrize("path", sorted((ROOT / "stacks/model_code").glob("*.py")), ids=lambda path: path.name)
def test_the_scripts_keep_to_the_syntax_of_the_framework_containers(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))
