"""Non-negativity: no negative number was seen."""

from __future__ import annotations

from dataclasses import replace

from model_monitor.monitors.data_quality.constraints import FeatureConstraints
from model_monitor.monitors.data_quality.suggestion import SuggestRule
from model_monitor.sketches.feature import FeatureStatistics


def _non_negative(statistics: FeatureStatistics, constraints: FeatureConstraints) -> FeatureConstraints:
    numeric = statistics.numeric
    if not statistics.inferred_type.is_numeric or numeric is None or numeric.minimum is None:
        return constraints
    return replace(constraints, is_non_negative=numeric.minimum >= 0)


RULE = SuggestRule("is_non_negative", _non_negative)
