"""Records whose labels are known, as rows of a training set: CSV, the label first, the features in their order, no header.

    {fresh}/yyyy-mm-ddTHHMM.csv       by the window's start: what a training may see
    {holdout}/yyyy-mm-ddTHHMM.csv     what none ever sees, so that models are compared on it
    …/yyyy-mm-ddTHHMM-review.csv      of either, apart: rows whose label reviewers gave

Which record is held out follows from its key alone: it is the same in every run, however the window is cut. A window that is
looked at again, with labels that came late, replaces its files. Such files hold the records themselves, restricted features
included: they belong where the labels may lie, and nowhere else.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import xxhash

from model_monitor.aws import s3
from model_monitor.dataset.rows import read_rows
from model_monitor.dataset.units import Unit
from model_monitor.errors import OutputError
from model_monitor.job.job import Job, LabelledRows
from model_monitor.label_text import LARGEST_WHOLE
from model_monitor.labels.ground_truth import GroundTruth
from model_monitor.labels.join import join
from model_monitor.labels.keys import drawn
from model_monitor.schema import Column, Rows, Window

SALT: Final = 0x686F6C646F757420  # "holdout ": nothing else draws records by it
REVIEWED: Final = "-review.csv"  # how names of files of reviewed labels end
WHOLE: Final = "rows.csv"  # of a dataset without a window


@dataclass(frozen=True, slots=True)
class Parts:
    """Files of both sides, in the order of the records; those of reviewed labels apart."""

    fresh: tuple[Path, ...] = ()
    holdout: tuple[Path, ...] = ()
    fresh_reviewed: tuple[Path, ...] = ()
    holdout_reviewed: tuple[Path, ...] = ()

    def merge(self, other: Parts) -> Parts:
        """Combine two disjoint parts; `self` comes first in file order."""
        return Parts(
            self.fresh + other.fresh,
            self.holdout + other.holdout,
            self.fresh_reviewed + other.fresh_reviewed,
            self.holdout_reviewed + other.holdout_reviewed,
        )


def of_unit(unit: Unit, job: Job, labels: GroundTruth, folder: Path) -> Parts:
    """The labelled rows of one unit, in files of its own below `folder`: the work that a runner hands out."""
    places = job.labelled_rows
    assert places is not None, "a job that keeps no labelled rows"
    name = f"{xxhash.xxh3_64_hexdigest(repr([(each.file.relative, each.start) for each in unit]))}.csv"
    paths = [folder / f"{side}-{name}" for side in ("fresh", "holdout", "fresh-reviewed", "holdout-reviewed")]
    counts = [0] * len(paths)
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("w", newline="")) for path in paths]
        writers = [csv.writer(file, lineterminator="\n") for file in files]
        for read in read_rows(unit, job):
            rows = join(read, labels)
            for side, chosen in enumerate(by_source(rows, sides_of(rows, places.holdout_share), labels)):
                counts[side] += len(chosen)
                writers[side].writerows(lines_of(rows, chosen))
    return Parts(*((path,) if count else () for path, count in zip(paths, counts, strict=True)))


def by_source(rows: Rows, sides: Sequence[np.ndarray], labels: GroundTruth) -> list[np.ndarray]:
    """Both sides without the rows whose label reviewers gave, then both sides of these."""
    if not len(labels.reviewed) or rows.truth is None or rows.truth.keys is None:
        return [*sides, *(side[:0] for side in sides)]
    reviewed = [labels.are_reviewed(rows.truth.keys[side]) for side in sides]
    return [
        *(side[~found] for side, found in zip(sides, reviewed, strict=True)),
        *(side[found] for side, found in zip(sides, reviewed, strict=True)),
    ]


def sides_of(rows: Rows, holdout_share: float) -> tuple[np.ndarray, np.ndarray]:
    """Places of the rows that a training may see, and of those that are held out; rows without a label are neither."""
    truth = rows.truth
    if truth is None or truth.keys is None:
        nothing = np.empty(0, np.int64)
        return nothing, nothing
    is_usable = (truth.codes >= 0) & are_readable(rows)
    is_held = drawn(truth.keys, holdout_share, SALT)
    return np.flatnonzero(is_usable & ~is_held), np.flatnonzero(is_usable & is_held)


def are_readable(rows: Rows) -> np.ndarray:
    """bool (rows,): whether every feature that is a number has one, or nothing; text in its place is nothing to learn from."""
    found = np.ones(rows.count, np.bool_)
    for feature, column in zip(rows.schema.features, rows.features, strict=True):
        if feature.type is not None and feature.type.is_numeric and column.texts is not None:
            found &= ~np.asarray(column.texts.is_valid()).astype(np.bool_)
    return found


def lines_of(rows: Rows, chosen: np.ndarray) -> Iterator[tuple[str, ...]]:
    """The label and the features of the rows at these places, as text; what is missing is empty."""
    truth = rows.truth
    assert truth is not None, "rows without labels"
    labels = [truth.words[code] for code in truth.codes[chosen].tolist()]
    return zip(labels, *(_cells(column, chosen) for column in rows.features), strict=True)


def _cells(column: Column, chosen: np.ndarray) -> list[str]:
    cells = [""] * len(chosen)
    if column.texts is not None:
        cells = [text or "" for text in column.texts.take(chosen).to_pylist()]
    if column.numbers is None:
        return cells
    numbers = column.numbers[chosen]
    told = list(map(str, numbers.tolist())) if numbers.dtype.kind == "i" else list(map(_number, numbers.tolist()))
    return [number or text for number, text in zip(told, cells, strict=True)]


def _number(value: float) -> str:
    """A whole number reads the same whatever stood beside it in its file; NaN stands for no number."""
    if value != value:
        return ""
    return str(int(value)) if abs(value) < LARGEST_WHOLE and value.is_integer() else repr(value)


def deliver(
    parts: Parts, places: LabelledRows, window: Window | None, folder: Path, *, has_reviews: bool = False
) -> None:
    """Put both sides where they belong; a side without rows leaves what lies there.

    has_reviews: reviewers gave labels, of which some may have replaced others since the window was last looked at: a row lies in
    one file of its side, so that the other is emptied where it has none. folder: for what is put together.
    """
    name = WHOLE if window is None else f"{window.start:%Y-%m-%dT%H%M}.csv"
    sides = (
        (parts.fresh, parts.fresh_reviewed, places.fresh),
        (parts.holdout, parts.holdout_reviewed, places.holdout),
    )
    for paths, reviewed, place in sides:
        for own, own_name in ((paths, name), (reviewed, name.replace(".csv", REVIEWED))):
            if own or (has_reviews and (paths or reviewed)):
                _put(_joined(own) if own else _empty(folder), place, own_name)


def _empty(folder: Path) -> Path:
    (path := folder / "empty").touch()
    return path


def _joined(paths: Sequence[Path]) -> Path:
    whole = paths[0].with_name(f"whole-{paths[0].name}")
    with whole.open("wb") as target:
        for path in paths:
            with path.open("rb") as source:
                shutil.copyfileobj(source, target)
            path.unlink()
    return whole


def _put(path: Path, place: str, name: str) -> None:
    if s3.is_s3(place):
        s3.write_file(s3.join(place, name), path)
        return
    folder = Path(place)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f".{name}.partial"
        shutil.copyfile(path, partial)
        partial.replace(folder / name)
    except OSError as error:
        raise OutputError(folder, f"labelled rows cannot be written ({error.strerror}).") from error
