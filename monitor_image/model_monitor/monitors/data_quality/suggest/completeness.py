"""Completeness: at least the observed share of values that are not null."""

from __future__ import annotations

from dataclasses import replace

from model_monitor.monitors.data_quality.constraints import FeatureConstraints
from model_monitor.monitors.data_quality.suggestion import SuggestRule
from model_monitor.sketches.feature import FeatureStatistics


def _completeness(statistics: FeatureStatistics, constraints: FeatureConstraints) -> FeatureConstraints:
    return replace(constraints, completeness=statistics.completeness)


RULE = SuggestRule("completeness", _completeness)
