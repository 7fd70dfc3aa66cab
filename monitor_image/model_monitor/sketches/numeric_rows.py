"""Numeric features of a window's rows as they are, for what no merging numbers can tell; a sample of them above a limit.

The sample is the rows with the smallest hashes, of their content, time and place in the payload and the seed, so it is the
same however the window is cut into files. Source: bottom-k sampling, Cohen & Kaplan (2007).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model_monitor.sketches.hashes import GOLDEN, mixed


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one chunk.

    keys: uint64 (n,). values: float64 (n, features), NaN where missing. marks: uint64 (n, facets), what the facet is.
    flags: uint8 (n,), of the predicted label.
    """

    keys: np.ndarray
    values: np.ndarray
    marks: np.ndarray
    flags: np.ndarray

    def take(self, places: np.ndarray) -> Part:
        """Some of the rows."""
        return Part(self.keys[places], self.values[places], self.marks[places], self.flags[places])


@dataclass(frozen=True, slots=True)
class NumericRows:
    """At most twice `limit` of `seen` rows; `settled` leaves `limit` of them, in the order of their keys.

    texts: positions of features that hold text; with two of them no flip test is possible, and nothing is kept.
    """

    limit: int
    seen: int = 0
    parts: tuple[Part, ...] = ()
    texts: frozenset[int] = field(default_factory=frozenset)

    @classmethod
    def of(cls, limit: int, part: Part, texts: frozenset[int]) -> NumericRows:
        """One chunk."""
        return cls(limit, len(part.keys), (part,) if len(part.keys) else (), texts)._within(2 * limit)

    @property
    def rows(self) -> int:
        return sum(len(part.keys) for part in self.parts)

    def merge(self, other: NumericRows) -> NumericRows:
        """Combine two disjoint parts."""
        texts = self.texts | other.texts
        merged = NumericRows(self.limit, self.seen + other.seen, self.parts + other.parts, texts)
        return merged._within(2 * self.limit)

    def settled(self, most: int | None = None) -> Part | None:
        """The rows with the smallest keys, at most `most` (default: the limit) of them; None when there are none."""
        kept = self._within(0)
        return kept.parts[0].take(np.arange(min(most or self.limit, kept.rows))) if kept.parts else None

    def _within(self, most: int) -> NumericRows:
        """The same while there are at most `most` rows, else those of the sample in their order."""
        if len(self.texts) > 1:
            return NumericRows(self.limit, self.seen, (), self.texts)
        if self.rows <= most:
            return self
        keys = np.concatenate([part.keys for part in self.parts])
        places = np.argsort(keys, kind="stable")[: self.limit]
        whole = [np.concatenate([getattr(part, name) for part in self.parts]) for name in ("values", "marks", "flags")]
        return NumericRows(self.limit, self.seen, (Part(keys, *whole).take(places),), self.texts)

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        part = self.settled()
        content: dict[str, Any] = {"limit": self.limit, "seen": self.seen, "texts": sorted(self.texts), "shape": None}
        if part is not None:
            content["shape"] = [len(part.keys), part.values.shape[1], part.marks.shape[1]]
            content |= {name: _written(getattr(part, name)) for name in ("keys", "values", "marks", "flags")}
        return content

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> NumericRows:
        """The inverse of `to_json`."""
        parts: tuple[Part, ...] = ()
        if content["shape"] is not None:
            rows, features, facets = content["shape"]
            keys, marks = _read(content["keys"], np.uint64), _read(content["marks"], np.uint64)
            values = _read(content["values"], np.float64).reshape(rows, features)
            parts = (Part(keys, values, marks.reshape(rows, facets), _read(content["flags"], np.uint8)),)
        return cls(content["limit"], content["seen"], parts, frozenset(content["texts"]))


def row_keys(values: np.ndarray, facts: Sequence[np.ndarray], seed: int) -> np.ndarray:
    """A hash of each row: equal rows at the same time and place have the same, so that no order decides between them.

    Args:
        values: float64 (rows, features). facts: uint64 (rows,) each.
    """
    keys = np.full(len(values), np.uint64(seed) + GOLDEN, np.uint64)
    for column in values.T:
        is_number = np.isfinite(column)
        keys = mixed(keys + np.where(is_number, column + 0.0, 0.0).view(np.uint64) + ~is_number)
    for fact in facts:
        keys = mixed(keys + fact)
    return keys


def _written(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _read(text: str, dtype: type) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype)
