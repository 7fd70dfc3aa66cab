"""A CSV file whose columns would get wrong names is refused, and its values stay its own."""

from __future__ import annotations

import gzip

import pytest

from model_monitor.dataset.discover import discover
from model_monitor.dataset.resolve import resolve_schema
from model_monitor.errors import DatasetError, SettingsError
from model_monitor.job.job import DatasetKind
from model_monitor.schema import Schema
from tests.builders import baseline_job, schema

POSITIONAL = Schema(is_positional=True)


def resolve(path, content, declared=POSITIONAL, **options):
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    job = baseline_job(path, DatasetKind.CSV, declared, **options)
    return resolve_schema(job, discover(job.dataset))


@pytest.mark.parametrize("name", ["train.csv", "train.csv.gz"])
@pytest.mark.parametrize(
    ("first_line", "told"),
    [
        ("2,3009,Rawah", "a number at columns 1, 2"),
        ("Elevation,-1.5e3,Rawah", "a number at column 2"),
        ("Elevation,,Rawah", "no name at column 2"),
        ("a,a,b,a", "the name of an earlier column at columns 2, 4"),
        (",".join(map(str, range(12))), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more"),
    ],
)
def test_a_first_line_that_cannot_be_a_header_is_refused_by_position(tmp_path, name, first_line, told):
    with pytest.raises(SettingsError, match="--no-header") as caught:
        resolve(tmp_path / name, f"{first_line}\n1,2,x\n")
    assert told in str(caught.value)
    assert "header: false" in str(caught.value)
    assert not any(value in str(caught.value) for value in ("3009", "Rawah", "1.5e3"))


def test_the_same_line_is_data_when_it_is_said_to_be(tmp_path):
    assert resolve(tmp_path / "a.csv", "2,3009,2\n1,2,3\n", has_header=False).names == ("_c0", "_c1", "_c2")


def test_generated_names_and_declared_numbers_are_names(tmp_path):
    assert resolve(tmp_path / "a.csv", "_c0,_c1\n1,2\n").names == ("_c0", "_c1")
    assert resolve(tmp_path / "b.csv", "2019,2020\n1,2\n", schema("2019", "2020")).names == ("2019", "2020")


@pytest.mark.parametrize(("separator", "told"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")])
@pytest.mark.parametrize("has_header", [True, False])
def test_another_separator_is_no_single_column(tmp_path, separator, told, has_header):
    text = "".join(separator.join(row) + "\n" for row in (("Elevation", "Slope"), ("1", "2")))
    with pytest.raises(SettingsError, match=f"one column, with {told}.*commas") as caught:
        resolve(tmp_path / "a.csv", text, has_header=has_header)
    assert "Elevation" not in str(caught.value)


def test_one_column_and_separators_inside_values_are_fine(tmp_path):
    assert resolve(tmp_path / "a.csv", "text\na;b\n").names == ("text",)
    assert resolve(tmp_path / "b.csv", "a;b,c\n1,2\n").names == ("a;b", "c")
    assert resolve(tmp_path / "c.csv", "a;b\nc|d\n", schema("text"), has_header=False).names == ("text",)


@pytest.mark.parametrize("content", [b"PAR1\x00\x01,2\n3,4\n", "a,b\n1,2\n".encode("utf-16"), b"a,b\ncaf\xe9,2\n"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_what_is_no_text_is_no_csv(tmp_path, content, name):
    with pytest.raises(DatasetError, match="not UTF-8 text"):
        resolve(tmp_path / name, content)


def test_a_character_cut_by_the_end_of_what_is_peeked_at_is_no_fault(tmp_path, monkeypatch):
    monkeypatch.setattr("model_monitor.packing.HEAD_BYTES", 7)
    assert resolve(tmp_path / "a.csv", "a,b\n1,é\n").names == ("a", "b")


def test_every_file_of_a_folder_is_looked_at(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    (tmp_path / "b.csv").write_text("3,4\n1,2\n")
    job = baseline_job(tmp_path, DatasetKind.CSV, POSITIONAL)
    with pytest.raises(SettingsError, match=r"b\.csv"):
        resolve_schema(job, discover(job.dataset))
