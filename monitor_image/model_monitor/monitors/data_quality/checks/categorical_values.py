"""categorical_values_check: enough values that are not null are known from the baseline."""

from __future__ import annotations

from model_monitor.contract import CheckType
from model_monitor.monitors.conclusion import Check
from model_monitor.monitors.data_quality.comparison import (
    ABSENT_REASON,
    DISABLED_REASON,
    EMPTY_REASON,
    UNCOUNTED_REASON,
    CheckRule,
    FeatureComparison,
    comparable_categories,
)
from model_monitor.sketches.feature import FeatureStatistics
from model_monitor.sketches.kinds import canonical_text

TYPE = CheckType.CATEGORICAL_VALUES
DISTINCT_ERROR = 0.05  # three standard errors of the estimate


def _check(feature: FeatureComparison) -> Check | None:
    if feature.constraints.domains is None or not feature.expected.is_categorical:
        return None
    if not feature.constraints.config.evaluate_constraints:
        return feature.not_evaluated(TYPE, DISABLED_REASON)
    if feature.current is None:
        return feature.not_evaluated(TYPE, ABSENT_REASON)
    if feature.is_empty:
        return feature.not_evaluated(TYPE, EMPTY_REASON)
    allowed = feature.constraints.config.domain_content_threshold
    observed = _known_share(feature, feature.current)
    if feature.current.categories is None and observed >= allowed:
        return feature.not_evaluated(TYPE, UNCOUNTED_REASON, is_required=True)
    description = f"Value: {observed} does not meet the constraint requirement! "  # the trailing blank is AWS's
    return feature.evaluated(TYPE, observed >= allowed, observed, allowed, description)


def _known_share(feature: FeatureComparison, current: FeatureStatistics) -> float:
    """Share of values inside the domain; the most it can be where there are too many different values to count."""
    domains, salt = feature.constraints.domains or (), feature.constraints.salt
    known = set(domains) if salt is not None else set(map(canonical_text, domains))
    if current.categories is None:
        unknown = (1 - DISTINCT_ERROR) * current.distinct_count - len(known)
        return 1.0 - min(max(unknown, 0.0) / current.present, 1.0)
    counts = comparable_categories(current.categories, known, salt)
    return sum(count for category, count in counts.items() if category in known) / current.present


CHECK = CheckRule(TYPE, 60, feature=_check)
