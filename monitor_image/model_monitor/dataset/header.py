"""Whether CSV files are what they are taken for, before anything is made of them: text, cut at commas, under a header."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence

from model_monitor.dataset.discover import DataFile
from model_monitor.dataset.tables import first_row
from model_monitor.dataset.units import Segment
from model_monitor.errors import DatasetError, SettingsError
from model_monitor.job.job import DatasetKind, Job
from model_monitor.packing import head_of

POSITIONS_TOLD = 10
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
REMEDY = (
    "If the first line is data, say so with --no-header (dataset_format and settings: header: false); otherwise give each "
    "column a name of its own."
)


def check_csv_files(files: Sequence[DataFile], job: Job) -> None:
    """Refuse files whose columns would get wrong names or be none. What lies in them is never told, only where.

    Raises: DatasetError for files that are no text; SettingsError for other separators and impossible headers.
    """
    known = {*job.schema.names, job.schema.payload.label}
    is_one_text = not job.dataset.has_header and len(job.schema.features) == 1
    for file in files:
        if file.kind is not DatasetKind.CSV or file.is_unknown:
            continue
        _refuse_binary(file)
        row = [value or "" for value in first_row(Segment(file, 0, file.size_bytes)) or ()]
        if len(row) == 1 and not is_one_text:
            _refuse_separator(file, row[0])
        if job.dataset.has_header:
            _refuse_header(file, row, known)


def _refuse_binary(file: DataFile) -> None:
    head = head_of(file.path)  # the reader counts and locates what is damaged
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
        is_text = b"\0" not in head
    except UnicodeDecodeError:
        is_text = False
    if not is_text:
        raise DatasetError(
            f"{file.path}: is no CSV: its beginning is not UTF-8 text. Say with --format (dataset_format) how it is "
            "written, or save it as UTF-8."
        )


def _refuse_separator(file: DataFile, cell: str) -> None:
    for separator, name in SEPARATORS.items():
        if separator in cell:
            raise SettingsError(
                str(file.path),
                f"its first line has one column, with {name} in it.",
                "Values are separated by commas here: write the file again with commas.",
            )


def _refuse_header(file: DataFile, row: Sequence[str], known: set[str | None]) -> None:
    first = {name: i for i, name in reversed(list(enumerate(row)))}
    faults = {
        "a number": [i for i, name in enumerate(row) if NUMBER.fullmatch(name) and name not in known],
        "no name": [i for i, name in enumerate(row) if not name.strip()],
        "the name of an earlier column": [i for i, name in enumerate(row) if name.strip() and first[name] < i],
    }
    told = [f"{what} at {_places(positions)}" for what, positions in faults.items() if positions]
    if told:
        raise SettingsError(str(file.path), f"its first line cannot be a header: {'; '.join(told)}.", REMEDY)


def _places(positions: Sequence[int]) -> str:
    shown = ", ".join(str(position + 1) for position in positions[:POSITIONS_TOLD])
    more = f" and {len(positions) - POSITIONS_TOLD} more" if len(positions) > POSITIONS_TOLD else ""
    return f"column{'s' if len(positions) > 1 else ''} {shown}{more}"
