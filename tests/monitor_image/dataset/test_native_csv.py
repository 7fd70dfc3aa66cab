"""CSV payloads by the compiled reader against the Python one, on what machines write and on what they should not."""

from __future__ import annotations

import csv
import io
from functools import partial

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from model_monitor.dataset.fields import Field, Side
from model_monitor.dataset.formats.csv import read_csv
from model_monitor.dataset.texts import Texts
from tests.effort import examples
from tests.native_records import assert_same, in_python

pytestmark = pytest.mark.usefixtures("native")

NUMBERS = ["0", "7", "-3", "+4", "- 5", "37.0", "-0.5", "1.", ".5", "1e5", "1.5E-3", "1.e5", "00501", "0x1f", "1_000"]
EDGES = [
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "123456789012345678901234567890",
    "1e400",
]
TINY = [
    "1e-400",
    "4.9e-324",
    "-1e-5000",
    "0.1e-99999999999",
    "0e999999999999",
    "9007199254740993",
    "0.30000000000000004",
]
WORDS = [
    "",
    "true",
    "false",
    "NaN",
    "inf",
    "null",
    "a",
    "é",
    "日本",
    "😀",
    " 7",
    "7 ",
    "2020-01-01",
    "x" * 40,
    'a"b',
    "1-2",
]
CELLS = st.one_of(
    st.sampled_from(NUMBERS + EDGES + TINY + WORDS),
    st.text(alphabet='0123456789+-.eE ,"\n\rab\té', max_size=12),
    st.integers(-(10**20), 10**20).map(str),
    st.floats(allow_nan=False).map(repr),
    st.integers(0, 9).map(str),
)


def side(width: int | None, fields: int, text: int | None = None, split: str = "lines") -> Side:
    return Side(tuple(Field(f"f{i}", i, is_text=i == text) for i in range(fields)), width, split=split)


def written(rows: list[list[str]], quoting: int, line_break: str) -> str:
    """Rows as a writer of CSV spells them."""
    text = io.StringIO()
    csv.writer(text, quoting=quoting, lineterminator=line_break).writerows(rows)
    return text.getvalue()


@st.composite
def payloads(draw: st.DrawFn, width: int) -> list[str]:
    """What a writer made, what no writer makes, and what a writer made with a byte changed."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        rows = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=6))
        plain = "\n".join(",".join(row) for row in rows)
        quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
        text = draw(st.sampled_from([plain, written(rows, quoting, draw(st.sampled_from(["\n", "\r\n"])))]))
        if draw(st.booleans()) and text:
            place = draw(st.integers(0, len(text) - 1))
            text = text[:place] + draw(st.sampled_from(['"', ",", "\n", "", "5"])) + text[place + 1 :]
        found.append(text)
    return found


@pytest.mark.parametrize("text", [None, 1])
@settings(deadline=None, max_examples=examples(300))
@given(texts=payloads(3))
@example(texts=['1,"a""b",2\n3,,""\n'])
@example(texts=['1,2,"', '"', "1,2\n3,4,5", "\n\n1,2,3\n\n\n4,5,6\r\n"])
@example(texts=['"1,"2",3', 'a,b""c,d', '"a"b"c",2,3', '"""",2,3'])
def test_payloads_are_read_as_in_python(texts: list[str], text: int | None) -> None:
    for wanted in (side(3, 3, text), side(3, 2, text), side(None, 2, text)):
        assert_same(read_csv(texts, wanted), in_python(partial(read_csv, texts, wanted)), wanted)


@settings(deadline=None, max_examples=examples(300))
@given(texts=payloads(1))
def test_single_columns_keep_their_blank_lines(texts: list[str]) -> None:
    for wanted in (side(1, 1), side(None, 1)):
        assert_same(read_csv(texts, wanted), in_python(partial(read_csv, texts, wanted)), wanted)


@pytest.mark.parametrize("split", ["auto", "comma"])
@settings(deadline=None, max_examples=examples(300))
@given(texts=payloads(2), sizes=st.lists(st.integers(0, 6), min_size=4, max_size=4))
def test_answers_on_one_line_are_cut_as_in_python(split: str, texts: list[str], sizes: list[int]) -> None:
    expected, wanted = np.array(sizes[: len(texts)]), side(None, 1, split=split)
    found = read_csv(texts, wanted, expected)
    assert_same(found, in_python(lambda: read_csv(texts, wanted, expected)), wanted)


def test_long_payloads_are_read_as_in_python() -> None:
    """Longer than the pieces that are looked at together, with quotes on both sides of their edges."""
    rng = np.random.default_rng(5)
    words = np.array(["", "0", "7", "-12.25", '"x,y"', '"""q"""', "plain", '"line\nbreak"', "1e3"])
    texts = ["\n".join(",".join(words[row]) for row in rng.integers(0, 9, (rows, 9))) for rows in (1, 50, 400)]
    wanted = side(9, 9, 4)
    assert_same(read_csv(texts, wanted), in_python(lambda: read_csv(texts, wanted)), wanted)


def test_texts_in_one_buffer_are_read_as_a_list_of_them() -> None:
    texts = ["1,a\n2,é", "", "3,😀"]
    found = read_csv(Texts.join([Texts.of(texts[:2]), Texts.of(texts[2:])]), side(2, 2))
    assert_same(found, in_python(lambda: read_csv(texts, side(2, 2))), side(2, 2))
    assert found.faults == {1: "empty payload"}


def test_bounds_outside_the_text_are_refused(native) -> None:
    for bounds in ([0, 5], [2, 1], [-1, 2]):
        with pytest.raises(ValueError, match="bounds"):
            native.read_csv((b"1,2", np.array(bounds, np.int64)), [(0, False)], 2, 1, False)
    with pytest.raises(ValueError, match="position"):
        native.read_csv((b"1,2", np.array([0, 3], np.int64)), [(2, False)], 2, 1, False)
