"""How two distributions are compared, whatever they are of: a feature, or what the model says."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

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
