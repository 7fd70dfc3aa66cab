"""How far chance explains a metric of a window: against the baseline, a sample too, or against a limit that somebody gave."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from model_monitor.contract import CHECK_GREATER, ProblemType
from model_monitor.monitors import chance
from model_monitor.monitors.conclusion import Evidence
from model_monitor.monitors.model_quality import standard_errors
from model_monitor.monitors.model_quality.metrics import Quality
from model_monitor.monitors.model_quality.residuals import Residuals, Sizes
from model_monitor.monitors.model_quality.scores import Scores
from model_monitor.monitors.permutation import greater
from model_monitor.monitors.tails import student_reached, student_tail
from model_monitor.monitors.thresholds import QualityConstraint
from model_monitor.words import counted

FEWEST: Final = 10  # records below which a metric that is no plain share is not judged
SCORES_COMPARED: Final = 512  # different scores of both samples
SAME_TEST: Final = {  # metric → the one that gets worse with it, whatever the records
    "true_positive_rate": "recall",
    "false_negative_rate": "recall",
    "false_positive_rate": "true_negative_rate",
    "weighted_recall": "accuracy",
    "rmse": "mse",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A window's metrics beside a baseline's, of one type of problem. then: None where the baseline's counts are not known."""

    now: Quality
    then: Quality | None
    type: ProblemType

    def is_against_baseline(self, constraint: QualityConstraint) -> bool:
        """Whether the limit is the baseline's own and its records are known; else the limit is taken as exact."""
        if constraint.is_required or self.then is None or not math.isfinite(self.baseline(constraint.metric)):
            return False
        name, then = constraint.metric, self.then
        if name == "auc":
            return bool(then.scores.keys.size)
        return bool(then.residuals.truth.count if self.type is ProblemType.REGRESSION else then.labels)

    def baseline(self, metric: str) -> float:
        """The baseline's value of a metric; NaN where it has none."""
        return math.nan if self.then is None else self.then.values.get(metric, math.nan)

    def why_untold(self, constraint: QualityConstraint, budget: float) -> str:
        """Why a change of a metric could not be told from chance whatever the window held; "" when it could."""
        name = constraint.metric
        if name not in self.now.sizes:
            return ""
        size, known = self.now.sizes[name], FEWEST
        if self.then is not None and self.is_against_baseline(constraint):
            known = self.then.sizes.get(name, 0)
        is_told = min(size, known) >= FEWEST
        if self._is_share(name):
            is_told = size > 0 and self._worst(constraint) <= budget
        of_baseline = " of the baseline" if not is_told and known < min(size, FEWEST) else ""
        few = counted(known if of_baseline else size, "record")
        return "" if is_told else f"{name} rests on {few}{of_baseline}, too few to tell a change from chance"

    def _is_share(self, metric: str) -> bool:
        return self.type is not ProblemType.REGRESSION and metric in _shares(self.now, self.type)

    def _worst(self, constraint: QualityConstraint) -> float:
        """How likely the worst share is that a window of this size can have; 0 against a limit that somebody gave."""
        if self.then is None or not self.is_against_baseline(constraint):
            return 0.0
        size = _shares(self.now, self.type)[constraint.metric][1]
        known = _shares(self.then, self.type)[constraint.metric]
        return _of_shares((size if _is_greater(constraint) else 0, size), known, constraint).p_value

    def evidence(self, constraint: QualityConstraint) -> Evidence | None:
        """How likely a metric so far beyond is although nothing has changed; None where nobody can tell."""
        if constraint.metric not in self.now.sizes:
            return None
        if self.then is None or not self.is_against_baseline(constraint):
            return self._against_limit(constraint)
        found, name = self._against_baseline(constraint, self.then), constraint.metric
        return None if found is None else replace(found, alike=SAME_TEST.get(name, name))

    def _against_limit(self, constraint: QualityConstraint) -> Evidence | None:
        name = constraint.metric
        if self._is_share(name):
            hits, size = _shares(self.now, self.type)[name]
            limit = min(max(constraint.threshold, 0.0), 1.0)
            if _is_greater(constraint):
                return chance.more_often_than(hits, size, limit)
            return _mirrored(chance.more_often_than(size - hits, size, 1.0 - limit))
        error, size = self.now.errors.get(name, math.nan), self.now.sizes[name]
        if self.type is not ProblemType.REGRESSION:
            error = max(error, 1.0 / max(size, 1))  # nothing that records share is known more finely
        return _student(self.now.values[name], constraint.threshold, error, size - 1, constraint)

    def _against_baseline(self, constraint: QualityConstraint, then: Quality) -> Evidence | None:
        name = constraint.metric
        if name == "auc":
            return self._of_areas(constraint, then)
        if self.type is ProblemType.REGRESSION:
            return self._of_errors(constraint, then)
        found = _shares(self.now, self.type)
        if name in found:
            return _of_shares(found[name], _shares(then, self.type)[name], constraint)
        current, baseline = _aligned(self.now, then, self.type)
        influence = standard_errors.influences(current + baseline, self.type).get(name)
        return None if influence is None else self._permuted(constraint, influence, current, baseline)

    def _of_areas(self, constraint: QualityConstraint, then: Quality) -> Evidence:
        """By the weaker of two, a pack of both samples and their own errors: scores that all moved, which leaves their order, make
        no pack, and of few records that are nearly in order an error says too little."""
        found, name = self._permuted(constraint, *_areas(self.now.scores, then.scores)), constraint.metric
        error = math.hypot(self.now.errors.get(name, math.nan), then.errors.get(name, math.nan))
        freedom = min(self.now.sizes[name], then.sizes[name]) - 1
        apart = _student(self.now.values[name], self.baseline(name), error, freedom, constraint)
        return found if apart is None else _weaker(found, apart, constraint)

    def _of_errors(self, constraint: QualityConstraint, then: Quality) -> Evidence | None:
        if constraint.metric == "r2":
            grown = self._of_errors(QualityConstraint("mse", self.baseline("mse"), CHECK_GREATER), then)
            return None if grown is None else _explained(self.now, then, constraint, grown)
        ours, theirs = self.now.residuals.sizes.counts, then.residuals.sizes.counts
        steps = sorted(ours.keys() | theirs.keys())
        current, baseline = (np.array([counts.get(step, 0) for step in steps]) for counts in (ours, theirs))
        values = Sizes.values(steps)
        if constraint.metric == "mae":
            return self._permuted(constraint, values, current, baseline)
        with np.errstate(over="ignore"):
            values = values**2
        mean = float((current + baseline) @ values / (current + baseline).sum())
        slope = 1.0 if constraint.metric == "mse" or not mean else 1 / (2 * math.sqrt(mean))
        return self._permuted(constraint, values, current, baseline, slope)

    def _permuted(
        self,
        constraint: QualityConstraint,
        values: np.ndarray,
        current: np.ndarray,
        baseline: np.ndarray,
        slope: float = 1.0,
    ) -> Evidence:
        """Of the cells that hold any record."""
        is_seen = (current + baseline) > 0
        sign = 1.0 if _is_greater(constraint) else -1.0
        start = self.baseline(constraint.metric)
        found = greater(
            sign * values[is_seen],
            current[is_seen],
            baseline[is_seen],
            shift=sign * (self.now.values[constraint.metric] - start),
            start=sign * start,
            slope=slope,
        )
        return Evidence(found.p_value, _signed(found.allowed, sign))


