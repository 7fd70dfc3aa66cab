"""Where a run finds its baseline, and what a baseline job leaves behind.

A baseline folder (local or in S3) is one of
- `constraints.json` and `statistics.json`: as a baseline job of one monitor writes them, AWS's or ours;
- `{monitor}/{constraints,statistics}.json`: as a baseline job of several monitors does;
- `current.json` and either of these below `{version}/`: versions are immutable, the pointer moves.
Bias and attribution have one file instead of the two, `analysis.json`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson

from model_monitor.aws import s3
from model_monitor.contract import (
    ANALYSIS_FILE,
    CONSTRAINTS_FILE,
    CURRENT_BASELINE_FILE,
    PROVENANCE_FILE,
    STATISTICS_FILE,
    MonitoringType,
    monitor_key,
)
from model_monitor.errors import BaselineError
from model_monitor.job import scratch
from model_monitor.job.job import BaselineFiles


@dataclass(frozen=True, slots=True)
class Folder:
    """A place that holds baseline files: `find` gives the local path of a file below it, None when it is not there."""

    location: str
    find: Callable[[str], Path | None]


def open_folder(location: str, cache: Path | None = None) -> Folder:
    """A local folder as it is; an S3 prefix through files fetched one by one into `cache`."""
    if not s3.is_s3(location):
        return Folder(location, lambda relative: _local(Path(location) / relative))
    kept = cache or scratch.folder("baseline")
    return Folder(location, lambda relative: _fetch(location, relative, kept))


def resolve(
    location: str, monitors: Iterable[MonitoringType], cache: Path | None = None
) -> dict[MonitoringType, BaselineFiles]:
    """The files of each monitor that has a baseline below `location`; empty when nothing is there yet.

    Raises: BaselineError when a pointer names a version that is not there.
    """
    folder = open_folder(location, cache)
    version = _current_version(folder)
    prefix = f"{version}/" if version else ""
    found: dict[MonitoringType, BaselineFiles] = {}
    wanted = tuple(monitors)
    for type_ in wanted:
        files = _files(folder, f"{prefix}{monitor_key(type_)}/", version)
        if files is None and _is_flat(folder, prefix, monitor_key(type_), is_alone=len(wanted) == 1):
            files = _files(folder, prefix, version)
        if files is not None:
            found[type_] = files
    if version and not found:
        raise BaselineError(
            s3.join(location, CURRENT_BASELINE_FILE) if s3.is_s3(location) else f"{location}/{CURRENT_BASELINE_FILE}",
            f"names version {version}, which holds none of the files of this run's monitors.",
            "Run the baseline job of that version again, or move the pointer.",
        )
    return found


def mounted(constraints: Path | None, statistics: Path | None) -> BaselineFiles | None:
    """Files given one by one (BaselineConfig); a path that was given must exist."""
    for path in (constraints, statistics):
        if path is not None and not path.is_file():
            raise BaselineError(path, "is no file.", "Check BaselineConfig of the schedule.")
    return BaselineFiles(constraints, statistics) if constraints or statistics else None


class NamedFile(Protocol):
    """A file of a dataset and its name below the dataset's folder."""

    @property
    def path(self) -> Path: ...
    @property
    def relative(self) -> str: ...


def digest(files: Iterable[NamedFile]) -> str:
    """sha256 of a dataset: of its files' names and contents, in order."""
    whole = hashlib.sha256()
    for file in files:
        with file.path.open("rb") as content:
            whole.update(f"{file.relative}\0{hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()


def _files(folder: Folder, prefix: str, version: str) -> BaselineFiles | None:
    constraints = folder.find(prefix + CONSTRAINTS_FILE) or folder.find(prefix + ANALYSIS_FILE)
    statistics = folder.find(prefix + STATISTICS_FILE)
    if constraints is None and statistics is None:
        return None
    return BaselineFiles(constraints, statistics, version)


def _is_flat(folder: Folder, prefix: str, key: str, *, is_alone: bool) -> bool:
    """Whether files that lie in no folder of a monitor are this one's: as ours say; AWS's are of the only monitor of a run."""
    path = folder.find(prefix + PROVENANCE_FILE)
    try:
        document = orjson.loads(path.read_bytes()) if path is not None else None
    except orjson.JSONDecodeError:
        document = None
    monitors = document.get("monitors") if isinstance(document, dict) else None
    return monitors == [key] if monitors is not None else is_alone


def _current_version(folder: Folder) -> str:
    pointer = folder.find(CURRENT_BASELINE_FILE)
    if pointer is None:
        return ""
    try:
        version = orjson.loads(pointer.read_bytes())["version"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise BaselineError(
            f"{folder.location}/{CURRENT_BASELINE_FILE}", 'should be an object with a text "version".'
        ) from error
    if not isinstance(version, str) or not version or version.strip("/.") != version:
        raise BaselineError(f"{folder.location}/{CURRENT_BASELINE_FILE}", '"version" should be the name of a folder.')
    return version


def _local(path: Path) -> Path | None:
    return path if path.is_file() else None


def _fetch(location: str, relative: str, cache: Path) -> Path | None:
    content = s3.read_object(s3.join(location, relative))
    if content is None:
        return None
    path = cache / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
