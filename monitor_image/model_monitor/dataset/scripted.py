"""Records as a user's preprocessor makes them: of captured events, or of the lines of a dataset.

A slow way beside the others (a call of Python for each event), but cut, bounded and shared among processes as they are.
Each key of an answer is a column, found by its name; None is a missing value, and types follow from the values.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import msgspec
import numpy as np
import orjson
import pyarrow as pa

from model_monitor.dataset.batches import Batch
from model_monitor.dataset.classify import Literals
from model_monitor.dataset.fields import Side
from model_monitor.dataset.formats.csv import iterate_rows
from model_monitor.dataset.formats.json import BadPayload, load, records_of
from model_monitor.dataset.inference_record import InferenceRecord
from model_monitor.dataset.lines import read_blocks
from model_monitor.dataset.named import named_rows, named_side
from model_monitor.dataset.pair import Losses
from model_monitor.dataset.preprocessor import Place, Preprocessor, load_preprocessor, settle_chance
from model_monitor.dataset.units import Segment, Unit, open_parquet
from model_monitor.errors import DatasetError, ScriptError
from model_monitor.job.job import DatasetKind, Job
from model_monitor.schema import Feature, Reject, Rejects, Rows, Schema

CHUNK_RECORDS = 1 << 16
PARQUET_ROWS = 4096
Record = dict[str, Any]


# --- captured events -----------------------------------------------------------------------------------------------------


def rows_of_events(batch: Batch, job: Job, losses: Losses) -> tuple[np.ndarray, Rows]:
    """The rows that a script makes of a batch's events in the window, and the places of these events in the batch."""
    block = next((block for block, _, _ in batch.origins()), None)
    if block is not None:
        settle_chance(block.file.relative, block.segment_start + block.skipped)
    for _ in range(np.count_nonzero(~batch.inside)):  # the script is not asked how many records such an event holds
        losses.add(0, "", 0, is_inside=False)
    answers = dict(answers_of_events(batch, job))
    numbers = np.array(list(answers), np.int64)
    records = [record for found in answers.values() for record in found]
    counts = np.array([len(found) for found in answers.values()], np.int64)
    places = [place for found in answers.values() for place in range(len(found))]
    rows = _rows(job.schema, records, Rejects())
    return numbers, replace(
        rows,
        events=batch.events(numbers, counts),
        payload_index=_payload_index(job.schema, records, places),
        dropped=int((counts == 0).sum()),
    )


def answers_of_events(batch: Batch, job: Job) -> Iterator[tuple[int, list[Record]]]:
    """(place in the batch, records that the script makes of it) for each event in the window."""
    handler = _preprocessor(job)
    inside = batch.inside.tolist()
    for block, events, numbers in batch.origins():
        lines = block.data.split(b"\n")
        for place, line in zip(events, numbers, strict=True):
            if inside[place]:
                located = partial(_located, block.file.relative, partial(block.line_number, line))
                yield place, handler(InferenceRecord(_decoded(lines[line])), located)


def _decoded(line: bytes) -> Record:
    """A line that the capture reader has found to be an event."""
    line = line.removeprefix(b"\xef\xbb\xbf")
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        event = json.loads(line.decode("utf-8", "replace"))
    found: Record = event
    return found


def _payload_index(schema: Schema, records: list[Record], places: list[int]) -> np.ndarray:
    """The script's own index under the mapping's name where it gives one, else the place among the event's records."""
    name = schema.payload.output.payload_index
    if not isinstance(name, str):
        return np.array(places, np.int64)
    found = [record.get(name) for record in records]
    is_index = [isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 for value in found]
    chosen = [value if good else place for value, good, place in zip(found, is_index, places, strict=True)]
    return np.array(chosen, np.int64)


# --- other datasets ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Chunk:
    """Records that become rows together."""

    records: list[Record] = field(default_factory=list)
    dropped: int = 0

    def rows(self, schema: Schema, rejects: Rejects) -> Rows:
        return replace(_rows(schema, self.records, rejects), dropped=self.dropped)


def read_scripted(unit: Unit, job: Job) -> Iterator[Rows]:
    """Rows that a script makes of the records of CSV, JSON Lines, JSON and Parquet files."""
    for segment in unit:
        chunk, faults = _Chunk(), _Faults(segment)
        for found in answers_of_texts(segment, job, faults):
            chunk.records += found
            chunk.dropped += not found
            if len(chunk.records) >= CHUNK_RECORDS:
                yield chunk.rows(job.schema, Rejects())
                chunk = _Chunk()
        yield chunk.rows(job.schema, faults.rejects())


