"""A sample of records to ask the model about: all of them when they fit, else those with the smallest hashes.

Records are ordered by a hash of their key and the seed (of their content where they have no key), so the sample is the same
however the data is cut into files. Source: bottom-k sampling, Cohen & Kaplan (2007). Records that are alike in key and content
are one entry with a count, so that none is explained twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xxhash

from model_monitor.schema import Column, Events, Rows
from model_monitor.sketches.hashes import different, mixed
from model_monitor.sketches.record_keys import record_keys


def _empty(dtype: type) -> np.ndarray:
    return np.empty(0, dtype)


@dataclass(frozen=True, slots=True, eq=False)
class RecordSample:
    """At most `limit` different records of `seen`, ascending by (key, content).

    keys, contents: uint64 (n,), hashes. counts: int64 (n,), records that each entry stands for.
    cells: (n, features), float64 with NaN where missing; object (str, float, None) when some cell is text.
    names: object (n, 2), event id and place in the event of a record of each entry; None when they are not kept.
    has_fraction: bool (features,), whether any of the `seen` records had a fractional number there.
    """

    features: int
    limit: int
    seed: int = 0
    seen: int = 0
    keys: np.ndarray = field(default_factory=lambda: _empty(np.uint64))
    contents: np.ndarray = field(default_factory=lambda: _empty(np.uint64))
    counts: np.ndarray = field(default_factory=lambda: _empty(np.int64))
    cells: np.ndarray | None = None
    has_fraction: np.ndarray | None = None
    names: np.ndarray | None = None

    @classmethod
    def of(cls, rows: Rows, limit: int, seed: int, *, keeps_names: bool = False) -> RecordSample:
        """One chunk of rows. Leading features that are the response's are left out."""
        columns = rows.features[rows.schema.outputs :]
        if not rows.count:
            return cls(len(columns), limit, seed)
        keys, contents = _record_keys(rows.events, rows.payload_index, seed), None
        if keys is None or len(keys) != rows.count:
            contents = _contents(columns, rows.count)
            keys = mixed(contents ^ mixed(np.array([seed], np.uint64)))
        bound = _bound(keys, limit)
        places = np.arange(rows.count) if bound is None else np.flatnonzero(keys < bound)
        few = [_taken(column, places) for column in columns]
        sample = cls(
            len(columns),
            limit,
            seed,
            rows.count,
            keys[places],
            _contents(columns, rows.count, places) if contents is None else contents[places],
            np.ones(len(places), np.int64),
            _joined(few, len(places)),
            np.array([bool(column.kinds[1]) for column in columns], np.bool_),
            _names(rows, places) if keeps_names else None,
        )
        return sample._settled()

    def merge(self, other: RecordSample) -> RecordSample:
        """Combine two disjoint parts."""
        if not self.seen or not other.seen:
            return self if self.seen else other
        mine, theirs = self.matrix, other.matrix
        if mine.dtype != theirs.dtype:
            mine, theirs = _as_objects(mine), _as_objects(theirs)
        return RecordSample(
            self.features,
            self.limit,
            self.seed,
            self.seen + other.seen,
            np.concatenate([self.keys, other.keys]),
            np.concatenate([self.contents, other.contents]),
            np.concatenate([self.counts, other.counts]),
            np.concatenate([mine, theirs]),
            self.fractions | other.fractions,
            None if self.names is None or other.names is None else np.concatenate([self.names, other.names]),
        )._settled()

    @property
    def matrix(self) -> np.ndarray:
        """The cells, of no records too."""
        return np.empty((0, self.features)) if self.cells is None else self.cells

    @property
    def fractions(self) -> np.ndarray:
        return np.zeros(self.features, np.bool_) if self.has_fraction is None else self.has_fraction

    @property
    def is_whole(self) -> bool:
        """Every record that was seen is in it."""
        return int(self.counts.sum()) == self.seen

    def _settled(self) -> RecordSample:
        """Sorted, each entry once, within the limit."""
        order = np.lexsort((self.contents, self.keys))
        keys, contents, counts = self.keys[order], self.contents[order], self.counts[order]
        is_new = np.ones(len(keys), np.bool_)
        is_new[1:] = (keys[1:] != keys[:-1]) | (contents[1:] != contents[:-1])
        starts = np.flatnonzero(is_new)
        totals = np.add.reduceat(counts, starts) if len(starts) else counts
        starts, totals = starts[: self.limit], totals[: self.limit]
        cells = self.matrix[order[starts]]
        if cells.dtype == np.object_ and not any(isinstance(cell, str) for cell in cells.ravel()):
            cells = cells.astype(np.float64)
        return RecordSample(
            self.features,
            self.limit,
            self.seed,
            self.seen,
            keys[starts],
            contents[starts],
            totals,
            cells,
            self.fractions,
            None if self.names is None else self.names[order[starts]],
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        cells = _as_objects(self.matrix)
        return {
            "features": self.features,
            "limit": self.limit,
            "seed": self.seed,
            "seen": self.seen,
            "keys": self.keys.tolist(),
            "contents": self.contents.tolist(),
            "counts": self.counts.tolist(),
            "cells": cells.tolist(),
            "has_fraction": self.fractions.tolist(),
            "names": None if self.names is None else self.names.tolist(),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> RecordSample:
        """The inverse of `to_json`."""
        features = content["features"]
        cells = np.array(content["cells"], object).reshape(len(content["keys"]), features)
        return cls(
            features,
            content["limit"],
            content["seed"],
            content["seen"],
            np.array(content["keys"], np.uint64),
            np.array(content["contents"], np.uint64),
            np.array(content["counts"], np.int64),
            cells if any(isinstance(cell, str) for cell in cells.ravel()) else cells.astype(np.float64),
            np.array(content["has_fraction"], np.bool_),
            None if content["names"] is None else np.array(content["names"], object).reshape(-1, 2),
        )


def _bound(keys: np.ndarray, limit: int) -> np.uint64 | None:
    """The key below which there are `limit` different ones; None when there are not more of them."""
    few = min(4 * limit, len(keys) - 1)
    smallest = different(keys[keys <= np.partition(keys, few)[few]])
    if len(smallest) <= limit:  # many records are alike
        smallest = different(keys)
    return smallest[limit] if len(smallest) > limit else None


def _as_objects(cells: np.ndarray) -> np.ndarray:
    """The same cells with None where one is missing."""
    if cells.dtype == np.object_:
        return cells
    objects = cells.astype(object)
    objects[np.isnan(cells)] = None
    return objects


def _names(rows: Rows, places: np.ndarray) -> np.ndarray | None:
    """Event id and place in the event; None for datasets that are no capture."""
    events = rows.events
    if not events.ids or len(rows.payload_index) != rows.count:
        return None
    ids = np.repeat(np.array(events.ids, object), events.records)[places]
    return np.column_stack([ids, rows.payload_index[places].astype(object)])


def _taken(column: Column, places: np.ndarray) -> np.ndarray:
    """The cells at these places: float64, or object where the column has texts."""
    numbers = np.full(len(places), np.nan) if column.numbers is None else column.numbers[places].astype(np.float64)
    if column.texts is None:
        return numbers
    cells = _as_objects(numbers)
    codes = column.texts.indices.fill_null(-1).to_numpy(zero_copy_only=False)[places]
    words = np.array([*column.texts.dictionary.to_pylist(), None], object)
    cells[codes >= 0] = words[codes[codes >= 0]]
    return cells


def _joined(columns: list[np.ndarray], rows: int) -> np.ndarray:
    if not columns:
        return np.empty((rows, 0))
    if any(column.dtype == np.object_ for column in columns):
        columns = [_as_objects(column) for column in columns]
    return np.column_stack(columns)


# --- hashes ------------------------------------------------------------------------------------------------------------


def _record_keys(events: Events, payload_index: np.ndarray, seed: int) -> np.ndarray | None:
    """Of the event's id and the record's place in it; None where events have none."""
    if not events.ids or "" in events.ids:
        return None
    return mixed(record_keys(events, payload_index) ^ mixed(np.array([seed], np.uint64)))


def _contents(columns: tuple[Column, ...], rows: int, places: np.ndarray | None = None) -> np.ndarray:
    """A hash of the cells of each row, whatever types the chunk's columns have; of all rows or those at `places`."""
    chosen = slice(None) if places is None else places
    keys = np.zeros(rows if places is None else len(places), np.uint64)
    for column in columns:
        numbers = np.full(len(keys), np.nan)
        if column.numbers is not None:
            found = column.numbers[chosen].astype(np.float64)
            numbers = np.where(np.isnan(found), np.nan, found + 0.0)
        keys += numbers.view(np.uint64)
        if column.texts is not None:
            digests = [xxhash.xxh3_64_intdigest(word) for word in column.texts.dictionary.to_pylist()]
            codes = column.texts.indices.fill_null(-1).to_numpy(zero_copy_only=False)[chosen]
            keys += np.array([*digests, 0], np.uint64)[codes]
        keys = mixed(keys)
    return keys
