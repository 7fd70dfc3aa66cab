"""data_type_check: enough values that are not null are of the expected type."""

from __future__ import annotations

from model_monitor.contract import CheckType
from model_monitor.monitors.chance import more_often_than
from model_monitor.monitors.conclusion import Check, Evidence
from model_monitor.monitors.data_quality.comparison import (
    ABSENT_REASON,
    DISABLED_REASON,
    EMPTY_REASON,
    CheckRule,
    FeatureComparison,
)
from model_monitor.schema import FeatureType

TYPE = CheckType.DATA_TYPE
UNKNOWN_REASON = "the baseline saw no value of the feature, so it has no type"


def _check(feature: FeatureComparison) -> Check:
    if not feature.constraints.config.evaluate_constraints:
        return feature.not_evaluated(TYPE, DISABLED_REASON)
    if feature.current is None:
        return feature.not_evaluated(TYPE, ABSENT_REASON)
    if feature.is_empty:
        return feature.not_evaluated(TYPE, EMPTY_REASON)
    if feature.expected is FeatureType.UNKNOWN:
        return feature.not_evaluated(TYPE, UNKNOWN_REASON)
    matching, total = feature.matching, feature.current.present
    allowed = feature.constraints.config.datatype_check_threshold
    percent = (matching / total) * 100  # printed as it is: AWS does not round
    description = (
        f"Data type match requirement is not met. Expected data type: {feature.expected}, "
        f"Expected match: {allowed * 100}%. Observed: Only {percent}% of data is {feature.expected}."
    )
    return feature.evaluated(
        TYPE,
        feature.is_type_held,
        matching / total,
        allowed,
        description,
        evidence=_evidence(total - matching, total, allowed),
        sentence=f"{1.0 - matching / total:.1%} of the values are not {feature.expected}",
    )


def _evidence(others: int, total: int, allowed: float) -> Evidence | None:
    """Against the share that is asked for; that all values are of one type is a rule, which no chance excuses."""
    if allowed >= 1.0:
        return None
    found = more_often_than(others, total, 1.0 - allowed)
    return Evidence(found.p_value, lambda level: 1.0 - (found.allowed(level) or 0.0))


CHECK = CheckRule(TYPE, 30, feature=_check)
