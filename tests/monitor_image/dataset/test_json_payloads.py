"""JSON payloads by the Python readers: what a client may send must end no run."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, strategies as st

from model_monitor.dataset.classify import type_column
from model_monitor.dataset.fields import Field, Side
from model_monitor.dataset.formats.json import read_json
from model_monitor.dataset.tables import filled_lines
from model_monitor.dataset.unclaimed import counts_of
from tests.native_records import in_python

SIDE = Side((Field("a", 0), Field("b", 1)), 2)


@pytest.mark.parametrize("key", ['quo"te', "back\\slash", "line\nbreak", "\x00"])
def test_unclaimed_keys_with_characters_that_are_escaped_are_counted(key: str) -> None:
    texts = [json.dumps({"a": 1, "b": 2, key: 3})] * 3
    for _ in range(2):  # what is met the first time is known the second time
        assert counts_of(in_python(lambda: read_json(texts, SIDE)).unclaimed) == {key: 3}


def test_halves_of_surrogate_pairs_in_unclaimed_keys_are_replaced() -> None:
    texts = [
        '{"a": 1, "b": 2, "k\\ud800": 1, "k\\ud801": 2}',
        '{"a": 1, "b": 2, "k\\udc00": 3}',
        '{"a": 1, "b": 2, "k\ufffd": 4}',
    ]
    assert counts_of(read_json(texts, SIDE).unclaimed) == {"k\ufffd": 3}


def test_features_whose_names_are_escaped_are_read() -> None:
    side = Side((Field('quo"te', 0), Field("back\\slash", 1)), 2)
    found = in_python(lambda: read_json([json.dumps({'quo"te': 1, "back\\slash": 2})], side))
    assert [type_column(column)[0].numbers for column in found.columns] == [[1], [2]]


def test_half_of_a_surrogate_pair_inside_a_list_is_replaced() -> None:
    found = in_python(lambda: read_json(['{"a": ["\\ud800", 1], "b": 2}'], SIDE))
    texts = type_column(found.columns[0])[0].texts
    assert texts is not None
    assert texts.to_pylist() == ['["\ufffd",1]']


def test_lists_in_lists_without_end_are_a_malformed_payload() -> None:
    found = in_python(lambda: read_json(['{"a": 1, "b": 2}', '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"], SIDE))
    assert (found.counts.tolist(), found.faults) == ([1, 0], {1: "malformed JSON payload"})


def test_the_layout_is_guessed_from_a_payload_that_can_be_read() -> None:
    texts = ["", "[]", '[{"a": 1, "b": 2}]']
    found = in_python(lambda: read_json(texts, SIDE))
    assert (found.counts.tolist(), found.faults) == ([0, 0, 1], {0: "empty payload"})


PIECES = ["\n", "\n", "\r\n", " ", "\t", "\x0b", "\x1c", "\u00a0", "\u3000", "\ufeff", "{}", '{"a": "é"}', "7"]


@given(data=st.one_of(st.lists(st.sampled_from(PIECES)).map(lambda pieces: "".join(pieces).encode()), st.binary()))
@example(data=b"")
@example(data=b"\n\n{}\xff\n\n7")
def test_lines_that_are_not_blank_are_found_with_their_numbers(data: bytes) -> None:
    texts, numbers = filled_lines(data)
    lines = {i: line.strip() for i, line in enumerate(data.decode("utf-8", "replace").split("\n")) if line.strip()}
    assert ([text.strip() for text in texts], list(numbers)) == (list(lines.values()), list(lines))
