"""How likely something is that lies beyond what was drawn: tails of distributions of which a sample or a spread is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from model_monitor.monitors.chance import normal_tail

FITTED: Final = 100  # largest draws from which a tail is read
FITTED_SHARE: Final = 0.05  # and at most this share of all


@dataclass(frozen=True, slots=True, eq=False)
class DrawnTail:
    """Upper tail of a seeded sample of what happens although nothing has changed.

    Up to `start` chances are counted; beyond, they fall exponentially from the largest draws on, with their mean excess over
    `start`. A tail that falls like a normal distribution's falls faster, so chances far out are rather too large: a normal
    distribution's 4.1 deviations (1 in 50,000) are taken for 4.3 ones when 20,000 were drawn.
    Source: peaks over threshold, Pickands (1975), with shape 0.
    """

    ordered: np.ndarray  # ascending
    start: float
    excess: float
    fitted: int

    @classmethod
    def of(cls, draws: np.ndarray) -> DrawnTail:
        """From at least one number; infinities are allowed."""
        ordered = np.sort(draws)
        fitted = max(1, min(FITTED, int(len(ordered) * FITTED_SHARE)))
        start = float(ordered[-fitted])
        largest = ordered[-fitted:]
        excess = float((largest[np.isfinite(largest)] - start).mean()) if math.isfinite(start) else 0.0
        return cls(ordered, start, excess, fitted)

    def chance(self, value: float) -> float:
        """Of at least `value`; never 0."""
        size = len(self.ordered)
        if value <= self.start:
            beyond = size - int(np.searchsorted(self.ordered, value, side="left"))
            return (beyond + 1) / (size + 1)
        if self.excess <= 0:
            return 1 / (size + 1)
        return max(self.fitted / size * math.exp(-min((value - self.start) / self.excess, 600.0)), 1e-300)

    def reached(self, level: float) -> float:
        """The value whose chance is `level`."""
        size = len(self.ordered)
        if level >= self.fitted / size or self.excess <= 0:
            return float(self.ordered[min(size - 1, max(0, math.ceil(size * (1 - level)) - 1))])
        return self.start + self.excess * math.log(self.fitted / (size * level))


def student_tail(value: float, freedom: float) -> float:
    """Chance that Student's t is above `value` >= 0. Source: Wallace (1959), within 2 % of the exponent for freedom >= 5."""
    if not math.isfinite(value):
        return 0.0
    shrunk = (8 * freedom + 1) / (8 * freedom + 3)
    return normal_tail(shrunk * math.sqrt(freedom * math.log1p(value * value / freedom)))


def student_reached(level: float, freedom: float) -> float:
    """The value whose chance is `level`, by bisection."""
    low, high = 0.0, 1.0
    while student_tail(high, freedom) > level and high < 1e9:
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if student_tail(middle, freedom) > level else (low, middle)
    return high
