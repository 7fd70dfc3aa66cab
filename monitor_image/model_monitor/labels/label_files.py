"""Which files hold the labels of which hours, and how they are shared out among workers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from model_monitor.dataset.units import GZIP_RATIO
from model_monitor.errors import NoDataset
from model_monitor.packing import PACKED_ENDINGS, plain_name
from model_monitor.tree import files_below

HOUR_FOLDER = re.compile(r"(?:^|/)(\d{4})/(\d{1,2})/(\d{1,2})/(\d{1,2})$")
JSON_SUFFIXES = (".jsonl", ".json", ".jsonlines", ".ndjson")
SUFFIXES = (*JSON_SUFFIXES, ".csv", ".parquet", ".pq")
UNIT_BYTES = 16 << 20


def label_files(
    root: Path, first: datetime | None = None, last: datetime | None = None
) -> tuple[tuple[str, Path], ...]:
    """Files (relative path, path) of the hours from `first` to `last`, both included, the oldest first; None: no limit.

    Hour folders may be padded (`2026/03/02/07`) or not (`2026/3/2/7`); files outside such folders are always read, first.

    Raises: NoDataset if the path does not exist.
    """
    if root.is_file():
        return ((root.name, root),)
    if not root.is_dir():
        raise NoDataset(root, "ground truth")
    start = first.replace(minute=0, second=0, microsecond=0) if first else datetime.min.replace(tzinfo=UTC)
    end = last or datetime.max.replace(tzinfo=UTC)
    found = []
    for relative, _ in files_below(root):
        hour = _hour(relative)
        if hour is None or start <= hour <= end:
            found.append((hour or datetime.min.replace(tzinfo=UTC), relative, root / relative))
    return tuple((relative, path) for _, relative, path in sorted(found))


def label_units(
    files: Iterable[tuple[str, Path]], unit_bytes: int = UNIT_BYTES
) -> tuple[tuple[tuple[str, Path], ...], ...]:
    """Files in their order, as many together as are worth a worker's while: a tenth of a second."""
    units: list[list[tuple[str, Path]]] = []
    size = 0
    for relative, path in files:
        if not units or size >= unit_bytes:
            units.append([])
            size = 0
        units[-1].append((relative, path))
        size += path.stat().st_size * (GZIP_RATIO if path.name.lower().endswith(PACKED_ENDINGS) else 1)
    return tuple(map(tuple, units))


def leaves_threads(files: Iterable[tuple[str, Path]]) -> bool:
    """Whether reading them starts threads of pyarrow that stay, after which a process should not fork."""
    return not all(plain_name(relative).endswith(JSON_SUFFIXES) for relative, _ in files)


def has_known_ending(relative: str) -> bool:
    """Whether a file's name says that it may hold labels."""
    return plain_name(relative).endswith(SUFFIXES)


def _hour(relative: str) -> datetime | None:
    found = HOUR_FOLDER.search(relative.rpartition("/")[0])
    if found is None:
        return None
    year, month, day, hour = map(int, found.groups())
    try:
        return datetime(year, month, day, hour, tzinfo=UTC)
    except ValueError:  # digits that are no date: an ordinary folder
        return None
