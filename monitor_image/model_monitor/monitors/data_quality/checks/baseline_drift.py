"""baseline_drift_check: the distance between the window and the baseline is not above the threshold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from model_monitor.contract import CheckType
from model_monitor.monitors.chance import largest_difference
from model_monitor.monitors.conclusion import Check, Evidence, Outcome
from model_monitor.monitors.data_quality.comparison import (
    ABSENT_REASON,
    DISABLED_REASON,
    EMPTY_REASON,
    TYPE_REASON,
    UNCOUNTED_REASON,
    CheckRule,
    FeatureComparison,
    comparable_categories,
)
from model_monitor.monitors.data_quality.text_comparison import text_drift
from model_monitor.monitors.drift import Apart, change
from model_monitor.schema import FeatureType, Privacy
from model_monitor.sketches.distance import (
    categorical_linf,
    chi_squared,
    homogeneity,
    robust,
)
from model_monitor.sketches.feature import FeatureStatistics, NumericStatistics

TYPE = CheckType.BASELINE_DRIFT


def _check(feature: FeatureComparison) -> Check:
    current, baseline, config = feature.current, feature.baseline, feature.constraints.config
    if not config.evaluate_constraints:
        return feature.not_evaluated(TYPE, DISABLED_REASON)
    if not config.distribution.perform_comparison:
        return feature.not_evaluated(TYPE, "perform_comparison is Disabled")
    if baseline is None:
        which = "of the feature" if feature.has_baseline_statistics else "at all"
        return feature.not_evaluated(TYPE, f"there are no baseline statistics {which}")
    if not _has_distribution(baseline) and not _is_told_by_hash(baseline):
        saw_nothing = baseline.inferred_type is FeatureType.UNKNOWN  # else: too many categories, which is as AWS has it
        reason = "the baseline statistics hold no distribution of the feature"
        return feature.not_evaluated(TYPE, reason, feature.is_critical and saw_nothing)
    if current is None:
        return feature.not_evaluated(TYPE, ABSENT_REASON, feature.is_critical)
    if feature.is_empty:
        return feature.not_evaluated(TYPE, EMPTY_REASON, feature.is_critical)
    if not feature.is_type_held:
        return feature.not_evaluated(TYPE, TYPE_REASON, feature.is_critical)
    if baseline.inferred_type.is_numeric != feature.expected.is_numeric:
        return feature.not_evaluated(TYPE, "numbers and texts have no distance", feature.is_critical)
    if feature.expected.is_numeric:
        return _numeric(feature, current, baseline)
    if (current.categories is None or not baseline.categories) and _is_told_by_hash(baseline):
        return _by_hash(feature, current, baseline)
    return _categorical(feature, current, baseline)


def _has_distribution(statistics: FeatureStatistics) -> bool:
    if statistics.inferred_type.is_numeric:
        numeric = statistics.numeric
        return numeric is not None and (numeric.ranks is not None or numeric.buckets is not None)
    return bool(statistics.categories)


def _is_told_by_hash(statistics: FeatureStatistics) -> bool:
    """Whether a baseline of ours knows the values that AWS's distribution has no place for."""
    return statistics.text is not None and statistics.inferred_type is FeatureType.STRING


def _by_hash(feature: FeatureComparison, current: FeatureStatistics, baseline: FeatureStatistics) -> Check:
    distribution = feature.constraints.config.distribution
    threshold = distribution.categorical_comparison_threshold
    threshold = distribution.comparison_threshold if threshold is None else threshold
    found = None
    if current.text is not None and baseline.text is not None:
        salt = baseline.text.salt  # of a restricted baseline: its values are known by salted hashes alone
        found = text_drift(current.text if salt is None else current.text.salted(salt), baseline.text, threshold)
    if found is None or current.text is None or baseline.text is None:
        return feature.not_evaluated(TYPE, UNCOUNTED_REASON, feature.is_critical)
    check = feature.evaluated(
        TYPE,
        found.distance <= threshold,
        found.distance,
        threshold,
        f"Baseline drift distance: {found.distance} exceeds threshold: {threshold}",
        is_required=feature.is_critical,
        distance=_allowed_for(feature, found.distance, current.text.total, baseline.text.total),  # for metrics
    )
    sentence = found.sentence if check.outcome is Outcome.VIOLATED else ""
    return replace(check, evidence=found.evidence, baseline=0.0, sentence=sentence)


