"""The one entry point to reading: a unit of any kind of dataset as bounded chunks of typed rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from model_monitor.collection import paused
from model_monitor.dataset.capture import empty_rows, read_capture
from model_monitor.dataset.formats.parquet import read_parquet
from model_monitor.dataset.records import UNKNOWN_FILE
from model_monitor.dataset.scripted import read_scripted
from model_monitor.dataset.tables import read_csv_files, read_json_files, read_json_lines_files
from model_monitor.dataset.units import Unit
from model_monitor.job.job import DatasetKind, Job
from model_monitor.schema import Reject, Rejects, Rows, first_rejects

READERS = {
    DatasetKind.CAPTURE: read_capture,
    DatasetKind.CSV: read_csv_files,
    DatasetKind.JSON: read_json_files,
    DatasetKind.JSON_LINES: read_json_lines_files,
    DatasetKind.PARQUET: read_parquet,
}


def read_rows(unit: Unit, job: Job) -> Iterator[Rows]:
    """Typed rows of a unit, in order, with what could not be read counted beside them."""
    known = tuple(segment for segment in unit if not segment.file.is_unknown)
    if len(known) < len(unit):
        yield _unknown([segment.file.relative for segment in unit if segment.file.is_unknown], job)
    is_scripted = job.scripts.preprocessor is not None and job.dataset.kind is not DatasetKind.CAPTURE
    chunks = read_scripted(known, job) if is_scripted else READERS[job.dataset.kind](known, job)
    while True:
        with paused():
            rows = next(chunks, None)
        if rows is None:
            return
        yield rows


def _unknown(names: Sequence[str], job: Job) -> Rows:
    """Files that nobody can read, each as one reject."""
    located = first_rejects(Reject(name, 1, UNKNOWN_FILE) for name in names)
    unsized = len(names) if job.dataset.kind is DatasetKind.CAPTURE else 0
    rejects = Rejects(Counter({UNKNOWN_FILE: len(names)}), located, unsized=unsized)
    return replace(empty_rows(job.schema), rejects=rejects)
