"""categorical_values_check: enough values that are not null are known from the baseline."""

from __future__ import annotations

from dataclasses import replace

from model_monitor.contract import CheckType
from model_monitor.monitors.chance import more_often_than, unseen
from model_monitor.monitors.conclusion import Check, Evidence
from model_monitor.monitors.data_quality.comparison import (
    ABSENT_REASON,
    DISABLED_REASON,
    EMPTY_REASON,
    CheckRule,
    FeatureComparison,
    comparable_categories,
)
from model_monitor.monitors.data_quality.text_comparison import changed_look, unseen as unseen_texts
from model_monitor.sketches.feature import FeatureStatistics
from model_monitor.sketches.kinds import canonical_text
from model_monitor.sketches.texts import TextStatistics
from model_monitor.words import share

TYPE = CheckType.CATEGORICAL_VALUES
DISTINCT_ERROR = 0.05  # three standard errors of the estimate
NEW_VALUES_ALLOWED = 0.1  # records with new values beyond what is expected: as many again, and never more than this
UNKNOWN_REASON = "the baseline does not tell which values it has"
ALWAYS_NEW_REASON = "nearly every value occurs once in the baseline, too, so new ones say nothing"


def _check(feature: FeatureComparison) -> Check | None:
    if not feature.expected.is_categorical or (feature.constraints.domains is None and not _text(feature)):
        return None
    if not feature.constraints.config.evaluate_constraints:
        return feature.not_evaluated(TYPE, DISABLED_REASON)
    if feature.current is None:
        return feature.not_evaluated(TYPE, ABSENT_REASON)
    if feature.is_empty:
        return feature.not_evaluated(TYPE, EMPTY_REASON)
    if _text(feature) and (feature.constraints.domains is None or feature.current.categories is None):
        return _by_hash(feature, feature.current)
    allowed = feature.constraints.config.domain_content_threshold
    observed = _known_share(feature, feature.current)
    if feature.current.categories is None and observed >= allowed:
        return feature.not_evaluated(TYPE, feature.uncounted_reason, is_required=True)
    description = f"Value: {observed} does not meet the constraint requirement! "  # the trailing blank is AWS's
    sentence = f"values that the baseline does not know in {1.0 - observed:.1%} of the records that have one"
    return feature.evaluated(
        TYPE,
        observed >= allowed,
        observed,
        allowed,
        description,
        evidence=_evidence(feature, feature.current, allowed),
        sentence=sentence if observed >= allowed else _with_look(sentence, feature, feature.current),
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


def _text(feature: FeatureComparison) -> TextStatistics | None:
    """What a baseline of ours knows beyond AWS's distribution."""
    return None if feature.baseline is None else feature.baseline.text


def _by_hash(feature: FeatureComparison, current: FeatureStatistics) -> Check:
    """Of more values than a domain has: new ones occur in hardly more records than the baseline itself leads to expect."""
    then, now = _text(feature), current.text
    found = None if then is None or now is None else unseen_texts(now, then)
    if found is None:
        return feature.not_evaluated(TYPE, UNKNOWN_REASON)
    expected, evidence = found.expected, found.evidence
    threshold = feature.constraints.config.domain_content_threshold
    allowed = threshold - expected - min(expected, NEW_VALUES_ALLOWED)
    if allowed <= 0:
        return feature.not_evaluated(TYPE, ALWAYS_NEW_REASON)
    observed = 1.0 - found.share
    sentence = (
        f"new values in {share(found.share)} of the records (baseline: {share(expected)}), known in {share(observed)}"
    )
    description = f"Value: {observed} does not meet the constraint requirement! "  # the trailing blank is AWS's
    return replace(
        feature.evaluated(TYPE, observed >= allowed, observed, allowed, description),
        evidence=Evidence(evidence.p_value, lambda level: 1.0 - (evidence.allowed(level) or 0.0)),
        baseline=1.0 - expected,
        sentence=sentence if observed >= allowed else _with_look(sentence, feature, current),
    )


def _with_look(sentence: str, feature: FeatureComparison, current: FeatureStatistics) -> str:
    """With how the texts look otherwise, which tells a client that writes them in another form."""
    look = changed_look(current.text, _text(feature))
    return f"{sentence}; {look}" if look else sentence


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
