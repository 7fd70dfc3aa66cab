"""How likely it is that two samples of numbers are as far apart as they are, in whatever way: place, width, or anything else.

A Kolmogorov-Smirnov distance of 0.15 may be a sample's caprice where numbers lie apart in one place, and be none where all of
them moved. So three tests share the level, each exact or bounded for samples of any size, and the least likely one tells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from model_monitor.monitors import chance
from model_monitor.monitors.conclusion import Evidence
from model_monitor.monitors.pack import Pack
from model_monitor.monitors.permutation import deal
from model_monitor.sketches.ranks import Ranks

OF_DISTANCE, OF_RANKS = 2.0, 4.0  # what a test's chance counts for, so that those of all three add up to one
SLOPE: Final = 2.0  # at most, of a mean score over the error of the ranks that it is made from
SIDES: Final = 2  # a sample may be apart on either


def apart(distance: float, current: Ranks, baseline: Ranks, *, error: float = 0.0, is_beyond: bool = True) -> Evidence:
    """That two samples of one distribution are so far apart.

    Args:
        distance: Kolmogorov-Smirnov, in [0, 1]; what evidence allows is in its unit: the distance of a change of this kind up to
            which chance explains it.
        current, baseline: the samples, not empty. error: how wrong the distance may be because ranks are known approximately.
        is_beyond: whether the distance is beyond its limit; else the tests of ranks are spared, and the chance is rather too large.
    Source: chance.distance; Wilcoxon (1945) for place and Mood (1954) for width, both with mean ranks of ties and as permutation
    tests.
    """
    whole = chance.distance(distance, current.total, baseline.total, error=error)
    tests = [_Shared(whole.p_value, whole.allowed, OF_DISTANCE)]
    if is_beyond:
        tests += _by_ranks(distance, current, baseline, SLOPE * error)

    def allowed(level: float) -> float | None:
        found = [test.allowed(level) for test in tests]
        return min((each for each in found if each is not None), default=None)

    return Evidence(min(1.0, *(test.p_value for test in tests)), allowed)


@dataclass(frozen=True, slots=True)
class _Shared:
    """A test that has a part of the level: one in `parts`."""

    alone: float
    reach: Callable[[float], float | None]
    parts: float

    @property
    def p_value(self) -> float:
        return min(1.0, self.alone * self.parts)

    def allowed(self, level: float) -> float | None:
        return self.reach(level / self.parts)


def _by_ranks(distance: float, current: Ranks, baseline: Ranks, error: float) -> list[_Shared]:
    """Tests of place and width; none where all numbers are one. error: how wrong a mean score may be."""
    values = np.union1d(current.values, baseline.values)
    now, then = (np.diff(sample.at_most(values), prepend=0) for sample in (current, baseline))
    pooled = np.cumsum(now + then)
    place = (pooled - (now + then) / 2) / pooled[-1] - 0.5  # mean ranks, in (-1/2, 1/2)
    found = (_of_scores(scores, distance, now, then, error) for scores in (place, place**2))
    return [each for each in found if each is not None]


def _of_scores(scores: np.ndarray, distance: float, now: np.ndarray, then: np.ndarray, error: float) -> _Shared | None:
    """Both sides of a permutation test of mean scores."""
    dealt = deal(scores, now, then)
    if dealt is not None and dealt.gap < 0:
        dealt = deal(-scores, now, then)
    if dealt is None or dealt.gap <= error:
        return None
    mean = min((dealt.gap - error) / dealt.per_mean, dealt.pack.largest)  # rounded, as kinds are
    return _Shared(min(1.0, SIDES * dealt.pack.chance(mean)), _reach(dealt.pack, mean, distance), OF_RANKS)


def _reach(pack: Pack, mean: float, distance: float) -> Callable[[float], float | None]:
    """level → the distance that a change of the same shape has when the level just explains it; None where it explains any."""

    def reached(level: float) -> float | None:
        alone = level / SIDES
        if pack.chance(pack.largest) > alone:
            return None
        return min(1.0, distance * pack.reach(alone) / mean)

    return reached
