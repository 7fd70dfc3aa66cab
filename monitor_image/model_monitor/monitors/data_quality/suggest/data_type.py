"""Data type: of numbers with a few other values among them, the share that are numbers."""

from __future__ import annotations

from dataclasses import replace

from model_monitor.monitors.data_quality.constraints import FeatureConstraints
from model_monitor.monitors.data_quality.suggestion import SuggestRule
from model_monitor.sketches.feature import FeatureStatistics
from model_monitor.sketches.kinds import matching


def _data_type(statistics: FeatureStatistics, constraints: FeatureConstraints) -> FeatureConstraints:
    if not statistics.inferred_type.is_numeric or statistics.kinds is None or not statistics.present:
        return constraints
    share = matching(statistics.kinds, statistics.inferred_type) / statistics.present
    if share == 1.0:
        return constraints
    return replace(constraints, overrides={**constraints.overrides, "datatype_check_threshold": share})


RULE = SuggestRule("data_type", _data_type)
