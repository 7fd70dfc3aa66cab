"""Baseline rows from data: the centres of a few clusters. Deterministic for a seed."""

from __future__ import annotations

from typing import Final

import numpy as np

from model_monitor.sketches.hashes import mixed

MOST_CLUSTERS: Final = 12
WORTHWHILE: Final = 0.1  # of all spread that another cluster must take away
ROUNDS: Final = 100
CATEGORIES: Final = 50  # of one text feature; the others are alike


def centres(cells: np.ndarray, counts: np.ndarray, *, count: int | None = None, seed: int = 0) -> np.ndarray:
    """Centres of k-means clusters, the largest first: means of numbers, the most frequent text of texts.

    Numbers are standardised, two different texts are as far apart as one standard deviation.

    Args:
        cells: (records, features), float64 or object, at least one record. counts: records that each row stands for.
        count: how many clusters; None: as many of 1 to 12 as are worthwhile. Never more than different records.
    Returns: (clusters, features), of the dtype of `cells`.
    Sources: MacQueen (1967); seeding: Arthur & Vassilvitskii (2007).
    """
    weights = counts.astype(np.float64)
    points = _points(cells, weights)
    members, left = _clusters(points, weights, min(count or 1, len(points)), seed)
    whole = left
    for more in range(2, min(MOST_CLUSTERS, len(points)) + 1) if count is None else ():
        candidate, spread = _clusters(points, weights, more, seed)
        if left - spread < WORTHWHILE * whole:
            break
        members, left = candidate, spread
    sizes = np.bincount(members, weights)
    found = np.empty((len(sizes), cells.shape[1]), cells.dtype)
    for place, cluster in enumerate(np.argsort(-sizes, kind="stable")):
        is_in = members == cluster
        found[place] = [_centre(column[is_in], weights[is_in]) for column in cells.T]
    return found[: np.count_nonzero(sizes)]


def _centre(column: np.ndarray, weights: np.ndarray) -> object:
    """Of one feature of one cluster: None or NaN when it is missing in all records."""
    texts: dict[str, float] = {}
    for cell, weight in zip(column, weights, strict=True) if column.dtype == np.object_ else ():
        if isinstance(cell, str):
            texts[cell] = texts.get(cell, 0.0) + weight
    numbers = np.array([np.nan if isinstance(cell, str) else cell for cell in column], np.float64)
    is_number = ~np.isnan(numbers)
    if texts and max(texts.values()) >= weights[is_number].sum():
        return max(sorted(texts), key=texts.__getitem__)
    if not is_number.any():
        return None if column.dtype == np.object_ else np.nan
    return float(np.average(numbers[is_number], weights=weights[is_number]))


def _points(cells: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Records as points among which Euclidean distance means something."""
    found = []
    for column in cells.T:
        numbers = np.array([np.nan if isinstance(cell, str) else cell for cell in column], np.float64)
        is_number = ~np.isnan(numbers)
        if is_number.any():
            mean = np.average(numbers[is_number], weights=weights[is_number])
            centred = np.where(is_number, numbers - mean, 0.0)
            deviation = np.sqrt(np.average(centred[is_number] ** 2, weights=weights[is_number]))
            found.append(centred / deviation if deviation > 0 else centred)
        words = sorted({cell for cell in column if isinstance(cell, str)})[:CATEGORIES]
        found += [np.array([cell == word for cell in column], np.float64) / np.sqrt(2) for word in words]
    return np.column_stack(found) if found else np.zeros((len(cells), 1))


def _clusters(points: np.ndarray, weights: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, float]:
    """The cluster of each point, and the weighted sum of squared distances to the centres."""
    middles = _seeds(points, weights, count, seed)
    members = np.full(len(points), -1)
    distances = np.zeros((len(points), count))
    for _ in range(ROUNDS):
        distances = ((points[:, None, :] - middles) ** 2).sum(axis=2)
        nearest = distances.argmin(axis=1)
        if np.array_equal(nearest, members):
            break
        members = nearest
        for cluster in np.unique(members):
            is_in = members == cluster
            middles[cluster] = np.average(points[is_in], axis=0, weights=weights[is_in])
    return members, float(weights @ distances.min(axis=1))


def _seeds(points: np.ndarray, weights: np.ndarray, count: int, seed: int) -> np.ndarray:
    """First centres: the heaviest chance for points far from those already chosen."""
    chances = mixed(np.arange(count, dtype=np.uint64) ^ mixed(np.array([seed], np.uint64))) * 2.0**-64
    mean = np.average(points, axis=0, weights=weights)
    chosen = [int(((points - mean) ** 2).sum(axis=1).argmin())]
    nearest = np.full(len(points), np.inf)
    for chance in chances[1:]:
        nearest = np.minimum(nearest, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
        steps = np.cumsum(nearest * weights)
        if not steps[-1]:
            break
        chosen.append(min(int(np.searchsorted(steps, chance * steps[-1], side="right")), len(points) - 1))
    chosen += [chosen[0]] * (count - len(chosen))
    return points[chosen].copy()
