"""Payloads of another protocol: named with their type and the way out, never read as something else."""

from __future__ import annotations

import base64
import gzip
import io
import json
import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model_monitor.dataset import foreign
from model_monitor.dataset.discover import discover
from model_monitor.dataset.remedies import remedy
from model_monitor.dataset.resolve import resolve_schema
from model_monitor.schema import Rows, Schema
from tests.builders import (
    Payload,
    capture_event,
    capture_job,
    csv_payload,
    json_payload,
    read_all,
    schema,
    write_capture,
)

GOOD, ANSWER = csv_payload([[1.5, 2.5], [3.5, 4.5]]), csv_payload([[0.5], [0.25]])
DECLARED = schema("a", "b", prediction=0)
TENSOR = {"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]}


def side(content: bytes, content_type: str) -> dict[str, Any]:
    """A side as the service captures what it was not told to be text."""
    data = base64.b64encode(content).decode()
    return {"observedContentType": content_type, "mode": "INPUT", "data": data, "encoding": "BASE64"}


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.eye(2))
    return file.getvalue()


def parquet() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": [1]}), sink)
    found: bytes = sink.getvalue().to_pybytes()
    return found


FOREIGN = {
    "npy": (npy(), "application/x-npy", "npy (NumPy)"),
    "npy, not declared": (npy(), "application/octet-stream", "npy (NumPy)"),
    "recordio": (struct.pack("<II", 0xCED7230A, 4) + b"abcd", "application/x-recordio-protobuf", "recordio-protobuf"),
    "recordio, not declared": (struct.pack("<II", 0xCED7230A, 4) + b"abcd", "", "recordio"),
    "Parquet": (parquet(), "application/x-parquet", "Parquet"),
    "Parquet, not declared": (parquet(), "application/octet-stream", "Parquet"),
    "an image": (b"\xff\xd8\xff\xe0", "image/jpeg", "an image"),
    "an image, not declared": (b"\x89PNG\r\n\x1a\n\xff", "application/octet-stream", "an image"),
    "protobuf": (b"\x0a\x01", "application/x-protobuf; messageType=x", "protobuf"),
    "libsvm": (b"1 1:0.5 2:0.25", "text/libsvm", "libsvm"),
    "packed": (gzip.compress(b"1,2"), "text/csv", "compressed (gzip)"),
    "a pickle": (b"\x80\x04\x95\xff", "application/octet-stream", "a pickle"),
    "Triton's": (b"{}", "application/vnd.sagemaker-triton.binary+json;json-header-size=2", "binary tensors (Triton)"),
    "tensors": (
        json.dumps({"inputs": [TENSOR]}).encode(),
        "application/json",
        "of the open inference protocol (KServe v2)",
    ),
}


def read(tmp_path, events, declared: Schema = DECLARED, **options: Any) -> list[Rows]:
    write_capture(tmp_path, events)
    job = capture_job(tmp_path, declared, **options)
    found = resolve_schema(job, discover(job.dataset))
    return read_all(capture_job(tmp_path, found, **options))


def event_with(which: str, foreign_side: dict[str, Any]) -> dict[str, Any]:
    event = capture_event(GOOD, ANSWER)
    event["captureData"][which] = foreign_side
    return event


@pytest.mark.parametrize("declared", [DECLARED, Schema(is_positional=True)], ids=["declared", "undeclared"])
@pytest.mark.parametrize("which", ["endpointInput", "endpointOutput"])
@pytest.mark.parametrize("kind", FOREIGN)
def test_another_protocol_is_named_with_the_way_out(tmp_path, kind, which, declared):
    content, content_type, name = FOREIGN[kind]
    good = capture_event(GOOD, ANSWER)
    chunks = read(tmp_path, [good, event_with(which, side(content, content_type)), good], declared)
    rejects = chunks[0].rejects
    assert rejects.by_reason == {f"payload is {name}": 1 if which == "endpointInput" else rejects.count}
    assert [reject.line for reject in rejects.located] == [2]
    assert sum(rows.count for rows in chunks) == 4
    assert "accept" in remedy(rejects, capture_job(tmp_path, declared))


def test_a_response_of_another_protocol_costs_nothing_where_none_is_read(tmp_path):
    events = [event_with("endpointOutput", side(npy(), "application/x-npy"))] * 3
    chunks = read(tmp_path, events, schema("a", "b"))
    assert (sum(rows.count for rows in chunks), chunks[0].rejects.count) == (6, 0)


@pytest.mark.parametrize("neighbour", [{"inputs": [{"a": 1, "b": 2}]}, {"inputs": [[1, 2]]}], ids=["objects", "rows"])
def test_tensors_are_told_beside_records_under_the_same_key(tmp_path, neighbour):
    answer = csv_payload([[0.5]])
    events = [capture_event(json_payload(each), answer) for each in (neighbour, {"inputs": [TENSOR]}, neighbour)]
    chunks = read(tmp_path, events)
    assert (sum(rows.count for rows in chunks), chunks[0].rejects.by_reason) == (2, {foreign.TENSORS: 1})


@pytest.mark.parametrize(
    "charset", ["utf-8", "UTF-8", '"utf-8"', "us-ascii", "utf-16", "latin-1", "ISO-8859-1", "windows-1252"]
)
@pytest.mark.parametrize("form", ["csv", "json"])
def test_the_character_set_of_a_payload_is_heeded(tmp_path, charset, form):
    text, name = ("é,1\nü,2" if charset != "us-ascii" else "e,1\nu,2"), charset.strip('"')
    if form == "json":
        text = json.dumps([line.split(",") for line in text.split("\n")], ensure_ascii=False)
    event = event_with("endpointInput", side(text.encode(name), f"application/{form}; charset={charset}"))
    (rows,) = read(tmp_path, [event])
    assert rows.features[0].texts.to_pylist() == (["e", "u"] if charset == "us-ascii" else ["é", "ü"])


@pytest.mark.parametrize("charset", ["utf-7", "idna", "klingon", "zip"])
def test_a_character_set_that_is_not_read_is_told(tmp_path, charset):
    chunks = read(tmp_path, [event_with("endpointInput", side(b"1,2\n3,4", f"text/csv; charset={charset}"))])
    assert chunks[0].rejects.by_reason == {foreign.UNKNOWN_CHARSET: 1}


@pytest.mark.parametrize("declared", [DECLARED, Schema(is_positional=True)], ids=["declared", "undeclared"])
@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators_are_told(tmp_path, separator, declared):
    good = capture_event(GOOD, ANSWER)
    odd = Payload(GOOD.text.replace(",", separator), "CSV", "text/csv")
    chunks = read(tmp_path, [good, good, capture_event(odd, ANSWER)], declared)
    assert chunks[0].rejects.by_reason == {foreign.OTHER_SEPARATOR: 2}
    assert not chunks[0].rejects.widths


def test_csv_text_inside_json_is_told(tmp_path):
    events = [capture_event(json_payload("1,2"), csv_payload([[0.5]]))] * 2
    assert read(tmp_path, events)[0].rejects.by_reason == {foreign.CSV_IN_JSON: 2}
