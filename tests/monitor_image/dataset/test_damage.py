"""Damaged capture never stops a run, and what is whole beside it is read as if nothing had happened."""

import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

from model_monitor import packing
from model_monitor.errors import UnpacksTooLarge
from model_monitor.job.job import DatasetKind
from tests.builders import (
    baseline_job,
    capture_event,
    capture_job,
    capture_line,
    csv_payload,
    json_lines_payload,
    json_payload,
    objects_of,
    read_all,
    schema,
    write_capture,
)
from tests.effort import examples
from tests.monitor_image.dataset.oracle import table_of

NAMES = ("a", "b", "c")
ROWS = [[1, "x", 0.5], [2, "y, z", None], [3, 'q"q', 1.5]]
ANSWER = json_payload([{"payload_index": i, "label": i} for i in range(3)])
PAYLOADS = [
    csv_payload(ROWS),
    json_payload(objects_of(NAMES, ROWS)),
    json_lines_payload(ROWS),
    csv_payload(ROWS).as_base64(),
]
PAYLOADS += [json_payload({"instances": ROWS}), json_payload({n: [r[i] for r in ROWS] for i, n in enumerate(NAMES)})]
SCHEMA = schema(*NAMES, prediction="label", payload_index="payload_index")


@st.composite
def damaged(draw):
    """A good line with a piece cut out or put in, inside its payload or anywhere."""
    payload = draw(st.sampled_from(PAYLOADS))
    piece = draw(
        st.sampled_from(["", '"', ",", "\\n", "{", "}", "[", "]", "\\", "\x00", "9" * 40, "null", "\ufeff", ":", "e"])
    )
    line = capture_line(capture_event(payload, ANSWER, inference_id="bad"))
    start = draw(st.integers(0, len(line)))
    return line[:start] + piece + line[start + draw(st.integers(0, 12)) :]


@given(st.lists(damaged(), min_size=1, max_size=3), st.sampled_from(PAYLOADS), st.integers(0, 3))
@settings(deadline=None, max_examples=examples(150))
def test_damage_stays_where_it_is(lines, payload, position):
    whole = [capture_event(payload, ANSWER, inference_id="good")]
    with tempfile.TemporaryDirectory() as folder:
        write_capture(Path(folder) / "alone", whole)
        write_capture(Path(folder) / "beside", [*lines[:position], *whole, *lines[position:]])
        (alone,) = read_all(capture_job(Path(folder) / "alone", SCHEMA))
        chunks = read_all(capture_job(Path(folder) / "beside", SCHEMA))
    expected = table_of([alone]).rows
    found: dict = {}
    for rows in chunks:
        start = 0
        for name, count in zip(rows.events.ids, rows.events.records.tolist(), strict=True):
            if name == "good" and rows.count:
                part = slice(start, start + count)
                found |= {
                    ("good", int(i)): tuple(_cell(c, j) for c in rows.features)
                    for j, i in enumerate(rows.payload_index[part], start)
                }
            start += count
        assert start == rows.count
    assert found == expected


def _cell(column, row):
    number = None if column.numbers is None else column.numbers[row].item()
    return (
        None if number is None or number != number else float(number),
        None if column.texts is None else column.texts[row].as_py(),
    )


def test_a_packed_file_that_unpacks_to_far_more_than_its_size_ends_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "LEAST_LIMIT", 1 << 16)
    write_capture(tmp_path, ["\n" * 1_000_000], is_gzip=True)
    with pytest.raises(UnpacksTooLarge, match=r"unpacks to more than .* raise monitor_most_unpacked\.$"):
        read_all(capture_job(tmp_path, schema("a")))


@pytest.mark.parametrize(
    "column", [pa.repeat(pa.scalar(1.5), 100_000), pa.array(["x" * 4000] * 5_000).dictionary_encode()]
)
def test_a_parquet_file_that_repeats_a_few_values_for_ever_ends_the_run(tmp_path, monkeypatch, column):
    monkeypatch.setattr(packing, "LEAST_LIMIT", 1 << 10)
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"a": column}), path, compression="zstd")
    job = baseline_job(path, DatasetKind.PARQUET, schema("a"))
    with pytest.raises(UnpacksTooLarge, match=r"unpacks to more than .* raise monitor_most_unpacked\.$"):
        read_all(job)
    monkeypatch.setenv("monitor_most_unpacked", "1000000")
    assert sum(rows.count for rows in read_all(job)) == len(column)
