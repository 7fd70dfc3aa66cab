"""A second, slow reader that shares nothing with the first: cell by cell, on the standard library alone."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from model_monitor.schema import Column, Kind, Rows

WHOLE = re.compile(r"^[+-]?[ ]?[0-9]+$")
BROKEN = re.compile(r"^[+-]?[ ]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?$")


@dataclass(frozen=True)
class Cell:
    """A typed cell: its kind, its value where it is a number, its text where it is none."""

    kind: Kind
    number: float | None = None
    text: str | None = None


NULL = Cell(Kind.NULL)


def cell_of_text(text: str | None, *, is_text: bool = False) -> Cell:
    """What a CSV field or a JSON string is; None is an empty field."""
    if text is None:
        return NULL
    cell = _typed(text)
    return Cell(cell.kind, None, text) if is_text else cell


def _typed(text: str) -> Cell:
    if text in ("true", "false"):
        return Cell(Kind.BOOLEAN, None, text)
    if not text.endswith("\n") and BROKEN.match(text):
        number = float(text.replace(" ", ""))
        if math.isfinite(number):
            return Cell(Kind.INTEGRAL if WHOLE.match(text) else Kind.FRACTIONAL, number)
    return Cell(Kind.STRING, None, text)


def cell_of_json(value: Any, *, is_text: bool = False) -> Cell:
    """What a JSON value is."""
    if value is None:
        return NULL
    if isinstance(value, str):
        return cell_of_text(value, is_text=is_text)
    if isinstance(value, bool):
        return Cell(Kind.BOOLEAN, None, "true" if value else "false")
    number = float(value) if not isinstance(value, int) or value.bit_length() < 1000 else math.inf
    if not math.isfinite(number):
        name = "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
        return Cell(Kind.STRING, None, str(value) if isinstance(value, int) else name)
    kind = Kind.INTEGRAL if isinstance(value, int) else Kind.FRACTIONAL
    return Cell(kind, None, str(value)) if is_text else Cell(kind, number)


@dataclass
class Table:
    """All chunks of a dataset: for each row its key and cells (number, text), for each feature the count of kinds."""

    rows: dict[tuple[str, int], tuple[tuple[float | None, str | None], ...]] = field(default_factory=dict)
    kinds: list[Counter[Kind]] = field(default_factory=list)
    rejects: Counter[str] = field(default_factory=Counter)


def expected_table(records: dict[tuple[str, int], Sequence[Cell]], rejects: dict[str, int] | None = None) -> Table:
    """The table that records of typed cells make."""
    width = max(map(len, records.values()), default=0)
    kinds = [Counter(cells[i].kind for cells in records.values()) for i in range(width)]
    rows = {key: tuple((cell.number, cell.text) for cell in cells) for key, cells in records.items()}
    return Table(rows, kinds, Counter(rejects or {}))


def table_of(chunks: Sequence[Rows]) -> Table:
    """What the reader made, laid open. Keys must be unique."""
    table = Table(kinds=[Counter() for _ in chunks[0].features] if chunks else [])
    for rows in chunks:
        table.rejects += rows.rejects.by_reason
        ids = [i for i, n in zip(rows.events.ids, rows.events.records.tolist(), strict=True) for _ in range(n)]
        keys = list(zip(ids, rows.payload_index.tolist(), strict=True))
        assert len(keys) == rows.count
        columns = [list(zip(*_cells(column, rows.count), strict=True)) for column in rows.features]
        for counter, column in zip(table.kinds, rows.features, strict=True):
            assert column.kinds.sum() == rows.count
            counter.update({Kind(i): int(n) for i, n in enumerate(column.kinds) if n})
        for i, key in enumerate(keys):
            assert key not in table.rows
            table.rows[key] = tuple(column[i] for column in columns)
    table.kinds = table.kinds if table.rows else []
    return table


def _cells(column: Column, count: int) -> tuple[list[float | None], list[str | None]]:
    nothing: list[Any] = [None] * count
    numbers = (
        nothing if column.numbers is None else [None if math.isnan(v) else float(v) for v in column.numbers.tolist()]
    )
    texts = nothing if column.texts is None else column.texts.to_pylist()
    assert column.texts is None or set(column.texts.dictionary.to_pylist()) == set(texts) - {None}
    return numbers, texts