class _Faults:
    """Parts of a file that no record could be read from."""

    def __init__(self, segment: Segment) -> None:
        self._segment, self._found = segment, dict[int, str]()

    def add(self, line: int, reason: str) -> None:
        """One of them."""
        self._found[line] = reason

    def rejects(self) -> Rejects:
        """All of them."""
        located = tuple(Reject(self._segment.file.relative, line, reason) for line, reason in self._found.items())
        return Rejects(Counter(self._found.values()), located[:10])


def answers_of_texts(segment: Segment, job: Job, faults: _Faults | None = None) -> Iterator[list[Record]]:
    """What the script makes of each record of a part of a file: of the line of CSV or JSON as it stands, else of JSON text."""
    handler = _preprocessor(job)
    settle_chance(segment.file.relative, segment.start)
    for text, place in _texts(segment, job, faults or _Faults(segment)):
        yield handler(text, place)


def _texts(segment: Segment, job: Job, faults: _Faults) -> Iterator[tuple[str, Place]]:
    name, kind = segment.file.relative, segment.file.kind
    if kind is DatasetKind.PARQUET:
        for number, row in enumerate(_parquet_rows(segment), start=1):
            yield (
                msgspec.json.encode(row).decode(),
                partial(_located, f"{name}, row group {segment.start}, row", number),
            )
    elif kind is DatasetKind.JSON:
        yield from _documents(segment, job, faults)
    else:
        has_header = kind is DatasetKind.CSV and job.dataset.has_header
        for block in read_blocks(segment, has_quotes=kind is DatasetKind.CSV):
            if block.fault:
                faults.add(block.line_number(0), block.fault)
            text = block.data.decode("utf-8", "replace")
            lines = _csv_lines(text) if kind is DatasetKind.CSV and '"' in text else enumerate(text.split("\n"))
            is_head = has_header and segment.start == 0 and block.skipped == 0
            for number, line in lines:
                if not line.strip("\r\n"):
                    continue
                if is_head:
                    is_head = False
                    continue
                yield line.rstrip("\r"), partial(_located, name, partial(block.line_number, number))


def _parquet_rows(segment: Segment) -> Iterator[Record]:
    file, groups = open_parquet(segment.file.path), list(range(segment.start, segment.stop))
    try:
        for batch in file.iter_batches(PARQUET_ROWS, row_groups=groups, use_threads=False):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError):
        raise DatasetError(f"{segment.file.path}: damaged. Write or copy the file again.") from None


def _csv_lines(text: str) -> list[tuple[int, str]]:
    """(number of the first line, text) of each record, which may go on over lines inside quotes."""
    found, start, line = [], 0, 0
    try:
        for _, end in iterate_rows(text):
            record = text[start:end]
            found.append((line, record.rstrip("\r\n")))
            start, line = end, line + record.count("\n")
    except ValueError:  # a quote that is never closed: the rest line by line
        found += [(line + i, rest) for i, rest in enumerate(text[start:].split("\n"))]
    return found


def _documents(segment: Segment, job: Job, faults: _Faults) -> Iterator[tuple[str, Place]]:
    """The records of a JSON document, each as JSON text."""
    blocks = list(read_blocks(segment))
    try:
        value, _ = load(b"".join(block.data for block in blocks).decode("utf-8", "replace"))
        found = records_of(value, Side((), records=job.schema.payload.records))
    except BadPayload as fault:
        faults.add(1, str(fault))
        return
    for number, record in enumerate(found.objects or found.rows or (), start=1):
        yield json.dumps(record), partial(_located, f"{segment.file.relative}, record", number)


# --- answers to rows -----------------------------------------------------------------------------------------------------


def _preprocessor(job: Job) -> Preprocessor:
    if job.scripts.preprocessor is None:
        raise ScriptError("no preprocessor is set.")
    return load_preprocessor(job.scripts.preprocessor)


def _located(name: str, number: Any) -> str:
    return f"{name}:{number() if callable(number) else number}"


def _key(feature: Feature, schema: Schema) -> str:
    """The key of a feature in an answer: its name, but where the baseline's names stand for positions."""
    return feature.path if schema.is_positional and feature.path else feature.name


def _rows(schema: Schema, records: list[Record], rejects: Rejects) -> Rows:
    wanted = {feature.name: _key(feature, schema) for feature in schema.features}
    wanted |= {field.key: field.key for field in named_side(schema).fields[len(wanted) :]}  # roles and metadata
    columns: dict[str, Literals] = {}
    for name, key in wanted.items():
        column = [record.get(key, msgspec.UNSET) for record in records]
        if any(value is not msgspec.UNSET for value in column):
            columns[name] = column
    known = {*wanted.values(), schema.payload.output.payload_index}
    unclaimed: Counter[str] = Counter()
    for keys, count in Counter(map(tuple, records)).items():  # nearly all answers have the same keys
        unclaimed.update({key: count for key in keys if key not in known})
    return named_rows(schema, len(records), columns, unclaimed, rejects)
