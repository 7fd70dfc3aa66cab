"""The records of a slice: by the values of a feature, or by halves or quarters of its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np

from model_monitor.monitors.model_quality.slices import MISSING, values_of
from model_monitor.schema import Rows

FEW_VALUES: Final = 10  # different numbers up to which each is a group of its own
VALUES_KEPT: Final = 100  # different values; more are no groups that anybody reads
QUARTERS: Final = (0.25, 0.5, 0.75)


@dataclass(frozen=True, slots=True)
class Grouping:
    """One feature. numbers: float64 (records,), NaN where it is none. codes: int64, value as a place in the words."""

    numbers: np.ndarray
    codes: np.ndarray
    words: tuple[str, ...]

    def groups(self, minimum: int) -> Iterator[tuple[str, np.ndarray]]:
        """(name, places of its records) of each group, small ones too; nothing of a feature of very many values.

        minimum: records of a group; numbers are cut into quarters where these have as many, else into halves.
        """
        is_number = np.isfinite(self.numbers)
        if len(np.unique(self.numbers[is_number])) > FEW_VALUES:
            yield from self._intervals(is_number, minimum)
            rest = ~is_number
        else:
            rest = np.ones(len(self.codes), np.bool_)
        counts = np.bincount(self.codes[rest], minlength=len(self.words))
        seen = np.flatnonzero(counts).tolist()
        if len(seen) <= VALUES_KEPT:
            ordered = sorted(seen, key=lambda code: (-counts[code], self.words[code]))
            yield from ((self.words[code], np.flatnonzero(rest & (self.codes == code))) for code in ordered)

    def _intervals(self, is_number: np.ndarray, minimum: int) -> Iterator[tuple[str, np.ndarray]]:
        numbers = self.numbers[is_number]
        shares = QUARTERS if len(numbers) >= 4 * minimum else QUARTERS[1:2]
        edges = np.unique(np.quantile(numbers, shares, method="inverted_cdf"))
        edges = edges[edges < numbers.max()]
        told = ["-Infinity", *map(_told, edges.tolist()), "Infinity"]
        places = np.searchsorted(edges, self.numbers)  # an edge belongs to the interval that it ends
        for place, (low, high) in enumerate(pairwise(told)):
            yield f"({low}, {high}]", np.flatnonzero(is_number & (places == place))


def _told(edge: float) -> str:
    return f"{edge:.6g}"


@dataclass(slots=True)
class Column:
    """One feature while its chunks are gathered."""

    numbers: list[np.ndarray] = field(default_factory=list)
    codes: list[np.ndarray] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, rows: Rows, chosen: np.ndarray) -> None:
        """Some rows of one chunk."""
        codes, words = values_of(name, rows)
        places = np.array([self.places.setdefault(word, len(self.places)) for word in words], np.int64)
        self.codes.append(places[codes[chosen]])
        column = rows.features[rows.schema.names.index(name)]
        numbers = np.full(rows.count, np.nan) if column.numbers is None else column.numbers.astype(np.float64)
        self.numbers.append(numbers[chosen])

    def grouping(self) -> Grouping:
        """All chunks as one."""
        return Grouping(np.concatenate(self.numbers), np.concatenate(self.codes), tuple(self.places) or (MISSING,))
