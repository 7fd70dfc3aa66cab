"""JSON payloads to records: lists of objects or lists, objects of columns, one flat object, JSON Lines, containers.

Payloads of one shape are read together by engines that were told the fields: the compiled reader, or `json_fast`. Whatever
those refuse is read here, payload by payload, with the same result.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, TypeAlias

import msgspec
import numpy as np

from model_monitor.dataset import native
from model_monitor.dataset.fields import PLAIN_KEY, Field, Side, expression, getter
from model_monitor.dataset.foreign import MENTIONS_TENSORS, TENSORS, is_tensors
from model_monitor.dataset.formats import json_fast
from model_monitor.dataset.formats.json_splice import splice
from model_monitor.dataset.records import (
    EMPTY_PAYLOAD,
    MALFORMED_JSON,
    MIXED_RECORDS,
    NO_RECORDS_FOUND,
    UNEVEN_COLUMNS,
    UNSTANDARD_JSON,
    Records,
    Shape,
)
from model_monitor.dataset.texts import Texts
from model_monitor.dataset.unclaimed import Runs

Layout: TypeAlias = tuple[Shape, str | None]  # of the records; the key behind which they are though it was not declared
HELD_PAYLOADS = 4096  # decoded before they become columns
TRIED_PAYLOADS = 8

_decode = msgspec.json.Decoder().decode


class BadPayload(Exception):
    """A payload that holds no records; the reason is one of the reader's vocabulary."""


@dataclass(slots=True)
class Payload:
    """The records of one payload: `rows` (lists), `objects`, or `columns` of equal length; the other two are None.

    extra: keys beside the columns that no field claims.
    container: the only key of the payload, where the records were found behind it without being declared.
    """

    count: int
    objects: list[dict[str, Any]] | None = None
    rows: list[list[Any]] | None = None
    columns: dict[str, Sequence[Any]] | None = None
    extra: frozenset[str] = frozenset()
    container: str | None = None

    @property
    def shape(self) -> Shape:
        if self.columns is not None:
            return Shape.COLUMNS
        return Shape.OBJECTS if self.rows is None else Shape.ROWS


@dataclass(slots=True)
class _Table:
    """Records of many payloads while they are put together."""

    columns: list[list[Any]]
    widths: dict[int, int] = field(default_factory=dict)
    unclaimed: Runs = field(default_factory=Runs)
    seen: int = 0  # records, unreadable ones included
    readable: int = 0


def read_json(
    payloads: Sequence[str], side: Side, expected: np.ndarray | None = None, *, is_lines: bool = False
) -> Records:
    """Records of JSON payloads.

    expected: records of the other side; a list of plain values is one record for each, or one record of them all.
    """
    guess = None if may_hold_tensors(payloads) else _guess(payloads, side, is_lines)
    if guess is None:
        return _read_carefully(payloads, side, expected, is_lines)
    return (
        _read_compiled(payloads, side, expected, is_lines, guess)
        or json_fast.read(payloads, side, is_lines=is_lines, shape=guess[0], container=guess[1])
        or _read_carefully(payloads, side, expected, is_lines)
    )


def may_hold_tensors(payloads: Sequence[str]) -> bool:
    """Whether some payload may be of the open inference protocol, so that each has to be looked at."""
    return native.mentions(payloads, MENTIONS_TENSORS)


def _guess(payloads: Sequence[str], side: Side, is_lines: bool) -> Layout | None:
    """That of the first payload that can be read, which is a guess for the rest; of one with records, if it is near."""
    empty: Layout | None = None
    for text, _ in zip(payloads, range(TRIED_PAYLOADS), strict=False):
        try:
            found = records_of(load(text, is_lines=is_lines)[0], side)
        except BadPayload:
            continue
        layout = found.shape, found.container
        if found.count:
            return layout
        empty = empty or layout
    return empty


def _read_compiled(
    payloads: Sequence[str], side: Side, expected: np.ndarray | None, is_lines: bool, guess: Layout
) -> Records | None:
    texts = _texts(payloads) if native.is_available() else None
    if texts is None:
        return None
    found = native.read_json(texts, side, *guess, expected, is_lines=is_lines)
    if found is None:
        return None
    records, odd = found
    if not odd.size:
        return records
    if 2 * odd.size > len(payloads):
        return None
    known = None if expected is None else expected[odd]
    return splice(records, _read_carefully([payloads[i] for i in odd.tolist()], side, known, is_lines), odd, side)


