"""DataFrames of any library as tables: what stands in them arrives, what does not belong to them stays behind."""

from __future__ import annotations

import importlib.util

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model_monitor.dataset.frames import is_frame, table_of, write_frame
from model_monitor.errors import SettingsError


class Streamed:
    """A DataFrame of some library: nothing but the protocol."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


class Interchanged:
    """One that speaks only the older protocol."""

    def __init__(self, table):
        self.table = table

    def __dataframe__(self, **options):
        return self.table.__dataframe__(**options)


TABLE = pa.table(
    {"age": [1, 2, None], "bmi": [1.5, None, 2.0], "member": [True, False, None], "state": ["a", None, "b"]}
)


@pytest.mark.parametrize("wrap", [lambda table: table, Streamed, Interchanged], ids=["arrow", "stream", "interchange"])
def test_a_table_of_any_library_arrives_as_it_is(wrap):
    assert is_frame(wrap(TABLE))
    assert table_of(wrap(TABLE)).to_pylist() == TABLE.to_pylist()


def test_batches_and_their_streams_are_tables_too():
    (batch,) = TABLE.to_batches()
    reader = pa.RecordBatchReader.from_batches(TABLE.schema, [batch])
    assert table_of(batch).equals(table_of(reader))


def test_the_index_of_pandas_is_no_column():
    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]}, index=pd.Index([7, 8, 9], name="customer"))
    assert table_of(frame).column_names == ["a", "b"]
    assert table_of(frame[frame.a > 1].reset_index().set_index("b")).column_names == ["customer", "a"]


def test_whole_numbers_of_pandas_stay_whole_when_one_is_missing():
    frame = pd.DataFrame({"whole": [1, None, 3], "real": [1.5, None, 3], "full": [1.0, 2.0, 3.0], "none": [np.nan] * 3})
    assert {field.name: str(field.type) for field in table_of(frame).schema} == {
        "whole": "int64",
        "real": "double",
        "full": "double",
        "none": "double",
    }
    assert table_of(frame)["whole"].to_pylist() == [1, None, 3]


def test_doubles_of_another_library_are_left_alone():
    assert str(table_of(pa.table({"a": [1.0, None]})).schema.field("a").type) == "double"


def test_texts_of_every_arrow_type_are_texts(tmp_path):
    views = pa.table({"a": pa.array(["x", None]).cast(pa.string_view())})
    coded = pa.table({"a": pa.DictionaryArray.from_arrays(pa.array([0, None]), pa.array(["x"]).cast(pa.string_view()))})
    for table in (views, coded):  # as polars has texts and categories
        path = write_frame(Streamed(table), tmp_path / "views.parquet")
        assert pq.read_table(path)["a"].to_pylist() == ["x", None]


@pytest.mark.skipif(importlib.util.find_spec("polars") is None, reason="polars not installed")
def test_polars_arrives_too():
    import polars

    frame = polars.from_arrow(TABLE)
    assert table_of(frame).to_pylist() == TABLE.to_pylist()


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (pd.DataFrame({"fine": [1, 2], "mixed": [1, "secret"]}), "column 'mixed' holds values of several types"),
        (pd.DataFrame(), "has no columns"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), ""),
    ],
)
def test_what_is_no_table_is_refused_without_telling_a_value(frame, told):
    with pytest.raises(SettingsError) as refused:
        table_of(frame)
    assert told in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("other", [[1], {"a": [1]}, "path", None, np.ones(3)])
def test_other_things_are_no_frames(other):
    assert not is_frame(other)
