"""Inputs that are made to cost more than their size, by name, each of about the number of bytes that is asked for."""

from __future__ import annotations

import bz2
import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from model_monitor import flow
from model_monitor.contract import JobKind, MonitoringType
from model_monitor.job.job import DatasetKind, DatasetSource, Job, MonitorSettings
from model_monitor.labels.label_files import label_files
from model_monitor.labels.label_reader import read_ground_truth
from model_monitor.schema import Feature, Schema

CSV = {"observedContentType": "text/csv", "encoding": "CSV", "mode": "INPUT"}
JSON = {"observedContentType": "application/json", "encoding": "JSON", "mode": "INPUT"}
SCHEMA = Schema((Feature("a"), Feature("b")))
GOOD_EVENTS = 20
Lines = Iterable[str]
Run = Callable[[], Mapping[str, int]]  # reads what was written, and says what was refused


def event(data: str, form: dict[str, str] = JSON, **metadata: Any) -> str:
    """One captured request as a line."""
    return json.dumps({"captureData": {"endpointInput": {**form, "data": data}}, "eventMetadata": metadata}) + "\n"


def good(number: int, **metadata: Any) -> str:
    return event("1,2", CSV, **{"eventId": f"event-{number}"} | metadata)


def goods() -> Lines:
    return (good(number) for number in range(GOOD_EVENTS))


# --- captured events -----------------------------------------------------------------------------------------------------


