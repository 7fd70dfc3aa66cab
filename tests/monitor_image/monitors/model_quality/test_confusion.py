"""Counts of labels by label are the same however the records were cut."""

from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st
from sklearn.metrics import confusion_matrix

from model_monitor.monitors.model_quality.confusion import Confusion

WORDS = ("cat", "10", "2", "-1", "1.5")
PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=40)


def confuse(pairs: list[tuple[int, int]], words: tuple[str, ...] = WORDS) -> Confusion:
    actual, predicted = np.array(pairs, np.int64).reshape(-1, 2).T
    return Confusion.of(actual, predicted, words)


@given(pairs=PAIRS.filter(len))
def test_rows_are_actual_and_columns_predicted_labels_in_the_order_of_numbers(pairs: list[tuple[int, int]]) -> None:
    found = confuse(pairs)
    order = [word for word in ("-1", "1.5", "2", "10", "cat") if any(WORDS.index(word) in pair for pair in pairs)]
    actual, predicted = ([WORDS[place] for place in side] for side in zip(*pairs, strict=True))
    assert list(found.labels) == order
    assert found.counts.tolist() == confusion_matrix(actual, predicted, labels=order).tolist()


@given(pairs=PAIRS, cut=st.integers(0, 40))
def test_a_whole_is_the_merge_of_its_parts_and_survives_json(pairs: list[tuple[int, int]], cut: int) -> None:
    whole = confuse(pairs)
    words = WORDS[::-1]  # another chunk may know its words in another order
    rest = confuse([(4 - actual, 4 - predicted) for actual, predicted in pairs[cut:]], words)
    assert confuse(pairs[:cut]).merge(rest) == whole
    assert Confusion.from_json(whole.to_json()) == whole
    assert whole.merge(Confusion()) == Confusion().merge(whole) == whole


def test_labels_that_were_not_seen_have_rows_of_zeros_on_request() -> None:
    assert confuse([(1, 2)]).over(("0", "2", "10")).tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 0]]
