"""What every reader of files bears alike: packing, names without an ending, byte order marks, line ends; and what none reads."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model_monitor.dataset.discover import discover
from model_monitor.dataset.foreign import OTHER_SEPARATOR
from model_monitor.dataset.records import UNKNOWN_FILE
from model_monitor.dataset.remedies import remedy
from model_monitor.dataset.resolve import resolve_schema
from model_monitor.errors import SettingsError
from model_monitor.job.job import DatasetKind, Job
from model_monitor.labels.label_files import label_files, label_units
from model_monitor.labels.label_reader import read_ground_truth
from model_monitor.schema import Rejects
from tests.builders import baseline_job, capture_event, capture_job, capture_line, csv_payload, read_all, schema
from tests.conftest import ROOT

RECORDS = 5
MARK = b"\xef\xbb\xbf"


def captured() -> bytes:
    return "".join(capture_line(capture_event(csv_payload([[i]]))) + "\n" for i in range(RECORDS)).encode()


def labelled(form: str) -> bytes:
    rows = [{"InferenceId": f"e{i}", "payload_index": 0, "groundTruthLabel": i} for i in range(RECORDS)]
    if form == "csv":
        return b"InferenceId,payload_index,groundTruthLabel\n" + b"".join(
            b"e%d,0,%d\n" % (i, i) for i in range(RECORDS)
        )
    if form == "json":
        return json.dumps(rows).encode()
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def in_parquet(names: dict[str, list[Any]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(names), sink)
    found: bytes = sink.getvalue().to_pybytes()
    return found


def job_of(folder: Path, kind: DatasetKind) -> Job:
    declared = schema("a")
    return capture_job(folder, declared) if kind is DatasetKind.CAPTURE else baseline_job(folder, kind, declared)


def rows_of(kind: DatasetKind) -> Callable[[Path], tuple[int, Rejects]]:
    def read(folder: Path) -> tuple[int, Rejects]:
        chunks, rejects = read_all(job_of(folder, kind)), Rejects()
        for rows in chunks:
            rejects = rejects.merge(rows.rejects)
        return sum(rows.count for rows in chunks), rejects

    return read


def labels_of(folder: Path) -> tuple[int, Rejects]:
    found = read_ground_truth(file for unit in label_units(label_files(folder)) for file in unit)
    return len(found), found.rejects


@dataclass(frozen=True)
class Reader:
    """ending: of its files. content: one file of `RECORDS` records. other: a second file, of other records."""

    ending: str
    content: bytes
    read: Callable[[Path], tuple[int, Rejects]]

    @property
    def is_lines(self) -> bool:
        return not self.content.startswith(b"PAR1")


READERS = {
    "captured events": Reader(".jsonl", captured(), rows_of(DatasetKind.CAPTURE)),
    "CSV": Reader(".csv", b"a\n1\n2\n3\n4\n5\n", rows_of(DatasetKind.CSV)),
    "JSON Lines": Reader(".jsonl", b'{"a": 1}\n' * RECORDS, rows_of(DatasetKind.JSON_LINES)),
    "JSON": Reader(".json", json.dumps([{"a": 1}] * RECORDS).encode(), rows_of(DatasetKind.JSON)),
    "Parquet": Reader(".parquet", in_parquet({"a": [1] * RECORDS}), rows_of(DatasetKind.PARQUET)),
    "labels in CSV": Reader(".csv", labelled("csv"), labels_of),
    "labels in JSON Lines": Reader(".jsonl", labelled("lines"), labels_of),
    "labels in JSON": Reader(".json", labelled("json"), labels_of),
}
TOLERATED: dict[str, Callable[[Reader], tuple[str, bytes]]] = {
    "no ending": lambda reader: ("part-00001", reader.content),
    "another ending": lambda reader: ("part-00001.dat", reader.content),
    "gzip": lambda reader: (f"b{reader.ending}.gz", gzip.compress(reader.content)),
    "gzip, whatever the name": lambda reader: (f"b{reader.ending}", gzip.compress(reader.content)),
    "bzip2": lambda reader: (f"b{reader.ending}.bz2", bz2.compress(reader.content)),
    "bzip2, whatever the name": lambda reader: ("part-00001", bz2.compress(reader.content)),
    "byte order mark": lambda reader: (f"b{reader.ending}", MARK + reader.content),
    "carriage returns": lambda reader: (f"b{reader.ending}", reader.content.replace(b"\n", b"\r\n")),
    "blank lines at the end": lambda reader: (f"b{reader.ending}", reader.content + b"\n\r\n\n"),
    "no last line break": lambda reader: (f"b{reader.ending}", reader.content.rstrip(b"\n")),
    "upper-case ending": lambda reader: (f"B{reader.ending.upper()}", reader.content),
    "empty files": lambda reader: (f"b{reader.ending}", b""),
}
ENDINGS = ("no ending", "another ending", "upper-case ending", "empty files")  # all that Parquet has of them


def is_asked(reader: str, tolerance: str) -> bool:
    if tolerance == "empty files":
        return reader != "Parquet"
    return READERS[reader].is_lines or tolerance in ENDINGS


@pytest.mark.parametrize("is_alone", [True, False], ids=["alone", "beside"])
@pytest.mark.parametrize("tolerance", TOLERATED)
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_bears_it(tmp_path, reader, tolerance, is_alone):
    if not is_asked(reader, tolerance):
        return
    name, content = TOLERATED[tolerance](READERS[reader])
    (tmp_path / name).write_bytes(content)
    if not is_alone:
        (tmp_path / f"a{READERS[reader].ending}").write_bytes(READERS[reader].content)
    count, rejects = READERS[reader].read(tmp_path)
    assert not rejects.count
    expected = RECORDS * ((not is_alone) + bool(content))
    assert count == (min(expected, RECORDS) if reader.startswith("labels") else expected)


@pytest.mark.parametrize("junk", [b"\x89PNG\r\n\x1a\n\0\0", b"# Read me\n\nSome words, and more.\n", b"\0\1\2" * 99])
@pytest.mark.parametrize("reader", READERS)
def test_what_nobody_can_read_is_located_and_counted(tmp_path, reader, junk):
    (tmp_path / f"a{READERS[reader].ending}").write_bytes(READERS[reader].content)
    (tmp_path / "notes").write_bytes(junk)
    count, rejects = READERS[reader].read(tmp_path)
    assert count == RECORDS
    assert rejects.by_reason == {UNKNOWN_FILE: 1}
    assert [reject.path for reject in rejects.located] == ["notes"]
    assert "folder" in remedy(rejects, job_of(tmp_path, DatasetKind.CSV))


# --- texts: what is borne inside one, and what is refused in the same words ---------------------------------------------------

SEPARATED = b"a;b\n1;2\n3;4\n"


def payload_event(data: str, content_type: str, encoding: str = "CSV") -> bytes:
    event = capture_event(csv_payload([[0]]))
    text = base64.b64encode(data.encode()).decode() if encoding == "BASE64" else data
    event["captureData"]["endpointInput"] |= {"data": text, "observedContentType": content_type, "encoding": encoding}
    return (capture_line(event) + "\n").encode()


def label_event(data: str, encoding: str = "CSV") -> bytes:
    text = base64.b64encode(data.encode()).decode() if encoding == "BASE64" else data
    truth = {"data": text, "encoding": encoding}
    record = {"groundTruthData": truth, "eventMetadata": {"eventId": "e0"}, "eventVersion": "0"}
    return (json.dumps(record) + "\n").encode()


INSIDE = {
    "as it is": "1\n2\n3\n4\n5",
    "a byte order mark": "\ufeff1\n2\n3\n4\n5",
    "carriage returns": "1\r\n2\r\n3\r\n4\r\n5\r\n",
    "line breaks at the end": "1\n2\n3\n4\n5\n\n",
}
TYPES = ("text/csv", "text/csv; charset=utf-8", "TEXT/CSV;charset=UTF-8", "text/csv; version=1; x=y", "application/csv")


@pytest.mark.parametrize("encoding", ["CSV", "BASE64"])
@pytest.mark.parametrize("text", INSIDE)
def test_a_text_of_a_capture_or_a_label_bears_it(tmp_path, text, encoding):
    for name, content, read in (
        ("capture", payload_event(INSIDE[text], "text/csv", encoding), rows_of(DatasetKind.CAPTURE)),
        ("labels", label_event(INSIDE[text], encoding), labels_of),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "a.jsonl").write_bytes(content)
        count, rejects = read(folder)
        assert (count, rejects.count) == (RECORDS, 0)


@pytest.mark.parametrize("encoding", ["CSV", "BASE64"])
@pytest.mark.parametrize(
    "content_type", [*TYPES, "text/csv; header=present", 'text/csv; header="present"; charset=utf-8']
)
def test_parameters_of_a_content_type_are_borne(tmp_path, content_type, encoding):
    header = "a\n" if "header" in content_type else ""
    (tmp_path / "a.jsonl").write_bytes(payload_event(f"{header}1\n2\n3\n4\n5", content_type, encoding))
    count, rejects = rows_of(DatasetKind.CAPTURE)(tmp_path)
    assert (count, rejects.count) == (RECORDS, 0)


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_every_reader_of_csv_refuses_another_separator_in_words(tmp_path, separator):
    text = SEPARATED.decode().replace(";", separator)
    (tmp_path / "data.csv").write_text(text)
    job = baseline_job(tmp_path / "data.csv", DatasetKind.CSV, schema("a", "b"))
    with pytest.raises(SettingsError, match="Values are separated by commas here"):
        resolve_schema(job, discover(job.dataset))
    capture = tmp_path / "capture"
    capture.mkdir()
    (capture / "a.jsonl").write_bytes(payload_event(text.partition("\n")[2], "text/csv"))
    (rows,) = read_all(capture_job(capture, schema("a", "b")))
    assert (rows.count, dict(rows.rejects.by_reason)) == (0, {OTHER_SEPARATOR: 2})
    labels = tmp_path / "labels"
    labels.mkdir()
    (labels / "a.csv").write_text(f"InferenceId{separator}groundTruthLabel\ne0{separator}1\n")
    count, rejects = labels_of(labels)
    assert count == 0
    assert next(iter(rejects.by_reason)).startswith("a comma is expected between the columns")


def test_hidden_files_and_markers_are_none_of_the_data(tmp_path):
    (tmp_path / "a.csv").write_text("a\n1\n")
    for name in ("_SUCCESS", ".a.csv.crc"):
        (tmp_path / name).write_bytes(b"\0")
    assert len(discover(job_of(tmp_path, DatasetKind.CSV).dataset)) == 1


def test_the_docs_list_what_is_borne():
    readme = (ROOT / "monitor_image/README.md").read_text(encoding="utf-8")
    assert "; ".join(TOLERATED) in readme.replace("\n", " ")
