"""data_type_check: enough values that are not null are of the expected type."""

from __future__ import annotations

from model_monitor.contract import CheckType
from model_monitor.monitors.conclusion import Check
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
    return feature.evaluated(TYPE, feature.is_type_held, matching / total, allowed, description)


CHECK = CheckRule(TYPE, 30, feature=_check)
