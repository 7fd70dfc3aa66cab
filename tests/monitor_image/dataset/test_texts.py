"""Many texts in one buffer behave as the list of them."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from model_monitor.dataset.texts import Texts

LISTS = st.lists(st.text(st.characters(codec="utf-8"), max_size=4), max_size=6)


@given(LISTS, st.integers(-8, 8))
def test_a_place_is_counted_from_the_start_or_from_the_end_as_in_a_list(texts, place):
    packed = Texts.of(texts)
    if -len(texts) <= place < len(texts):
        assert packed[place] == texts[place]
    else:
        with pytest.raises(IndexError):
            packed[place]


@given(LISTS, st.slices(6))
def test_a_slice_is_that_of_a_list(texts, cut):
    assert Texts.of(texts)[cut] == texts[cut]


@given(LISTS)
def test_they_are_walked_in_either_direction_and_found(texts):
    packed = Texts.of(texts)
    assert list(packed) == texts
    assert list(reversed(packed)) == texts[::-1]
    assert [packed.index(text) for text in texts] == [texts.index(text) for text in texts]
