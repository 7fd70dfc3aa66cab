"""Facets that are not in the payload: read in every form, joined by inference id, never taken for another record's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from model_monitor import packing
from model_monitor.errors import DatasetError, UnpacksTooLarge
from model_monitor.labels.facet_table import read_facets
from model_monitor.monitors.model_bias.coded import Coded
from model_monitor.schema import Rows
from tests.builders import capture_event, capture_job, csv_payload, read_all, schema, write_capture

RECORDS = [
    {"InferenceId": "a", "payload_index": 0, "sex": "f", "age": 40},
    {"InferenceId": "a", "payload_index": 1, "sex": "m", "age": 41},
    {"InferenceId": "b", "payload_index": 0, "sex": None, "age": 7},
    {"InferenceId": "b", "payload_index": 0, "sex": "m", "age": 50},
]


def written(path: Path, records: list[dict[str, Any]]) -> Path:
    if path.suffix == ".csv":
        lines = [",".join(records[0]), *(",".join("" if v is None else str(v) for v in r.values()) for r in records)]
        path.write_text("\n".join(lines))
    elif path.suffix == ".parquet":
        pyarrow.parquet.write_table(pa.Table.from_pylist(records), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(records))
    else:
        path.write_text("\n".join(map(json.dumps, records)))
    return path


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    """Records a/0, a/1, b/0 and c/0."""
    events = [
        capture_event(csv_payload([[1], [2]]), csv_payload([[0], [1]]), inference_id="a"),
        capture_event(csv_payload([[3]]), csv_payload([[0]]), inference_id="b"),
        capture_event(csv_payload([[4]]), csv_payload([[0]]), inference_id="c"),
    ]
    write_capture(tmp_path / "capture", events)
    (found,) = read_all(capture_job(tmp_path / "capture", schema("x", prediction=0)))
    return found


def cells(rows: Rows, name: str) -> list[Any]:
    found = Coded.of(rows.metadata[name], None, rows.count)
    values = [None, *found.numbers.tolist(), *found.words]
    return [values[code] for code in found.codes.tolist()]


@pytest.mark.parametrize("name", ["facets.csv", "facets.jsonl", "facets.json", "facets.parquet"])
def test_a_table_in_any_form_is_joined_by_id_and_place_and_the_last_row_counts(
    rows: Rows, tmp_path: Path, name: str
) -> None:
    table = read_facets([(name, written(tmp_path / name, RECORDS))], ("sex", "age"))
    joined = table.join(rows)
    assert cells(joined, "sex") == ["f", "m", "m", None]
    assert cells(joined, "age") == [40, 41, 50, None]
    for column in joined.metadata.values():
        assert column.kinds.sum() == rows.count


def test_a_table_without_places_speaks_of_all_records_of_a_request(rows: Rows, tmp_path: Path) -> None:
    records = [{"EventId": "a", "sex": "f"}, {"EventId": "b", "sex": "m"}]
    table = read_facets([("t", written(tmp_path / "t.csv", records))], ("sex",))
    assert cells(table.join(rows), "sex") == ["f", "f", "m", None]


def test_only_the_columns_that_are_asked_for_are_kept(rows: Rows, tmp_path: Path) -> None:
    table = read_facets([("t", written(tmp_path / "t.jsonl", RECORDS))], ("age",))
    assert list(table.columns) == list(table.join(rows).metadata) == ["age"]


def test_a_later_file_speaks_after_an_earlier_one(rows: Rows, tmp_path: Path) -> None:
    files = [
        ("1", written(tmp_path / "1.csv", [{"InferenceId": "a", "sex": "f"}])),
        ("2", written(tmp_path / "2.jsonl", [{"InferenceId": "a", "payload_index": 0, "sex": "x"}])),
    ]
    assert cells(read_facets(files, ("sex",)).join(rows), "sex") == ["x", None, None, None]


def test_no_files_and_rows_without_events_join_to_nothing(rows: Rows) -> None:
    assert read_facets([], ("sex",)).join(rows) is rows
    assert np.array_equal(rows.payload_index, [0, 1, 0, 0])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("InferenceId,age\na,secret\n", "'sex'"),
        ("who,sex\nsecret,f\n", "an id"),
        ('{"InferenceId": "a", "sex": ', "cannot be read"),
        ('["secret"]', "cannot be read"),
        ("InferenceId,payload_index,sex\na,secret,f\n", "no position"),
    ],
)
def test_a_table_that_is_none_says_what_it_lacks_and_none_of_its_values(
    tmp_path: Path, content: str, said: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(DatasetError) as error:
        read_facets([("facets/t.csv", path)], ("sex",))
    assert str(error.value).startswith("facets/t.csv: ")
    assert said in str(error.value)
    assert "secret" not in str(error.value)


def test_a_table_that_repeats_a_few_values_for_ever_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "LEAST_LIMIT", 1 << 10)
    once = pa.repeat(pa.scalar("a"), 100_000)
    pyarrow.parquet.write_table(pa.table({"InferenceId": once, "sex": once}), tmp_path / "t.parquet")
    with pytest.raises(UnpacksTooLarge):
        read_facets([("t", tmp_path / "t.parquet")], ("sex",))
