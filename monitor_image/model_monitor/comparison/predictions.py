"""What a model said of held-out rows: lines as a batch transform leaves them, read by the mapping of captured responses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from model_monitor.dataset.classify import Literals, to_column
from model_monitor.dataset.fields import Side, output_side
from model_monitor.dataset.missing import answer
from model_monitor.dataset.pair import read_side
from model_monitor.dataset.records import Records, keep
from model_monitor.dataset.sides import Format
from model_monitor.dataset.tables import filled_lines
from model_monitor.errors import DatasetError, SettingsError
from model_monitor.packing import BYTE_ORDER_MARK, open_plain
from model_monitor.schema import Rows, Schema
from model_monitor.words import counted

OUT: Final = ".out"  # what a batch transform adds to the name of its input
REMEDY: Final = "Predict the very file that is compared, a line for each record (SplitType and AssembleWith Line)."


@dataclass(frozen=True, slots=True)
class Predictions:
    """Of one file, row-aligned with its records."""

    schema: Schema
    columns: Sequence[Literals]
    count: int

    def beside(self, rows: Rows, start: int) -> Rows:
        """Held-out rows from `start` on, as if the model had answered them when they were captured."""
        chosen = np.zeros(self.count, np.bool_)
        chosen[start : start + rows.count] = True
        cells = iter([keep(column, chosen) for column in self.columns])
        output = self.schema.payload.output
        prediction = answer(to_column(next(cells))) if output.prediction is not None else None
        score = to_column(next(cells)) if output.score is not None else None
        if output.payload_index is not None:
            next(cells)
        scores = tuple(to_column(next(cells)) for _ in output.scores)
        return replace(rows, prediction=prediction, score=score, class_scores=scores)


def files_of(place: Path, inputs: Sequence[str]) -> list[Path]:
    """The predictions of each input: a file of the only one, or in a folder those of the same names.

    Raises: SettingsError naming the input that has none.
    """
    if place.is_file():
        if len(inputs) > 1:
            raise SettingsError(str(place), f"is one file, and there are {len(inputs)} files of held-out rows.", REMEDY)
        return [place]
    if not place.is_dir():
        raise SettingsError(
            str(place), "is not there.", "Name a file of predictions, or the folder of a batch transform."
        )
    return [_file_of(place, name) for name in inputs]


def _file_of(folder: Path, name: str) -> Path:
    for candidate in (folder / f"{name}{OUT}", folder / name):
        if candidate.is_file():
            return candidate
    raise SettingsError(str(folder), f"holds no predictions of {name}.", f"Expected {name}{OUT} there. {REMEDY}")


def read(path: Path, schema: Schema, count: int) -> Predictions:
    """The predictions of `count` records.

    Raises: DatasetError saying which line cannot be read, or how many there are.
    """
    side = output_side(schema)
    if side is None:
        raise SettingsError(
            "payload.output", "names no prediction and no score.", "Say where a line of predictions holds the answer."
        )
    with open_plain(path) as stream:
        data = stream.read().removeprefix(BYTE_ORDER_MARK).strip(b"\r\n")
    if data.lstrip()[:1] in (b"{", b"["):
        found = _of_json(data, side, count)
    else:
        found = read_side(Format.CSV, [data.decode("utf-8", "replace")], side, np.array([count]))
    _refuse(path, found, count)
    return Predictions(schema, found.columns, count)


def _of_json(data: bytes, side: Side, count: int) -> Records:
    """Each line a record, or else a response with a list of them."""
    whole = read_side(Format.JSON_LINES, [data.decode("utf-8", "replace")], side)
    if not whole.faults and not whole.widths and whole.counts.sum() == count:
        return whole
    texts, _ = filled_lines(data)
    return read_side(Format.JSON, texts, side, np.ones(len(texts), np.int64) if len(texts) == count else None)


def _refuse(path: Path, found: Records, count: int) -> None:
    records = int(found.counts.sum())
    faults = [*found.faults.items(), *((place, "unexpected number of values") for place in found.widths)]
    if faults and count:
        place, reason = min(faults)
        line = f"line {place + 1}" if len(found.counts) > 1 or found.widths else "the file"
        raise DatasetError(f"{path}: {line}: {reason}. {REMEDY} payload.output says what a line holds.")
    if records != count:
        raise DatasetError(f"{path}: holds {counted(records, 'prediction')} of {counted(count, 'record')}. {REMEDY}")
