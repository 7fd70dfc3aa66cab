"""What a schedule remembers between its runs: windows that wait for labels, and the score of every window.

    {location}/{monitor}/pending/yyyymmddHHMM.json     a window (by its start) that waits, or whose score is on its way out
    {location}/{monitor}/scored/yyyymmddHHMM.json      its one score, or that it expired; written once, never again

The location belongs to one schedule. It is a folder or an S3 prefix; both create a score only where there is none, so that
of two runs that score one window at the same time one wins.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import orjson

from model_monitor.aws import s3
from model_monitor.contract import MonitoringType, monitor_key
from model_monitor.errors import OutputError, SettingsError
from model_monitor.job.job import Maturity
from model_monitor.labels.maturity import Waiting, may_be_due, name_of
from model_monitor.outputs import files
from model_monitor.outputs.score import Score
from model_monitor.schema import Window

PENDING: Final = "pending"
SCORED: Final = "scored"
SUFFIX: Final = ".json"
READ_AT_ONCE: Final = 8

Entry = TypeVar("Entry")


class Store(Protocol):
    """Small files by relative name."""

    location: str

    def names(self, folder: str) -> list[str]: ...
    def read(self, name: str) -> bytes | None: ...
    def create(self, name: str, content: bytes) -> bool: ...
    def write(self, name: str, content: bytes) -> None: ...
    def delete(self, name: str) -> None: ...


class History:
    """The history of one schedule."""

    def __init__(self, location: str) -> None:
        self.location = location
        self._store: Store = S3Store(location) if s3.is_s3(location) else FolderStore(location)

    def waiting(self, monitor: MonitoringType, maturity: Maturity, now: datetime) -> tuple[list[Waiting], int]:
        """Windows whose labels can be due, opened, and how many wait in all: one listing whatever their number."""
        names = self._store.names(f"{monitor_key(monitor)}/{PENDING}")
        stems = [name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)]
        wanted = [stem for stem in stems if may_be_due(stem, maturity, now)]
        with ThreadPoolExecutor(READ_AT_ONCE) as pool:
            found = pool.map(lambda stem: self._read(_path(monitor, PENDING, stem), Waiting.from_json), wanted)
        return [each for each in found if each is not None], len(stems)

    def wait(self, waiting: Waiting) -> bool:
        """Have a window wait; whether it did not yet."""
        return self._store.create(_entry(waiting.monitor, PENDING, waiting.window), files.to_json(waiting.to_json()))

    def try_again(self, waiting: Waiting) -> None:
        """Remember that a window was tried."""
        self._store.write(_entry(waiting.monitor, PENDING, waiting.window), files.to_json(waiting.to_json()))

    def forget(self, monitor: MonitoringType, window: Window) -> None:
        """A window no longer waits."""
        self._store.delete(_entry(monitor, PENDING, window))

    def score(self, monitor: MonitoringType, window: Window) -> Score | None:
        """What became of a window; None while nothing did."""
        return self._read(_entry(monitor, SCORED, window), Score.from_json)

    def record(self, score: Score) -> bool:
        """Write a window's score; False when it has one already, which stays."""
        return self._store.create(_entry(score.monitor, SCORED, score.window), files.to_json(score.to_json()))

    def _read(self, name: str, parse: Callable[[Mapping[str, Any]], Entry]) -> Entry | None:
        content = self._store.read(name)
        if content is None:
            return None
        try:
            return parse(orjson.loads(content))
        except (KeyError, ValueError, TypeError) as error:
            raise SettingsError(
                f"{self._store.location}/{name}", "is no entry of this version's history.", "Move it away."
            ) from error


class S3Store:
    """Below an S3 prefix."""

    def __init__(self, location: str) -> None:
        self.location = location.rstrip("/")

    def names(self, folder: str) -> list[str]:
        return sorted(stored.relative for stored in s3.list_folder(s3.join(self.location, folder))[1])

    def read(self, name: str) -> bytes | None:
        return s3.read_object(s3.join(self.location, name))

    def create(self, name: str, content: bytes) -> bool:
        return s3.create_object(s3.join(self.location, name), content)

    def write(self, name: str, content: bytes) -> None:
        s3.write_object(s3.join(self.location, name), content)

    def delete(self, name: str) -> None:
        s3.delete_object(s3.join(self.location, name))


class FolderStore:
    """Below a folder of this machine."""

    def __init__(self, location: str) -> None:
        self.location = location
        self._root = Path(location)

    def names(self, folder: str) -> list[str]:
        place = self._root / folder
        return sorted(_visible(place.iterdir())) if place.is_dir() else []

    def read(self, name: str) -> bytes | None:
        path = self._root / name
        return path.read_bytes() if path.is_file() else None

    def create(self, name: str, content: bytes) -> bool:
        path = self._root / name
        whole = files.write_bytes(path.with_name(f".{path.name}.{os.getpid()}"), content)
        try:
            os.link(whole, path)  # fails where there is one, and nobody ever sees half of it
        except FileExistsError:
            return False
        except OSError as error:
            raise OutputError(path, f"cannot be written ({error.strerror}).") from error
        finally:
            files.remove(whole)
        return True

    def write(self, name: str, content: bytes) -> None:
        files.write_bytes(self._root / name, content)

    def delete(self, name: str) -> None:
        files.remove(self._root / name)


def _visible(paths: Iterable[Path]) -> Iterable[str]:
    return (path.name for path in paths if path.is_file() and not path.name.startswith("."))


def _entry(monitor: MonitoringType, kind: str, window: Window) -> str:
    return _path(monitor, kind, name_of(window))


def _path(monitor: MonitoringType, kind: str, stem: str) -> str:
    return f"{monitor_key(monitor)}/{kind}/{stem}{SUFFIX}"
