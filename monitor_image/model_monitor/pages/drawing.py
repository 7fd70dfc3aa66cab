"""Pictures as plain numbers: bars, a curve. The template makes SVG of them, so that no text ever passes through here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

WIDTH: Final = 240
HEIGHT: Final = 72
GAP: Final = 0.12  # of a bin, on either side of its two bars


@dataclass(frozen=True, slots=True)
class Bars:
    """Two histograms over the same bins, each bar a part of one path. low, high: the ends of the axis."""

    baseline: str
    window: str
    low: float
    high: float
    top: float  # share of the tallest bar


@dataclass(frozen=True, slots=True)
class Row:
    """One category. name: None for all others. Shares of either side in per cent."""

    name: str | None
    baseline: float
    window: float


def bars(feature: Mapping[str, Any]) -> Bars | None:
    """Of numbers; None where there is nothing to draw."""
    bounds, sides = feature.get("bounds"), [_shares(feature[side]) for side in ("baseline", "window")]
    if not bounds or not sides[0]:
        return None
    top = max(*sides[0], *sides[1]) or 1.0
    return Bars(_path(sides[0], top, 0), _path(sides[1], top, 1), bounds[0], bounds[-1], top)


def rows(feature: Mapping[str, Any]) -> list[Row]:
    """Of categories."""
    names = feature.get("categories")
    if not names:
        return []
    then, now = (_shares(feature[side]) for side in ("baseline", "window"))
    return [Row(name, 100 * a, 100 * b) for name, a, b in zip(names, then, now, strict=True)]


def histogram(counts: Sequence[float]) -> str:
    """One side alone, over the whole width of its bins."""
    shares = _shares(counts)
    top = max(shares, default=0.0) or 1.0
    width = WIDTH / max(len(shares), 1)
    return "".join(_bar(place * width + 0.5, width - 1, share / top) for place, share in enumerate(shares) if share)


def curve(across: Sequence[float], up: Sequence[float], size: int = 160) -> str:
    """A line through points of [0, 1] x [0, 1]."""
    points = [
        f"{x * size:.1f} {size - y * size:.1f}"
        for x, y in zip(across, up, strict=True)
        if _is_share(x) and _is_share(y)
    ]
    return f"M{'L'.join(points)}" if points else ""


def _is_share(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value) and 0 <= value <= 1


def _shares(counts: Sequence[float]) -> list[float]:
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]


def _path(shares: Sequence[float], top: float, side: int) -> str:
    bin_width = WIDTH / len(shares)
    width = bin_width * (0.5 - GAP)
    start = bin_width * GAP if side == 0 else bin_width / 2
    return "".join(
        _bar(place * bin_width + start, width, share / top) for place, share in enumerate(shares) if share > 0
    )


def _bar(left: float, width: float, height: float) -> str:
    tall = max(height * HEIGHT, 1.0)  # what is there is seen
    return f"M{left:.1f} {HEIGHT}v-{tall:.1f}h{width:.1f}V{HEIGHT}z"