def _numeric(feature: FeatureComparison, current: FeatureStatistics, baseline: FeatureStatistics) -> Check:
    now, then = current.numeric, baseline.numeric
    if now is None or now.ranks is None or then is None:
        return feature.not_evaluated(TYPE, EMPTY_REASON, feature.is_critical)
    threshold = feature.constraints.config.distribution.comparison_threshold
    found = Apart.of(now, then, threshold if feature.is_calibrated else math.inf)
    if found is None:
        return feature.not_evaluated(TYPE, "the baseline's distribution is empty", feature.is_critical)
    return _compared(feature, found.distance, found.sizes, threshold, found.evidence, _change(current, now, then))


def _change(current: FeatureStatistics, now: NumericStatistics, then: NumericStatistics) -> str:
    """What changed, of features of which numbers may be told."""
    if current.privacy is Privacy.RESTRICTED or now.ranks is None or then.ranks is None or not then.ranks.total:
        return "its values are spread otherwise than the baseline's"
    return change("median", then.ranks, now.ranks, "{:.6g}".format)


def _categorical(feature: FeatureComparison, current: FeatureStatistics, baseline: FeatureStatistics) -> Check:
    if current.categories is None:
        return feature.not_evaluated(TYPE, feature.uncounted_reason, feature.is_critical)
    known = baseline.categories or {}
    then = known if baseline.salt is not None else comparable_categories(known, (), None)
    now = comparable_categories(current.categories, then, baseline.salt)
    distribution = feature.constraints.config.distribution
    threshold = distribution.categorical_comparison_threshold
    threshold = distribution.comparison_threshold if threshold is None else threshold
    if distribution.categorical_drift_method == "ChiSquared":
        return _chi_squared(feature, now, dict(then), threshold)
    distance, sizes = categorical_linf(now, then), (sum(now.values()), sum(then.values()))
    return _compared(feature, distance, sizes, threshold, largest_difference(distance, now, then), _shares(now, then))


def _shares(now: Mapping[str, int], then: Mapping[str, int]) -> str:
    """How the share of the value changed that changed most; which one it is would be a value of the data."""
    n, m = sum(now.values()), sum(then.values())
    shares = [(then.get(name, 0) / m, now.get(name, 0) / n) for name in sorted(now.keys() | then.keys())]
    before, after = max(shares, key=lambda pair: abs(pair[1] - pair[0]))
    return f"share of one value {before:.1%} -> {after:.1%}"


def _compared(
    feature: FeatureComparison,
    distance: float,
    sizes: tuple[int, int],
    threshold: float,
    evidence: Evidence,
    sentence: str,
) -> Check:
    """L-infinity: plain, or with AWS's allowance for small samples."""
    distance = _allowed_for(feature, distance, *sizes)
    return feature.evaluated(
        TYPE,
        distance <= threshold,
        distance,
        threshold,
        f"Baseline drift distance: {distance} exceeds threshold: {threshold}",
        is_required=feature.is_critical,
        distance=distance,
        evidence=evidence,
        baseline=0.0,
        sentence=sentence,
    )


def _chi_squared(feature: FeatureComparison, now: dict[str, int], then: dict[str, int], threshold: float) -> Check:
    """Simple: the statistic must not exceed the threshold. Robust: the p-value must not fall below it.

    How AWS compares a p-value with a threshold that is "exceeded" is not documented; this is the only reading in which
    a small p-value means drift. Its text tells 1 - p, so that programs which parse it read an exceeded distance.
    """
    result = chi_squared(now, then)
    if result is None:
        return feature.not_evaluated(TYPE, "too few values for a chi-squared test", feature.is_critical)
    is_simple = feature.constraints.config.distribution.comparison_method == "Simple"
    if is_simple:
        is_held, observed = result.statistic <= threshold, result.statistic
        description = f"Chi-squared distance: {result.statistic} exceeds threshold: {threshold}"
    else:
        is_held, observed = result.p_value >= threshold, result.p_value
        description = (
            f"Chi-squared p-value {result.p_value} is below {threshold}. "
            f"Baseline drift distance: {1 - result.p_value} exceeds threshold: {1 - threshold}"
        )
    distance = _allowed_for(feature, categorical_linf(now, then), sum(now.values()), sum(then.values()))
    return feature.evaluated(
        TYPE,
        is_held,
        observed,
        threshold,
        description,
        is_required=feature.is_critical,
        distance=distance,
        evidence=Evidence(homogeneity(now, then)),
        sentence=_shares(now, then),
    )


def _allowed_for(feature: FeatureComparison, distance: float, n: int, m: int) -> float:
    is_simple = feature.is_calibrated or feature.constraints.config.distribution.comparison_method == "Simple"
    return distance if is_simple else robust(distance, n, m)


CHECK = CheckRule(TYPE, 50, feature=_check)
