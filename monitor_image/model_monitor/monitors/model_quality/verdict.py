"""Whether a window's quality can be judged yet, and the judgement."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from model_monitor.contract import CHECK_LESS, CHECK_PREDICTION_DRIFT, Decision, ProblemType, Verdict
from model_monitor.errors import BaselineError
from model_monitor.job.job import Job, MonitorSettings
from model_monitor.monitors import thresholds as quality
from model_monitor.monitors.answered import MIN_ANSWERS, few_answers
from model_monitor.monitors.conclusion import Check, Conclusion, Lack, Outcome
from model_monitor.monitors.decision import budget_of
from model_monitor.monitors.dependence import sharpened
from model_monitor.monitors.drift import DistributionConfig
from model_monitor.monitors.labelled import unjudged, why_unlabelled
from model_monitor.monitors.model_quality.evidence import Comparison
from model_monitor.monitors.model_quality.metrics import Quality
from model_monitor.monitors.model_quality.options import options_of
from model_monitor.monitors.model_quality.predictions import SCORE, moved_between
from model_monitor.monitors.model_quality.statistics import QualityStatistics
from model_monitor.monitors.thresholds import QualityConstraint
from model_monitor.monitors.verdict import conclude
from model_monitor.sketches.feature import FeatureStatistics
from model_monitor.words import counted, figure

AREA = "auc"  # the one metric that is read from scores
NO_SCORE = "no record has a score, and those of the baseline have"
NEVER_MET = "no predicted label ever was a true one: check that both are written alike, and class_labels"
NO_BASELINE_REASON = "no baseline, and no thresholds are configured"


@dataclass(frozen=True, slots=True)
class QualityConstraints:
    """constraints.json of model quality. `type` is None where the file does not say (the original framework's)."""

    constraints: tuple[QualityConstraint, ...]
    type: ProblemType | None = None
    where: str = "baseline"


@dataclass(frozen=True, slots=True)
class QualityBaseline:
    """What a window is compared with.

    predictions: what the model said of the baseline's records, as features.
    quality: its metrics with the counts that they rest on, of a problem of the type; None where they are not known.
    """

    constraints: QualityConstraints | None = None
    predictions: tuple[FeatureStatistics, ...] = ()
    quality: Quality | None = None
    type: ProblemType | None = None

    def quality_of(self, type_: ProblemType) -> Quality | None:
        """Its metrics, if they are of this type of problem."""
        return self.quality if self.type is type_ else None


def merged(
    baseline: QualityConstraints | None, thresholds: Mapping[str, QualityConstraint | None], type_: ProblemType
) -> QualityConstraints | None:
    """The baseline's constraints with a user's thresholds over them; None where there are none at all.

    Raises: BaselineError when the baseline is of another type of problem.
    """
    if baseline is not None and baseline.type not in (None, type_):
        raise BaselineError(
            baseline.where, f"is of {baseline.type}, and the monitor's problem_type is {type_}.", "Correct one of them."
        )
    found = {constraint.metric: constraint for constraint in baseline.constraints} if baseline else {}
    kept = {metric: value for metric, value in {**found, **thresholds}.items() if value is not None}
    return QualityConstraints(tuple(kept.values()), type_) if kept else None


def judge(
    statistics: QualityStatistics,
    constraints: QualityConstraints | None,
    baseline: Quality | None,
    drift: Sequence[Check],
    settings: MonitorSettings,
    job: Job,
) -> Conclusion:
    """Never ok when no metric was evaluated.

    Args:
        baseline: the baseline's metrics with their counts, where they are known.
        drift: checks of what the model says. They count when the window is judged, and at once where there is no ground
            truth to wait for.
    """
    if not statistics.records:
        return Conclusion(Verdict.NO_DATA, reason="the window holds no records")
    why = why_not(statistics, settings, job)
    reason = why or ("" if constraints else NO_BASELINE_REASON)
    if constraints is None or reason:
        is_drifted = any(check.outcome is Outcome.VIOLATED for check in drift)
        if is_drifted and job.ground_truth is None:
            checks = (*drift, *_missed(reason)) if settings.decision is Decision.CALIBRATED else tuple(drift)
            return Conclusion(Verdict.VIOLATED, checks, notes=(f"quality was not evaluated: {reason}",))
        if not statistics.answered:
            return Conclusion(Verdict.INSUFFICIENT_DATA, reason=reason, lack=Lack.PREDICTION)
        if not why:
            return Conclusion(Verdict.INSUFFICIENT_DATA, reason=reason)
        found = unjudged(reason, statistics.labelled, statistics.records, settings, job)
        return replace(found, awaits_labels=_can_labels_help(statistics, settings))
    measured = statistics.quality
    comparison = Comparison(measured, baseline, statistics.problem.type)
    is_calibrated = settings.decision is Decision.CALIBRATED
    budget = sharpened(budget_of(job), job.effect) if is_calibrated else None
    found_checks = [metric_check(each, comparison, budget) for each in constraints.constraints]
    found_checks += unanswered(statistics, settings, are_scores_asked=_are_scores_asked(constraints, drift))
    is_judged = conclude(found_checks).verdict in (Verdict.OK, Verdict.VIOLATED)
    judged = conclude(
        [*found_checks, *(check for check in drift if is_judged or check.outcome is Outcome.NOT_EVALUATED)]
    )
    return replace(judged, notes=(NEVER_MET,)) if measured.are_labels_disjoint else judged


def _missed(reason: str) -> tuple[Check, ...]:
    """That quality itself was not judged, so that drift which chance explains leaves no pass behind."""
    return (Check(CHECK_LESS, "quality", Outcome.NOT_EVALUATED, description=reason, is_required=True),)


def _are_scores_asked(constraints: QualityConstraints, drift: Sequence[Check]) -> bool:
    """Whether something is compared that only scores can tell: their area, or how they are spread."""
    return any(each.metric == AREA for each in constraints.constraints) or any(each.subject == SCORE for each in drift)


def unanswered(
    statistics: QualityStatistics, settings: MonitorSettings, *, are_scores_asked: bool = False
) -> list[Check]:
    """That the model failed on so many requests that the others say little of it.

    Args:
        are_scores_asked: the scores of a window that has none at all count as lost, not as never meant to be there.
    """
    minimum = options_of(settings.options).min_answers
    if minimum is None:  # what must be there with its label must have an answer
        minimum = settings.maturity.min_coverage or MIN_ANSWERS
    found = few_answers(statistics.answered, statistics.records, minimum, "predictions", "have an answer of the model")
    with_score = scored(statistics)
    if not found and (with_score or are_scores_asked):
        found += few_answers(with_score, statistics.answered, minimum, "scores", "that have an answer have a score")
    return found


def scored(statistics: QualityStatistics) -> int:
    """Records that have a score."""
    return sum(feature.present for feature in statistics.predictions if feature.name == SCORE)


def metric_check(constraint: QualityConstraint, comparison: Comparison, budget: float | None) -> Check:
    """One metric against its limit, with what chance explains of it.

    Args:
        budget: None where AWS's rule decides; else what no window could exceed is not evaluated, for it would be no test.
    """
    now = comparison.now
    found = quality.check(constraint, now.values, now.deviations)
    if found.outcome is Outcome.NOT_EVALUATED:
        return found
    reason = "" if budget is None else comparison.why_untold(constraint, budget)
    if reason:
        return replace(found, outcome=Outcome.NOT_EVALUATED, description=reason)
    before = comparison.baseline(constraint.metric)
    return replace(
        found,
        evidence=comparison.evidence(constraint),
        baseline=before if math.isfinite(before) else None,
        sentence=told(constraint, comparison),
    )


def told(constraint: QualityConstraint, comparison: Comparison) -> str:
    """What a metric is, what it was where the baseline is its limit, and on how many records."""
    now, name = comparison.now, constraint.metric
    error, before = now.errors.get(name, math.nan), comparison.baseline(name)
    spread = f" (+/- {figure(error)})" if math.isfinite(error) else ""
    value, count = f"{figure(now.values[name])}{spread}", counted(now.count, "labelled record")
    was = "" if constraint.is_required or not math.isfinite(before) else f"{figure(before)} -> "
    return f"{name} {was}{value} on {count}"


def drift_checks(
    current: Sequence[FeatureStatistics],
    baseline: Sequence[FeatureStatistics],
    config: DistributionConfig,
    minimum: int,
    *,
    is_calibrated: bool = False,
) -> tuple[Check, ...]:
    """How far what the model says is from what it said in the baseline; none of what the baseline does not know.

    Args:
        is_calibrated: what the sizes of the samples explain is the evidence's business, not taken off the distance as AWS does.
    """
    known = {feature.name: feature for feature in baseline}
    found = []
    for feature in current if config.perform_comparison else ():
        then, threshold = known.get(feature.name), config.comparison_threshold
        if then is None or feature.present < minimum:
            continue
        moved = moved_between(feature, then, threshold if is_calibrated else math.inf)
        if moved is None:
            continue
        distance = moved.distance if is_calibrated or config.comparison_method != "Robust" else moved.robust
        is_held = distance <= threshold
        text = "" if is_held else f"Prediction drift distance: {distance} exceeds threshold: {threshold}"
        outcome = Outcome.HELD if is_held else Outcome.VIOLATED
        check = Check(CHECK_PREDICTION_DRIFT, feature.name, outcome, distance, threshold, text, distance=distance)
        evidence = moved.evidence if is_calibrated else None
        found.append(replace(check, evidence=evidence, sentence=moved.sentence))
    if config.perform_comparison and SCORE in known and SCORE not in {feature.name for feature in current}:
        found.append(Check(CHECK_PREDICTION_DRIFT, SCORE, Outcome.NOT_EVALUATED, description=NO_SCORE))
    return tuple(found)


def _can_labels_help(statistics: QualityStatistics, settings: MonitorSettings) -> bool:
    """Whether the window could be judged if every label came, and was one of a class: of a record's labels the last counts.

    Not so where the model itself said too little: no label makes a record comparable that has no prediction.
    """
    answered = statistics.answered
    return answered >= max(settings.min_records, 1) and answered / statistics.records >= settings.maturity.min_coverage


def why_not(statistics: QualityStatistics, settings: MonitorSettings, job: Job) -> str:
    """Why nothing can be said of the window's quality; "" when it can."""
    if not statistics.answered:
        return "no record has a prediction"
    reason = why_unlabelled(statistics.labelled, statistics.records, settings, job)
    if reason:
        return reason
    if statistics.quality.fault:
        return statistics.quality.fault
    compared = statistics.quality.count / statistics.records if statistics.records else 0.0
    minimum = settings.maturity.min_coverage
    if compared < minimum:
        told = f"{statistics.quality.count:,} of {counted(statistics.records, 'prediction')} can be compared with their label"
        odd = f"; of no use: {counted(statistics.odd, 'label')}" if statistics.odd else ""
        return f"{told} ({compared:.1%}), min_coverage is {minimum:.1%}{odd}"
    if statistics.quality.count < settings.min_records:
        count = counted(statistics.quality.count, "record")
        return f"{count} with prediction and label, fewer than min_records = {settings.min_records}"
    return ""
