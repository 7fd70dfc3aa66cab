"""categorical_values_check: enough values that are not null are known from the baseline."""

from __future__ import annotations

from model_monitor.contract import CheckType
from model_monitor.monitors.chance import more_often_than, unseen
from model_monitor.monitors.conclusion import Check, Evidence
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
    return feature.evaluated(
        TYPE,
        observed >= allowed,
        observed,
        allowed,
        description,
        evidence=_evidence(feature, feature.current, allowed),
        sentence=f"values that the baseline does not know in {1.0 - observed:.1%} of the records that have one",
    )


def _evidence(feature: FeatureComparison, current: FeatureStatistics, allowed: float) -> Evidence | None:
    """How often a sample holds values that the baseline's happens not to hold; none where the domain is not what it held."""
    baseline, domains = feature.baseline, feature.constraints.domains or ()
    if current.categories is None or baseline is None or baseline.categories is None:
        return None
    is_masked = feature.constraints.salt is not None
    then = dict(baseline.categories) if is_masked else comparable_categories(baseline.categories, (), None)
    known = set(domains) if is_masked else set(map(canonical_text, domains))
    if known != then.keys():
        return None
    now = comparable_categories(current.categories, known, feature.constraints.salt)
    size, strange = sum(now.values()), sum(count for category, count in now.items() if category not in known)
    found, declared = unseen(strange, now, then), more_often_than(strange, size, 1.0 - allowed)
    return Evidence(
        max(found.p_value, declared.p_value),
        lambda level: 1.0 - max(found.allowed(level) or 0.0, declared.allowed(level) or 0.0),
    )


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
