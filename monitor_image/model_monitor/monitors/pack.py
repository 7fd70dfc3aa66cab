"""How likely a hand of cards is that is worth so much, or more, when a pack is dealt at random.

The chance is approximated: to a few per cent where sums are smooth, within a factor of two or so in the tail where few cards make
the sum, and above one in a thousand within five there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from model_monitor.monitors.chance import crossing, normal_tail

ITERATIONS: Final = 200
EDGE: Final = 0.999  # of the way to the largest mean there can be: at its end the approximation has no solution
SETTLED: Final = 1e-9  # a move of Newton's method that is none
LONGEST: Final = 2.0  # move, in logarithms of odds
CLOSE: Final = 1e-3  # standard deviations from the middle, where the formula is 0 / 0
TRUSTED: Final = 0.5  # of the normal chance, which its correction must leave
MOST: Final = 0.9  # of a sum's variance
RARE: Final = 1e-3  # chances below which a step that is left out would tell
LUMPY: Final = 2.0  # a step, over the deviation of all that is smaller, beyond which it shows
FINE: Final = 0.1  # standard deviations, below which kinds count as one where it is asked how fine sums are
STEEPEST, HALVINGS = 1e6, 40  # of the search for a bound's slope


@dataclass(frozen=True, slots=True)
class Tilt:
    """Odds of being drawn that grow with what a record is worth.

    base, slope: of their logarithm over all records' own. curvature: determinant of the weight's second derivatives there; NaN
        where nobody asked for it.
    """

    base: float
    slope: float
    curvature: float = math.nan

    def chances(self, pack: Pack) -> np.ndarray:
        """float64 (kinds,), of being drawn."""
        share = pack.drawn / pack.counts.sum()
        odds = math.log(share / (1 - share)) + self.base + self.slope * pack.values
        return np.asarray(1 / (1 + np.exp(-np.clip(odds, -700, 700))))


@dataclass(frozen=True, slots=True)
class Pack:
    """Records of two samples together.

    values: float64 (kinds,), what each kind of record is worth, standardised: mean 0, deviation 1 over the pack.
    counts: float64 (kinds,), records of each kind; drawn: how many of them are the window's.
    """

    values: np.ndarray
    counts: np.ndarray
    drawn: int

    @property
    def largest(self) -> float:
        """The largest mean that the drawn records can have."""
        order = np.argsort(-self.values, kind="stable")
        counts = self.counts[order]
        taken = np.clip(self.drawn - (np.cumsum(counts) - counts), 0, counts)
        return float(taken @ self.values[order] / self.drawn)

    @property
    def step(self) -> float:
        """From the commonest kind of record to the nearest one that is another: how fine sums are."""
        distances = np.abs(self.values - self.values[int(np.argmax(self.counts))])
        return float(distances[distances >= FINE].min(initial=math.inf))

    def chance(self, mean: float) -> float:
        """That the mean of the drawn records is at least `mean`, > 0 for one above the pack's own, which is 0.

        Half a step of the sum is given away, since sums are no continuum; where few cards make it, half a step of theirs.
        """
        step = self.step
        found, tilt = self._beyond(mean - step / (2 * self.drawn))
        if tilt is None or found >= RARE:
            return found
        coarse = self._coarse(tilt)
        return found if coarse <= step else max(found, self._beyond(mean - coarse / (2 * self.drawn))[0])

    def _coarse(self, tilt: Tilt) -> float:
        """The step by which few cards move the sum, where all others together do not blur it; else 0."""
        chances = tilt.chances(self)
        spread = self.counts * chances * (1 - chances)
        away = np.abs(self.values - self.values[int(np.argmax(self.counts))])
        order = np.argsort(-away, kind="stable")
        parts = np.cumsum((spread * away**2)[order])
        last = int(np.searchsorted(parts, MOST * parts[-1]))  # of the farthest kinds, which make most of the variance
        reach = float(away[order[last]])
        return reach if reach**2 > LUMPY**2 * (parts[-1] - parts[last]) else 0.0

    def _beyond(self, mean: float) -> tuple[float, Tilt | None]:
        """The same as if sums were a continuum, with the tilt that it rests on.

        Source: Skovgaard (1987), the double saddlepoint approximation; Robinson (1982) for sampling without replacement. Where its
        correction leaves little of the normal chance, Chernoff's bound for a sample with replacement, whose sums are no less spread
        (Hoeffding, 1963, theorem 4).
        """
        reached = min(mean, EDGE * self.largest)
        if reached <= 0:
            return 1.0, None
        tilt = self._tilt(reached)
        if tilt is None:
            return self._bound(reached), None
        share = self.drawn / self.counts.sum()
        weight = float(self.counts @ np.log1p(share * np.expm1(tilt.base + tilt.slope * self.values)))
        root = math.sqrt(max(2 * (tilt.base * self.drawn + tilt.slope * reached * self.drawn - weight), 0.0))
        if root < CLOSE:
            return 1.0, tilt
        alone = self.counts.sum() * share * (1 - share)
        scaled = tilt.slope * math.sqrt(tilt.curvature / alone)
        if scaled <= 0:
            return self._bound(reached), tilt
        density, normal = math.exp(-root * root / 2) / math.sqrt(2 * math.pi), normal_tail(root)
        found = normal + density * (1 / scaled - 1 / root)
        return (min(found, 1.0) if found >= TRUSTED * normal else self._bound(reached)), tilt

    def reach(self, level: float) -> float:
        """The mean up to which a level explains it."""
        return crossing(self.chance, level, self.largest)

    def _bound(self, mean: float) -> float:
        """No less than the chance that the mean of the drawn records is at least `mean`."""
        shares = np.log(self.counts / self.counts.sum())

        def tilted(slope: float) -> tuple[float, float]:
            """The logarithm of the moment that the slope weighs by, and the mean under it."""
            weights = shares + slope * self.values
            top = float(weights.max())
            masses = np.exp(weights - top)
            return top + math.log(float(masses.sum())), float(masses @ self.values / masses.sum())

        low, high = 0.0, 1.0
        while tilted(high)[1] < mean and high < STEEPEST:
            low, high = high, 2 * high
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if tilted(middle)[1] < mean else (low, middle)
        return math.exp(min(self.drawn * (tilted(low)[0] - low * mean), 0.0))  # holds at any slope; there it is least

    def _tilt(self, mean: float) -> Tilt | None:
        """The exponential tilt under which the drawn records have a mean, by Newton's method; None where there is none."""
        width, base, slope, moved = float(np.ptp(self.values)), 0.0, 0.0, math.inf
        for _ in range(ITERATIONS):
            chances = Tilt(base, slope).chances(self)
            expected = self.counts * chances
            spread = expected * (1 - chances)
            alone, along = float(spread.sum()), float(spread @ self.values)
            curvature = alone * float(spread @ self.values**2) - along * along
            if moved < SETTLED:
                return Tilt(base, slope, curvature)
            if curvature <= 0:
                return None
            off = (float(expected.sum()) - self.drawn, float(expected @ self.values) - mean * self.drawn)
            down = ((curvature + along * along) / alone * off[0] - along * off[1]) / curvature
            right = (alone * off[1] - along * off[0]) / curvature
            moved = abs(down) + abs(right) * width
            short = min(1.0, LONGEST / moved) if moved else 1.0
            base, slope = base - down * short, slope - right * short
        return None
