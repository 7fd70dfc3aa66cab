"""DataFrames of any library as Parquet files, which are read like all others.

Taken through Arrow's own protocols, so that no library of DataFrames is imported here: `__arrow_c_stream__` (pandas, polars,
pyarrow, DuckDB) or the older `__dataframe__`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model_monitor.errors import SettingsError

ROWS_OF_A_GROUP = 1 << 17
COLUMN_OF_ERROR = re.compile(r"column (.+) with type")
WHOLE_DOUBLES = 2.0**53  # below, a double tells whole numbers apart
MIXED = "Give each column values of one type, such as df[column].astype(str)."


def is_frame(data: object) -> bool:
    """Whether something is a DataFrame, or a table of another kind that speaks one of the protocols."""
    return hasattr(data, "__arrow_c_stream__") or hasattr(data, "__dataframe__")


def write_frame(data: Any, path: Path) -> Path:
    """A DataFrame as a Parquet file.

    Raises: SettingsError where it is no table that can be written.
    """
    table = table_of(data)
    try:
        pq.write_table(table, path, row_group_size=ROWS_OF_A_GROUP)
    except pa.ArrowException as error:
        raise SettingsError("the DataFrame", _problem(error), MIXED) from None
    return path


def table_of(data: Any) -> pa.Table:
    """The columns of a DataFrame, without its index; NaN of pandas is nothing.

    Raises: SettingsError.
    """
    try:
        table = pa.table(data) if hasattr(data, "__arrow_c_stream__") else _interchanged(data)
    except (pa.ArrowException, TypeError, ValueError, AttributeError) as error:
        raise SettingsError("the DataFrame", _problem(error), MIXED) from None
    if not table.num_columns:
        raise SettingsError("the DataFrame", "has no columns.")
    repeated = sorted(name for name, count in Counter(table.column_names).items() if count > 1)
    if repeated:
        raise SettingsError("the DataFrame", f"has several columns named '{repeated[0]}'.")
    return _as_written(_of_pandas(table))


def _interchanged(data: Any) -> pa.Table:
    from pyarrow.interchange import from_dataframe

    return from_dataframe(data)


def _problem(error: Exception) -> str:
    """What is wrong, without Arrow's words: they repeat values."""
    named = [COLUMN_OF_ERROR.search(str(argument)) for argument in error.args]
    column = next((found[1] for found in named if found), None)
    if column is not None:
        return f"column '{column}' holds values of several types, or of one that Arrow does not know."
    return f"cannot be taken as an Arrow table ({type(error).__name__}): a column holds values of several types."


def _of_pandas(table: pa.Table) -> pa.Table:
    """Without pandas' index; whole numbers that a missing value turned into doubles are whole again."""
    described = (table.schema.metadata or {}).get(b"pandas")
    if described is None:
        return table
    index = [name for name in json.loads(described)["index_columns"] if isinstance(name, str)]
    table = table.drop_columns([name for name in index if name in table.column_names])
    for place, column in enumerate(table.columns):
        if pa.types.is_float64(column.type) and column.null_count and _is_whole(column):
            table = table.set_column(place, table.column_names[place], column.cast(pa.int64()))
    return table.replace_schema_metadata(None)


def _is_whole(column: pa.ChunkedArray) -> bool:
    numbers = column.drop_null()
    if not len(numbers):
        return False
    is_whole = pc.and_(pc.equal(pc.floor(numbers), numbers), pc.less(pc.abs(numbers), WHOLE_DOUBLES))
    return bool(pc.all(is_whole).as_py())


def _as_written(table: pa.Table) -> pa.Table:
    """Views of texts as texts: Parquet files do not know them."""
    for place, column in enumerate(table.columns):
        if _is_view(column.type):
            chunks = [_without_views(chunk) for chunk in column.chunks]
            table = table.set_column(place, table.column_names[place], pa.chunked_array(chunks, pa.large_string()))
    return table


def _is_view(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string_view(type_.value_type if pa.types.is_dictionary(type_) else type_))


def _without_views(chunk: pa.Array) -> pa.Array:
    if not pa.types.is_dictionary(chunk.type):
        return chunk.cast(pa.large_string())
    return chunk.dictionary.cast(pa.large_string()).take(chunk.indices)
