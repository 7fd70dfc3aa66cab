"""Sensitive columns that are not in the payload: a table by inference id, read once and joined to rows in memory.

Only the columns that a monitor asks for are kept, and nothing of them is ever written out.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from model_monitor.dataset.classify import type_column
from model_monitor.errors import DatasetError
from model_monitor.labels.keys import hashes, keys_of
from model_monitor.labels.label_records import ID_COLUMNS, INDEX_COLUMNS, plain
from model_monitor.packing import LEAST_ROW_BYTES, Allowance, unpacked
from model_monitor.schema import Column, Kind, Rows
from model_monitor.words import did_you_mean

COLUMNS_WANTED = "Expected a column InferenceId (or EventId) and one for each facet, as CSV, JSON Lines or Parquet."


FAULTS = (OSError, EOFError, pa.ArrowException, orjson.JSONDecodeError, UnicodeDecodeError, TypeError, csv.Error)


@dataclass(frozen=True, slots=True)
class FacetTable:
    """Facets by record, or by event where the table has no payload_index.

    keys: uint64 (records,), ascending and different. columns: by name, aligned with the keys.
    """

    keys: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint64))
    columns: Mapping[str, Column] = field(default_factory=dict)
    is_by_record: bool = False

    def join(self, rows: Rows) -> Rows:
        """The same rows with the facets among their metadata; those of records that the table does not know are missing."""
        if not rows.events.ids or not len(self.keys):
            return rows
        keys = np.repeat(hashes(rows.events.ids), rows.events.records)
        if self.is_by_record:
            keys = keys_of(keys, rows.payload_index)
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        is_known = self.keys[places] == keys
        found = {name: _taken(column, places, is_known) for name, column in self.columns.items()}
        return replace(rows, metadata=rows.metadata | found)


def read_facets(files: Iterable[tuple[str, Path]], names: Sequence[str]) -> FacetTable:
    """The columns `names` of all files; of two rows with one key the last counts.

    Raises: DatasetError when a file is no such table; its message holds no value.
    """
    tables = [_table(relative, path, names) for relative, path in files]
    if not tables:
        return FacetTable()
    is_by_record = any(table.places is not None for table in tables)
    keys = [
        keys_of(table.ids, np.zeros(len(table.ids), np.int64) if table.places is None else table.places)
        if is_by_record
        else table.ids
        for table in tables
    ]
    whole = np.concatenate(keys)
    order = np.argsort(whole, kind="stable")
    is_last = np.append(whole[order][1:] != whole[order][:-1], True)
    chosen = order[is_last]
    columns = {}
    for name in names:
        cells = [cell for table in tables for cell in table.columns[name]]
        columns[name] = type_column([cells[place] for place in chosen.tolist()])[0]
    return FacetTable(whole[chosen], columns, is_by_record)


@dataclass(frozen=True, slots=True)
class _Table:
    """One file. ids: hashes of its ids; places: of records inside their payloads, None without such a column."""

    ids: np.ndarray
    places: np.ndarray | None
    columns: Mapping[str, list[Any]]


def _table(relative: str, path: Path, names: Sequence[str]) -> _Table:
    try:
        every, columns = _columns(path, names)
    except FAULTS as error:
        raise DatasetError(
            f"{relative}: the table of facets cannot be read ({type(error).__name__}). {COLUMNS_WANTED}"
        ) from error
    known = {plain(name): name for name in columns}
    id_name = next((known[name] for name in ID_COLUMNS if name in known), None)
    lacking = [name for name in names if name not in every]
    if id_name is None or lacking:
        what = "an id" if id_name is None else ", ".join(f"'{name}'" for name in lacking)
        asked = did_you_mean(lacking, sorted(every))
        raise DatasetError(
            f"{relative}: the table of facets has no column for {what}{f': {asked}' if asked else '.'} {COLUMNS_WANTED}"
        )
    index_name = next((known[name] for name in INDEX_COLUMNS if name in known), None)
    ids = hashes([str(value) for value in columns[id_name]])
    try:
        places = None if index_name is None else np.array([int(value or 0) for value in columns[index_name]], np.int64)
    except (TypeError, ValueError) as error:
        raise DatasetError(f"{relative}: the table of facets has a payload_index that is no position.") from error
    return _Table(ids, places, {name: columns[name] for name in names})


def _columns(path: Path, names: Sequence[str]) -> tuple[Sequence[str], dict[str, list[Any]]]:
    """What the columns are called, and those that are asked for or tell a record."""
    content = unpacked(path)
    if content[:4] == b"PAR1":
        file = pyarrow.parquet.ParquetFile(pa.BufferReader(content))
        every = file.schema_arrow.names
        rows = file.metadata.num_rows * LEAST_ROW_BYTES
        Allowance(path).take(
            max(rows, sum(file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups)))
        )
        return every, file.read(_wanted(every, names)).to_pydict()
    if content.lstrip()[:1] in (b"{", b"["):
        records = list(_records(content))
        if not all(isinstance(record, dict) for record in records):
            raise TypeError
        every = list(dict.fromkeys(chain.from_iterable(records)))
        return every, {name: [record.get(name) for record in records] for name in _wanted(every, names)}
    every = next(csv.reader([content.split(b"\n", 1)[0].decode().strip()]), [])
    wanted = _wanted(every, names)
    if not wanted:
        return every, {}
    convert = pyarrow.csv.ConvertOptions(  # as text: codes keep their zeros until typed
        column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=True, include_columns=wanted
    )
    return every, pyarrow.csv.read_csv(pa.BufferReader(content), convert_options=convert).to_pydict()


def _wanted(every: Sequence[str], names: Sequence[str]) -> list[str]:
    known = {*names}
    return [name for name in every if name in known or plain(name) in (*ID_COLUMNS, *INDEX_COLUMNS)]


def _records(content: bytes) -> Iterator[dict[str, Any]]:
    if content.lstrip().startswith(b"["):
        yield from orjson.loads(content)
        return
    for line in content.split(b"\n"):
        if line.strip():
            yield orjson.loads(line)


def _taken(column: Column, places: np.ndarray, is_known: np.ndarray) -> Column:
    numbers = None
    if column.numbers is not None:
        numbers = np.where(is_known, column.numbers[places].astype(np.float64), np.nan)
        numbers = None if np.isnan(numbers).all() else numbers
    texts = None
    if column.texts is not None:
        indices = column.texts.indices.take(pa.array(places, mask=~is_known))
        texts = pa.DictionaryArray.from_arrays(indices, column.texts.dictionary)
    kinds = np.zeros(len(Kind), np.int64)
    kinds[Kind.STRING] = 0 if texts is None else len(texts) - texts.null_count
    if numbers is not None:
        present = numbers[np.isfinite(numbers)]
        kinds[Kind.INTEGRAL] = np.count_nonzero(present == np.floor(present))
        kinds[Kind.FRACTIONAL] = len(present) - kinds[Kind.INTEGRAL]
    kinds[Kind.NULL] = len(places) - kinds.sum()
    return Column(kinds, numbers, texts)
