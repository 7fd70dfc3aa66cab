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

    Up to the largest draw chances are counted, or more where the fit says so; beyond, they fall exponentially with the mean
    excess of the largest draws. A tail that falls like a normal distribution's falls faster, so chances far out are rather too
    large: a normal distribution's 4.1 deviations (1 in 50,000) are taken for 4.3 ones when 20,000 were drawn. Equal draws are
    one step of a tail that takes few values: it falls from there no faster than by that step.
    Source: peaks over threshold, Pickands (1975), with shape 0.
    """

    ordered: np.ndarray  # ascending
    falls: tuple[_Fall, ...]

    @classmethod
    def of(cls, draws: np.ndarray) -> DrawnTail:
        """From at least one number; infinities are allowed."""
        ordered = np.sort(draws)
        wanted = max(1, min(FITTED, int(len(ordered) * FITTED_SHARE)))
        starts = (
            (float(ordered[-wanted]), float(ordered[-1]))
            if ordered[-1] == ordered[-2:][0]
            else (float(ordered[-wanted]),)
        )
        falls = (_Fall.of(ordered, start) for start in dict.fromkeys(starts))
        return cls(ordered, tuple(fall for fall in falls if fall is not None))

    def chance(self, value: float) -> float:
        """Of at least `value`; never 0."""
        largest = float(self.ordered[-1])
        found = [fall.chance(value) for fall in self.falls if value > fall.start]
        if value <= largest or not found:
            found.append(self._counted(value))
        return max(*found, 1e-300)

    def _counted(self, value: float) -> float:
        beyond = len(self.ordered) - int(np.searchsorted(self.ordered, value, side="left"))
        return (beyond + 1) / (len(self.ordered) + 1)

    def reached(self, level: float) -> float:
        """The value whose chance is `level`."""
        size = len(self.ordered)
        far = [fall.reached(level) for fall in self.falls if level < fall.share]
        if far:
            return max(far)
        return float(self.ordered[min(size - 1, max(0, math.ceil(size * (1 - level)) - 1))])


@dataclass(frozen=True, slots=True)
class _Fall:
    """From `start` on, which a share of the draws reaches, by how far their mean is from the draw before them."""

    start: float
    share: float
    excess: float

    @classmethod
    def of(cls, ordered: np.ndarray, start: float) -> _Fall | None:
        """None where nothing is known of how it falls."""
        first = int(np.searchsorted(ordered, start, side="left"))
        largest = ordered[first:]
        if not first or not math.isfinite(start) or not math.isfinite(ordered[first - 1]):
            return None
        excess = float(largest[np.isfinite(largest)].mean() - ordered[first - 1])
        return cls(start, len(largest) / len(ordered), excess)

    def chance(self, value: float) -> float:
        """Of at least `value` > start."""
        return self.share * math.exp(-min((value - self.start) / self.excess, 600.0))

    def reached(self, level: float) -> float:
        """The value whose chance is `level` < share."""
        return self.start + self.excess * math.log(self.share / level)


def student_tail(value: float, freedom: float) -> float:
    """Chance that Student's t is above `value`. Source: Wallace (1959), within 2 % of the exponent for freedom >= 5."""
    if not math.isfinite(value):
        return 0.0 if value > 0 else 1.0
    shrunk = (8 * freedom + 1) / (8 * freedom + 3)
    size = shrunk * math.sqrt(freedom * math.log1p(value * value / freedom))
    return normal_tail(math.copysign(size, value))


def student_reached(level: float, freedom: float) -> float:
    """The value whose chance is `level`, by bisection."""
    low, high = 0.0, 1.0
    while student_tail(high, freedom) > level and high < 1e9:
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if student_tail(middle, freedom) > level else (low, middle)
    return high
