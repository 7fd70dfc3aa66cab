"""What texts look like: pattern classes and lengths."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from model_monitor.schema import Kind
from model_monitor.sketches.forms import EXACT_LENGTHS, LENGTHS, Case, Form, Forms, length_class, shortest
from model_monitor.sketches.kinds import no_kinds
from tests.strategies import texts

EXAMPLES = {
    Form.EMPTY: ["", " ", "\t "],
    Form.DIGITS: ["0", "00501", "+5", "-12", " 7"],
    Form.NUMBER: ["1.5", "-3.0", "1e5", "12E45", "+1.5e-3"],
    Form.LETTERS: ["x", "Zürich", "ÅÄÖ"],
    Form.UUID: ["123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000"],
    Form.DATE: ["2026-03-02", "2026-03-02T10:00:00Z", "2026-03-02 10:00:00"],
    Form.ALPHANUMERIC: ["A12", "K1A0B1", "deadbeef01"],
    Form.WORDS: ["New York", "Saint-Denis", "O'Hare 7", "St. Gallen"],
    Form.OTHER: ["a@b.ch", "http://x", "{}", "a  =  b", "-", "é\u2028"],
}


def forms(values: list[str]) -> Forms:
    return Forms.of(pa.array(values, pa.string()), np.ones(len(values), np.int64))


@pytest.mark.parametrize("form", Form)
def test_each_form_has_its_texts(form):
    for text in EXAMPLES[form]:
        assert np.flatnonzero(forms([text]).classes).tolist() == [form], text


def test_the_case_is_that_of_all_letters_that_have_one():
    found = forms(["SKU-00012", "ÄÖ", "sku-00012", "ß 7", "Sku", "00501", "", "東京"])
    assert dict(zip(Case, found.cases.tolist(), strict=True)) == {Case.UPPER: 2, Case.LOWER: 2, Case.MIXED: 4}


@given(st.lists(texts, max_size=20), st.integers(0, 20))
def test_parts_add_up_to_the_whole_and_survive_json(found, cut):
    whole, parts = forms(found), forms(found[:cut]).merge(forms(found[cut:]))
    assert whole.to_json() == parts.to_json() == Forms.from_json(parts.to_json()).to_json()
    assert whole.classes.sum() == whole.lengths.sum() == whole.cases.sum() == len(found)


@given(st.lists(texts, min_size=1, max_size=20))
def test_numbers_are_those_that_the_reader_takes_for_numbers(found):
    is_whole = [bool(re.fullmatch(r"[+-]? ?\d+", text, re.ASCII)) for text in found]
    assert forms(found).classes[Form.DIGITS] == sum(is_whole)


def test_cells_that_were_read_as_numbers_have_a_form_too():
    kinds = no_kinds()
    kinds[Kind.INTEGRAL], kinds[Kind.FRACTIONAL], kinds[Kind.STRING] = 5, 2, 1
    found = forms(["A12"]).with_numbers(kinds).classes
    assert (found[Form.DIGITS], found[Form.NUMBER], found[Form.ALPHANUMERIC]) == (5, 2, 1)
    assert forms(["A12"]).with_numbers(kinds).cases.tolist() == [1, 0, 7]


def test_every_length_has_a_place_and_long_ones_share_it():
    lengths = np.array([0, 36, EXACT_LENGTHS - 1, EXACT_LENGTHS, 255, 256, 2**40])
    places = length_class(lengths).tolist()
    assert places == [0, 36, 127, 128, 128, 129, LENGTHS - 1]
    assert [shortest(place) for place in places[:-1]] == [0, 36, 127, 128, 128, 256]
