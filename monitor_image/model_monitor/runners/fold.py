"""The one merge order. Every runner folds through here, so that 1 worker and 64 write the same bytes.

Parts arrive in the order of their units. Eight neighbours of one height merge into one part of the next height, as in
a counter of base eight; what is left over at the end merges from the earliest to the latest. The shape depends on the
number of parts alone, and at most `FAN_IN - 1` parts of each height are held at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, Self, TypeVar

FAN_IN = 8


class Mergeable(Protocol):
    """A value with an associative `merge`; `self` comes first in file order."""

    def merge(self, other: Self, /) -> Self: ...


P = TypeVar("P", bound=Mergeable)


def fold(parts: Iterable[P], empty: P) -> P:
    """All parts as one, in order; no parts give `empty`."""
    heights: list[list[P]] = []  # heights[h]: parts of height h that wait for their neighbours
    for part in parts:
        height, carried = 0, part
        while True:
            if height == len(heights):
                heights.append([])
            waiting = heights[height]
            waiting.append(carried)
            if len(waiting) < FAN_IN:
                break
            carried = _merge_all(waiting)
            heights[height] = []
            height += 1
    leftover = [part for waiting in reversed(heights) for part in waiting]  # the tallest are the earliest
    return _merge_all(leftover) if leftover else empty


def _merge_all(parts: list[P]) -> P:
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    return merged
