"""Many texts in one buffer: the payloads of a batch, without an object for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, overload

import numpy as np

from model_monitor.dataset.classify import without_surrogates

AT_ONCE: Final = 4096  # edges that are numbers of Python's at a time: each takes five times its size


@dataclass(frozen=True, slots=True)
class Texts(Sequence[str]):
    """Text i is the UTF-8 in data[bounds[i]:bounds[i + 1]].

    data: bytes or bytearray. bounds: int64 (texts + 1,), ascending.
    """

    data: bytes | bytearray
    bounds: np.ndarray

    @classmethod
    def of(cls, texts: Sequence[str]) -> Texts:
        """From texts; half of a surrogate pair, which no encoding can hold, becomes the replacement character."""
        encoded = [_encoded(text) for text in texts]
        return cls(b"".join(encoded), _bounds(map(len, encoded), len(encoded)))

    @classmethod
    def join(cls, parts: Sequence[Texts]) -> Texts:
        """One after the other."""
        if len(parts) == 1:
            return parts[0]
        starts = np.cumsum([0, *(len(part.data) for part in parts)])
        bounds = [part.bounds[:-1] + start for part, start in zip(parts, starts[:-1], strict=True)]
        return cls(b"".join(part.data for part in parts), np.concatenate([*bounds, starts[-1:]]).astype(np.int64))

    def take(self, places: np.ndarray) -> Texts:
        """Some of the texts, in a buffer of their own."""
        starts, stops = self.bounds[:-1][places], self.bounds[1:][places]
        view = memoryview(self.data)
        data = b"".join([view[start:stop] for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)])
        return Texts(data, _bounds((stops - starts).tolist(), len(places)))

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        place = range(len(self))[place]  # from the end when negative, and refused beyond either end
        start, stop = self.bounds[place], self.bounds[place + 1]
        return self.data[start:stop].decode()

    def __iter__(self) -> Iterator[str]:
        for first in range(0, len(self), AT_ONCE):
            edges = self.bounds[first : first + AT_ONCE + 1].tolist()
            yield from (self.data[start:stop].decode() for start, stop in pairwise(edges))


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return without_surrogates(text).encode()


def _bounds(sizes: Iterable[int], count: int) -> np.ndarray:
    bounds = np.zeros(count + 1, np.int64)
    np.cumsum(np.fromiter(sizes, np.int64, count), out=bounds[1:])
    return bounds
