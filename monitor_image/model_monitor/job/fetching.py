"""What a run brings from S3 itself: labels of the hours it may need, and the capture of a window that waited.

Labels lie below `yyyy/mm/dd/hh` of the hour in which they were collected, zero-padded or not, with or without the endpoint's
name above, or outside such folders. A prefix is walked by its folders and listed day by day, so that three months cost about
a hundred calls and no object is looked at that cannot matter.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from model_monitor.aws import s3
from model_monitor.errors import SettingsError
from model_monitor.job.transform import fetch_transform, is_transform
from model_monitor.packing import plain_name
from model_monitor.schema import Window

LABEL_SUFFIXES: Final = (".jsonl", ".json", ".jsonlines", ".ndjson", ".csv", ".parquet", ".pq")
YEAR: Final = re.compile(r"\d{4}")
ONE_OR_TWO_DIGITS: Final = re.compile(r"\d{1,2}")
DEEPEST: Final = 3  # folders above the years; below, a prefix is listed as a whole
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


class Labels:
    """Labels below one location, local once they were asked for. Each file is fetched once, however often it is asked for."""

    def __init__(self, location: str, endpoint: str, folder: Path) -> None:
        self._location, self._endpoint, self._folder = location, endpoint, folder
        self._listed: dict[str, datetime] = {}  # folder of a day → the last hour that was wanted of it
        self._roots: list[tuple[str, list[int]]] | None = None

    def between(self, first: datetime, last: datetime) -> Path:
        """A folder that holds every label collected from the hour of `first` to that of `last`, and maybe older ones.

        Raises: SettingsError when they cannot be listed or fetched.
        """
        if not s3.is_s3(self._location):
            return Path(self._location)
        self._folder.mkdir(parents=True, exist_ok=True)
        wanted = []
        if self._roots is None:
            self._roots = []
            wanted += list(self._only_object() or self._discover("", 0))
        start = first.replace(minute=0, second=0, microsecond=0)
        for root, years in self._roots:
            for year in years:
                wanted += self._year(root, year, start, last)
        s3.download((stored, self._folder / relative) for stored, relative in _safe(wanted))
        return self._folder

    def _only_object(self) -> list[tuple[str, str]]:
        """A location that names one file."""
        name = self._location.rpartition("/")[2]
        return [(self._location, name)] if _is_named(name) else []

    def _discover(self, path: str, depth: int) -> Iterator[tuple[str, str]]:
        """Find the folders that hold years; yields (URI, path below the location) of labels outside of them."""
        folders, objects = s3.list_folder(self._uri(path))
        yield from ((stored.uri, path + stored.relative) for stored in objects if _is_label(stored.relative))
        years = sorted({int(name) for name in folders if YEAR.fullmatch(name)})
        if years and self._roots is not None:
            self._roots.append((path, years))
        others = [name for name in folders if not YEAR.fullmatch(name) and not name.startswith((".", "_"))]
        if self._endpoint in others:
            others = [self._endpoint]  # the others are other endpoints
        for name in others:
            if depth < DEEPEST:
                yield from self._discover(f"{path}{name}/", depth + 1)
            else:
                below = s3.list_objects(self._uri(path + name))
                yield from ((o.uri, f"{path}{name}/{o.relative}") for o in below if _is_label(o.relative))

    def _year(self, root: str, year: int, first: datetime, last: datetime) -> Iterator[tuple[str, str]]:
        """(URI, path) of the labels of one year between two hours; folders of a day are listed once per run."""
        if not first.year <= year <= last.year:
            return
        for month in self._numbered(f"{root}{year:04}/"):
            if not (first.year, first.month) <= (year, int(month)) <= (last.year, last.month):
                continue
            for day in self._numbered(f"{root}{year:04}/{month}/"):
                path = f"{root}{year:04}/{month}/{day}/"
                date = _date(year, month, day)
                if date is not None and first.date() <= date.date() <= last.date():
                    yield from self._day(path, date, last)

    def _day(self, path: str, date: datetime, last: datetime) -> Iterator[tuple[str, str]]:
        """A whole day, but for hours that are still to come: the hours before the window cost less than a second listing.

        A day is listed again where a later window wants more of its hours than the last one that asked.
        """
        before = self._listed.get(path)
        if before is not None and before >= min(last, date + 23 * HOUR):
            return
        self._listed[path] = last
        for stored in s3.list_objects(self._uri(path)):
            hour = stored.relative.partition("/")[0]
            moment = date + int(hour) * HOUR if ONE_OR_TWO_DIGITS.fullmatch(hour) else None
            is_wanted = moment is None or moment <= last
            is_new = before is None or (moment is not None and moment > before)
            if _is_label(stored.relative) and is_wanted and is_new:
                yield stored.uri, path + stored.relative

    def _numbered(self, path: str) -> list[str]:
        return [name for name in s3.list_folder(self._uri(path))[0] if ONE_OR_TWO_DIGITS.fullmatch(name)]

    def _uri(self, path: str) -> str:
        return s3.join(self._location, path.rstrip("/")) if path else self._location


def fetch_capture(location: str, window: Window, folder: Path) -> Path:
    """The capture of a window and of the hour before it, since a file may hold events of the next hour.

    location: where the endpoint's variants lie, a local folder is used as it is; or a document of transform jobs, all of it.
    What `folder` held before is removed.
    """
    if is_transform(location):
        return fetch_transform(location, folder)
    if not s3.is_s3(location):
        return Path(location)
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    found = []
    for variant in s3.list_folder(location)[0]:
        for path in _capture_folders(window):
            prefix = f"{variant}/{path}"
            objects = s3.list_objects(s3.join(location, prefix))
            found += [(stored.uri, f"{prefix}/{stored.relative}") for stored in objects]
    s3.download((uri, folder / relative) for uri, relative in _safe(found))
    return folder


def fetch_table(location: str, folder: Path) -> Path:
    """All files of a table that is not kept by time, such as facets by inference id; a local path is used as it is."""
    if not s3.is_s3(location):
        return Path(location)
    folder.mkdir(parents=True, exist_ok=True)
    name = location.rpartition("/")[2]
    found = [(location, name)] if _is_named(name) else [(o.uri, o.relative) for o in s3.list_objects(location)]
    s3.download((uri, folder / relative) for uri, relative in _safe(found) if _is_label(relative))
    return folder


def _capture_folders(window: Window) -> Iterator[str]:
    """Hours and, where a whole day is wanted, days."""
    hour = window.start.replace(minute=0, second=0, microsecond=0) - HOUR
    while hour < window.end:
        if hour.hour == 0 and hour + DAY <= window.end:
            yield f"{hour:%Y/%m/%d}"
            hour += DAY
        else:
            yield f"{hour:%Y/%m/%d/%H}"
            hour += HOUR


def _safe(objects: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Keys may hold anything; a file may only land below its folder."""
    for uri, relative in objects:
        if ".." in relative.split("/") or relative.startswith("/"):
            raise SettingsError(uri, "is a key that leads out of its folder.", "Remove the object.")
        yield uri, relative


def _is_label(relative: str) -> bool:
    """Whether an object may hold labels; object stores write names without an ending, too."""
    name, is_hidden = relative.rpartition("/")[2], any(part.startswith((".", "_")) for part in relative.split("/"))
    return not is_hidden and (_is_named(name) or "." not in name)


def _is_named(name: str) -> bool:
    return not name.startswith((".", "_")) and plain_name(name).endswith(LABEL_SUFFIXES)


def _date(year: int, month: str, day: str) -> datetime | None:
    try:
        return datetime(year, int(month), int(day), tzinfo=UTC)
    except ValueError:  # digits that are no date: an ordinary folder
        return None
