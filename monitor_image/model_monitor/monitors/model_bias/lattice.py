"""Every way in which records of two samples could have fallen to one or the other, with its chance.

The exact tests of Fisher (1935): how many marked records there are in both samples together is taken as it is, and which sample
each belongs to as drawn. Where an axis has more than `POINTS` points, which takes several thousand records, every k-th stands
for its neighbours: far below a standard deviation, so that chances change by a few parts in a hundred.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

POINTS: Final = 512
DEVIATIONS: Final = 9.0  # of an axis on either side of the mean; beyond lies less than 1e-16
RARE: Final = 40  # and so many points at least, for counts that are no bell
NEGLIGIBLE: Final = 1e-17


def axis(marked: int, total: int, drawn: int) -> tuple[np.ndarray, np.ndarray]:
    """How many of `drawn` records are marked, when `marked` of all `total` are: numbers, ascending, and their chances."""
    first, last, step = _reach(marked, total, drawn)
    numbers = np.arange(first, last + 1)
    ratios = ((marked - numbers) * (drawn - numbers))[:-1] / (
        (numbers + 1.0) * (total - marked - drawn + numbers + 1.0)
    )[:-1]
    with np.errstate(divide="ignore"):
        logs = np.concatenate([[0.0], np.cumsum(np.log(ratios))])
    numbers, chances = numbers[::step], _chances(logs[::step])
    is_kept = chances > NEGLIGIBLE
    return numbers[is_kept], chances[is_kept]


def plane(marked: tuple[int, int], total: int, drawn: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same for two marks that exclude each other: numbers of the first (k, 1), of the second (1, l), chances (k, l)."""
    first, second = (axis(each, total, drawn)[0] for each in marked)
    rest = total - sum(marked)
    both = np.arange(int(first[0] + second[0]), int(first[-1] + second[-1]) + 1)
    others = _log_choose(rest, drawn - both)
    logs = (
        _log_choose(marked[0], first)[:, None]
        + _log_choose(marked[1], second)[None, :]
        + others[(first[:, None] + second[None, :]) - both[0]]
    )
    return first[:, None], second[None, :], _chances(logs)


def _reach(marked: int, total: int, drawn: int) -> tuple[int, int, int]:
    """First and last number that has a chance worth counting, and the step between those that are counted."""
    mean = drawn * marked / total
    variance = mean * (1 - marked / total) * (total - drawn) / max(total - 1, 1)
    reach = DEVIATIONS * math.sqrt(variance) + RARE
    first = max(0, marked + drawn - total, math.floor(mean - reach))
    last = min(marked, drawn, math.ceil(mean + reach))
    return first, last, max(1, (last - first) // POINTS)


def _chances(logs: np.ndarray) -> np.ndarray:
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())


def _log_choose(n: int, k: np.ndarray) -> np.ndarray:
    """log of n over k; -inf where there is no such choice."""
    inside = (k >= 0) & (k <= n)
    found = np.full(k.shape, -np.inf)
    found[inside] = [
        math.lgamma(n + 1) - math.lgamma(each + 1) - math.lgamma(n - each + 1) for each in k[inside].tolist()
    ]
    return found
