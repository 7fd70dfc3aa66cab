"""Baseline datasets: the same records as CSV, JSON Lines, JSON and Parquet."""

import gzip
import json
import math
import time
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, strategies as st

from model_monitor.dataset import lines
from model_monitor.dataset.formats.parquet import shortest
from model_monitor.dataset.records import MALFORMED_CSV, MALFORMED_JSON, WRONG_WIDTH
from model_monitor.errors import DatasetError, NoDataset
from model_monitor.job.job import DatasetKind
from model_monitor.schema import Feature, FeatureType, Kind, OutputMapping, PayloadMapping
from tests.builders import baseline_job, columns_of, csv_payload, objects_of, read_all, schema

NAMES = ("age", "rate", "city", "label")
RECORDS = [[30, 0.5, "Rome", "yes"], [41, 1.25, "Oslo, north", "no"], [None, 2.0, "two\nlines", "yes"]]
SCHEMA = schema(*NAMES[:3], label="label")


def write(path, kind):
    objects = objects_of(NAMES, RECORDS)
    if kind is DatasetKind.CSV:
        path.write_text(csv_payload([NAMES, *RECORDS]).text + "\n")
    elif kind is DatasetKind.JSON:
        path.write_text(json.dumps(objects))
    elif kind is DatasetKind.JSON_LINES:
        path.write_text("\n".join(map(json.dumps, objects)) + "\n\n")
    else:
        pq.write_table(pa.table(columns_of(NAMES, RECORDS)), path)
    return path


@pytest.mark.parametrize("kind", [kind for kind in DatasetKind if kind is not DatasetKind.CAPTURE])
def test_every_format_gives_the_same_table_with_the_label_apart(tmp_path, kind):
    (rows,) = read_all(baseline_job(write(tmp_path / f"data.{kind}", kind), kind, SCHEMA))
    age, rate, city = rows.features
    assert rows.count == 3
    assert age.kinds.tolist() == [1, 0, 2, 0, 0]
    assert age.numbers.tolist()[:2] == [30, 41]
    assert rate.kinds.tolist() == [0, 3, 0, 0, 0]
    assert city.texts.to_pylist() == [record[2] for record in RECORDS]
    assert rows.label.texts.to_pylist() == ["yes", "no", "yes"]
    assert not rows.absent
    assert not rows.extra
    assert rows.rejects.count == 0


