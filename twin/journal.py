"""What happened in the twin, in order, each entry stamped with the virtual time: the demo's timeline and the tests read it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, overload

import orjson


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `kind` is one word (deploy, resource, execution, alarm, message, function, training…)."""

    time: datetime
    kind: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)


class Journal(Sequence[Entry]):
    """A list that several threads append to; optionally written to a file line by line as well."""

    def __init__(self, now: Callable[[], datetime], file: Path | None = None) -> None:
        self._now = now
        self._entries: list[Entry] = []
        self._listeners: list[Callable[[Entry], None]] = []
        self._lock = threading.Lock()
        self._file = file

    def add(self, kind: str, text: str, **data: Any) -> Entry:
        """Record that something happened, now."""
        entry = Entry(self._now(), kind, text, data)
        with self._lock:
            self._entries.append(entry)
            if self._file is not None:
                line = orjson.dumps({"time": entry.time, "kind": kind, "text": text, "data": data}, default=str)
                with self._file.open("ab") as stream:
                    stream.write(line + b"\n")
        for listener in tuple(self._listeners):
            listener(entry)
        return entry

    def listen(self, listener: Callable[[Entry], None]) -> None:
        """Have every later entry handed to a function, in the thread that recorded it."""
        self._listeners.append(listener)

    def of(self, *kinds: str) -> list[Entry]:
        """The entries of these kinds, oldest first."""
        return [entry for entry in tuple(self._entries) if entry.kind in kinds]

    def since(self, position: int) -> list[Entry]:
        """The entries from this position on; `len(journal)` beforehand gives the position."""
        return list(self._entries[position:])

    @overload
    def __getitem__(self, index: int) -> Entry: ...

    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...

    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        return self._entries[index]

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries))
