"""What a picture of each feature needs: the window's distribution beside the baseline's, over the same bins.

Of a restricted feature nothing is told, of an internal one no category's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from model_monitor.monitors.data_quality.baseline import Baseline
from model_monitor.monitors.data_quality.statistics import DatasetStatistics
from model_monitor.schema import Privacy
from model_monitor.sketches.feature import FeatureStatistics, NumericStatistics

BINS: Final = 12
EDGE: Final = 0.01  # of either sample may lie in an outer bin, so that one far value does not squeeze the rest
CATEGORIES: Final = 11  # and all others as one
DIGITS: Final = 6  # of a bin's bounds


def pictures(statistics: DatasetStatistics, baseline: Baseline | None) -> dict[str, Any]:
    """A block of report.json; {} where there is nothing to compare with."""
    then = baseline.statistics.by_name if baseline is not None and baseline.statistics is not None else {}
    found = [
        {"name": now.name, **drawn}
        for now in statistics.features
        if now.name in then and (drawn := _feature(now, then[now.name]))
    ]
    return {"features": found} if found else {}


def _feature(now: FeatureStatistics, then: FeatureStatistics) -> dict[str, Any]:
    if Privacy.RESTRICTED in (now.privacy, then.privacy) or then.salt is not None:
        return {}
    if then.inferred_type.is_numeric:
        return {} if now.numeric is None or then.numeric is None else _numbers(now.numeric, then.numeric)
    counts = now.shown_categories, then.shown_categories
    if counts[0] is None or counts[1] is None:  # too many different values: they may be names
        return {}
    return _categories(counts[0], counts[1], is_named=now.privacy is Privacy.OPEN)


def _categories(now: Mapping[str, int], then: Mapping[str, int], *, is_named: bool) -> dict[str, Any]:
    """The commonest of either side, by their largest share; the rest as the last bar, where there is any."""
    sizes = max(sum(now.values()), 1), max(sum(then.values()), 1)
    shares = {
        word: max(now.get(word, 0) / sizes[0], then.get(word, 0) / sizes[1]) for word in dict.fromkeys((*then, *now))
    }
    kept = sorted(shares, key=lambda word: (-shares[word], word))[:CATEGORIES]
    sides = [[side.get(word, 0) for word in kept] for side in (then, now)]
    rest = [sum(side.values()) - sum(told) for side, told in zip((then, now), sides, strict=True)]
    names: list[str | None] = list(kept) if is_named else [f"category {place}" for place in range(1, len(kept) + 1)]
    if any(rest):
        names.append(None)  # all others: no text could not be a value
        sides = [[*told, left] for told, left in zip(sides, rest, strict=True)]
    return {"categories": names, "baseline": sides[0], "window": sides[1]}


def _numbers(now: NumericStatistics, then: NumericStatistics) -> dict[str, Any]:
    """Bins of one width over what nearly all of both hold; the outer ones hold whatever lies beyond, too."""
    if now.ranks is None or not now.ranks.total:
        return {}
    if then.ranks is not None and then.ranks.total:
        ends = [[ranks.quantile(share) for ranks in (now.ranks, then.ranks)] for share in (EDGE, 1 - EDGE)]
        bounds = _bounds(min(ends[0]), max(ends[1]))
        before = np.diff(np.concatenate([[0], then.ranks.below(bounds[1:-1]), [then.ranks.total]]))
    elif then.buckets is not None:
        bounds, before = then.buckets.bounds, then.buckets.counts
    else:
        return {}
    after = np.diff(np.concatenate([[0], now.ranks.below(bounds[1:-1]), [now.ranks.total]]))
    return {"bounds": bounds.tolist(), "baseline": before.tolist(), "window": after.tolist()}


def _bounds(low: float, high: float) -> np.ndarray:
    """Rounded to what people read; different ones alone, so that few whole numbers make few bins."""
    with np.errstate(over="ignore", invalid="ignore"):
        width = high - low
        if not np.isfinite(width) or width <= 0:
            return np.array([low, high])
        digits = DIGITS - 1 - int(np.floor(np.log10(max(abs(low), abs(high)))))
        steps = np.linspace(low, high, BINS + 1)
        rounded = np.unique(np.round(steps, digits)) if abs(digits) < 300 else steps
    return rounded if len(rounded) > 1 else np.array([low, high])
