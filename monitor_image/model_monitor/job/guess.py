"""How files are written, from their names and first bytes: for people who do not want to say it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from model_monitor.errors import DatasetError, NoDataset, SettingsError
from model_monitor.job.job import DatasetKind
from model_monitor.packing import DAMAGES, head_of, open_plain, plain_name
from model_monitor.tree import files_below

PEEKED_BYTES = 65536
BY_SUFFIX = {
    ".csv": DatasetKind.CSV,
    ".parquet": DatasetKind.PARQUET,
    ".json": DatasetKind.JSON,
    ".jsonl": DatasetKind.JSON_LINES,
    ".ndjson": DatasetKind.JSON_LINES,
}


def guess_kind(path: Path) -> DatasetKind:
    """The kind of a file, or of the first file of a folder; capture files are told by their content."""
    first = path if path.is_file() else _first_file(path)
    suffix = Path(plain_name(first.name)).suffix
    try:
        with open_plain(first) as file:
            head = file.read(PEEKED_BYTES)
    except DAMAGES as error:
        raise DatasetError(
            f"{first}: cannot be read ({type(error).__name__}). Check its rights, or copy it again."
        ) from error
    if b'"captureData"' in head:
        return DatasetKind.CAPTURE
    kind = BY_SUFFIX.get(suffix)
    if kind is None:
        raise SettingsError(str(first), "its name does not tell how it is written.", "Say it with --format.")
    return kind


def begins_with(path: Path, names: Sequence[str]) -> bool:
    """Whether the first line of a CSV file, or of a folder's first one, is these names."""
    line = head_of(path if path.is_file() else _first_file(path)).partition(b"\n")[0].decode("utf-8", "replace")
    try:
        found = next(csv.reader([line.rstrip("\r")]), [])
    except csv.Error:
        return False
    return [name.strip() for name in found] == [*names]


def _first_file(folder: Path) -> Path:
    """The first whose name tells how it is written, else the first: a note may lie beside the data."""
    found = [folder / path for path, _ in files_below(folder)]
    if not found:
        raise NoDataset(folder, "file")
    return min((path for path in found if Path(plain_name(path.name)).suffix in BY_SUFFIX), default=min(found))