def _is_greater(constraint: QualityConstraint) -> bool:
    return constraint.operator == CHECK_GREATER


def _shares(quality: Quality, type_: ProblemType) -> dict[str, standard_errors.Hits]:
    return standard_errors.shares(quality.counts, type_)


def _of_shares(now: standard_errors.Hits, then: standard_errors.Hits, constraint: QualityConstraint) -> Evidence:
    if not (now[1] and then[1]):
        return Evidence(1.0)
    if _is_greater(constraint):
        return chance.more_often(*now, *then)
    return _mirrored(chance.more_often(now[1] - now[0], now[1], then[1] - then[0], then[1]))


def _weaker(one: Evidence, other: Evidence, constraint: QualityConstraint) -> Evidence:
    """What both say: the larger chance, and the limit that is farther away."""
    farther = max if _is_greater(constraint) else min

    def allowed(level: float) -> float | None:
        found = [limit for each in (one, other) if (limit := each.allowed(level)) is not None]
        return farther(found) if len(found) == len((one, other)) else None

    return Evidence(max(one.p_value, other.p_value), allowed)


def _mirrored(evidence: Evidence) -> Evidence:
    """Of a share that gets worse when it falls, told by the share of what is missing."""

    def allowed(level: float) -> float | None:
        found = evidence.allowed(level)
        return None if found is None else 1.0 - found

    return Evidence(evidence.p_value, allowed)


