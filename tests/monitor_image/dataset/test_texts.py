"""Many texts in one buffer behave as the list of them."""

from __future__ import annotations

import pytest
from hypothesis import example, given, strategies as st

from model_monitor.dataset import native as reader
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


@given(st.text('abc"d', max_size=200), st.text('abc"d', max_size=12), st.integers(0, 200))
@example("a" * 63, '"columns"', 63)
def test_a_word_is_found_wherever_it_stands_and_nowhere_else(text, word, place):
    """Whichever reader looks: blocks of 64 bytes have edges, and the last one is short."""
    for one in (text, text[:place] + word + text[place:]):
        assert reader.mentions(Texts.of([one[:place], one[place:]]), word) is (word in one)
        assert reader.mentions([one], word) is (word in one)


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize("word", ['"columns"', '"datatype"', "a", "\u00e9t\u00e9"])
@pytest.mark.parametrize("length", [0, 1, 15, 63, 64, 65, 200])
def test_a_word_is_found_at_every_distance_from_a_block(word, length):
    for before in range(70):
        text = "x" * before + word + "y" * length
        assert reader.mentions(Texts.of([text]), word) is True
        assert reader.mentions(Texts.of([text.replace(word, word[:-1] + "-")]), word) is False