def one_long_id(size: int) -> Lines:
    """Beside short ones, and one event without any."""
    ids = ["", "x" * (size // 2), *map(str, range(size // 2 // 120))]
    return (good(number, eventId=name) for number, name in enumerate(ids))


def columns_that_nobody_asked_for(size: int) -> Lines:
    """Half of the payload are records, half are keys beside their columns."""
    rows, keys = size // 8, size // 18
    return [event(json.dumps({"a": [1] * rows, "b": [2] * rows} | {f"key{n}": 0 for n in range(keys)}), eventId="1")]


def a_new_key_in_each_record(size: int) -> Lines:
    records = [{"a": 1, "b": 2, f"key{number}": 3} for number in range(size // 40)]
    return [event(json.dumps(records), eventId="1")]


def one_more_key_in_each_record(size: int) -> Lines:
    """Of few, so that each is met by many records."""
    records = [{"a": 1, "b": 2, f"key{number % 5000}": 3} for number in range(size // 40)]
    return [event(json.dumps(records), eventId="1")]


def a_new_key_in_each_event(size: int) -> Lines:
    return (event(json.dumps({"a": 1, "b": 2, f"key{n}": 3}), eventId=str(n)) for n in range(size // 220))


def lines_of_one_letter(size: int) -> Lines:
    return [*goods(), "x\n" * (size // 2)]


def lines_of_numbers(size: int) -> Lines:
    return [*goods(), "".join(f"{number}\n" for number in range(size // 7))]


def empty_objects(size: int) -> Lines:
    return [*goods(), "{}\n" * (size // 3)]


def lines_cut_short(size: int) -> Lines:
    return [*goods(), '{"captureData":{"endpointInput":\n' * (size // 33)]


def blank_lines(size: int) -> Lines:
    return [*goods(), "\n" * size, good(GOOD_EVENTS)]


def lines_of_blanks(size: int) -> Lines:
    return [*goods(), " \r\n" * (size // 3), good(GOOD_EVENTS)]


def narrow_rows(size: int) -> Lines:
    """One payload, each of whose many records has a value too few."""
    return [*goods(), event("x\n" * (size // 3), CSV, eventId="1")]


def empty_lists(size: int) -> Lines:
    return [*goods(), event(f"[{'[],' * (size // 3)}[]]", eventId="1")]


def lists_in_lists(size: int) -> Lines:
    return [*goods(), event("[" * size, eventId="1"), "[" * size]


CAPTURED: dict[str, Callable[[int], Lines]] = {
    made.__name__: made
    for made in (
        one_long_id,
        columns_that_nobody_asked_for,
        a_new_key_in_each_record,
        one_more_key_in_each_record,
        a_new_key_in_each_event,
        lines_of_one_letter,
        lines_of_numbers,
        empty_objects,
        lines_cut_short,
        blank_lines,
        lines_of_blanks,
        narrow_rows,
        empty_lists,
        lists_in_lists,
    )
}


def job_of(path: Path, kind: DatasetKind = DatasetKind.CAPTURE) -> Job:
    return Job(
        kind=JobKind.MONITOR,
        dataset=DatasetSource(path, kind),
        output=path.parent / "out",
        schema=SCHEMA,
        monitors=(MonitorSettings(MonitoringType.DATA_QUALITY),),
        workers=1,
    )


def rejects_of(job: Job) -> Mapping[str, int]:
    return flow.run(job).reading.rejects.by_reason


def captured(name: str, size: int, folder: Path) -> Run:
    """A run over the input of this name."""
    path = folder / "one.jsonl"
    path.write_text("".join(CAPTURED[name](size)))
    return partial(rejects_of, job_of(path))


# --- datasets and labels: name → (how a file of the input is called, its content) -------------------------------------------

LABEL = '{"InferenceId": "e%s", "payload_index": 0, "groundTruthLabel": %s}\n'
LABEL_COLUMNS = "InferenceId,payload_index,groundTruthLabel\n"

DATASETS: dict[str, tuple[str, Callable[[int], str]]] = {
    "csv_of_narrow_rows": ("a.csv", lambda size: "a,b\n" + "x\n" * (size // 2)),
    "csv_of_open_quotes": ("a.csv", lambda size: "a,b\n" + '"\n' * (size // 2)),
    "csv_of_many_columns": ("a.csv", lambda size: "a,b," + ",".join(f"c{i}" for i in range(size // 7))),
    "csv_of_one_wide_row": ("a.csv", lambda size: "a,b\n" + "," * size),
    "json_lines_of_numbers": ("a.jsonl", lambda size: "1\n" * (size // 2)),
    "json_lines_cut_short": ("a.jsonl", lambda size: '{"a":\n' * (size // 6)),
    "json_lines_without_breaks": ("a.jsonl", lambda size: '{"a":1}' * (size // 7)),
    "json_of_empty_objects": ("a.json", lambda size: f"[{'{},' * (size // 3)}{{}}]"),
    "json_of_keys": ("a.json", lambda size: json.dumps({f"key{i}": 1 for i in range(size // 14)})),
}
KINDS = {".csv": DatasetKind.CSV, ".jsonl": DatasetKind.JSON_LINES, ".json": DatasetKind.JSON}

LABELS: dict[str, tuple[str, Callable[[int], str]]] = {
    "labels_of_one_letter": ("a.jsonl", lambda size: LABEL % (1, 1) + "x\n" * (size // 2)),
    "labels_without_breaks": ("a.jsonl", lambda size: "{}" * (size // 2)),
    "labels_all_different": ("a.jsonl", lambda size: "".join(LABEL % (i, f'"word{i}"') for i in range(size // 75))),
    "labels_of_a_long_id": ("a.jsonl", lambda size: "".join(LABEL % (i, 1) for i in ["x" * size, *range(size // 60)])),
    "labels_of_one_event": (
        "a.jsonl",
        lambda size: json.dumps(
            {"groundTruthData": {"data": "[1" + ",1" * (size // 2) + "]", "encoding": "JSON"}}
            | {"eventMetadata": {"eventId": "1"}}
        ),
    ),
    "labels_in_a_list_of_numbers": ("a.json", lambda size: f"[{'1,' * (size // 2)}1]"),
    "labels_in_lists_in_lists": ("a.json", lambda size: "[" * size),
    "labels_in_narrow_rows": ("a.csv", lambda size: LABEL_COLUMNS + "x\n" * (size // 2)),
    "labels_in_empty_rows": ("a.csv", lambda size: LABEL_COLUMNS + ",,\n" * (size // 3)),
    "labels_beside_columns": ("a.csv", lambda size: LABEL_COLUMNS.strip() + ",x" * 9_000 + "\n" + "e" * size),
    "labels_beside_too_many_columns": ("a.csv", lambda size: LABEL_COLUMNS.strip() + "," * size),
}


def in_a_dataset(name: str, size: int, folder: Path) -> Run:
    called, made = DATASETS[name]
    path = folder / called
    path.write_text(made(size))
    return partial(rejects_of, job_of(path, KINDS[path.suffix]))


def rejected_labels(folder: Path) -> Mapping[str, int]:
    return read_ground_truth(label_files(folder)).rejects.by_reason


def in_labels(name: str, size: int, folder: Path) -> Run:
    called, made = LABELS[name]
    (folder / called).write_text(made(size))
    return partial(rejected_labels, folder)


# --- packed: what a small file unpacks to is without an end, as far as anybody knows ------------------------------------------


def in_parquet(rows: int) -> bytes:
    sink, ones = pa.BufferOutputStream(), pa.repeat(pa.scalar(1), rows)
    names = ("a", "b", "InferenceId", "groundTruthLabel")
    pq.write_table(pa.table(dict.fromkeys(names, ones)), sink, compression="zstd")
    found: bytes = sink.getvalue().to_pybytes()
    return found


def blank(size: int) -> bytes:
    return good(1).encode() + b"\n" * size


PACKED: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "gzip": ("a.jsonl.gz", lambda size: gzip.compress(blank(3 * size))),
    "bzip2": ("a.jsonl.bz2", lambda size: bz2.compress(blank(3 * size))),
    "parquet": ("a.parquet", lambda size: in_parquet(size)),
}


def packed_capture(name: str, size: int, folder: Path) -> Run:
    called, made = PACKED[name]
    path = folder / called
    path.write_bytes(made(size))
    return partial(rejects_of, job_of(path, DatasetKind.PARQUET if name == "parquet" else DatasetKind.CAPTURE))


def packed_labels(name: str, size: int, folder: Path) -> Run:
    called, made = PACKED[name]
    (folder / called).write_bytes(made(size))
    return partial(rejected_labels, folder)


BOMBS: dict[str, Callable[[int, Path], Run]] = {
    f"{name}_for_ever": partial(packed_capture, name) for name in PACKED
} | {f"labels_in_{name}_for_ever": partial(packed_labels, name) for name in PACKED}
READ_TWICE: dict[str, Callable[[int, Path], Run]] = {name: partial(captured, name) for name in CAPTURED} | {
    name: partial(in_a_dataset, name) for name in DATASETS
}  # by the compiled reader and by Python's
READ_ONCE: dict[str, Callable[[int, Path], Run]] = {name: partial(in_labels, name) for name in LABELS} | BOMBS