def _signed(allowed: Callable[[float], float | None], sign: float) -> Callable[[float], float | None]:
    def signed(level: float) -> float | None:
        found = allowed(level)
        return None if found is None else sign * found

    return signed


def _aligned(now: Quality, then: Quality, type_: ProblemType) -> tuple[np.ndarray, np.ndarray]:
    """Both confusion matrices over the same labels; the two of a binary problem stand in their order."""
    if type_ is ProblemType.BINARY:
        return now.counts, then.counts
    labels = list(dict.fromkeys((*then.labels, *now.labels)))
    place = {label: position for position, label in enumerate(labels)}
    found = []
    for quality in (now, then):
        counts, where = np.zeros((len(labels), len(labels)), np.int64), [place[label] for label in quality.labels]
        counts[np.ix_(where, where)] = quality.counts
        found.append(counts)
    return found[0], found[1]


def _areas(now: Scores, then: Scores) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(influence, current, baseline), each by class and score, of scores that both samples have in common."""
    both = now.merge(then).within(SCORES_COMPARED)
    influence = standard_errors.area_influences(both.negatives, both.positives)
    return influence, now.table(both), then.table(both)


def _explained(now: Quality, then: Quality, constraint: QualityConstraint, grown: Evidence) -> Evidence | None:
    """Of r2, which falls when errors grow or when the truth varies less: one of the two has to be no chance, and the fall itself.

    Args:
        grown: that squared errors grew, which holds for heavy tails, too; standard errors alone do not.
    """
    value, before = now.values["r2"], then.values["r2"]
    ours, theirs = now.residuals, then.residuals
    fall = _apart(value, before, standard_errors.explained_spread, ours, theirs, constraint)
    if fall is None or _is_greater(constraint):
        return fall
    spreads = [sums.truth.m2 / sums.truth.count for sums in (ours, theirs)]
    narrower = _apart(spreads[0], spreads[1], standard_errors.truth_spread, ours, theirs, constraint)
    cause = min(1.0, 2 * min(grown.p_value, 1.0 if narrower is None else narrower.p_value))

    def allowed(level: float) -> float | None:
        reached = fall.allowed(level)
        return reached if reached is None or cause <= level else min(reached, value)

    return Evidence(max(fall.p_value, cause), allowed)


def _apart(
    value: float,
    before: float,
    spread: Callable[[Residuals], float],
    now: Residuals,
    then: Residuals,
    constraint: QualityConstraint,
) -> Evidence | None:
    """By the larger standard error of what the samples say apart and together, so that the outliers of neither are missed.

    Args:
        spread: the variance of a record's influence on the value.
    """
    n, m = now.truth.count, then.truth.count
    apart, together = spread(now) / n + spread(then) / m, spread(now.merge(then)) * (1 / n + 1 / m)
    return _student(value, before, math.sqrt(max(apart, together)), min(n, m) - 1, constraint)


def _student(value: float, start: float, error: float, freedom: int, constraint: QualityConstraint) -> Evidence | None:
    """That a metric is beyond `start` by so many standard errors."""
    if not math.isfinite(error) or freedom < 1:
        return None
    sign = 1.0 if _is_greater(constraint) else -1.0
    gap = sign * (value - start)
    if not error:
        return Evidence(0.0 if gap > 0 else 1.0, lambda _: start)

    return Evidence(
        student_tail(gap / error, freedom), lambda level: start + sign * error * student_reached(level, freedom)
    )
