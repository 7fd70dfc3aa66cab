"""Texts that stand for nothing: in which features, and a column without them."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, strategies as st

from model_monitor.dataset.missing import spellings_of, without_missing
from model_monitor.schema import NO_NUMBERS, Feature, FeatureType
from tests.tables import column

cells = st.one_of(
    st.none(), st.integers(-9, 9), st.floats(-5, 5), st.booleans(), st.sampled_from([*NO_NUMBERS, "-", "", "x"])
)


@given(given_cells=st.lists(cells, max_size=30), spellings=st.sets(st.sampled_from([*NO_NUMBERS, "-", ""])))
def test_a_column_is_as_if_the_cells_had_been_empty(given_cells, spellings):
    made, found = without_missing(column(given_cells), spellings)
    expected = column([None if isinstance(cell, str) and cell in spellings else cell for cell in given_cells])
    assert made.kinds.tolist() == expected.kinds.tolist()
    assert found == Counter(cell for cell in given_cells if isinstance(cell, str) and cell in spellings)
    assert (made.texts is None) == (expected.texts is None)
    if made.texts is not None and expected.texts is not None:
        assert made.texts.to_pylist() == expected.texts.to_pylist()
        assert made.texts.dictionary.to_pylist() == expected.texts.dictionary.to_pylist()
    assert (made.numbers is None) == (expected.numbers is None)
    if made.numbers is not None and expected.numbers is not None:
        np.testing.assert_array_equal(made.numbers, expected.numbers)


def test_texts_alone_are_never_missing_by_default():
    assert spellings_of(Feature("a", FeatureType.FRACTIONAL), None) == NO_NUMBERS
    for type_ in (None, FeatureType.STRING, FeatureType.BOOLEAN, FeatureType.UNKNOWN):
        assert spellings_of(Feature("a", type_), None) == ()
    assert spellings_of(Feature("a", FeatureType.STRING), ("-",)) == ("-",)
    assert spellings_of(Feature("a", FeatureType.INTEGRAL), ()) == ()
