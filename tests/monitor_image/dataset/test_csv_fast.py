"""The quick CSV reader agrees with the slow one on everything it accepts, and accepts what machines write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from model_monitor.dataset.classify import type_column
from model_monitor.dataset.fields import Field, Side
from model_monitor.dataset.formats import csv, csv_fast
from model_monitor.dataset.records import keep
from model_monitor.schema import Column
from tests.effort import examples

LITERALS = [
    *("0", "1", "7", "-3", "00501", "2959", "12345678", "123456789", "999999999999999", "9007199254740993", "1" * 19),
    *("14.1", "-14.12", "0.5", "142.512345", "1980.3123", "0.1234567890123", "3.141592653589793", "1.", ".5", "1.2.3"),
    *(
        "-",
        "--1",
        "1-2",
        "+5",
        "1e5",
        "1.5E-7",
        " 7",
        "7 ",
        "1e400",
        "NaN",
        "inf",
        "true",
        "12cm",
        "neota",
        "é",
        "-0",
        "-0.0",
    ),
    *("", '""', '"12"', '"1.5"', '"a, b"', '"the ""x"" y"', '"neota"', 'a"b', '"a"b', "0x1f", "1234567.", "12345678.9"),
]
WIDTH = 7


def columns_of(text: str, fields: tuple[Field, ...], *, quick: bool) -> list[Column] | None:
    """Typed columns by one of the two ways; None where the quick one declines."""
    data = text.encode()
    found: Any = csv_fast.read_columns(data, fields, WIDTH)
    if not quick:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(csv, "read_columns", lambda *_: None)
            found = csv._read_table(data, Side(fields, WIDTH), WIDTH)
    if found is None:
        return None
    return [type_column(column, is_text=field.is_text)[0] for column, field in zip(found[0], fields, strict=True)]


def plain(column: Column) -> tuple[Any, ...]:
    """A column as values that compare; negative zero is zero."""
    numbers = (
        None if column.numbers is None else (str(column.numbers.dtype), [repr(n + 0) for n in column.numbers.tolist()])
    )
    texts = None if column.texts is None else column.texts.cast(pa.string()).to_pylist()
    words = None if column.texts is None else sorted(column.texts.dictionary.to_pylist())
    return column.kinds.tolist(), numbers, texts, words


def fields_of(texts: set[int]) -> tuple[Field, ...]:
    return tuple(Field(f"c{i}", i, is_text=i in texts) for i in range(WIDTH))


@given(st.data(), st.sets(st.integers(0, WIDTH - 1)))
@settings(max_examples=examples(300), deadline=None)
def test_both_readers_type_every_literal_alike(data: st.DataObject, texts: set[int]) -> None:
    pools = data.draw(st.lists(st.lists(st.sampled_from(LITERALS), min_size=1), min_size=WIDTH, max_size=WIDTH))
    rows = data.draw(st.integers(1, 40))
    seed = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    text = "\n".join(",".join(str(seed.choice(pool)) for pool in pools) for _ in range(rows))
    quick = columns_of(text, fields_of(texts), quick=True)
    if quick is not None:
        slow = columns_of(text, fields_of(texts), quick=False)
        assert slow is not None
        assert list(map(plain, quick)) == list(map(plain, slow))


@given(st.floats(-1e15, 1e15, allow_nan=False), st.integers(0, 9))
@settings(max_examples=examples(500), deadline=None)
def test_decimals_are_rounded_as_python_rounds_them(number: float, digits: int) -> None:
    literal = f"{number:.{digits}f}"
    found = csv_fast.read_columns(",".join([literal] * WIDTH).encode(), fields_of(set()), WIDTH)
    assert found is not None
    numbers = type_column(found[0][0])[0].numbers
    assert numbers is not None
    assert numbers[0] == float(literal)


def test_what_machines_write_is_not_declined() -> None:
    text = '2959,14.12,-3,0,1,"a, b",x\n,,1,0,"1","the ""x"" y","z"\n12cm,5,"2.5",,0,,w'
    assert csv_fast.read_columns(text.encode(), fields_of({5, 6}), WIDTH) is not None


@pytest.mark.parametrize(
    "text",
    [
        "1,2,3,4,5,6",
        "1,2,3,4,5,6,7\n\n1,2,3,4,5,6,7",
        "1,2,3,4,5,6,7,8\n1,2,3,4,5,6",
        '1,2,3,4,5,6,a"b',
        "1,2,3,4,5,6,7\r",
    ],
    ids=["narrow", "blank line", "uneven", "quote inside a field", "carriage return"],
)
def test_anything_else_is_left_to_the_slow_reader(text: str) -> None:
    assert csv_fast.read_columns(text.encode(), fields_of(set()), WIDTH) is None


def test_columns_of_digits_survive_a_null_in_one_and_a_word_in_another() -> None:
    rows = [["0"] * WIDTH for _ in range(2000)]
    rows[1500][1], rows[1600][2] = "", "x"
    text = "\n".join(map(",".join, rows))
    quick, slow = (columns_of(text, fields_of(set()), quick=way) for way in (True, False))
    assert quick is not None
    assert slow is not None
    assert list(map(plain, quick)) == list(map(plain, slow))


def test_cells_that_are_left_over_are_typed_as_if_read_alone() -> None:
    text = "1,0,0,0,0,0,0\n2.5,0,0,0,0,0,0\n3,0,0,0,0,0,0\nx,0,0,0,0,0,0" + "\n4,0,0,0,0,0,0" * 20
    found = csv_fast.read_columns(text.encode(), fields_of(set()), WIDTH)
    assert found is not None
    mask = np.array([True, False, True, False] + [True] * 20)
    column = type_column(keep(found[0][0], mask))[0]
    assert column.numbers is not None
    assert (column.numbers.dtype, column.texts, column.kinds.tolist()) == (np.dtype(np.int64), None, [0, 0, 22, 0, 0])
