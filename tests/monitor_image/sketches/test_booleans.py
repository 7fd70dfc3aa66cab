"""Booleans in one spelling, whatever stands beside them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, strategies as st

from model_monitor.schema import KINDS, Kind
from model_monitor.sketches.booleans import as_booleans, boolean_text, folded
from tests.tables import column

TRUE, FALSE = ("true", "True", "TRUE", True), ("false", "False", "FALSE", False)
cells = st.one_of(
    st.sampled_from([*TRUE, *FALSE, None, 0, 1, 0.0, 1.0, 2, -1.5, "yes", "tRUE", "", "1"]), st.text(max_size=3)
)


def read(cell, takes_digits):
    """What one cell means: the oracle."""
    if any(cell is each or (isinstance(cell, str) and cell == each) for each in TRUE):
        return "true"
    if any(cell is each or (isinstance(cell, str) and cell == each) for each in FALSE):
        return "false"
    is_number = isinstance(cell, (int, float)) or cell in ("0", "1")
    if takes_digits and is_number and float(cell) in (0, 1):
        return "true" if float(cell) else "false"
    return cell


def contents(made):
    """Texts and numbers of a column, by how often each occurs."""
    texts = Counter() if made.texts is None else Counter(made.texts.drop_null().to_pylist())
    numbers = Counter() if made.numbers is None else Counter(made.numbers[~np.isnan(made.numbers)].tolist())
    return texts, numbers


@pytest.mark.parametrize("takes_digits", [True, False])
@given(given_cells=st.lists(cells, max_size=30))
def test_each_cell_means_what_it_means_alone(takes_digits, given_cells):
    made = as_booleans(column(given_cells), takes_digits=takes_digits)
    meant = [read(cell, takes_digits) for cell in given_cells]
    alone = column(
        [{"true": True, "false": False}.get(cell, cell) if isinstance(cell, str) else cell for cell in meant]
    )
    assert contents(made) == contents(alone)
    assert made.kinds.sum() == len(given_cells)
    assert made.kinds.tolist()[Kind.BOOLEAN] == sum(cell in ("true", "false") for cell in meant)
    assert made.kinds.tolist()[Kind.NULL] == given_cells.count(None)
    assert (made.kinds >= 0).all()
    assert len(made.kinds) == KINDS
    if made.texts is not None:
        words = made.texts.dictionary.to_pylist()
        assert sorted(words) == sorted(set(made.texts.drop_null().to_pylist()))


def test_counts_by_spelling_become_one_and_other_texts_stay():
    assert folded({"True": 2, "true": 1, "FALSE": 4, "no": 1}) == {"true": 3, "false": 4, "no": 1}
    assert [boolean_text(text) for text in ("TRUE", "tRue", " true", "1")] == ["true", "tRue", " true", "1"]
