"""The compiled reader, where it is installed: the same results as the Python one, several times as fast.

`monitor_image/native` holds its source. Without it every function here answers None, and the caller reads in Python.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa

from model_monitor import reader
from model_monitor.dataset.classify import Cells
from model_monitor.dataset.fields import Side
from model_monitor.dataset.records import EMPTY_PAYLOAD, MALFORMED_CSV, Records
from model_monitor.dataset.texts import Texts
from model_monitor.schema import Kind

_native: ModuleType | None = reader.load()

CSV_FAULTS = (EMPTY_PAYLOAD, MALFORMED_CSV)


def is_available() -> bool:
    """Whether the compiled reader is installed."""
    return _native is not None


def read_csv(texts: Texts, side: Side, *, is_exact: bool = False) -> Records | None:
    """Records of CSV payloads, one a line. is_exact: line breaks before and after them are not taken off."""
    if _native is None:
        return None
    places = list(dict.fromkeys((field.position, field.is_text) for field in side.fields))
    width = -1 if side.width is None else side.width
    if 0 <= width < side.needed:
        return None
    counts, found, faults, widths = _native.read_csv((texts.data, texts.bounds), places, width, side.needed, is_exact)
    columns = dict(zip(places, map(cells_of, found), strict=True))
    return Records(
        np.frombuffer(counts, np.int64),
        [columns[field.position, field.is_text] for field in side.fields],
        {payload: CSV_FAULTS[fault] for payload, fault in faults.items()},
        widths,
    )


def read_envelopes(blocks: list[bytes]) -> tuple[Any, ...]:
    """Events of capture files, as `formats/capture_json.py` takes them. Only where the compiled reader is installed."""
    assert _native is not None
    found: tuple[Any, ...] = _native.read_envelopes(blocks)
    return found


def open_texts(texts: Texts, is_binary: np.ndarray) -> tuple[Texts, np.ndarray, list[int]] | None:
    """Payloads out of base 64 where they are in it.

    Args:
        is_binary: uint8 (texts,).

    Returns:
        The texts; whether each looks like JSON; those that have to be decoded in Python, which are empty here.
    """
    if _native is None:
        return None
    data, bounds, looks_like_json, odd = _native.open_texts((texts.data, texts.bounds), is_binary)
    return Texts(data, np.frombuffer(bounds, np.int64)), np.frombuffer(looks_like_json, np.bool_), odd


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
