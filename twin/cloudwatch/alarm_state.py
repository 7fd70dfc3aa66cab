"""In which state a metric alarm is, given its datapoints: pure, and tested against the tables of CloudWatch's user guide.

An alarm looks at more periods than it evaluates (its evaluation range), so that gaps in the recent ones are covered by real
readings from further back. The guide states no size for the range; its one worked example looks at 5 periods for 3.

What the guide says, and where its own examples need a choice:
- As many readings as evaluation periods: the most recent of them decide, and the setting for missing data is not used.
- Fewer: every reading counts, and only the shortfall is filled by the setting.
- `missing` and `ignore` fill nothing. Readings that all breach but are too few to alarm count as an alarm only under `missing`
  and only once the oldest is at least "datapoints to alarm" periods old (the guide's "premature alarm state"); before that
  the state is INSUFFICIENT_DATA (the guide's older table). Under `ignore` the state is kept.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
OK: Final = "OK"
ALARM: Final = "ALARM"
INSUFFICIENT_DATA: Final = "INSUFFICIENT_DATA"

EXTRA_PERIODS: Final = 2  # looked at beyond those evaluated

COMPARISONS: Final = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
WORDS: Final = {
    "GreaterThanThreshold": "greater than",
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
TREATMENTS: Final = ("missing", "ignore", "breaching", "notBreaching")


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The state, and what it rests on. `state` None: keep the one the alarm has."""

    state: State | None
    used: tuple[int, ...]  # positions in the range of the readings that were evaluated, oldest first
    breaching: int  # how many of them breach
    filled: int  # missing datapoints that the setting stood in for


def evaluation_range(evaluation_periods: int) -> int:
    """How many periods an alarm looks at."""
    return evaluation_periods + EXTRA_PERIODS


def conclude(
    datapoints: Sequence[float | None],
    *,
    comparison: str,
    threshold: float,
    evaluation_periods: int,
    datapoints_to_alarm: int | None = None,
    treat_missing_data: str = "missing",
) -> Conclusion:
    """Evaluate the datapoints of a range, oldest first, None where a period has none."""
    to_alarm = datapoints_to_alarm or evaluation_periods
    breaches = COMPARISONS[comparison]
    readings = [(position, value) for position, value in enumerate(datapoints) if value is not None]
    used = readings[-evaluation_periods:]
    breaching = sum(1 for _, value in used if breaches(value, threshold))
    missing = max(evaluation_periods - len(readings), 0)
    positions = tuple(position for position, _ in used)

    def conclusion(state: State | None, filled: int = 0) -> Conclusion:
        return Conclusion(state, positions, breaching, filled)

    def by_count(count: int, filled: int = 0) -> Conclusion:
        return conclusion(ALARM if count >= to_alarm else OK, filled)

    if not missing:
        return by_count(breaching)
    if treat_missing_data == "breaching":
        return by_count(breaching + missing, missing)
    if treat_missing_data == "notBreaching":
        return by_count(breaching, missing)
    if (
        breaching < len(used) or breaching >= to_alarm
    ):  # something within the threshold, or an alarm without any filling
        return by_count(breaching)
    if treat_missing_data == "ignore":
        return conclusion(None, missing)
    oldest_age = len(datapoints) - positions[0] if positions else 0
    return conclusion(ALARM if oldest_age >= to_alarm else INSUFFICIENT_DATA, missing)
