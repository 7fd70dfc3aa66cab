"""Which records have keys that no field claims: counted, however many there are, at a few bytes for each time one is written."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from model_monitor.dataset.classify import without_surrogates


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """Keys of readable records as runs of neighbours: run i says that the records [starts[i], stops[i]) have names[codes[i]].

    codes: int32 (runs,). starts, stops: int64 (runs,). The runs of one key do not overlap.
    where: int64, the place of each of these records among more that are counted together; None: they are all.
    """

    names: Sequence[str]
    codes: np.ndarray
    starts: np.ndarray
    stops: np.ndarray
    where: np.ndarray | None = None

    @classmethod
    def of(cls, places: Mapping[str, np.ndarray]) -> Unclaimed:
        """From the records (ascending) that have each key."""
        runs = Runs()
        for name, found in places.items():
            edges = np.flatnonzero(np.diff(found) != 1) + 1
            for part in np.split(found, edges) if len(found) else ():
                runs.add(name, int(part[0]), int(part[-1]) + 1)
        return runs.build()

    @classmethod
    def everywhere(cls, names: Sequence[str], records: int) -> Unclaimed:
        """Keys that all records have."""
        each = np.zeros(len(names), np.int64)
        return cls(names, np.arange(len(names), dtype=np.int32), each, each + records)

    def among(self, where: np.ndarray) -> Unclaimed:
        """The same records as some of more."""
        return replace(self, where=where if self.where is None else where[self.where])

    def counts(self, mask: np.ndarray | None = None) -> Counter[str]:
        """How many of the records that `mask` keeps have each key; None: of all."""
        if mask is None:
            sizes = self.stops - self.starts
        else:
            kept = mask if self.where is None else mask[self.where]
            before = np.concatenate([[0], np.cumsum(kept)])
            sizes = before[self.stops] - before[self.starts]
        found = np.bincount(self.codes, sizes, len(self.names)).astype(np.int64)
        return Counter({self.names[code]: int(found[code]) for code in np.flatnonzero(found).tolist()})


def counts_of(parts: Iterable[Unclaimed], mask: np.ndarray | None = None) -> Counter[str]:
    """How many records have each key, of parts that hold different records."""
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part.counts(mask))
    return total


class Runs:
    """Keys while they are met, record by record."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._last: list[int] = []  # of each key: its last run
        self._runs, self._starts, self._stops = array("i"), array("q"), array("q")

    @property
    def names(self) -> Sequence[str]:
        return list(self._codes)

    def add(self, key: str, start: int, stop: int) -> None:
        """The records [start, stop), none before those that were added for this key, have it.

        Half of a surrogate pair in a key becomes the replacement character, so that it can be told; two keys may so be one.
        """
        name = key if key.isascii() else without_surrogates(key)
        code = self._codes.setdefault(name, len(self._codes))
        if code < len(self._last):
            last = self._last[code]
            if start <= self._stops[last]:
                self._stops[last] = max(self._stops[last], stop)
                return
            self._last[code] = len(self._runs)
        else:
            self._last.append(len(self._runs))
        self._runs.append(code)
        self._starts.append(start)
        self._stops.append(stop)

    def build(self) -> Unclaimed:
        codes, starts, stops = np.array(self._runs, np.int32), np.array(self._starts), np.array(self._stops)
        return Unclaimed(self.names, codes, starts.astype(np.int64), stops.astype(np.int64))
