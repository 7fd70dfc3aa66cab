"""non_negative_check: no number is negative where the baseline had none. Ours, and off unless a job asks for it."""

from __future__ import annotations

import numpy as np

from model_monitor.contract import CheckType
from model_monitor.monitors.conclusion import Check
from model_monitor.monitors.data_quality.comparison import (
    ABSENT_REASON,
    DISABLED_REASON,
    EMPTY_REASON,
    CheckRule,
    FeatureComparison,
)

TYPE = CheckType.NON_NEGATIVE


def _check(feature: FeatureComparison) -> Check | None:
    config = feature.constraints.config
    if not config.check_non_negative or not feature.constraints.is_non_negative or not feature.expected.is_numeric:
        return None
    if not config.evaluate_constraints:
        return feature.not_evaluated(TYPE, DISABLED_REASON)
    if feature.current is None:
        return feature.not_evaluated(TYPE, ABSENT_REASON)
    numeric = feature.current.numeric
    if numeric is None or numeric.minimum is None:
        return feature.not_evaluated(TYPE, EMPTY_REASON)
    observed = 1.0 if numeric.minimum >= 0 else _share(feature)
    description = f"Non-negativity requirement is not met. Observed: Only {observed * 100}% of data is non-negative."
    return feature.evaluated(TYPE, numeric.minimum >= 0, observed, 1.0, description)


def _share(feature: FeatureComparison) -> float:
    """Share of numbers that are not negative, within the sketch's rank error."""
    numeric = feature.current.numeric if feature.current else None
    if numeric is None or numeric.ranks is None:
        return 0.0
    return 1.0 - int(numeric.ranks.below(np.zeros(1))[0]) / numeric.ranks.total


CHECK = CheckRule(TYPE, 70, feature=_check)
