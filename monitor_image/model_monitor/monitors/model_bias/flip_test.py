"""Would the model have said the same of the nearest records of the other group? Exact nearest neighbours, by scipy's k-d tree.

Equal records are counted, not searched again. Ties are settled without an order: when several records are equally far and
not all of them are among the k nearest, they share the places that are left.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

NEIGHBOURS: Final = 5
FEW: Final = 9  # records of the other group, up to which one neighbour decides
LEAF: Final = 32  # records in a leaf of the tree; 16 to 128 differ by a third
CACHED: Final = 8192  # records that a processor's cache holds, with room for the search
HELD: Final = 1 << 18  # neighbours held at once
TOLERANCE: Final = 1e-9  # relative; two distances of the same length differ by rounding
Z_95: Final = 1.959963984540054


@dataclass(frozen=True, slots=True)
class FlipTest:
    """A result and what it rests on.

    value: (more favourable - less favourable) / tested, in [-1, 1].
    low, high: where the value of other records like these would lie 95 times of 100, by the normal approximation.
    neighbours: how many decide. records: of both groups; of them in a sample of `seen`.
    incomplete: records without a value of some feature; they were left out.
    """

    value: float
    low: float
    high: float
    tested: int
    neighbours: int
    records: int
    seen: int
    incomplete: int = 0


def flip_test(
    others: np.ndarray, others_positive: np.ndarray, group: np.ndarray, group_positive: np.ndarray, workers: int = -1
) -> tuple[float, np.ndarray]:
    """The difference between what the model said of a group's records and of their nearest neighbours among the others.

    Args:
        others, group: float64 (records, features), finite, neither empty; distances are Euclidean and unscaled.
        others_positive, group_positive: bool (records,), what the model said.
        workers: threads; the result does not depend on it.
    Returns: the value in [-1, 1], and the flip of each record of the group: 1 more favourable, -1 less, 0 the same.
    """
    k = NEIGHBOURS if len(others) > FEW else 1
    points, places = _distinct(others)
    weights = np.bincount(places, minlength=len(points)).astype(np.float64)
    votes = np.bincount(places, weights=others_positive, minlength=len(points))
    asked, origin = _distinct(group)
    near = _near_each_other(points)
    found = _Others(_tree(points[near]), weights[near], votes[near], k, workers)
    near = _near_each_other(asked)
    is_positive = np.empty(len(asked), np.bool_)
    is_positive[near] = found.is_positive(asked[near])
    nearest = is_positive[origin]
    flips = group_positive.astype(np.int8) - nearest.astype(np.int8)
    return float(flips.sum() / len(flips)), flips


def _tree(points: np.ndarray) -> Any:
    from scipy.spatial import cKDTree  # a second of import, which most runs do without

    return cKDTree(points, leafsize=LEAF)


def _near_each_other(points: np.ndarray) -> np.ndarray:
    """Their places in an order in which neighbours stand together: each search finds what the one before left in the cache.

    As they are where all of them fit into it.
    """
    return np.arange(len(points)) if len(points) < CACHED else np.asarray(_tree(points).indices)


def interval(flips: np.ndarray) -> tuple[float, float]:
    """95 % limits of the mean flip; each record of the group is one trial."""
    mean = float(flips.mean())
    deviation = math.sqrt(max(0.0, float((flips.astype(np.float64) ** 2).mean()) - mean * mean) / len(flips))
    return max(-1.0, mean - Z_95 * deviation), min(1.0, mean + Z_95 * deviation)


def _distinct(records: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Different records, and which of them each record is; as they are when none is repeated."""
    records = np.ascontiguousarray(records + 0.0)  # no negative zeros: equal records are equal bytes
    whole = records.view(np.dtype((np.void, records.dtype.itemsize * records.shape[1]))).ravel()
    _, first, places = np.unique(whole, return_index=True, return_inverse=True)
    return records[first], places


@dataclass(frozen=True, slots=True)
class _Others:
    """Different records of the others. weights: how often each occurs; votes: how often with a positive prediction."""

    tree: Any
    weights: np.ndarray
    votes: np.ndarray
    k: int
    workers: int

    def share(self, records: np.ndarray, searched: int) -> np.ndarray:
        """Positive votes among the k nearest of each record; more are searched where the last place is shared."""
        distances, places = self.tree.query(records, k=np.arange(1, searched + 1), workers=self.workers)
        found, said = self.weights[places], self.votes[places]
        reached = np.argmax(np.cumsum(found, axis=1) >= self.k, axis=1)
        last = distances[np.arange(len(distances)), reached][:, None]
        is_nearer = distances < last * (1 - TOLERANCE)
        is_last = ~is_nearer & (distances <= last * (1 + TOLERANCE))
        left = self.k - (found * is_nearer).sum(axis=1)
        share = (said * is_nearer).sum(axis=1) + left * (said * is_last).sum(axis=1) / (found * is_last).sum(axis=1)
        is_open = np.flatnonzero(is_last[:, -1])
        if searched < len(self.weights):
            wider = min(searched * 8, len(self.weights))
            for part in _blocks(is_open, wider):
                share[part] = self.share(records[part], wider)
        return np.asarray(share)

    def is_positive(self, records: np.ndarray) -> np.ndarray:
        """Whether most of the k nearest are; an even vote is negative."""
        searched = min(self.k + 1, len(self.weights))  # one more than needed shows whether the last place is shared
        shares = [self.share(records[part], searched) for part in _blocks(np.arange(len(records)), searched)]
        return np.asarray(np.concatenate(shares) > self.k / 2)


def _blocks(places: np.ndarray, searched: int) -> Iterator[np.ndarray]:
    size = max(1, HELD // searched)
    return (places[start : start + size] for start in range(0, len(places), size))