def _texts(payloads: Sequence[str]) -> Texts | None:
    """In one buffer; None where half of a surrogate pair stands in them, which the reader should meet."""
    if isinstance(payloads, Texts):
        return payloads
    joined = "".join(payloads)
    if joined.isascii():
        return Texts(joined.encode(), np.cumsum([0, *map(len, payloads)], dtype=np.int64))
    try:
        joined.encode()
    except UnicodeEncodeError:
        return None
    return Texts.of(payloads)


def _read_carefully(payloads: Sequence[str], side: Side, expected: np.ndarray | None, is_lines: bool) -> Records:
    counts = np.zeros(len(payloads), np.int64)
    faults: dict[int, str] = {}
    tolerated: dict[int, str] = {}
    table, found = _Table([[] for _ in side.fields]), list[Payload]()
    for i, text in enumerate(payloads):
        try:
            values, is_tolerated = load(text, is_lines=is_lines)
            refuse_tensors(text, values)
            payload = records_of(values, side, None if expected is None else int(expected[i]))
        except BadPayload as fault:
            faults[i] = str(fault)
            continue
        if is_tolerated:
            tolerated[i] = UNSTANDARD_JSON
        counts[i] = payload.count
        found.append(payload)
        if len(found) == HELD_PAYLOADS:
            _assemble(table, found, side)
            found.clear()
    _assemble(table, found, side)
    json_fast.learn(side, table.unclaimed.names)
    return Records(counts, list(table.columns), faults, table.widths, (table.unclaimed.build(),), tolerated)


def load(text: str, *, is_lines: bool = False) -> tuple[Any, bool]:
    """The value of a payload, and whether it took a tolerant parser. Several lines become the list of their values.

    Raises: BadPayload.
    """
    text = text.lstrip("\ufeff").strip()
    if not text:
        raise BadPayload(EMPTY_PAYLOAD)
    if not is_lines:
        with suppress(msgspec.DecodeError, UnicodeEncodeError, RecursionError):  # the tolerant parser has its say next
            return _decode(text), False
        try:
            return json.loads(text), True
        except (ValueError, RecursionError):
            if "\n" not in text:
                raise BadPayload(MALFORMED_JSON) from None
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) == 1:
        return load(lines[0]) if is_lines else _refuse(MALFORMED_JSON)
    values = [load(line) if line.count("\n") == 0 else _refuse(MALFORMED_JSON) for line in lines]
    return [value for value, _ in values], any(is_tolerated for _, is_tolerated in values)


def refuse_tensors(text: str, value: Any) -> None:
    """Raises: BadPayload for a payload of the open inference protocol."""
    if MENTIONS_TENSORS in text and is_tensors(value):
        raise BadPayload(TENSORS)


def _refuse(reason: str) -> Any:
    raise BadPayload(reason)


# --- where the records are ---------------------------------------------------------------------------------------------


def records_of(value: Any, side: Side, expected: int | None = None) -> Payload:
    """The records inside a decoded payload.

    Raises: BadPayload.
    """
    if side.records is not None:
        value = _search(side.records)(value)
        if value is None or value is msgspec.UNSET:
            raise BadPayload(NO_RECORDS_FOUND)
    if isinstance(value, list):
        return _of_list(value, side, expected)
    if isinstance(value, dict):
        return _of_object(value, side, expected)
    return Payload(1, rows=[[value]])


@lru_cache
def _search(path: str) -> Callable[[Any], Any]:
    return getter(path) if PLAIN_KEY.fullmatch(path) else expression(path)


def _of_list(value: list[Any], side: Side, expected: int | None) -> Payload:
    types = set(map(type, value))
    if types <= {dict}:
        return _unwrapped(value, side)
    if types == {list}:
        return Payload(len(value), rows=value)
    if types & {dict, list}:
        raise BadPayload(MIXED_RECORDS)
    each_is_one = len(side.fields) == 1 if expected is None else len(value) == expected
    return Payload(len(value), rows=[[item] for item in value]) if each_is_one else Payload(1, rows=[value])


def _unwrapped(objects: list[dict[str, Any]], side: Side) -> Payload:
    """Records such as {"features": [1, 2, 3]} are rows when no field asks for that key."""
    if objects and all(len(record) == 1 for record in objects):
        key = next(iter(objects[0]))
        if key not in side.claimed and all(isinstance(record.get(key), list) for record in objects):
            return Payload(len(objects), rows=[record[key] for record in objects])
    return Payload(len(objects), objects=objects)


