"""What the compiled reader finds against what the Python one does: the same, column by column."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from model_monitor.dataset import native
from model_monitor.dataset.classify import Literals, type_column
from model_monitor.dataset.fields import Side
from model_monitor.dataset.records import Records, keep
from model_monitor.dataset.unclaimed import counts_of


def in_python(read: Callable[[], Records]) -> Records:
    """What a function reads without the compiled reader."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "_native", None)
        return read()


def assert_same(found: Records, expected: Records, side: Side) -> None:
    """Counts, faults, widths, extra keys and every column, also of half of the records."""
    assert found.counts.tolist() == expected.counts.tolist()
    assert (found.faults, found.widths, found.tolerated) == (expected.faults, expected.widths, expected.tolerated)
    mask = np.arange(int(found.readable.sum())) % 2 == 0
    for kept in (None, mask, ~mask):
        assert counts_of(found.unclaimed, kept) == counts_of(expected.unclaimed, kept)
    for field, one, other in zip(side.fields, found.columns, expected.columns, strict=True):
        _assert_same_column(one, other, field.is_text)
        _assert_same_column(keep(one, mask), keep(other, mask), field.is_text)


def _assert_same_column(one: Literals, other: Literals, is_text: bool) -> None:
    (found, absent), (expected, absent_there) = (type_column(column, is_text=is_text) for column in (one, other))
    assert absent == absent_there
    assert found.kinds.tolist() == expected.kinds.tolist()
    assert (found.numbers is None) == (expected.numbers is None)
    if found.numbers is not None and expected.numbers is not None:
        assert found.numbers.dtype == expected.numbers.dtype
        assert np.array_equal(found.numbers, expected.numbers, equal_nan=expected.numbers.dtype.kind == "f")
    assert (found.texts is None) == (expected.texts is None)
    if found.texts is not None and expected.texts is not None:
        assert found.texts.to_pylist() == expected.texts.to_pylist()
        assert found.texts.type == expected.texts.type == pa.dictionary(pa.int32(), pa.string())
        assert found.texts.dictionary.to_pylist() == expected.texts.dictionary.to_pylist()
