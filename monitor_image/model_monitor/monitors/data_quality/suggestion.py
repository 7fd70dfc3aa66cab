"""From a baseline's statistics to constraints: every rule in `suggest/` adds its part."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from model_monitor.monitors.data_quality.constraints import Constraints, FeatureConstraints
from model_monitor.monitors.data_quality.monitoring_config import to_config
from model_monitor.monitors.data_quality.statistics import DatasetStatistics
from model_monitor.sketches.feature import FeatureStatistics

# what AWS's analyzer suggests, whatever the data; the documentation's schema shows other thresholds than real files
SUGGESTED_CONFIG = {
    "evaluate_constraints": True,
    "emit_metrics": True,
    "datatype_check_threshold": 1.0,
    "domain_content_threshold": 1.0,
    "distribution_constraints": {
        "perform_comparison": True,
        "comparison_threshold": 0.1,
        "comparison_method": "Robust",
        "categorical_comparison_threshold": 0.1,
        "categorical_drift_method": "LInfinity",
    },
}


@dataclass(frozen=True, slots=True)
class SuggestRule:
    """One kind of constraint: adds to what is known of a feature what its statistics suggest."""

    name: str
    apply: Callable[[FeatureStatistics, FeatureConstraints], FeatureConstraints]


def suggest(statistics: DatasetStatistics, rules: Iterable[SuggestRule]) -> Constraints:
    """Constraints that the baseline's own data satisfies."""
    config = to_config(SUGGESTED_CONFIG)
    rules = tuple(rules)

    def suggested(feature: FeatureStatistics) -> FeatureConstraints:
        constraints = FeatureConstraints(
            feature.name, feature.inferred_type, config=config, salt=feature.salt, privacy=feature.privacy
        )
        for rule in rules:
            constraints = rule.apply(feature, constraints)
        return constraints

    return Constraints(tuple(map(suggested, statistics.features)), config, SUGGESTED_CONFIG)
