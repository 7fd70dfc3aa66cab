"""Some columns of a window's rows as they are, for what no merging numbers can tell; a sample of them above a limit.

The sample is the rows with the smallest hashes of their record keys (of their content where rows have no key), so it is
the same however the window is cut into files. Source: bottom-k sampling, Cohen & Kaplan (2007).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xxhash

from model_monitor.label_text import LARGEST_WHOLE, NUMBER
from model_monitor.schema import Column, Rows
from model_monitor.sketches.hashes import mixed
from model_monitor.sketches.record_keys import has_id, record_keys

ROLES = ("prediction", "score", "label")  # always kept where the data has them
FACTS = ("event_id", "payload_index", "variant", "time")  # of the record itself, kept when they are asked for
SEED = np.uint64(0x5DEECE66D)


@dataclass(frozen=True, slots=True)
class Values:
    """One column of n cells.

    numbers: float64 (n,), NaN where a cell is no number; None when none is.
    codes: int32 (n,), position in `words`, -1 where a cell is no text; None when none is.
    """

    numbers: np.ndarray | None = None
    codes: np.ndarray | None = None
    words: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether every cell is missing."""
        return self.numbers is None and self.codes is None

    def take(self, places: np.ndarray) -> Values:
        """The cells at these places, without the words that none of them has."""
        numbers = None if self.numbers is None else self.numbers[places]
        if numbers is not None and np.isnan(numbers).all():
            numbers = None
        if self.codes is None or not (self.codes[places] >= 0).any():
            return Values(numbers)
        codes = self.codes[places]
        used = np.unique(codes[codes >= 0])
        new = np.full(len(self.words) + 1, -1, np.int32)
        new[used] = np.arange(used.size, dtype=np.int32)
        return Values(numbers, new[codes], tuple(self.words[i] for i in used.tolist()))

    def cells(self, rows: int) -> list[float | str | None]:
        """Every cell as a plain value."""
        found: list[float | str | None] = [None] * rows
        if self.numbers is not None:
            found = [None if value != value else value for value in self.numbers.tolist()]
        if self.codes is not None:
            for i, code in enumerate(self.codes.tolist()):
                if code >= 0:
                    found[i] = self.words[code]
        return found

    @classmethod
    def of_cells(cls, cells: Sequence[float | str | None]) -> Values:
        """The inverse of `cells`."""
        words = {cell: 0 for cell in cells if isinstance(cell, str)}
        words = {word: i for i, word in enumerate(words)}
        numbers = np.array([cell if isinstance(cell, (int, float)) else np.nan for cell in cells], np.float64)
        codes = np.array([words[cell] if isinstance(cell, str) else -1 for cell in cells], np.int32)
        return cls(None if np.isnan(numbers).all() else numbers, codes if words else None, tuple(words))


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one chunk. keys: uint64 (n,), by which they are sampled."""

    keys: np.ndarray
    columns: dict[str, Values]


@dataclass(frozen=True, slots=True)
class KeptRows:
    """Columns `names` of at most `limit` of `seen` rows, in the order of the files.

    Twice the limit is held before rows are dropped, so that dropping costs little; `settled` drops the rest.
    """

    names: tuple[str, ...]
    limit: int
    seen: int = 0
    parts: tuple[Part, ...] = ()

    @classmethod
    def of(cls, rows: Rows, names: tuple[str, ...], limit: int) -> KeptRows:
        """One chunk. A name that is no column of it is missing in every row."""
        if not names or not rows.count:
            return cls(names, limit, rows.count)
        columns = {name: _column(rows, name) for name in names}
        return cls(names, limit, rows.count, (Part(_keys(rows, columns.values()), columns),))._within(2 * limit)

    @property
    def rows(self) -> int:
        return sum(len(part.keys) for part in self.parts)

    @property
    def is_sample(self) -> bool:
        return self.seen > self.limit

    def merge(self, other: KeptRows) -> KeptRows:
        """Combine two disjoint parts; `self` comes first in file order."""
        merged = KeptRows(self.names, self.limit, self.seen + other.seen, self.parts + other.parts)
        return merged._within(2 * self.limit)

    def settled(self) -> KeptRows:
        """All rows in one part, at most `limit` of them."""
        kept = self._within(self.limit)
        return kept if len(kept.parts) < 2 else KeptRows(self.names, self.limit, self.seen, (kept._joined(None),))

    def column(self, name: str) -> Values:
        """One column of a settled profile."""
        return self.parts[0].columns[name] if self.parts else Values()

    def _within(self, most: int) -> KeptRows:
        """The same rows while there are at most `most`, else only those that belong to the sample."""
        if self.rows <= most:
            return self
        return KeptRows(self.names, self.limit, self.seen, (self._joined(self._sample()),))

    def _sample(self) -> np.ndarray:
        """Places of the `limit` smallest keys, ascending; of equal keys the first ones."""
        keys = np.concatenate([part.keys for part in self.parts])
        bound = np.partition(keys, self.limit - 1)[self.limit - 1]
        below, equal = np.flatnonzero(keys < bound), np.flatnonzero(keys == bound)
        return np.sort(np.concatenate([below, equal[: self.limit - below.size]]))

    def _joined(self, places: np.ndarray | None) -> Part:
        keys = np.concatenate([part.keys for part in self.parts])
        sizes = [len(part.keys) for part in self.parts]
        columns = {}
        for name in self.names:
            whole = joined([part.columns[name] for part in self.parts], sizes)
            columns[name] = whole if places is None else whole.take(places)
        return Part(keys if places is None else keys[places], columns)

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        kept = self.settled()
        return {
            "names": list(self.names),
            "limit": self.limit,
            "seen": self.seen,
            "keys": kept.parts[0].keys.tolist() if kept.parts else [],
            "columns": {name: kept.column(name).cells(kept.rows) for name in self.names},
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> KeptRows:
        """The inverse of `to_json`."""
        keys = np.array(content["keys"], np.uint64)
        columns = {name: Values.of_cells(cells) for name, cells in content["columns"].items()}
        parts = (Part(keys, columns),) if keys.size else ()
        return cls(tuple(content["names"]), content["limit"], content["seen"], parts)


def joined(parts: Sequence[Values], sizes: Sequence[int]) -> Values:
    """Columns one after the other; their words become one list, in the order in which they first occur."""
    numbers = codes = None
    if any(part.numbers is not None for part in parts):
        numbers = np.concatenate(
            [np.full(n, np.nan) if part.numbers is None else part.numbers for part, n in zip(parts, sizes, strict=True)]
        )
    words: dict[str, int] = {}
    if any(part.codes is not None for part in parts):
        found = []
        for part, n in zip(parts, sizes, strict=True):
            new = np.array([*(words.setdefault(word, len(words)) for word in part.words), -1], np.int32)
            found.append(np.full(n, -1, np.int32) if part.codes is None else new[part.codes])
        codes = np.concatenate(found)
    return Values(numbers, codes, tuple(words))


def _column(rows: Rows, name: str) -> Values:
    """A role or fact of the records, else a feature, else a metadata field."""
    if name == "label":
        return _labels(rows)
    if name in ("prediction", "score"):
        return _values(rows.prediction if name == "prediction" else rows.score)
    if name in FACTS:
        return _fact(rows, name)
    if name in rows.schema.names:
        return _values(rows.features[rows.schema.names.index(name)])
    return _values(rows.metadata.get(name))


def _values(column: Column | None) -> Values:
    if column is None:
        return Values()
    numbers = None if column.numbers is None else column.numbers.astype(np.float64)
    if column.texts is None:
        return Values(numbers)
    codes = column.texts.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return Values(numbers, codes, tuple(column.texts.dictionary.to_pylist()))


def _labels(rows: Rows) -> Values:
    """Labels are texts in one spelling; those that spell a number become numbers."""
    if rows.truth is None:
        return Values()
    codes, words = rows.truth.codes, rows.truth.words
    numbers = np.array([*map(_number, words), np.nan])
    is_number = ~np.isnan(numbers)
    whole = Values(numbers[codes], np.where(is_number[codes], -1, codes).astype(np.int32), words)
    return whole.take(np.arange(rows.count))


def _number(label: str) -> float:
    """The number that a label spells, NaN when it is a word, a code such as `007`, or too large to be told from its neighbour."""
    number = float(label) if NUMBER.fullmatch(label) else np.nan
    return number if abs(number) < LARGEST_WHOLE else np.nan


def _fact(rows: Rows, name: str) -> Values:
    events = rows.events
    if name == "payload_index":
        return Values(rows.payload_index.astype(np.float64)) if rows.payload_index.size == rows.count else Values()
    if events.records.sum() != rows.count:  # a dataset that is no capture
        return Values()
    if name == "time":
        times = np.repeat(events.times, events.records)
        return Values(np.where(times >= 0, times, np.nan)).take(np.arange(rows.count))
    if name == "variant":
        return Values(None, np.zeros(rows.count, np.int32), (events.variant,)) if events.variant else Values()
    words = {word: i for i, word in enumerate(dict.fromkeys(events.ids))}
    codes = np.fromiter(map(words.__getitem__, events.ids), np.int32, len(events.ids))
    return Values(None, np.repeat(codes, events.records), tuple(words)).take(np.arange(rows.count))


# --- keys --------------------------------------------------------------------------------------------------------------


def _keys(rows: Rows, columns: Iterable[Values]) -> np.ndarray:
    """A hash of each record's key, of its kept values where it has none."""
    events = rows.events
    if not events.ids or "" in events.ids:
        content = _content(rows.count, columns)
        if not events.ids:
            return content
    keys = mixed(record_keys(events, rows.payload_index) + SEED)
    if "" in events.ids:
        keys = np.where(np.repeat(has_id(events), events.records), keys, content)
    return keys


def _content(count: int, columns: Iterable[Values]) -> np.ndarray:
    keys = np.full(count, SEED, np.uint64)
    for column in columns:
        numbers = np.zeros(count, np.uint64)
        if column.numbers is not None:
            numbers = np.where(np.isnan(column.numbers), 0.0, column.numbers + 0.0).view(np.uint64)
        texts = np.zeros(count, np.uint64)
        if column.codes is not None:
            digests = [xxhash.xxh3_64_intdigest(word.encode("utf-8", "surrogatepass")) for word in column.words]
            texts = np.array([*digests, 0], np.uint64)[column.codes]
        keys = mixed(mixed(keys + numbers) + texts)
    return keys
