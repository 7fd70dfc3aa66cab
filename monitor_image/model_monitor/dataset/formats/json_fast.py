"""Clean JSON payloads of one shape, all decoded together by an engine that knows the fields.

Each function answers None where a payload is not what it expects; the caller then reads payload by payload.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from model_monitor.dataset.classify import Literals
from model_monitor.dataset.fields import Side
from model_monitor.dataset.records import Records, Shape
from model_monitor.dataset.unclaimed import Unclaimed

Scalar = int | float | str | bool | None | msgspec.UnsetType
TURNED_ROWS = 1024
EXTRAS_PER_LETTER = 2  # a place takes 16 bytes at the most, which stays within what an input may cost
MOST_EXTRAS = 64  # unclaimed keys that are worth a place in the decoder
UNSUITABLE = re.compile(r'["\\\x00-\x1f\ud800-\udfff]')  # no decoder can be made for keys with these

NOT_LAYOUT = bytes(set(range(256)) - set(b"[,;"))
SEPARATORS_TO_LINES = bytes.maketrans(b",;", b"\n\n")
JSON_BLANKS = b" \t\r\n"
HUGE = re.compile(rb"[eE]\+?\d{3}")
LONGEST_DOUBLE = 300  # digits; a longer number may not fit

# What was met so far, a matter of speed alone; the results are the same.
_extras: dict[tuple[str, ...], tuple[str, ...]] = {}  # keys of the fields → unclaimed keys
_fractional: set[str] = set()  # keys whose columns were not all integers


def learn(side: Side, unclaimed: Sequence[str]) -> None:
    """Remember unclaimed keys, so that payloads that have them can be decoded here next time."""
    keys = _keys(side)
    known = _extras.get(keys, ())
    if len(known) < MOST_EXTRAS:
        added = sorted(key for key in set(unclaimed) - set(known) if not UNSUITABLE.search(key))
        _extras[keys] = (known + tuple(added))[:MOST_EXTRAS]


def read(payloads: Sequence[str], side: Side, *, is_lines: bool, shape: Shape, container: str | None) -> Records | None:
    """Records of payloads that all have `shape`; None where that is not so or they need a closer look.

    container: the only key of each payload, behind which the records are though it was not declared.
    """
    if shape is Shape.ROWS or not side.fields:
        return None
    if any(field.path or UNSUITABLE.search(field.key) for field in side.fields) or UNSUITABLE.search(container or ""):
        return None
    texts = [payload.strip() for payload in payloads]
    try:
        if shape is Shape.COLUMNS:
            return None if is_lines or side.records else _read_columns(texts, side)
        return _read_objects(texts, side, is_lines, container)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeEncodeError, pa.ArrowInvalid, RecursionError):
        return None


def _keys(side: Side) -> tuple[str, ...]:
    return tuple(dict.fromkeys(field.key for field in side.fields))


# --- records as objects ----------------------------------------------------------------------------------------------


def _read_objects(texts: list[str], side: Side, is_lines: bool, found_behind: str | None) -> Records | None:
    keys = _keys(side)
    extras = _affordable(_extras.get(keys, ()), texts) if side.is_closed else ()
    container = None if is_lines else side.records or found_behind
    is_list = texts[0].startswith("[")
    if not all(text[:1] == texts[0][:1] and text[-1:] in "]}" and text for text in texts):
        return None
    decoder = _object_decoder(keys, extras, side.is_closed, is_list and not is_lines, container, side.records is None)
    if is_lines:
        rows: list[Any] = decoder.decode("[" + "\n".join(texts).replace("\n", ",") + "]")
        counts = np.array([text.count("\n") + 1 for text in texts], np.int64)
        if side.records or len(rows) != counts.sum():
            return None
    else:
        found = decoder.decode("[" + ",".join(texts) + "]")
        if len(found) != len(texts):
            return None
        groups = found if is_list else [payload.records for payload in found] if container else None
        rows = found if groups is None else [row for group in groups for row in group]
        counts = np.array(list(map(len, groups)) if groups is not None else [1] * len(texts), np.int64)
    columns = turned(list(map(msgspec.structs.astuple, rows)), len(keys) + len(extras))
    extra = {key: _present(columns[len(keys) + i]) for i, key in enumerate(extras)}
    by_key = dict(zip(keys, columns, strict=False))
    if msgspec.UNSET in columns[0] and any(
        all(value is msgspec.UNSET for value in row) for row in zip(*columns, strict=True)
    ):
        return None  # perhaps the keys stand elsewhere
    return Records(counts, [by_key[f.key] for f in side.fields], unclaimed=(Unclaimed.of(extra),))


def _affordable(extras: tuple[str, ...], texts: Sequence[str]) -> tuple[str, ...]:
    """Keys that other payloads had, unless small records would pay for them: each record has a place for each key."""
    records = sum(text.count("{") for text in texts)
    return extras if len(extras) * records <= EXTRAS_PER_LETTER * sum(map(len, texts)) else ()


def turned(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """The first columns of rows that are at least so wide. In parts: each row that is turned costs an iterator."""
    columns: list[list[Any]] = [[] for _ in range(width)]
    for start in range(0, len(rows), TURNED_ROWS):
        for column, part in zip(columns, zip(*rows[start : start + TURNED_ROWS], strict=False), strict=False):
            column.extend(part)
    return columns


def _present(column: Sequence[Any]) -> np.ndarray:
    return np.array([i for i, value in enumerate(column) if value is not msgspec.UNSET], np.int64)


@lru_cache(maxsize=64)
def _object_decoder(
    keys: tuple[str, ...],
    extras: tuple[str, ...],
    is_closed: bool,
    is_list: bool,
    container: str | None,
    is_alone: bool,
) -> msgspec.json.Decoder[Any]:
    """Decoder of a list of payloads whose records have these keys, each holding a plain value or absent."""
    names = [f"f{i}" for i in range(len(keys) + len(extras))]
    record: Any = msgspec.defstruct(
        "Record",
        [(name, Scalar, msgspec.UNSET) for name in names],
        rename=dict(zip(names, keys + extras, strict=True)),
        forbid_unknown_fields=is_closed,
        gc=False,
    )
    if container is not None:
        payload: Any = msgspec.defstruct(
            "Payload", [("records", list[record])], rename={"records": container}, forbid_unknown_fields=is_alone
        )
    else:
        payload = list[record] if is_list else record
    return msgspec.json.Decoder(list[payload])


# --- objects of columns ------------------------------------------------------------------------------------------------


def _read_columns(texts: list[str], side: Side) -> Records | None:
    """{"a": [1, 2], "b": ["x", "y"]}: the text of each column is cut out, and joined over all payloads."""
    keys = _keys(side)
    extras = _extras.get(keys, ()) if side.is_closed else ()
    payloads = _column_decoder(keys, extras, side.is_closed).decode("[" + ",".join(texts) + "]")
    if len(payloads) != len(texts):
        return None
    raw = list(zip(*map(msgspec.structs.astuple, payloads), strict=True))
    text_keys = {field.key for field in side.fields if field.is_text}
    columns: dict[str, Literals] = {}
    counts: np.ndarray | None = None
    layout = b""
    for key, pieces in zip(keys, raw, strict=False):
        joined = b";".join(pieces)
        if key in text_keys or b'"' in joined or b"{" in joined:
            lists = msgspec.json.decode(b"[" + b",".join(pieces) + b"]", type=list[list[Any]])
            columns[key] = [value for values in lists for value in values]
            found = np.array(list(map(len, lists)), np.int64)
        else:
            previous, layout = layout, joined.translate(None, NOT_LAYOUT)
            found = _sizes(layout) if layout != previous or counts is None else counts
            columns[key] = _read_numbers(key, joined)
        counts = found if counts is None else counts
        if len(columns[key]) != counts.sum() or not np.array_equal(found, counts):
            return None
    if counts is None:
        return None
    starts = np.repeat(np.arange(len(texts)), counts)
    extra = {}
    for key, pieces in zip(extras, raw[len(keys) :], strict=True):
        has_key = np.array([piece is not None for piece in pieces], np.bool_)
        extra[key] = np.flatnonzero(has_key[starts])
    return Records(counts, [columns[f.key] for f in side.fields], unclaimed=(Unclaimed.of(extra),))


def _sizes(layout: bytes) -> np.ndarray:
    """Values in each list, from what lies between them: `[,,;[,` is a list of three and one of two.

    An empty list looks like a list of one; that the column has fewer values then tells. -1 for nested lists.
    """
    marks = np.frombuffer(layout, np.uint8)
    ends = np.append(np.flatnonzero(marks == ord(";")), len(marks) - 1)
    commas, brackets = (np.diff(np.cumsum(marks == ord(mark))[ends], prepend=0) for mark in ",[")
    return np.where(brackets == 1, commas + 1, -1).astype(np.int64)


@lru_cache(maxsize=64)
def _column_decoder(keys: tuple[str, ...], extras: tuple[str, ...], is_closed: bool) -> msgspec.json.Decoder[Any]:
    wanted = [f"f{i}" for i in range(len(keys))]
    others = [f"f{i}" for i in range(len(keys), len(keys) + len(extras))]
    payload = msgspec.defstruct(
        "Payload",
        [*((name, msgspec.Raw) for name in wanted), *((name, msgspec.Raw, None) for name in others)],
        rename=dict(zip(wanted + others, keys + extras, strict=True)),
        forbid_unknown_fields=is_closed,
        gc=False,
    )
    return msgspec.json.Decoder(list[payload])  # type: ignore[valid-type]


def _read_numbers(key: str, joined: bytes) -> pa.Array:
    """The literals of a column without strings: numbers, null, true, false."""
    lines = joined.translate(SEPARATORS_TO_LINES, b"[]" + JSON_BLANKS)
    if key not in _fractional:
        column = _parse_literals(lines, None)
        if pa.types.is_int64(column.type) or pa.types.is_null(column.type):
            return column
        _fractional.add(key)
    column = _parse_literals(lines, pa.string())
    has_exponent = b"e" in lines or b"E" in lines
    longest = pc.max(pc.binary_length(column)).as_py() or 0
    if longest is None:  # nothing but null, in a column that held fractions before
        return pa.nulls(len(column))
    if longest > LONGEST_DOUBLE or (has_exponent and HUGE.search(lines)):
        raise pa.ArrowInvalid("a number that may not fit a double")
    return column


def _parse_literals(lines: bytes, kind: pa.DataType | None) -> pa.Array:
    table = pacsv.read_csv(
        pa.py_buffer(lines),
        read_options=pacsv.ReadOptions(use_threads=False, column_names=["v"], block_size=max(len(lines) + 1, 1 << 20)),
        convert_options=pacsv.ConvertOptions(
            column_types={"v": kind} if kind else None, null_values=["null"], strings_can_be_null=True
        ),
    )
    column = table.column(0)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
