"""How likely a difference of two means is when records are dealt to window and baseline at random.

Both samples together are a pack of cards (`monitors/pack.py`): if nothing has changed, every way to deal the window's share of them
was as likely. That holds for any values, rare and heavy-tailed ones too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from model_monitor.monitors.conclusion import Evidence
from model_monitor.monitors.pack import Pack

KINDS_KEPT: Final = 1024  # different values; more are rounded to so many steps between the least and the largest
CONSTANT: Final = 1e-12  # of the largest value, within which all are the same


@dataclass(frozen=True, slots=True)
class Deal:
    """How the pack was dealt.

    gap: of the window's mean from the baseline's, in the unit of the values; per_mean: what the gap is when the drawn records'
    standardised mean is 1.
    """

    pack: Pack
    gap: float
    per_mean: float


def greater(
    values: np.ndarray, current: np.ndarray, baseline: np.ndarray, *, shift: float, start: float, slope: float = 1.0
) -> Evidence:
    """That the window's mean is above the baseline's by as much as it is.

    Args:
        values: float64 (kinds,), what a record of each kind is worth; current, baseline: int64 (kinds,), how many there are.
        shift, start: how much the metric grew and from where, in its own unit; slope: by how much it grows with the mean.
    """
    dealt = deal(values, current, baseline)
    if dealt is None:
        return Evidence(1.0)
    pack, gap, per_mean = dealt.pack, dealt.gap, dealt.per_mean

    def allowed(level: float) -> float:
        reached = pack.reach(level) * per_mean
        factor = shift / (gap * slope) if gap * shift > 0 else 1.0  # the metric is no straight line
        return start + reached * slope * min(max(factor, 0.5), 2.0)

    return Evidence(pack.chance(gap / per_mean), allowed)


def deal(values: np.ndarray, current: np.ndarray, baseline: np.ndarray) -> Deal | None:
    """Both samples as one pack, and how far apart they are; None when all are worth the same, or more than can be said.

    Args:
        values: float64 (kinds,), what a record of each kind is worth; current, baseline: int64 (kinds,), how many there are.
    """
    n, m = float(current.sum()), float(baseline.sum())
    pack, scale = _pack(values, current, baseline)
    if pack is None:
        return None
    gap = float(current @ (values / n) - baseline @ (values / m))
    return Deal(pack, gap, scale * (n + m) / m)


def _pack(values: np.ndarray, current: np.ndarray, baseline: np.ndarray) -> tuple[Pack | None, float]:
    """The pack and what one standard deviation of it is worth."""
    counts = (current + baseline).astype(np.float64)
    values, counts = values[counts > 0], counts[counts > 0]
    if not np.isfinite(values).all():
        return None, 0.0
    centred = values - float(counts @ (values / counts.sum()))
    largest = float(np.abs(centred).max())
    if largest <= CONSTANT * float(np.abs(values).max()):
        return None, 0.0
    scale = largest * math.sqrt(float(counts @ (centred / largest) ** 2 / counts.sum()))
    kinds, places = np.unique(_rounded(centred / scale), return_inverse=True)
    return Pack(kinds, np.bincount(places, weights=counts), int(current.sum())), scale


def _rounded(values: np.ndarray) -> np.ndarray:
    """Values that differ in last digits only are one; of too many, so are neighbours."""
    width = float(np.ptp(values))
    fine = np.rint(values / width * 2**40) * width / 2**40
    if np.unique(fine).size <= KINDS_KEPT:
        return fine
    return np.rint(values / width * KINDS_KEPT) * width / KINDS_KEPT