def _of_object(value: dict[str, Any], side: Side, expected: int | None) -> Payload:
    named = {f.key: value[f.key] for f in side.fields if f.path is None and f.key in value}
    extra = frozenset(value.keys() - side.claimed)
    if named and all(isinstance(column, list) for column in named.values()):
        return _of_columns(named, extra)
    if named and all(isinstance(column, dict) for column in named.values()):
        return _of_indexed_columns(named, extra)
    if side.records is None and len(extra) == len(value):
        inside = [item for item in value.values() if isinstance(item, list)]
        if len(inside) == 1 and (len(value) == 1 or _are_records(inside[0], None if side.is_named else expected)):
            found = _of_list(inside[0], side, expected)
            return replace(found, container=next(iter(value)) if len(value) == 1 else None)
    return _unwrapped([value], side)


def _are_records(values: list[Any], expected: int | None) -> bool:
    """Whether a list beside other keys holds the records: objects, lists, or a plain value for each that is expected.

    expected: None where values are looked for by name; the list may then hold anything, such as the reasons of one answer.
    """
    return not values or isinstance(values[0], (dict, list)) or len(values) == expected


def _of_columns(columns: dict[str, Sequence[Any]], extra: frozenset[str]) -> Payload:
    lengths = set(map(len, columns.values()))
    if len(lengths) != 1:
        raise BadPayload(UNEVEN_COLUMNS)
    return Payload(lengths.pop(), columns=columns, extra=extra)


def _of_indexed_columns(columns: dict[str, dict[str, Any]], extra: frozenset[str]) -> Payload:
    """Columns as {"0": …, "1": …}, in the order of the first column's keys."""
    order = list(next(iter(columns.values())))
    if any(len(column) != len(order) for column in columns.values()):
        raise BadPayload(UNEVEN_COLUMNS)
    try:
        return _of_columns({key: [column[index] for index in order] for key, column in columns.items()}, extra)
    except KeyError:
        raise BadPayload(UNEVEN_COLUMNS) from None


# --- records to columns ----------------------------------------------------------------------------------------------


def _assemble(table: _Table, payloads: list[Payload], side: Side) -> None:
    for shape, run in groupby(payloads, key=lambda payload: payload.shape):
        if shape is Shape.COLUMNS:
            for payload in run:
                _add_columns(table, payload, side)
        elif shape is Shape.ROWS:
            _add_rows(table, [row for payload in run for row in payload.rows or []], side)
        else:
            _add_objects(table, [record for payload in run for record in payload.objects or []], side)


def _add_columns(table: _Table, payload: Payload, side: Side) -> None:
    columns = payload.columns or {}
    for column, wanted in zip(table.columns, side.fields, strict=True):
        column.extend(columns.get(wanted.key, [msgspec.UNSET] * payload.count))
    for key in payload.extra if side.is_closed and payload.count else ():
        table.unclaimed.add(key, table.readable, table.readable + payload.count)
    table.seen += payload.count
    table.readable += payload.count


def _add_rows(table: _Table, rows: list[list[Any]], side: Side) -> None:
    good = rows
    if not _all_fit(rows, side):
        good = [row for row in rows if _fits(row, side)]
        for i, row in enumerate(rows):
            if not _fits(row, side):
                table.widths[table.seen + i] = len(row)
    turned = json_fast.turned(good, side.needed)
    for column, wanted in zip(table.columns, side.fields, strict=True):
        column.extend(turned[wanted.position])
    table.seen += len(rows)
    table.readable += len(good)


def _all_fit(rows: list[list[Any]], side: Side) -> bool:
    lengths = set(map(len, rows))
    return lengths <= {side.width} if side.width is not None else min(lengths, default=side.needed) >= side.needed


def _fits(row: list[Any], side: Side) -> bool:
    return len(row) == side.width if side.width is not None else len(row) >= side.needed


def _add_objects(table: _Table, objects: list[dict[str, Any]], side: Side) -> None:
    for column, wanted in zip(table.columns, side.fields, strict=True):
        column.extend(_values(objects, wanted))
    if side.is_closed:
        claimed = side.claimed
        for place, record in enumerate(objects, table.readable) if set(chain.from_iterable(objects)) - claimed else ():
            for key in record.keys() - claimed:
                table.unclaimed.add(key, place, place + 1)
    table.seen += len(objects)
    table.readable += len(objects)


def _values(objects: list[dict[str, Any]], wanted: Field) -> list[Any]:
    if wanted.path is not None:
        return list(map(getter(wanted.path), objects))
    try:
        return list(map(itemgetter(wanted.key), objects))
    except KeyError:
        return [record.get(wanted.key, msgspec.UNSET) for record in objects]
