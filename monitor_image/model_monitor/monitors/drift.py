"""How two distributions are compared, whatever they are of: a feature, or what the model says."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from model_monitor.monitors import chance
from model_monitor.monitors.conclusion import Evidence
from model_monitor.monitors.ranked import apart
from model_monitor.sketches.distance import binned_kolmogorov_smirnov, kolmogorov_smirnov
from model_monitor.sketches.feature import NumericStatistics
from model_monitor.sketches.ranks import Ranks
from model_monitor.words import figure

INNER: Final = 0.9  # of the values, whose width is told
NOTICED: Final = 0.2  # growth of its logarithm
TELLING: Final = 5.0  # of a bell: by so much more has the logarithm of the width to grow than the middle moves


@dataclass(frozen=True, slots=True)
class DistributionConfig:
    """`distribution_constraints` of AWS's monitoring_config, with AWS's defaults."""

    perform_comparison: bool = True
    comparison_threshold: float = 0.1
    comparison_method: str = "Robust"  # Robust | Simple
    categorical_comparison_threshold: float | None = None  # None: comparison_threshold
    categorical_drift_method: str = "LInfinity"  # LInfinity | ChiSquared


@dataclass(frozen=True, slots=True)
class Apart:
    """Two samples of numbers. distance: Kolmogorov-Smirnov, in [0, 1]; sizes: of the window and the baseline."""

    distance: float
    sizes: tuple[int, int]
    evidence: Evidence

    @classmethod
    def of(cls, now: NumericStatistics, then: NumericStatistics, limit: float) -> Apart | None:
        """By ranks, or by the buckets of a baseline that has no more; None where either holds nothing.

        Args:
            limit: of the distance, up to which nothing is violated; infinite where no chance is asked for.
        """
        if now.ranks is None or not now.ranks.total:
            return None
        error = now.rank_error / now.ranks.total
        if then.ranks is not None and then.ranks.total:
            distance, sizes = kolmogorov_smirnov(now.ranks, then.ranks), (now.ranks.total, then.ranks.total)
            error += then.rank_error / then.ranks.total
            return cls(distance, sizes, apart(distance, now.ranks, then.ranks, error=error, is_beyond=distance > limit))
        if then.buckets is not None and then.buckets.counts.sum():
            distance, size = binned_kolmogorov_smirnov(now.ranks, then.buckets), int(then.buckets.counts.sum())
            found = chance.distance(distance, now.ranks.total, size, error=error)
            return cls(distance, (now.ranks.total, size), found)
        return None


def change(name: str, then: Ranks, now: Ranks, tell: Callable[[float], str] = figure) -> str:
    """Where the middle of some numbers was and is, and between what most of them lie where that says more.

    Args:
        name: what is before the figures, "median" or more. then, now: not empty. tell: a figure as text.
    """
    shares = ((1 - INNER) / 2, 0.5, (1 + INNER) / 2)
    sides = [tuple(ranks.quantile(share) for share in shares) for ranks in (then, now)]
    (before, after), (was, came) = zip(*((middle, high - low) for low, middle, high in sides), strict=True)
    told = f"{name} {tell(before)} -> {tell(after)}"
    return (
        f"{told}, the middle {INNER:.0%} {tell(was)} -> {tell(came)} wide"
        if _is_wider(was, came, after - before)
        else told
    )


def _is_wider(was: float, came: float, moved: float) -> bool:
    if not (math.isfinite(was) and math.isfinite(came)) or was == came:
        return False
    if not (was and came):
        return True
    grown = abs(math.log(came) - math.log(was))
    return grown > max(NOTICED, TELLING * abs(moved) / was)
