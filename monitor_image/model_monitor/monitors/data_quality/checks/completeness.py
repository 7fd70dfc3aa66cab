"""completeness_check: the share of values that are not null is at least the baseline's."""

from __future__ import annotations

from model_monitor.contract import CheckType
from model_monitor.monitors.conclusion import Check
from model_monitor.monitors.data_quality.comparison import (
    ABSENT_REASON,
    DISABLED_REASON,
    CheckRule,
    FeatureComparison,
)
from model_monitor.schema import FeatureType

TYPE = CheckType.COMPLETENESS
UNKNOWN_REASON = "the baseline saw no value of the feature, so any share would do"
NO_CONSTRAINT_REASON = "the baseline has no completeness constraint for the feature"


def _check(feature: FeatureComparison) -> Check:
    allowed = feature.constraints.completeness
    if not feature.constraints.config.evaluate_constraints:
        return feature.not_evaluated(TYPE, DISABLED_REASON)
    if allowed is None:
        return feature.not_evaluated(TYPE, NO_CONSTRAINT_REASON)
    if feature.constraints.inferred_type is FeatureType.UNKNOWN and not allowed:
        return feature.not_evaluated(TYPE, UNKNOWN_REASON, feature.is_critical)
    if feature.current is None:
        return feature.not_evaluated(TYPE, ABSENT_REASON)
    observed = feature.current.completeness
    description = f"Value: {observed} does not meet the constraint requirement! "  # the trailing blank is AWS's
    return feature.evaluated(TYPE, observed >= allowed, observed, allowed, description)


CHECK = CheckRule(TYPE, 40, feature=_check)
