"""Types of columns from the kinds of their literals."""

from __future__ import annotations

import numpy as np
import pytest

from model_monitor.schema import FeatureType
from model_monitor.sketches.kinds import accepts, canonical_number, canonical_text, inferred_type, matching

NULL, FRACTIONAL, INTEGRAL, BOOLEAN, STRING = np.eye(5, dtype=np.int64)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (0 * NULL, FeatureType.UNKNOWN),
        (3 * NULL, FeatureType.UNKNOWN),
        (INTEGRAL + NULL, FeatureType.INTEGRAL),
        (9 * INTEGRAL + FRACTIONAL, FeatureType.FRACTIONAL),
        (BOOLEAN, FeatureType.BOOLEAN),
        (BOOLEAN + STRING, FeatureType.STRING),
        (BOOLEAN + 9 * INTEGRAL, FeatureType.STRING),
        (STRING + 99 * FRACTIONAL, FeatureType.STRING),
    ],
)
def test_one_literal_can_widen_a_columns_type(kinds, expected):
    assert inferred_type(kinds) is expected


def test_whole_numbers_are_fractional_too_and_everything_is_text():
    kinds = np.array([5, 1, 2, 3, 4])
    types = (FeatureType.INTEGRAL, FeatureType.FRACTIONAL, FeatureType.BOOLEAN, FeatureType.STRING)
    assert [matching(kinds, type_) for type_ in types] == [2, 3, 3, 10]


def test_a_declared_type_accepts_what_it_includes():
    assert accepts(FeatureType.FRACTIONAL, FeatureType.INTEGRAL)
    assert accepts(FeatureType.STRING, FeatureType.FRACTIONAL)
    assert accepts(FeatureType.INTEGRAL, FeatureType.UNKNOWN)
    assert accepts(FeatureType.UNKNOWN, FeatureType.STRING)
    assert not accepts(FeatureType.INTEGRAL, FeatureType.FRACTIONAL)
    assert not accepts(FeatureType.FRACTIONAL, FeatureType.STRING)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("37", "37"),
        ("37.0", "37"),
        ("+37", "37"),
        ("- 37.50", "-37.5"),
        ("3.7e1", "37"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("00501", "501"),
        ("123456789012345678901", "123456789012345678901"),
        ("1e400", "1e400"),
        ("1.", "1."),
        (".5", ".5"),
        ("NaN", "NaN"),
        ("٣", "٣"),
        ("C7745", "C7745"),
        ("", ""),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_literals_of_one_number_are_one_category(text, canonical):
    assert canonical_text(text) == canonical


def test_the_canonical_text_of_a_number_is_that_of_its_literals():
    for number in (37.0, -0.5, 1e15, 123456.789, 2.0**53):
        assert canonical_number(number) == canonical_text(repr(number)) == canonical_text(canonical_number(number))
