"""data_type_check: enough values that are not null are of the expected type."""

from __future__ import annotations

import numpy as np

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
from model_monitor.schema import KINDS, FeatureType, Kind
from model_monitor.sketches.kinds import matching

TYPE = CheckType.DATA_TYPE
NAMES = {
    Kind.FRACTIONAL: "fractions",
    Kind.INTEGRAL: "whole numbers",
    Kind.BOOLEAN: "true or false",
    Kind.STRING: "text",
}
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
    fitting, total = feature.matching, feature.current.present
    allowed = feature.constraints.config.datatype_check_threshold
    percent = (fitting / total) * 100  # printed as it is: AWS does not round
    description = (
        f"Data type match requirement is not met. Expected data type: {feature.expected}, "
        f"Expected match: {allowed * 100}%. Observed: Only {percent}% of data is {feature.expected}."
    )
    return feature.evaluated(
        TYPE,
        feature.is_type_held,
        fitting / total,
        allowed,
        description,
        evidence=_evidence(total - fitting, total, allowed),
        sentence=f"{1.0 - fitting / total:.1%} of the values are not {feature.expected}{_found(feature)}",
    )


def _found(feature: FeatureComparison) -> str:
    """What they are instead, the commonest first; "" where nobody counted."""
    kinds = None if feature.current is None else feature.current.kinds
    if kinds is None or feature.current is None:
        return ""
    others = [kind for kind in Kind if kind is not Kind.NULL and not matching(_alone(kind), feature.expected)]
    found = sorted((-int(kinds[kind]), kind) for kind in others if kinds[kind])
    told = (f"{NAMES[kind]} in {-count / feature.current.present:.1%}" for count, kind in found)
    return f" (found {', '.join(told)})" if found else ""


def _alone(kind: Kind) -> np.ndarray:
    kinds = np.zeros(KINDS, np.int64)
    kinds[kind] = 1
    return kinds


def _evidence(others: int, total: int, allowed: float) -> Evidence | None:
    """Against the share that is asked for; that all values are of one type is a rule, which no chance excuses."""
    if allowed >= 1.0:
        return None
    found = more_often_than(others, total, 1.0 - allowed)
    return Evidence(found.p_value, lambda level: 1.0 - (found.allowed(level) or 0.0))


CHECK = CheckRule(TYPE, 30, feature=_check)
