"""The compiled reader, where it is installed: the same results as the Python one, several times as fast.

`monitor_image/native` holds its source. Without it every function here answers None, and the caller reads in Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa

from model_monitor import reader
from model_monitor.dataset.classify import Cells
from model_monitor.dataset.fields import PLAIN_KEY, Side
from model_monitor.dataset.records import EMPTY_PAYLOAD, MALFORMED_CSV, UNSTANDARD_JSON, Records, Shape
from model_monitor.dataset.texts import Texts
from model_monitor.dataset.unclaimed import Unclaimed
from model_monitor.schema import Kind

_native: ModuleType | None = reader.load()

CSV_FAULTS = (EMPTY_PAYLOAD, MALFORMED_CSV)
JSON_SHAPES = (Shape.OBJECTS, Shape.ROWS, Shape.COLUMNS)
JSON_LINES = len(JSON_SHAPES)
HALF_A_PAIR = re.compile("[\ud800-\udfff]")  # of surrogates: text with it cannot be handed over


def is_available() -> bool:
    """Whether the compiled reader is installed."""
    return _native is not None


def mentions(texts: Sequence[str], word: str) -> bool:
    """Whether some text has a word in it; one look at each byte where they are in one buffer."""
    if not isinstance(texts, Texts):
        return any(word in text for text in texts)
    sought = word.encode()
    return sought in texts.data if _native is None else bool(_native.mentions(texts.data, sought))


def read_csv(texts: Texts, side: Side, *, is_exact: bool = False) -> Records | None:
    """Records of CSV payloads, one a line. is_exact: line breaks before and after them are not taken off."""
    if _native is None:
        return None
    places = list(dict.fromkeys((field.position, field.is_text) for field in side.fields))
    width = -1 if side.width is None else side.width
    if 0 <= width < side.needed:
        return None
    read = _asked(_native.read_csv, (texts.data, texts.bounds), places, width, side.needed, is_exact)
    if read is None:
        return None
    counts, found, faults, widths = read
    columns = dict(zip(places, map(cells_of, found), strict=True))
    return Records(
        np.frombuffer(counts, np.int64),
        [columns[field.position, field.is_text] for field in side.fields],
        {payload: CSV_FAULTS[fault] for payload, fault in faults.items()},
        widths,
    )


def read_json(
    texts: Texts, side: Side, shape: Shape, container: str | None, expected: np.ndarray | None, *, is_lines: bool
) -> tuple[Records, np.ndarray] | None:
    """Records of JSON payloads, and the payloads that Python has to read (which have none here). None: all of them.

    Args:
        container: the only key of each payload, behind which the records are though it was not declared.
        expected: records of the other side, as `formats/json.py` says.
    """
    is_by_key = shape is not Shape.ROWS
    if _native is None or not side.fields or (is_by_key and any(field.path for field in side.fields)):
        return None
    if container is not None and HALF_A_PAIR.search(container):
        return None
    if (is_lines and (side.records or not is_by_key)) or not PLAIN_KEY.fullmatch(side.records or "records"):
        return None
    keys = {key: i for i, key in enumerate(dict.fromkeys(field.key for field in side.fields))}
    asked = [(keys[field.key] if is_by_key else field.position, field.is_text) for field in side.fields]
    places = list(dict.fromkeys(asked))
    found = _asked(
        _native.read_json,
        (texts.data, texts.bounds),
        JSON_LINES if is_lines else JSON_SHAPES.index(shape),
        None if is_lines else side.records or container,
        side.records is None,
        side.is_closed,
        [key.encode(errors="surrogatepass") for key in keys],
        places,
        -1 if side.width is None else side.width,
        len(side.fields) == 1,
        side.needed,
        None if expected is None else np.ascontiguousarray(expected, np.int64),
    )
    if found is None:
        return None
    counts, refused, (cells, (names, codes, starts, stops), tolerated, widths) = found
    columns = {place: _with_absent(*column) for place, column in zip(places, cells, strict=True)}
    records = Records(
        np.frombuffer(counts, np.int64),
        [columns[place] for place in asked],
        widths=widths,
        unclaimed=(Unclaimed(names, *map(np.frombuffer, (codes, starts, stops), (np.int32, np.int64, np.int64))),),
        tolerated=dict.fromkeys(np.frombuffer(tolerated, np.int64).tolist(), UNSTANDARD_JSON),
    )
    return records, np.frombuffer(refused, np.int64)


def read_envelopes(blocks: list[bytes]) -> tuple[Any, ...] | None:
    """Events of capture files, as `formats/capture_json.py` takes them."""
    return None if _native is None else _asked(_native.read_envelopes, blocks)


def open_texts(texts: Texts, is_binary: np.ndarray) -> tuple[Texts, np.ndarray, list[int]] | None:
    """Payloads out of base 64 where they are in it.

    Args:
        is_binary: uint8 (texts,).

    Returns:
        The texts; whether each looks like JSON; those that have to be decoded in Python, which are empty here.
    """
    if _native is None:
        return None
    opened = _asked(_native.open_texts, (texts.data, texts.bounds), is_binary)
    if opened is None:
        return None
    data, bounds, looks_like_json, odd = opened
    return Texts(data, np.frombuffer(bounds, np.int64)), np.frombuffer(looks_like_json, np.bool_), odd


def _asked(function: Callable[..., Any], *arguments: Any) -> Any:
    """What the compiled reader says; None where it has no memory left, which Python may do with."""
    try:
        return function(*arguments)
    except MemoryError:
        return None


def cells_of(column: tuple[Any, ...]) -> Cells:
    """A column as the compiled reader hands it over.

    Args:
        column: how many cells are of each kind; the kinds (None: all are integers); `q` for int64 or `d` for doubles; the
            numbers or None; the code of each cell's text or None, -1 where it has none; the words, as text and offsets.
    """
    counted, kinds, number_type, numbers, codes, words, offsets = column
    counts = np.array(counted, np.int64)
    return Cells(
        np.full(int(counts.sum()), Kind.INTEGRAL, np.uint8) if kinds is None else np.frombuffer(kinds, np.uint8),
        None if numbers is None else np.frombuffer(numbers, number_type),
        None if codes is None else _dictionary(codes, words, offsets),
        counts,
    )


def _with_absent(column: tuple[Any, ...], absent: bytes | None) -> Cells:
    cells = cells_of(column)
    if absent:
        cells.absent = np.zeros(len(cells), np.bool_)
        cells.absent[np.frombuffer(absent, np.int64)] = True
    return cells


def _dictionary(codes: bytearray, words: bytes, offsets: bytes) -> pa.DictionaryArray:
    places = np.frombuffer(codes, np.int32)
    count = len(offsets) // 4 - 1
    dictionary = pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(words))
    return pa.DictionaryArray.from_arrays(pa.array(places, mask=places < 0), dictionary)