def test_a_csv_column_is_found_by_its_name_whatever_the_order(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('\ufeff"Day, Mins",spare,a\r\n1,x,2\r\n3,y,4\r\n')
    (rows,) = read_all(baseline_job(path, DatasetKind.CSV, schema("a", "Day, Mins", "lost")))
    assert rows.features[0].numbers.tolist() == [2, 4]
    assert rows.features[1].numbers.tolist() == [1, 3]
    assert rows.features[2].kinds.tolist() == [2, 0, 0, 0, 0]
    assert rows.absent == {"lost": 2}
    assert rows.extra == {"spare": 2}


def test_without_a_header_features_go_by_position(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("1,x\n2,y\n")
    (rows,) = read_all(baseline_job(path, DatasetKind.CSV, schema("a", "b"), has_header=False))
    assert rows.features[0].numbers.tolist() == [1, 2]
    assert rows.label is None


def test_without_a_header_one_value_more_is_the_label_and_comes_first(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("1,5,x\n0,6,y\n")
    (rows,) = read_all(baseline_job(path, DatasetKind.CSV, schema("a", "b", label="truth"), has_header=False))
    assert rows.features[0].numbers.tolist() == [5, 6]
    assert rows.label.numbers.tolist() == [1, 0]


def test_every_file_of_a_folder_has_its_own_header(tmp_path):
    (tmp_path / "1.csv").write_text("a,b\n1,2\n")
    (tmp_path / "2.csv").write_text("b,a\n3,4\n")
    (tmp_path / "3.csv.gz").write_bytes(gzip.compress(b"b,a\n5,6\n"))
    (tmp_path / "_SUCCESS").write_text("")
    chunks = read_all(baseline_job(tmp_path, DatasetKind.CSV, schema("a", "b")))
    assert [rows.features[0].numbers.tolist() for rows in chunks] == [[1], [4], [6]]


def test_a_header_alone_and_an_empty_file_have_no_rows(tmp_path):
    (tmp_path / "1.csv").write_text("a,b\n")
    (tmp_path / "2.csv").write_text("")
    chunks = read_all(baseline_job(tmp_path, DatasetKind.CSV, schema("a", "b")))
    assert sum(rows.count for rows in chunks) == 0
    assert sum(rows.rejects.count for rows in chunks) == 0


@pytest.mark.parametrize("unit_bytes", [1 << 24, 64, 17])
def test_a_bad_row_is_located_by_its_line_however_the_file_is_cut(tmp_path, unit_bytes):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + "".join("7\n" if i in (3, 20) else f"{i},{i}\n" for i in range(30)))
    chunks = read_all(baseline_job(path, DatasetKind.CSV, schema("a", "b")), unit_bytes)
    located = [(reject.line, reject.reason) for rows in chunks for reject in rows.rejects.located]
    assert located == [(5, WRONG_WIDTH), (22, WRONG_WIDTH)]
    assert sorted(int(v) for rows in chunks for v in rows.features[0].numbers) == [
        i for i in range(30) if i not in (3, 20)
    ]


def test_a_line_of_several_bad_records_is_located_once(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("[[1], [2], [3]]\n" * 2 + "[1, 2]\n{\n")
    (rows,) = read_all(baseline_job(path, DatasetKind.JSON_LINES, schema("a", "b")))
    assert rows.rejects.by_reason == {WRONG_WIDTH: 6, MALFORMED_JSON: 1}
    located = [(reject.line, reject.reason) for reject in rows.rejects.located]
    assert located == [(1, WRONG_WIDTH), (2, WRONG_WIDTH), (4, MALFORMED_JSON)]


def test_a_bad_row_after_a_line_break_in_a_field_is_located_by_its_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('a,b\n"x\ny",1\n\n3\n"z",2\n4,5,6\n')
    (rows,) = read_all(baseline_job(path, DatasetKind.CSV, schema("a", "b")))
    assert rows.features[0].texts.to_pylist() == ["x\ny", "z"]
    assert [reject.line for reject in rows.rejects.located] == [5, 7]
    assert rows.rejects.widths == {1: 1, 3: 1}


def test_a_quote_that_is_never_closed_costs_its_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('a,b\n1,x\n2,"open\n3,y\n')
    chunks = read_all(baseline_job(path, DatasetKind.CSV, schema("a", "b")))
    assert [int(v) for rows in chunks for v in rows.features[0].numbers] == [1, 3]
    assert [(r.line, r.reason) for rows in chunks for r in rows.rejects.located] == [(3, MALFORMED_CSV)]


def test_a_quote_that_is_never_closed_does_not_cost_a_look_at_everything_for_each_line():
    text = b'1,"open\n' + b"2,x\n" * 400_000
    started = time.process_time()
    assert lines._last_line_end(text, True, len(text)) == 0
    assert time.process_time() - started < 5


def test_blocks_do_not_cut_a_quoted_field(tmp_path, monkeypatch):
    monkeypatch.setattr(lines.read_blocks, "__kwdefaults__", {"has_quotes": False, "block_bytes": 40})
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + "".join(f'{i},"one\ntwo\nthree {i}"\n' for i in range(50)))
    chunks = read_all(baseline_job(path, DatasetKind.CSV, schema("a", "b")))
    assert len(chunks) > 5
    assert [text for rows in chunks for text in rows.features[1].texts.to_pylist()] == [
        f"one\ntwo\nthree {i}" for i in range(50)
    ]


def test_one_broken_json_line_costs_itself(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1, "b": 2}\n{"a": \n\n[3, 4]\n[5]\n{"b": 6}\n')
    (rows,) = read_all(baseline_job(path, DatasetKind.JSON_LINES, schema("a", "b")))
    assert rows.features[1].numbers.tolist() == [2, 4, 6]
    assert rows.absent == {"a": 1}
    assert [(r.line, r.reason) for r in rows.rejects.located] == [(2, MALFORMED_JSON), (5, WRONG_WIDTH)]


def test_a_json_document_may_hold_its_records_in_a_container(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"meta": 1, "data": {"rows": [{"a": {"x": 1}}, {"a": {"x": 2.5}}]}}))
    declared = schema(Feature("deep", path="a.x"), records="data.rows")
    (rows,) = read_all(baseline_job(path, DatasetKind.JSON, declared))
    assert rows.features[0].kinds.tolist() == [0, 1, 1, 0, 0]


def test_parquet_types_are_taken_as_they_are(tmp_path):
    table = pa.table(
        {
            "double": pa.array([37.0, None, float("nan")]),  # NaN is what a DataFrame has for nothing
            "endless": pa.array([37.0, None, float("inf")]),
            "small": pa.array([1, 2, None], pa.uint8()),
            "huge": pa.array([2**64 - 1, 1, 2], pa.uint64()),
            "flag": pa.array([True, None, False]),
            "day": pa.array([0, 1, 2], pa.date32()),
            "price": pa.array([Decimal("1.50"), Decimal("2.00"), None]),
            "word": pa.array(["x", "37", None]).dictionary_encode(),
            "nothing": pa.nulls(3),
            "blob": pa.array([b"x", b"\xff", None]),
            "list": pa.array([[1], [2, 3], None]),
            "float": pa.array([0.5, None, 2.0], pa.float32()),
        }
    )
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)
    (rows,) = read_all(baseline_job(path, DatasetKind.PARQUET, schema(*table.column_names)))
    kinds = {name: column.kinds.tolist() for name, column in zip(table.column_names, rows.features, strict=True)}
    assert kinds == {
        "double": [2, 1, 0, 0, 0],
        "endless": [1, 1, 0, 0, 1],
        "small": [1, 0, 2, 0, 0],
        "huge": [0, 0, 3, 0, 0],
        "flag": [1, 0, 0, 2, 0],
        "day": [0, 0, 0, 0, 3],
        "price": [1, 2, 0, 0, 0],
        "word": [1, 0, 1, 0, 1],
        "nothing": [3, 0, 0, 0, 0],
        "blob": [1, 0, 0, 0, 2],
        "list": [1, 0, 0, 0, 2],
        "float": [1, 2, 0, 0, 0],
    }


