"""Units cover every line once, whatever their size, and depend on the files alone."""

import gzip
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from model_monitor.dataset import lines
from model_monitor.dataset.discover import discover
from model_monitor.dataset.lines import read_blocks
from model_monitor.dataset.units import plan
from model_monitor.job.job import DatasetKind, DatasetSource
from tests.effort import examples

contents = st.lists(st.text(alphabet="ab\n\n", max_size=30), min_size=1, max_size=5)


def files_in(folder, kind=DatasetKind.CAPTURE):
    return discover(DatasetSource(Path(folder), kind))


@given(contents, st.integers(1, 40), st.integers(1, 20), st.booleans())
@settings(deadline=None, max_examples=examples(200))
def test_every_line_belongs_to_one_segment(texts, unit_bytes, block_bytes, is_gzip):
    with tempfile.TemporaryDirectory() as folder:
        for i, text in enumerate(texts):
            data = text.encode()
            (Path(folder) / f"{i}.jsonl{'.gz' if is_gzip else ''}").write_bytes(
                gzip.compress(data) if is_gzip else data
            )
        blocks = [
            block
            for unit in plan(files_in(folder), unit_bytes)
            for segment in unit
            for block in read_blocks(segment, block_bytes=block_bytes)
        ]
        assert b"".join(block.data for block in blocks) == "".join(texts).encode()
        for block in blocks:
            number = int(block.file.relative[0])
            at = block.line_number(0) - 1
            assert texts[number].split("\n")[at] == block.data.decode().split("\n")[0]


def test_small_files_share_a_unit_and_large_ones_are_cut(tmp_path):
    for i, size in enumerate([10, 10, 10, 100, 10]):
        (tmp_path / f"{i}.jsonl").write_bytes(b"x" * (size - 1) + b"\n")
    units = plan(files_in(tmp_path), unit_bytes=40)
    assert [[(s.file.relative[0], s.start, s.stop) for s in unit] for unit in units] == [
        [("0", 0, 10), ("1", 0, 10), ("2", 0, 10)],
        [("3", 0, 40)],
        [("3", 40, 80)],
        [("3", 80, 100), ("4", 0, 10)],
    ]


def test_csv_with_quotes_and_json_documents_are_not_cut(tmp_path):
    for name, text in (("plain.csv", "a,b\n" * 50), ("quoted.csv", '"a",b\n' * 50)):
        (tmp_path / name).write_text(text)
    (tmp_path / "one.json").write_text("[" + "1," * 200 + "1]")
    assert len(plan(files_in(tmp_path / "plain.csv", DatasetKind.CSV), 40)) == 5
    assert len(plan(files_in(tmp_path / "quoted.csv", DatasetKind.CSV), 40)) == 1
    assert len(plan(files_in(tmp_path / "one.json", DatasetKind.JSON), 40)) == 1


def test_files_come_in_the_order_of_their_paths_and_hidden_ones_do_not_come(tmp_path):
    for name in (
        "b/2.jsonl",
        "a/3.jsonl",
        "a/1.jsonl",
        ".hidden/4.jsonl",
        "a/.5.jsonl",
        "_temporary/6.jsonl",
        "a/notes.md",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("# of people\n" if name.endswith(".md") else "{}\n")
    assert [file.relative for file in files_in(tmp_path) if not file.is_unknown] == [
        "a/1.jsonl",
        "a/3.jsonl",
        "b/2.jsonl",
    ]


def test_the_case_of_a_suffix_loses_no_file(tmp_path):
    for name in ("a.jsonl", "B.JSONL"):
        (tmp_path / name).write_text("{}\n")
    (tmp_path / "C.JSONL.GZ").write_bytes(gzip.compress(b"{}\n"))
    files = files_in(tmp_path)
    assert [file.relative for file in files] == ["B.JSONL", "C.JSONL.GZ", "a.jsonl"]
    assert [block.data for unit in plan(files) for segment in unit for block in read_blocks(segment)] == [b"{}\n"] * 3


def test_an_empty_folder_is_a_result(tmp_path):
    assert files_in(tmp_path) == ()
    assert plan(()) == ()


@pytest.mark.parametrize("is_gzip", [False, True])
@pytest.mark.parametrize("unit_bytes", [64, 1 << 20])
def test_a_line_that_would_fill_the_memory_is_told_and_its_neighbours_are_read(
    tmp_path, monkeypatch, is_gzip, unit_bytes
):
    monkeypatch.setattr(lines, "LONGEST_LINE", 500)
    content = b"one\n" + b"x" * 5_000 + b"\ntwo\nthree\n" + b"y" * 490 + b"\n" + b"z" * 900
    path = tmp_path / ("a.jsonl.gz" if is_gzip else "a.jsonl")
    path.write_bytes(gzip.compress(content) if is_gzip else content)
    segments = [segment for unit in plan(files_in(tmp_path), unit_bytes) for segment in unit]
    blocks = [block for segment in segments for block in read_blocks(segment, block_bytes=128)]
    assert b"".join(block.data for block in blocks) == b"one\ntwo\nthree\n" + b"y" * 490 + b"\n"
    faults = [(block.line_number(0), block.fault) for block in blocks if block.fault]
    assert faults == [(2, lines.TOO_LONG), (6, lines.TOO_LONG)]
    numbers = {block.data.split(b"\n")[0]: block.line_number(0) for block in blocks if block.data}
    assert (numbers[b"one"], numbers[b"two"]) == (1, 3)
    assert max(len(block.data) for block in blocks) <= 500 + 128


def test_a_document_may_be_one_long_line(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "LONGEST_LINE", 50)
    (tmp_path / "a.json").write_text("[" + "1," * 500 + "1]")
    ((segment,),) = plan(files_in(tmp_path, DatasetKind.JSON))
    assert sum(len(block.data) for block in read_blocks(segment, block_bytes=40)) == 1003
