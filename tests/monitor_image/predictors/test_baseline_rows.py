"""Baseline rows from a file, in any of the forms that people have them in."""

from __future__ import annotations

import pytest

from model_monitor.errors import SettingsError
from model_monitor.monitors.model_explainability.options import rows_of
from model_monitor.predictors import baseline_rows
from model_monitor.predictors.baseline_rows import read_rows


@pytest.mark.parametrize(
    ("name", "text", "rows"),
    [
        ("plain.csv", "1,2.5\n3,4\n", ((1.0, 2.5), (3.0, 4.0))),
        ("header.csv", "a,b\n1,\n", ({"a": 1.0, "b": None},)),
        ("text.csv", "red,1\nblue,2\n", (("red", 1.0), ("blue", 2.0))),
        ("lists.json", "[[1, 2.5]]", ((1, 2.5),)),
        ("one.json", '{"a": 1, "b": "x"}', ({"a": 1, "b": "x"},)),
        ("lines.jsonl", '{"features": [1, 2]}\n{"features": [3, 4]}\n', ((1, 2), (3, 4))),
        ("bom.csv", "\ufeff1,2\n", ((1.0, 2.0),)),
    ],
)
def test_rows_are_read(tmp_path, name, text, rows):
    path = tmp_path / name
    path.write_text(text)
    assert rows_of(read_rows(str(path))) == rows


def test_rows_come_from_s3_too(monkeypatch):
    monkeypatch.setattr(baseline_rows.s3, "read_object", {"s3://bucket/rows.csv": b"1,2\n"}.get)
    assert rows_of(read_rows("s3://bucket/rows.csv")) == ((1.0, 2.0),)
    with pytest.raises(SettingsError, match="is not there"):
        read_rows("s3://bucket/other.csv")


def test_what_is_neither_csv_nor_json_is_refused(tmp_path):
    path = tmp_path / "rows.bin"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="neither CSV nor JSON"):
        read_rows(str(path))
    path.write_text("[1, 2")
    with pytest.raises(SettingsError, match="neither CSV nor JSON"):
        read_rows(str(path))
