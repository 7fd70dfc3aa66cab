"""What chance explains where records are not independent: sessions, retries, several records of one customer.

A design effect of D says that a window's records tell as much as an n / D part of them, drawn one by one, would. Every test of
the kit takes records for independent; its p-value is read as that of a normal statistic, whose standard error grows by sqrt(D).
Source: Kish (1965) for the design effect; Rao & Scott (1981) for tests divided by it.
"""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist

from model_monitor.monitors.conclusion import Evidence

NORMAL = NormalDist()
LEAST = 1e-300  # of a chance: below, numbers end, and nothing is left to explain


def discounted(p_value: float, design_effect: float) -> float:
    """The chance of dependent records that is `p_value` for independent ones, in [0, 1]. design_effect: at least 1."""
    if design_effect == 1.0 or p_value < LEAST or p_value >= 1.0:
        return p_value
    return _rescaled(p_value, 1 / math.sqrt(design_effect))


def sharpened(level: float, design_effect: float) -> float:
    """The inverse: what independent records must reach so that dependent ones reach `level`."""
    if design_effect == 1.0 or level >= 1.0:
        return level
    return _rescaled(level, math.sqrt(design_effect))


def of_dependent(evidence: Evidence, design_effect: float) -> Evidence:
    """What chance explains, read for records with a design effect."""
    if design_effect == 1.0:
        return evidence
    return replace(
        evidence,
        p_value=discounted(evidence.p_value, design_effect),
        allowed=lambda level: evidence.allowed(sharpened(level, design_effect)),
    )


def _rescaled(chance: float, factor: float) -> float:
    quantile = NORMAL.inv_cdf(max(chance, LEAST)) * factor
    return max(math.erfc(-quantile / math.sqrt(2)) / 2, LEAST)