@given(st.lists(st.one_of(st.none(), st.floats(width=32), st.sampled_from([0.1, 0.7, 16777216.0, 123456792.0]))))
@example([float("nan"), float("inf"), -0.0, 3.4e38, 1e-45])
def test_a_narrow_float_is_the_shortest_decimal_that_names_it(values):
    for kind, narrow in ((pa.float32(), np.float32), (pa.float16(), np.float16)):
        with np.errstate(over="ignore"):
            column = pa.array([None if value is None else narrow(value) for value in values], kind)
        found = shortest(column).to_pylist()
        for exact, value in zip(column.to_pylist(), found, strict=True):
            if exact is None or math.isnan(exact):
                assert value is None or math.isnan(value)
                continue
            assert narrow(value) == narrow(exact)
            assert value == (float(exact) if float(exact).is_integer() else float(str(narrow(exact))))


def test_parquet_row_groups_are_units_of_their_own(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": np.arange(1000)}), path, row_group_size=100)
    chunks = read_all(baseline_job(path, DatasetKind.PARQUET, schema("a")), unit_bytes=2000)
    assert len(chunks) > 2
    assert [int(v) for rows in chunks for v in rows.features[0].numbers] == list(range(1000))


def test_a_file_that_is_no_parquet_is_named(tmp_path):
    (tmp_path / "a.parquet").write_text("hello")
    with pytest.raises(DatasetError, match=r"a\.parquet"):
        read_all(baseline_job(tmp_path, DatasetKind.PARQUET, schema("a")))


def test_a_parquet_file_that_is_damaged_inside_is_named(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": list(range(1000))}), path)
    data = bytearray(path.read_bytes())
    data[10:600] = b"\x55" * 590
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=r"a\.parquet: damaged in row groups 0 to 0 of 1"):
        read_all(baseline_job(path, DatasetKind.PARQUET, schema("a")))


def test_a_path_that_does_not_exist_is_no_dataset(tmp_path):
    with pytest.raises(NoDataset):
        read_all(baseline_job(tmp_path / "nowhere", DatasetKind.CSV, schema("a")))


def test_a_feature_read_as_text_keeps_its_zeros_in_every_format(tmp_path):
    declared = schema(Feature("zip", FeatureType.STRING))
    (tmp_path / "a.csv").write_text("zip\n00501\n10001\n")
    (tmp_path / "a.jsonl").write_text('{"zip": "00501"}\n{"zip": 10001}\n')
    for name, kind in (("a.csv", DatasetKind.CSV), ("a.jsonl", DatasetKind.JSON_LINES)):
        (rows,) = read_all(baseline_job(tmp_path / name, kind, declared))
        assert rows.features[0].texts.to_pylist() == ["00501", "10001"]
        assert rows.features[0].numbers is None
        assert rows.features[0].kinds[Kind.INTEGRAL] == 2


@pytest.mark.parametrize("kind", [DatasetKind.CSV, DatasetKind.JSON_LINES])
def test_what_features_contributed_is_read_from_lists_or_from_a_column_each(tmp_path, kind):
    """Feature by feature for the first class, then for the next; the lists are no features."""
    described = schema("a", "b")
    described = replace(described, payload=PayloadMapping(output=OutputMapping(attributions=("no", "yes"))))
    path = tmp_path / f"data.{kind}"
    if kind is DatasetKind.CSV:
        path.write_text("a,b,no[0],no[1],yes[0],yes[1]\n1,2,0.5,-0.5,3,4\n")
    else:
        path.write_text('{"a": 1, "b": 2, "no": [0.5, -0.5], "yes": [3, 4]}\n')
    (rows,) = read_all(baseline_job(path, kind, described))
    assert [column.numbers.tolist() for column in rows.attributions] == [[0.5], [-0.5], [3], [4]]
    assert len(rows.features) == 2


def test_a_dataset_without_them_has_no_attributions(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("a,why[0]\n1,2\n")
    described = schema("a", "b")
    described = replace(described, payload=PayloadMapping(output=OutputMapping(attributions=("why",))))
    (rows,) = read_all(baseline_job(path, DatasetKind.CSV, described))
    assert rows.attributions == ()
