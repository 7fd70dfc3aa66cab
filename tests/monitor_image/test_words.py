"""Words for people."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, strategies as st

from model_monitor.words import form_of


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("", "an empty text"),
        ("123", "3 digits"),
        ("7", "1 digit"),
        ("3f2a91bc", "8 hexadecimal digits"),
        ("3F2A91BC", "8 hexadecimal digits"),
        ("3f2A91bc", "1 digit, 1 letter, 1 digit, 1 letter, 2 digits and 2 letters"),  # no writing of a number
        ("facade", "6 letters"),
        ("0b5f7a34-5a1c-4d0e-9d7c-1f2e3d4c5b6a", "a UUID"),
        ("ab-000123", '2 letters, "-" and 6 digits'),
        ("a--1", '1 letter, "--" and 1 digit'),
        ("order 17", "5 letters, 1 blank and 2 digits"),
        ("1\x072", "1 digit, 1 other sign and 1 digit"),
        ("a1b2c3d4x", "9 characters"),
    ],
)
def test_a_form_says_what_a_text_is_made_of(text, form):
    assert form_of(text) == form


@given(st.text(alphabet=string.ascii_letters + string.digits, min_size=8))
def test_a_form_never_holds_the_text(text):
    assert text not in form_of(text)
