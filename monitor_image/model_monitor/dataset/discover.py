"""Which files a dataset consists of, and what their place in the tree says: production variant and hour of capture."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from pathlib import Path

from model_monitor.dataset.content import is_of_kind
from model_monitor.errors import NoDataset
from model_monitor.job.job import DatasetKind, DatasetSource
from model_monitor.packing import head_of, plain_name
from model_monitor.schema import Window
from model_monitor.tree import files_below

CAPTURE_FOLDER = re.compile(r"(?:^|/)(?P<variant>[^/]+)/(?P<hour>\d{4}/\d{2}/\d{2}/\d{2})$")
SUFFIXES = {
    DatasetKind.CAPTURE: (".jsonl", ".json", ".jsonlines"),
    DatasetKind.CSV: (".csv", ".txt", ".tsv"),
    DatasetKind.JSON: (".json",),
    DatasetKind.JSON_LINES: (".jsonl", ".jsonlines", ".json", ".ndjson"),
    DatasetKind.PARQUET: (".parquet", ".pq"),
}


@dataclass(frozen=True, slots=True, order=True)
class DataFile:
    """One file of a dataset. Sorts by its path below the dataset's folder, with `/` as separator on every system.

    variant: the production variant, "" where the folders do not follow the capture layout.
    hour: the hour of the capture folder, None likewise.
    is_unknown: neither its ending nor its content is of the kind; it is not read, and counted as a reject.
    """

    relative: str
    path: Path
    size_bytes: int
    kind: DatasetKind
    variant: str = ""
    hour: datetime | None = None
    is_unknown: bool = False


def discover(source: DatasetSource, window: Window | None = None) -> tuple[DataFile, ...]:
    """The files of a dataset, sorted by relative path; none at all is a result (an hour without traffic), not an error.

    A file whose hour folder is further away from the window than the source's margin is left out. Anything nearer is read,
    because a file can hold events of the next hour, and because events outside the window are counted. So is one of
    another variant than those that are asked for.

    Raises: NoDataset if the path does not exist.
    """
    if source.path.is_file():
        variant, hour = _place_of(source.path.absolute().parent, source.kind)
        return (DataFile(source.path.name, source.path, source.path.stat().st_size, source.kind, variant, hour),)
    if not source.path.is_dir():
        raise NoDataset(source.path, f"{source.kind} dataset")
    found = (
        file for file in _visible(source) if _is_near(file.hour, window, source.margin) and _is_chosen(file, source)
    )
    near = sorted(found, key=attrgetter("relative"))
    return tuple(near) if all(map(_is_named, near)) else tuple(_by_content(near, source))


def _is_chosen(file: DataFile, source: DatasetSource) -> bool:
    """Whether the file is of a variant that is asked for; one of none that its folder names is always read."""
    return not source.variants or file.variant in ("", *source.variants)


def _is_named(file: DataFile) -> bool:
    return plain_name(file.path.name).endswith(SUFFIXES[file.kind])


def _by_content(files: Sequence[DataFile], source: DatasetSource) -> Iterator[DataFile]:
    """Files of other endings, or of none, are what they begin like; where none has an ending of its kind, all are read."""
    first = next((file for file in files if _is_named(file)), None)
    sibling = head_of(first.path) if first is not None and source.has_header else b""
    for file in files:
        is_known = first is None or not file.size_bytes or _is_named(file)
        yield file if is_known or is_of_kind(head_of(file.path), file.kind, sibling) else replace(file, is_unknown=True)


def _visible(source: DatasetSource) -> Iterator[DataFile]:
    """All files, with what their folders say."""
    root, places = source.path.absolute(), dict[str, tuple[str, datetime | None]]()
    for relative, entry in files_below(source.path):
        folder, _, _ = relative.rpartition("/")
        if folder not in places:
            places[folder] = _place_of(root / folder, source.kind)
        try:
            size_bytes = entry.stat().st_size
        except FileNotFoundError:  # it has just been moved
            continue
        yield DataFile(relative, source.path / relative, size_bytes, source.kind, *places[folder])


def _place_of(folder: Path, kind: DatasetKind) -> tuple[str, datetime | None]:
    """Variant and hour of a capture folder; "" and None of others."""
    found = CAPTURE_FOLDER.search(folder.as_posix())
    if kind is not DatasetKind.CAPTURE or not found:
        return "", None
    try:
        return found["variant"], datetime.strptime(found["hour"], "%Y/%m/%d/%H").replace(tzinfo=UTC)
    except ValueError:  # digits that are no date: an ordinary folder
        return "", None


def _is_near(hour: datetime | None, window: Window | None, margin: timedelta) -> bool:
    if hour is None or window is None:
        return True
    return window.start - margin <= hour < window.end + margin
