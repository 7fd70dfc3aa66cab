"""The compiled reader, where it is installed: the same results as the Python one, several times as fast.

`monitor_image/native` holds its source. Without it every function here answers None, and the caller reads in Python.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa

from model_monitor.dataset.classify import Cells
from model_monitor.dataset.fields import Side
from model_monitor.dataset.records import EMPTY_PAYLOAD, MALFORMED_CSV, Records
from model_monitor.dataset.texts import Texts
from model_monitor.schema import Kind

_native: ModuleType | None
try:
    import model_monitor_native as _native
except ImportError:  # not compiled for this machine
    _native = None

CSV_FAULTS = (EMPTY_PAYLOAD, MALFORMED_CSV)


def is_available() -> bool:
    """Whether the compiled reader is installed."""
    return _native is not None


def read_csv(texts: Texts, side: Side) -> Records | None:
    """Records of CSV payloads, one a line."""
    if _native is None:
        return None
    places = list(dict.fromkeys((field.position, field.is_text) for field in side.fields))
    width = -1 if side.width is None else side.width
    if 0 <= width < side.needed:
        return None
    counts, found, faults, widths = _native.read_csv((texts.data, texts.bounds), places, width, side.needed)
    columns = dict(zip(places, map(cells_of, found), strict=True))
    return Records(
        np.frombuffer(counts, np.int64),
        [columns[field.position, field.is_text] for field in side.fields],
        {payload: CSV_FAULTS[fault] for payload, fault in faults.items()},
        widths,
    )


def cells_of(column: tuple[Any, ...]) -> Cells:
    """A column as the compiled reader hands it over.

    Args:
        column: how many cells are of each kind; the kinds (None: all are integers); `q` for int64 or `d` for doubles; the
            numbers or None; the code of each cell's text or None, -1 where it has none; the words, as text and offsets.
    """
    counted, kinds, number_type, numbers, codes, words, offsets = column
    counts = np.array(counted, np.int64)
    return Cells(
        np.broadcast_to(np.uint8(Kind.INTEGRAL), (int(counts.sum()),))
        if kinds is None
        else np.frombuffer(kinds, np.uint8),
        None if numbers is None else np.frombuffer(numbers, number_type),
        None if codes is None else _dictionary(codes, words, offsets),
        counts,
    )


def _dictionary(codes: bytearray, words: bytes, offsets: bytes) -> pa.DictionaryArray:
    places = np.frombuffer(codes, np.int32)
    count = len(offsets) // 4 - 1
    dictionary = pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(words))
    return pa.DictionaryArray.from_arrays(pa.array(places, mask=places < 0), dictionary)
