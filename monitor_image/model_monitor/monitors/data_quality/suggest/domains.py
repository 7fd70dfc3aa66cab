"""Domain: the values seen, when they are few enough for a distribution."""

from __future__ import annotations

from dataclasses import replace

from model_monitor.monitors.data_quality.constraints import FeatureConstraints
from model_monitor.monitors.data_quality.suggestion import SuggestRule
from model_monitor.sketches.feature import FeatureStatistics, masked


def _domains(statistics: FeatureStatistics, constraints: FeatureConstraints) -> FeatureConstraints:
    categories = statistics.shown_categories
    if not categories:
        return constraints
    return replace(constraints, domains=tuple(masked(categories, statistics.salt) if statistics.salt else categories))


RULE = SuggestRule("domains", _domains)
