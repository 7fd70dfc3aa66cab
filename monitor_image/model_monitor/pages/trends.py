"""Values over time as plain numbers: a line, its limit, and where something changed. The template makes SVG of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

WIDTH: Final = 640
HEIGHT: Final = 130
EDGE: Final = 6  # so that nothing is cut at the border
GAP: Final = 2.5  # usual steps between two windows, from which the line is interrupted
RADIUS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Point:
    """One window. time: of its start, in seconds."""

    time: float
    value: float
    limit: float | None
    is_violated: bool


@dataclass(frozen=True, slots=True)
class Trend:
    """Paths in a box of WIDTH x HEIGHT. low, high: what its lower and upper border stand for."""

    line: str
    limit: str
    held: str
    violated: str
    low: float
    high: float
    marks: str


def drawn(points: Sequence[Point], start: float, end: float, marks: Iterable[float] = ()) -> Trend:
    """From left to right by time, start to end; a mark is a moment at which something changed."""
    values = [each for point in points for each in (point.value, point.limit) if each is not None]
    low, high = min(values), max(values)
    if low == high:
        low, high = (0.0, 1.0) if low in (0.0, 1.0) else (low - 0.5, high + 0.5)

    def across(time: float) -> float:
        return EDGE + (WIDTH - 2 * EDGE) * ((time - start) / (end - start) if end > start else 0.5)

    def up(value: float) -> float:
        return HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (value - low) / (high - low)

    pieces = list(_pieces(points))
    limits = [[point for point in piece if point.limit is not None] for piece in pieces]
    return Trend(
        line="".join(_line([(across(point.time), up(point.value)) for point in piece]) for piece in pieces),
        limit="".join(_line([(across(p.time), up(p.limit)) for p in piece if p.limit is not None]) for piece in limits),
        held="".join(_dot(across(point.time), up(point.value)) for point in points if not point.is_violated),
        violated="".join(_dot(across(point.time), up(point.value)) for point in points if point.is_violated),
        low=low,
        high=high,
        marks="".join(f"M{across(time):.1f} 0V{HEIGHT}" for time in marks),
    )


def _pieces(points: Sequence[Point]) -> Iterator[list[Point]]:
    """Cut where windows are missing: a line tells of nothing that was not seen."""
    if not points:
        return
    usual = median([b.time - a.time for a, b in pairwise(points)] or [0.0])
    piece = [points[0]]
    for before, point in pairwise(points):
        if point.time - before.time > GAP * usual:
            yield piece
            piece = []
        piece.append(point)
    yield piece


def _line(places: Sequence[tuple[float, float]]) -> str:
    """A line of one place alone is a short dash."""
    if len(places) == 1:
        ((x, y),) = places
        return f"M{x - EDGE:.1f} {y:.1f}h{2 * EDGE}"
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places) if places else ""


def _dot(x: float, y: float) -> str:
    return f"M{x - RADIUS:.1f} {y:.1f}a{RADIUS} {RADIUS} 0 1 0 {2 * RADIUS} 0a{RADIUS} {RADIUS} 0 1 0 {-2 * RADIUS} 0"
