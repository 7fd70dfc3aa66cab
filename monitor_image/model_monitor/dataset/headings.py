"""What payloads themselves call the values of a row: a CSV header line, or the `columns` of a table in split orient.

Such a payload is read by these names where they are known ones; its heading is no record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np

from model_monitor.dataset import native
from model_monitor.dataset.fields import Side
from model_monitor.dataset.formats.csv import split_rows
from model_monitor.dataset.records import Records
from model_monitor.dataset.sides import Format
from model_monitor.dataset.texts import Texts
from model_monitor.dataset.unclaimed import Unclaimed

Names = tuple[str, ...]

NUMBER: Final = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", re.ASCII)
COLUMNS: Final = '"columns"'


class _Table(msgspec.Struct, gc=False):
    """A table in split orient, as pandas and MLflow write it."""

    columns: list[str | int | float]
    data: msgspec.Raw


_table = msgspec.json.Decoder(_Table)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Headed:
    """One side of a group of events without its headings.

    names: payload → what it calls its values, of those that say so.
    """

    form: Format
    texts: Sequence[str]
    names: dict[int, Names]


def without_headings(form: Format, texts: Sequence[str], known: Iterable[str], records: str | None) -> Headed:
    """Take the headings off payloads of one format.

    known: names by which a first line is known to be a header, where the content type does not say so.
    records: where the records are declared to be; a table elsewhere is none.
    """
    if form is Format.CSV_WITH_HEADER:
        return _taken_off(Format.CSV, texts, ((i, _of_csv(texts[i])) for i in range(len(texts))))
    if form is Format.CSV:
        words = frozenset(name for name in known if not NUMBER.fullmatch(name))
        return _taken_off(form, texts, _known_headers(texts, words))
    if form is Format.JSON and native.mentions(texts, COLUMNS):
        return _taken_off(form, texts, ((i, _of_table(text, records)) for i, text in enumerate(texts)))
    return Headed(form, texts, {})


def _taken_off(form: Format, texts: Sequence[str], found: Iterable[tuple[int, tuple[Names, str] | None]]) -> Headed:
    headed = {i: heading for i, heading in found if heading is not None}
    if not headed:
        return Headed(form, texts, {})
    left = [headed[i][1] if i in headed else text for i, text in enumerate(texts)]
    return Headed(form, Texts.of(left), {i: names for i, (names, _) in headed.items()})


def _known_headers(texts: Sequence[str], known: frozenset[str]) -> Iterator[tuple[int, tuple[Names, str] | None]]:
    """Payloads whose first line holds known names alone, or each of them, above other lines."""
    starts = tuple({mark + name for name in known if name for mark in ("", '"', "\ufeff")})
    for i in _beginning_with(texts, starts) if starts else ():
        heading = _of_csv(texts[i])
        if heading is not None and heading[1].strip():
            cells = set(heading[0])
            if len(cells) == len(heading[0]) and (cells <= known or known <= cells):
                yield i, heading


def _beginning_with(texts: Sequence[str], starts: tuple[str, ...]) -> list[int]:
    if isinstance(texts, Texts):
        filled = np.flatnonzero(np.diff(texts.bounds))
        is_start = np.zeros(256, np.bool_)
        is_start[[*{start.encode()[0] for start in starts}, *b"\r\n"]] = True
        data = np.frombuffer(texts.data, np.uint8)
        places: Iterable[int] = filled[is_start[data[texts.bounds[:-1][filled]]]].tolist()
    else:
        places = range(len(texts))
    return [i for i in places if texts[i].lstrip("\r\n").startswith(starts)]


def _of_csv(text: str) -> tuple[Names, str] | None:
    """The cells of the first line that is not blank, and what is below it."""
    line, _, rest = text.lstrip("\ufeff\r\n").partition("\n")
    try:
        (row,) = split_rows(line.rstrip("\r"))
    except ValueError:  # no line of its own, or an open quote
        return None
    return tuple(cell or "" for cell in row), rest


def _of_table(text: str, records: str | None) -> tuple[Names, str] | None:
    """The columns of a table in split orient and its rows, where the records are or may be."""
    if COLUMNS not in text:
        return None
    try:
        if records in (None, "data") and (found := _table_in(text.encode())) is not None:
            return found
        members = _members.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    behind = (member for key, member in members.items() if records in (None, f"{key}.data"))
    return next((found for member in behind if (found := _table_in(bytes(member))) is not None), None)


def _table_in(value: bytes) -> tuple[Names, str] | None:
    try:
        table = _table.decode(value)
    except msgspec.ValidationError:
        return None
    rows = bytes(table.data).decode()
    return (tuple(map(str, table.columns)), rows) if rows.startswith("[") else None


# --- a header that nothing announces -----------------------------------------------------------------------------------


def words_above_numbers(text: str) -> bool | None:
    """Whether the first line of a CSV payload is a header by its looks: no number in it, and numbers in each line below.

    None where it has no number and the lines below have none either: it may be one.
    """
    try:
        first, *others = (row for row in split_rows(text.strip("\ufeff\r\n")) if row != [None])
    except ValueError:
        return False
    if _has_number(first):
        return False
    return True if others and all(map(_has_number, others)) else None


def _has_number(row: Sequence[str | None]) -> bool:
    return any(NUMBER.fullmatch(cell or "") for cell in row)


def without_first_lines(texts: Sequence[str], places: Iterable[int]) -> Texts:
    """Payloads without the first lines of some."""
    chosen = set(places)
    return Texts.of([_below(text) if i in chosen else text for i, text in enumerate(texts)])


def _below(text: str) -> str:
    return text.lstrip("\r\n").partition("\n")[2]


# --- reading by name ---------------------------------------------------------------------------------------------------


def side_by_name(side: Side, names: Names) -> Side:
    """The fields where a payload's own names say they are; where it knows none of the names, their places stand."""
    if not names:
        return side
    places = {name: i for i, name in reversed(list(enumerate(names)))}
    found = tuple(replace(f, position=places[f.key], path=None) for f in side.fields if f.key in places)
    return replace(side, fields=found, width=len(names), records=None) if found else replace(side, records=None)


def as_declared(records: Records, side: Side, names: Names) -> Records:
    """Records read by name as columns of all fields; names that no field claims are counted."""
    keys = [f.key for f in side.fields if f.key in names]
    if not keys:
        return records
    count = int(records.readable.sum())
    columns = dict(zip(keys, records.columns, strict=True))
    nothing = [msgspec.UNSET] * count
    records.columns = [columns.get(f.key, nothing) for f in side.fields]
    if side.is_closed and count:
        others = [name for name in dict.fromkeys(names) if name not in columns]
        records.unclaimed += (Unclaimed.everywhere(others, count),)
    return records
