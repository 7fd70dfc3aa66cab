"""Where the first value of a feature stands that is no number, once a baseline has found that most are numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from model_monitor.dataset.classify import to_column
from model_monitor.dataset.discover import DataFile
from model_monitor.dataset.fields import Side
from model_monitor.dataset.formats.csv import lines_of_records, read_csv
from model_monitor.dataset.lines import read_blocks
from model_monitor.dataset.named import named_side
from model_monitor.dataset.records import Records
from model_monitor.dataset.tables import csv_blocks, read_json_lines
from model_monitor.dataset.units import Segment
from model_monitor.job.job import DatasetKind, Job


def first_other(name: str, files: Sequence[DataFile], job: Job) -> str:
    """`path:line` of the first value that is no number; "" where files have no lines, or none is found."""
    readers = {DatasetKind.CSV: _of_csv, DatasetKind.JSON_LINES: _of_json_lines}
    for file in files:
        if file.kind in readers and not file.is_unknown:
            for line in readers[file.kind](name, Segment(file, 0, file.size_bytes), job):
                return f"{file.relative}:{line}"
    return ""


def _of_csv(name: str, segment: Segment, job: Job) -> Iterator[int]:
    for block, side, _, body, before in csv_blocks(segment, job):
        records = read_csv([body], side)
        record = None if records.faults else _first(name, side, records)
        if record is not None:
            (line,) = lines_of_records(body, [record], is_single=side.width == 1)
            yield block.line_number(before + line)


def _of_json_lines(name: str, segment: Segment, job: Job) -> Iterator[int]:
    side = named_side(job.schema)
    for block in read_blocks(segment):
        records, numbers = read_json_lines(block.data, side)
        record = _first(name, side, records)
        if record is not None:
            yield block.line_number(numbers[int(np.searchsorted(np.cumsum(records.counts), record, side="right"))])


def _first(name: str, side: Side, records: Records) -> int | None:
    """Which record it is of, among the unreadable ones too."""
    for field, column in zip(side.fields, records.columns, strict=True):
        texts = to_column(column).texts if field.key == name else None
        if texts is not None:
            return int(np.flatnonzero(records.readable)[np.flatnonzero(texts.is_valid())[0]])
    return None
