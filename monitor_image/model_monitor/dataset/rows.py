"""The one entry point to reading: a unit of any kind of dataset as bounded chunks of typed rows."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from model_monitor.dataset.capture import read_capture
from model_monitor.dataset.formats.parquet import read_parquet
from model_monitor.dataset.scripted import read_scripted
from model_monitor.dataset.tables import read_csv_files, read_json_files, read_json_lines_files
from model_monitor.dataset.units import Unit
from model_monitor.job.job import DatasetKind, Job
from model_monitor.schema import Rows

READERS = {
    DatasetKind.CAPTURE: read_capture,
    DatasetKind.CSV: read_csv_files,
    DatasetKind.JSON: read_json_files,
    DatasetKind.JSON_LINES: read_json_lines_files,
    DatasetKind.PARQUET: read_parquet,
}


def read_rows(unit: Unit, job: Job) -> Iterator[Rows]:
    """Typed rows of a unit, in order, with what could not be read counted beside them."""
    is_scripted = job.scripts.preprocessor is not None and job.dataset.kind is not DatasetKind.CAPTURE
    chunks = read_scripted(unit, job) if is_scripted else READERS[job.dataset.kind](unit, job)
    while True:
        with _collection_paused():
            rows = next(chunks, None)
        if rows is None:
            return
        yield rows


@contextmanager
def _collection_paused() -> Iterator[None]:
    """Millions of short-lived values are made at once: looking for cycles among them costs more than making them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
