"""Parquet files to rows. Types are the file's own: a double is Fractional even where it holds 37.0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model_monitor.dataset.classify import Literals
from model_monitor.dataset.named import named_rows, named_side
from model_monitor.dataset.units import Unit, open_parquet
from model_monitor.errors import DatasetError
from model_monitor.job.job import Job
from model_monitor.packing import Allowance
from model_monitor.schema import Rejects, Rows

BATCH_ROWS = 65_536


def read_parquet(unit: Unit, job: Job) -> Iterator[Rows]:
    """Rows of the unit's row groups."""
    wanted = [field.key for field in named_side(job.schema).fields]
    for segment in unit:
        file = open_parquet(segment.file.path)
        names = file.schema_arrow.names
        columns = [name for name in wanted if name in names]
        extra = [name for name in names if name not in wanted]
        groups = list(range(segment.start, segment.stop))
        for batch in _batches(file, groups, columns, segment.file.path):
            literals = {name: _literals(batch.column(name)) for name in columns}
            counts = Counter(dict.fromkeys(extra, batch.num_rows))
            yield named_rows(job.schema, batch.num_rows, literals, counts, Rejects())


def _batches(file: pq.ParquetFile, groups: list[int], columns: list[str], path: Path) -> Iterator[pa.RecordBatch]:
    """Some row groups' columns, a bounded number of rows at a time.

    Raises: DatasetError where a page is damaged; UnpacksTooLarge.
    """
    allowance = Allowance(path)
    try:
        for batch in file.iter_batches(BATCH_ROWS, row_groups=groups, columns=columns, use_threads=False):
            plain = _without_dictionaries(batch)
            allowance.take(plain.nbytes)
            yield plain
    except (pa.ArrowException, OSError):
        where = f"row groups {groups[0]} to {groups[-1]} of {file.metadata.num_row_groups}"
        raise DatasetError(f"{path}: damaged in {where}. Write or copy the file again.") from None


def _without_dictionaries(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Every value where it stands, so that a batch is as large as it looks."""
    if not any(map(pa.types.is_dictionary, batch.schema.types)):
        return batch
    columns = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _literals(column: pa.Array) -> Literals:
    """A typed column as the literals that the other formats give."""
    kind = column.type
    if pa.types.is_float32(kind) or pa.types.is_float16(kind):
        return shortest(column)
    if pa.types.is_null(kind) or pa.types.is_int64(kind) or pa.types.is_floating(kind):
        return column
    if pa.types.is_integer(kind):
        try:
            return column.cast(pa.int64())
        except pa.ArrowInvalid:  # unsigned and above 2**63
            return column.cast(pa.string())
    if pa.types.is_decimal(kind):
        return column.cast(pa.string())
    if pa.types.is_boolean(kind) or pa.types.is_nested(kind):
        values: list[Any] = column.to_pylist()
        return values
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return [None if value is None else value.decode("utf-8", "replace") for value in column.to_pylist()]
    return column.cast(pa.string())


def shortest(column: pa.Array) -> pa.DoubleArray:
    """Narrow floats as the doubles of their shortest decimals: 0.1 for float32's 0.10000000149, as it is written elsewhere."""
    doubles = column.cast(pa.float64())
    if pa.types.is_float16(column.type):  # which arrow does not write
        words = pa.array(
            [None if value is None else str(np.float16(value)) for value in doubles.to_pylist()], pa.string()
        )
    else:
        words = column.cast(pa.string())
    return pc.if_else(pc.equal(doubles, pc.trunc(doubles)), doubles, words.cast(pa.float64()))  # whole ones are exact
