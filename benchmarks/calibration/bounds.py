"""What a number of false violations in a number of runs says of their chance."""

from __future__ import annotations

from typing import Final

from model_monitor.monitors.chance import binomial_tail

CONFIDENCE: Final = 0.95
STEPS: Final = 60  # of a bisection


def upper_bound(violated: int, runs: int, confidence: float = CONFIDENCE) -> float:
    """The largest chance of a violation that is still in agreement with so few: in [0, 1], one-sided and exact.

    Source: Clopper & Pearson (1934).
    """
    if violated >= runs:
        return 1.0
    low, high = violated / runs, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        is_too_low = 1.0 - binomial_tail(violated + 1, runs, middle) > 1.0 - confidence
        low, high = (middle, high) if is_too_low else (low, middle)
    return high


def runs_for(bound: float, violated: int = 0, confidence: float = CONFIDENCE) -> int:
    """How many runs it takes to show a bound when so many of them are violated."""
    low, high = violated, max(1, violated)
    while upper_bound(violated, high, confidence) > bound:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if upper_bound(violated, middle, confidence) > bound else (low, middle)
    return high
