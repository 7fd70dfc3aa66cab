"""How much better one model is than another on the same records, and how sure that is.

Both models see the same records, so what counts is in how many of them, or by how much, they differ: each interval is of a
paired difference. A gain is how much better the challenger is; positive is better, whichever way the metric counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, Protocol

import numpy as np

from model_monitor.monitors.chance import normal_tail
from model_monitor.monitors.tails import student_reached, student_tail

STEPS: Final = 60  # of a bisection of [-1, 1]: to the last digit
NORMAL: Final = NormalDist()


class Gain(Protocol):
    """How much better the challenger is. size: records that it rests on."""

    @property
    def value(self) -> float: ...
    @property
    def size(self) -> int: ...
    def interval(self, confidence: float) -> tuple[float, float]:
        """Within which the true gain lies, of as many samples as `confidence` says."""

    def chance_below(self, bound: float) -> float:
        """How likely so small a gain is where the true one is `bound`."""


@dataclass(frozen=True, slots=True)
class SharesGain:
    """Of shares of right answers: records that the challenger alone has right, those that the champion alone has, and all.

    Source: Tango (1998), the score interval of a paired difference of proportions; at 0 it is McNemar's test.
    """

    won: int
    lost: int
    size: int

    @property
    def value(self) -> float:
        return (self.won - self.lost) / self.size

    def interval(self, confidence: float) -> tuple[float, float]:
        """By inverting the score test."""
        bound = NORMAL.inv_cdf((1 + confidence) / 2)
        low = _root(lambda gain: self._score(gain) - bound, -1.0, self.value)
        high = _root(lambda gain: self._score(gain) + bound, self.value, 1.0)
        return low, high

    def chance_below(self, bound: float) -> float:
        """By the score test."""
        return normal_tail(-self._score(bound))

    def _score(self, gain: float) -> float:
        """The score statistic where the true gain is `gain`; it falls as the gain rises."""
        n, apart = self.size, self.won - self.lost - self.size * gain
        second = (2 * n - self.won + self.lost) * gain - self.won - self.lost
        third = -self.lost * gain * (1 - gain)
        only_lost = (math.sqrt(max(second * second - 8 * n * third, 0.0)) - second) / (4 * n)
        variance = n * (2 * only_lost + gain * (1 - gain))
        if apart == 0.0:
            return 0.0
        return apart / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, apart)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function passes 0; the end that it does not pass it before."""
    if function(low) <= 0:
        return low
    if function(high) >= 0:
        return high
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return (low + high) / 2


@dataclass(frozen=True, slots=True)
class MeansGain:
    """Of anything whose standard error is known: Student's t. freedom: independent records behind the error, less one."""

    value: float
    error: float
    size: int
    freedom: int

    def interval(self, confidence: float) -> tuple[float, float]:
        """Symmetric about the value."""
        if not self.error:
            return self.value, self.value
        reach = student_reached((1 - confidence) / 2, self.freedom) * self.error
        return self.value - reach, self.value + reach

    def chance_below(self, bound: float) -> float:
        """By Student's t."""
        if not self.error:
            return 1.0 if self.value >= bound else 0.0
        return student_tail((bound - self.value) / self.error, self.freedom)


def of_right(champion: np.ndarray, challenger: np.ndarray) -> SharesGain:
    """Of two masks of right answers over the same records, at least one."""
    won, lost = int(np.sum(challenger & ~champion)), int(np.sum(champion & ~challenger))
    return SharesGain(won, lost, len(champion))


def of_influences(value: float, champion: np.ndarray, challenger: np.ndarray, rests_on: int) -> MeansGain:
    """Of a metric of which each record's influence under both models is known: the delta method.

    value: the gain. rests_on: records without which there would be no such metric, such as those predicted positive.
    """
    size = len(champion)
    spread = float(np.var(challenger - champion, ddof=1)) if size > 1 else math.nan
    return MeansGain(value, math.sqrt(spread / size), size, max(1, rests_on - 1))


def of_areas(champion: np.ndarray, challenger: np.ndarray, is_positive: np.ndarray) -> tuple[float, float, MeansGain]:
    """Both areas under the ROC curve, and the challenger's gain.

    Args: scores, float64 (records,), of at least two records of either class.
    Source: DeLong, DeLong & Clarke-Pearson (1988), the variance of the difference of two correlated areas.
    """
    areas, placements = [], []
    for scores in (champion, challenger):
        above, below = _placements(scores[is_positive], scores[~is_positive])
        areas.append(float(above.mean()))
        placements.append((above, below))
    (first, second), (theirs, ours) = areas, placements
    variance = sum(float(np.var(ours[k] - theirs[k], ddof=1)) / len(ours[k]) for k in range(2))
    fewest = min(len(ours[0]), len(ours[1]))
    return first, second, MeansGain(second - first, math.sqrt(variance), len(champion), fewest - 1)


def _placements(positives: np.ndarray, negatives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The share of negatives below each positive, and of positives above each negative; ties count half."""
    return _share_below(positives, np.sort(negatives)), 1.0 - _share_below(negatives, np.sort(positives))


def _share_below(values: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    left, right = np.searchsorted(ordered, values, side="left"), np.searchsorted(ordered, values, side="right")
    return np.asarray((left + right) / (2.0 * len(ordered)))
