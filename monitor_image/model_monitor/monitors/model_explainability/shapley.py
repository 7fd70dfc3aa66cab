"""Shapley values of predictions: how much each feature moved a prediction away from that of the baseline rows.

Exact by all coalitions, or estimated from a weighted sample of them (KernelSHAP). The worth of a coalition is the mean
prediction of rows that take the coalition's features from the explained row and the others from a baseline row.
Sources: Shapley (1953); Lundberg & Lee (2017); paired sampling: Covert & Lee (2021).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb
from typing import Final

import numpy as np

from model_monitor.sketches.hashes import GOLDEN, halves, mixed

Score = Callable[[np.ndarray], np.ndarray]  # (rows, features) → float64 (rows, outputs)

BATCH_CELLS: Final = 1 << 21  # cells of rows that are scored at once: 16 MB of doubles
EXACT_PREDICTIONS: Final = 1 << 24  # of one row; above, its weights alone would take too much time


def default_samples(features: int) -> int:
    """Coalitions for each row when nobody says how many."""
    return 2 * features + 2048


def kernel_cost(features: int, baselines: int, samples: int) -> int:
    """Predictions that the estimate for one row takes."""
    return 1 + 2 * baselines * Plan.of(features, samples).pairs


def exact_costs(rows: np.ndarray, baselines: np.ndarray) -> np.ndarray:
    """Predictions that the exact values of each row take, float64 (rows,): 2^n for n features that differ from a baseline row."""
    sizes = np.array([_differ(rows, baseline).sum(axis=1) for baseline in baselines])
    return np.asarray(np.where(sizes, np.exp2(sizes), 0.0).sum(axis=0))


def exact(score: Score, rows: np.ndarray, baselines: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """All coalitions of each row: the mean over the baseline rows of the values against each of them.

    A feature that has the same cell as the baseline row moves nothing, whichever others have joined; so its value is 0 and
    the coalitions are those of the others.

    Args:
        rows: (rows, features) float64 or object. baselines: (baselines, features) alike.
        expected: (outputs,), the mean prediction of the baseline rows.
    Returns: float64 (rows, outputs, features); `expected` plus their sum over the features is the prediction.
    Raises: whatever `score` raises.
    """
    features = rows.shape[1]
    values = np.zeros((len(rows), len(expected), features))
    for baseline in baselines:
        differ = _differ(rows, baseline)
        sizes = differ.sum(axis=1)
        for size in np.unique(sizes[sizes > 0]).tolist():
            found = np.flatnonzero(sizes == size)
            step = max(1, BATCH_CELLS // (features << size))
            for start in range(0, len(found), step):
                few = found[start : start + step]
                places = np.nonzero(differ[few])[1].reshape(-1, size)
                moved = _exact(score, rows[few], baseline, places, len(expected))
                outputs = np.arange(len(expected))
                values[few[:, None, None], outputs[None, :, None], places[:, None, :]] += moved
    return values / len(baselines)


def _differ(rows: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """bool (rows, features); two missing cells are alike."""
    is_alike = np.equal(rows, baseline).astype(np.bool_)
    if rows.dtype != np.object_:
        is_alike |= np.isnan(rows) & np.isnan(baseline)
    return np.asarray(~is_alike)


def _exact(score: Score, rows: np.ndarray, baseline: np.ndarray, places: np.ndarray, outputs: int) -> np.ndarray:
    """Values of the features at `places` (rows, size) of each row; float64 (rows, outputs, size)."""
    size, each = places.shape[1], np.arange(len(rows))
    total = 1 << size
    step = max(1, BATCH_CELLS // (len(rows) * rows.shape[1]))
    values = np.zeros((len(rows), outputs, size))
    for start in range(0, total, step):
        numbers = np.arange(start, min(total, start + step), dtype=np.uint64)
        members = (numbers[:, None] >> np.arange(size, dtype=np.uint64)) & np.uint64(1) == 1
        mixture = np.empty((len(rows), len(numbers), rows.shape[1]), rows.dtype)
        mixture[:] = baseline
        for position, place in enumerate(places.T):
            own, other = rows[each, place][:, None], baseline[place][:, None]
            mixture[each, :, place] = np.where(members[:, position], own, other)
        worth = score(mixture.reshape(-1, rows.shape[1])).reshape(len(rows), len(numbers), outputs)
        values += np.einsum("rco,cf->rof", worth, _shapley_weights(members), optimize=True)
    return values


def kernel(
    score: Score,
    rows: np.ndarray,
    baselines: np.ndarray,
    expected: np.ndarray,
    keys: np.ndarray,
    *,
    samples: int,
    seed: int = 0,
) -> np.ndarray:
    """An estimate from `samples` coalitions of each row, in complementary pairs, drawn anew for every row.

    Weighted least squares under the constraint that the values sum to the prediction less `expected`; no feature is left
    out. Coalition sizes that the sample can hold completely are, the rest is drawn by the Shapley kernel. A row's draw is
    settled by its key and the seed: the result depends on neither order nor batches. Where the coalitions leave values
    open (fewer pairs than features), the shortest solution is taken.

    Args:
        rows, baselines, expected: as of `exact`, and so is the result. keys: uint64 (rows,), of the rows' content.
    """
    features = rows.shape[1]
    gains = score(rows) - expected
    if features == 1:
        return np.asarray(gains[:, :, None])
    plan = Plan.of(features, samples)
    step = max(1, BATCH_CELLS // (2 * plan.pairs * len(baselines) * features))
    values = np.empty((len(rows), len(expected), features))
    for at in range(0, len(rows), step):
        few = slice(at, at + step)
        members = plan.members(keys[few], seed)
        values[few] = _estimate(score, rows[few], baselines, gains[few], members, plan)
    return values


def _estimate(
    score: Score, rows: np.ndarray, baselines: np.ndarray, gains: np.ndarray, members: np.ndarray, plan: Plan
) -> np.ndarray:
    """Solve for the values of a few rows; float64 (rows, outputs, features).

    With u = z - ½, a pair (z, 1 - z) says one thing about the values φ beside their sum: uᵀφ = (v(z) - v(1 - z)) / 2.
    """
    worth = _worth(score, rows, members, baselines, gains.shape[1])
    worth -= _worth(score, rows, ~members, baselines, gains.shape[1])
    centred = members - 0.5
    weighted = np.swapaxes(centred * plan.weights[:, None], 1, 2)
    features = rows.shape[1]
    gram = weighted @ centred + 1.0  # what is added, (Σφ)², is fixed by the constraint and moves no minimum
    sides = np.concatenate([weighted @ (0.5 * worth), np.ones((len(rows), features, 1))], axis=2)
    solved = np.linalg.solve(gram, sides) if plan.is_determined else _shortest(gram) @ sides
    free, shift = solved[:, :, :-1], solved[:, :, -1:]
    missing = (gains - free.sum(axis=1)) / shift.sum(axis=1)
    return np.swapaxes(free + shift * missing[:, None, :], 1, 2)


def _shortest(gram: np.ndarray) -> np.ndarray:
    """The inverse where there is one, else what gives the shortest solution."""
    return np.asarray(np.linalg.pinv(gram, rcond=1e-10, hermitian=True))


def _worth(score: Score, rows: np.ndarray, members: np.ndarray, baselines: np.ndarray, outputs: int) -> np.ndarray:
    """What each coalition is worth to each row: float64 (rows, coalitions, outputs).

    members: bool (rows, coalitions, features).
    """
    coalitions, features = members.shape[1:]
    across = max(1, BATCH_CELLS // (coalitions * len(baselines) * features))
    along = coalitions if across > 1 else max(1, BATCH_CELLS // (len(baselines) * features))
    worth = np.empty((len(rows), coalitions, outputs))
    for i in range(0, len(rows), across):
        few = slice(i, i + across)
        for j in range(0, coalitions, along):
            mixture = np.where(members[few, j : j + along, None, :], rows[few, None, None, :], baselines)
            scores = score(mixture.reshape(-1, features)).reshape(*mixture.shape[:3], outputs)
            worth[few, j : j + along] = scores.mean(axis=2) if len(baselines) > 1 else scores[:, :, 0]
    return worth


def _shapley_weights(members: np.ndarray) -> np.ndarray:
    """(coalitions, features): value = Σ weight·worth. Joining ones count for, all others against a feature."""
    features = members.shape[1]
    sizes = members.sum(axis=1)
    joining = np.array([0.0] + [1.0 / (features * comb(features - 1, size - 1)) for size in range(1, features + 1)])
    staying = np.array([1.0 / (features * comb(features - 1, size)) for size in range(features)] + [0.0])
    return np.asarray(np.where(members, joining[sizes][:, None], -staying[sizes][:, None]))


# --- which coalitions -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The pairs of coalitions of every row: one of each pair, the other is its complement.

    fixed: bool (fixed, features), all coalitions of the smallest sizes. drawn: how many more are drawn for each row.
    weights: float64 (pairs,), fixed ones first; sums to 1. shares: of the sizes from `first` on, cumulated.
    """

    fixed: np.ndarray
    drawn: int
    weights: np.ndarray
    first: int
    shares: np.ndarray

    @classmethod
    def of(cls, features: int, samples: int) -> Plan:
        """Sizes are complete while the sample's share of a size would hold all its coalitions."""
        return _plan(features, max(1, samples // 2))

    @property
    def pairs(self) -> int:
        return len(self.weights)

    @property
    def is_determined(self) -> bool:
        """The coalitions of one feature alone settle all values."""
        return len(self.fixed) > 0

    def members(self, keys: np.ndarray, seed: int) -> np.ndarray:
        """bool (rows, pairs, features)."""
        fixed = np.broadcast_to(self.fixed, (len(keys), *self.fixed.shape))
        if not self.drawn:
            return fixed
        return np.concatenate([fixed, self._draw(keys, seed)], axis=1)

    def _draw(self, keys: np.ndarray, seed: int) -> np.ndarray:
        """Subsets of random sizes. Source: Knuth, The Art of Computer Programming, algorithm 3.4.2 S."""
        features = self.fixed.shape[1]
        words = 1 + (features + 1) // 2  # one for the size, one for two features
        starts = mixed(keys ^ mixed(np.array([seed], np.uint64)))
        places = np.arange(self.drawn * words, dtype=np.uint64).reshape(1, self.drawn, words)
        chance = mixed(starts[:, None, None] + places * GOLDEN)
        sizes = np.searchsorted(self.shares, (chance[:, :, 0] >> np.uint64(11)) * 2.0**-53, side="right")
        wanted = (sizes + self.first).astype(np.uint64)
        numbers = halves(chance[:, :, 1:])
        members = np.empty((len(keys), self.drawn, features), np.bool_)
        for place in range(features):
            taken = numbers[:, :, place] * np.uint64(features - place) < wanted << np.uint64(32)
            members[:, :, place] = taken
            wanted -= taken
        return members


@lru_cache(maxsize=16)
def _plan(features: int, pairs: int) -> Plan:
    sizes = np.arange(1, features // 2 + 1)
    counts = [comb(features, int(size)) // (2 if 2 * size == features else 1) for size in sizes]  # pairs of each size
    kernel_weights = (features - 1) / (sizes * (features - sizes)) / np.where(2 * sizes == features, 2, 1)
    kernel_weights /= kernel_weights.sum()
    fixed: list[np.ndarray] = []
    weights: list[float] = []
    left, done = pairs, 0
    for count, weight in zip(counts, kernel_weights, strict=True):
        if left * weight / kernel_weights[done:].sum() < count - 1e-9:
            break
        fixed += _all_of_size(features, done + 1)
        weights += [weight / count] * count
        left, done = left - count, done + 1
    rest = kernel_weights[done:]
    drawn = left if len(rest) else 0
    weights += [float(rest.sum()) / drawn] * drawn if drawn else []
    shares = np.cumsum(rest / rest.sum())[:-1] if len(rest) else np.empty(0)
    members = np.array(fixed, np.bool_).reshape(-1, features)
    return Plan(members, drawn, np.array(weights) / sum(weights), done + 1, shares)


def _all_of_size(features: int, size: int) -> list[np.ndarray]:
    """One of each pair: of the coalitions of half the features, those with the first feature."""
    found = []
    for chosen in combinations(range(features), size):
        if 2 * size == features and chosen[0] != 0:
            break
        members = np.zeros(features, np.bool_)
        members[list(chosen)] = True
        found.append(members)
    return found
