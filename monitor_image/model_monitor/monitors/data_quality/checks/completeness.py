"""completeness_check: the share of values that are not null is at least the baseline's."""

from __future__ import annotations

from model_monitor.contract import CheckType
from model_monitor.monitors.chance import more_often, more_often_than
from model_monitor.monitors.conclusion import Check, Evidence
from model_monitor.monitors.data_quality.comparison import (
    ABSENT_REASON,
    DISABLED_REASON,
    CheckRule,
    FeatureComparison,
)
from model_monitor.schema import FeatureType
from model_monitor.sketches.feature import FeatureStatistics

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
    then = feature.baseline
    return feature.evaluated(
        TYPE,
        observed >= allowed,
        observed,
        allowed,
        description,
        evidence=_evidence(feature.current, then, allowed),
        baseline=None if then is None else then.completeness,
        sentence=_sentence(feature.current, then),
    )


def _evidence(current: FeatureStatistics, baseline: FeatureStatistics | None, allowed: float) -> Evidence:
    """Against the baseline's own records; where more is asked than they had, against what is asked."""
    size = current.present + current.missing
    if baseline is None or not baseline.present + baseline.missing or allowed > baseline.completeness:
        found = more_often_than(current.missing, size, 1.0 - allowed)
    else:
        found = more_often(current.missing, size, baseline.missing, baseline.present + baseline.missing)
    return Evidence(found.p_value, lambda level: 1.0 - (found.allowed(level) or 0.0))


def _sentence(current: FeatureStatistics, baseline: FeatureStatistics | None) -> str:
    then = "" if baseline is None else f" (baseline: {1.0 - baseline.completeness:.1%})"
    return f"no value in {1.0 - current.completeness:.1%} of the records{then}"


CHECK = CheckRule(TYPE, 40, feature=_check)
