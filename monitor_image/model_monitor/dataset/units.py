"""Units of work of fixed size. The cuts depend on the files alone, so that any number of workers gives the same result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from model_monitor.dataset.discover import DataFile
from model_monitor.errors import DatasetError
from model_monitor.job.job import DatasetKind
from model_monitor.packing import LEAST_ROW_BYTES, PACKED_ENDINGS, Allowance, is_packed

UNIT_BYTES = 16 << 20  # memory of a worker is about 300 MB plus eight times this
GZIP_RATIO = 8  # what a compressed byte is worth when small files are put together


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a file: the lines that begin in the bytes [start, stop). Row groups [start, stop) for Parquet."""

    file: DataFile
    start: int
    stop: int


Unit: TypeAlias = tuple[Segment, ...]


def plan(files: Iterable[DataFile], unit_bytes: int = UNIT_BYTES) -> tuple[Unit, ...]:
    """Cut large files and put small ones together, in order, so that each unit reads about `unit_bytes`."""
    units: list[Unit] = []
    pending: list[Segment] = []
    pending_bytes = 0
    for file in files:
        for segment, size in _segments(file, unit_bytes):
            if pending and pending_bytes + size > unit_bytes:
                units.append(tuple(pending))
                pending, pending_bytes = [], 0
            pending.append(segment)
            pending_bytes += size
    if pending:
        units.append(tuple(pending))
    return tuple(units)


def _segments(file: DataFile, unit_bytes: int) -> list[tuple[Segment, int]]:
    """Parts of one file with their approximate weight in bytes."""
    if file.size_bytes == 0:
        return []
    if file.is_unknown:
        return [(Segment(file, 0, file.size_bytes), 0)]
    if file.kind is DatasetKind.PARQUET:
        return _row_groups(file, unit_bytes)
    if (file.size_bytes > unit_bytes or file.path.name.lower().endswith(PACKED_ENDINGS)) and is_packed(file.path):
        return [(Segment(file, 0, file.size_bytes), file.size_bytes * GZIP_RATIO)]
    if file.size_bytes <= unit_bytes or not _can_be_cut(file):
        return [(Segment(file, 0, file.size_bytes), file.size_bytes)]
    cuts = [*range(0, file.size_bytes, unit_bytes), file.size_bytes]
    return [(Segment(file, a, b), b - a) for a, b in pairwise(cuts)]


def _row_groups(file: DataFile, unit_bytes: int) -> list[tuple[Segment, int]]:
    metadata = open_parquet(file.path).metadata
    _refuse_bomb(file.path, metadata)
    groups = [metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)]
    segments: list[tuple[Segment, int]] = []
    start = size = 0
    for i, group in enumerate(groups):
        if i > start and size + group > unit_bytes:
            segments.append((Segment(file, start, i), size))
            start, size = i, 0
        size += group
    return [*segments, (Segment(file, start, len(groups)), size)]


def _refuse_bomb(path: Path, metadata: pq.FileMetaData) -> None:
    """A table whose columns unpack to many times the file, or that repeats a few values for ever. Raises: UnpacksTooLarge."""
    groups = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    Allowance(path).take(max(groups, metadata.num_rows * LEAST_ROW_BYTES))


def open_parquet(path: Path) -> pq.ParquetFile:
    """A Parquet file's reader.

    Raises: DatasetError if it is none.
    """
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"{path}: not a Parquet file. Check the dataset's format.") from error


def _can_be_cut(file: DataFile) -> bool:
    """A JSON document is one piece; a CSV file with quotes may have line breaks inside a field: stream both."""
    if file.kind is DatasetKind.JSON:
        return False
    if file.kind is not DatasetKind.CSV:
        return True
    with file.path.open("rb") as stream:
        while block := stream.read(1 << 20):
            if b'"' in block:
                return False
    return True
