"""The one rule of all monitors: violated = beyond the limit AND beyond what sampling alone explains.

Monitors say what lies beyond its limit and how likely that is by chance (`Check.evidence`). The checks of a run are one family:
the chance that any of them is violated although nothing has changed stays below the budget (Holm's step-down procedure).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from model_monitor.contract import Decision, Verdict
from model_monitor.job.job import FalseAlarms, Job
from model_monitor.monitors.conclusion import Check, Conclusion, Outcome
from model_monitor.monitors.dependence import of_dependent
from model_monitor.monitors.verdict import conclude
from model_monitor.words import BY_CHANCE

HOUR: Final = timedelta(hours=1)
SPENT: Final = (
    0.1  # of the budget: tests keep what they are given, and the rest is for what they do not know of the data
)


def chance_of_a_run(budget: FalseAlarms, window: timedelta | None) -> float:
    """The chance of a false violation that one run may have: the budget spread over the runs of its time, one a window."""
    return min(budget.count * ((window or HOUR) / budget.per), 1.0)


def budget_of(job: Job) -> float:
    """The chance of a false violation that the checks of the job's window are given: of its share of the run's, what is spent."""
    length = None if job.window is None else job.window.end - job.window.start
    return SPENT * chance_of_a_run(job.false_alarms, length) / job.windows


def settle(conclusions: Sequence[Conclusion], budget: float, design_effect: float = 1.0) -> list[Conclusion]:
    """The conclusions of a run's monitors with the rule applied to all their checks together.

    Args:
        budget: chance of a false violation of the whole run, in (0, 1].
        design_effect: of records that are not independent, at least 1.
    Checks that are the same test under several names count once.
    Conclusions that AWS's rule decides stay as they are, and so does a check without evidence.
    """
    conclusions = [_read_for(each, design_effect) for each in conclusions]
    family: dict[Hashable, float] = {}
    for monitor, conclusion in enumerate(conclusions):
        if conclusion.decision is Decision.CALIBRATED:
            for number, check in enumerate(conclusion.tested):
                if is_tested(check) and check.evidence is not None:
                    alike = check.evidence.alike
                    test = (monitor, number) if alike is None else (monitor, "alike", alike)
                    family[test] = max(family.get(test, 0.0), check.evidence.p_value)  # equal but for rounded ties
    cut, level = holm(list(family.values()), budget)
    return [_settled(each, cut, level) if each.decision is Decision.CALIBRATED else each for each in conclusions]


def _read_for(conclusion: Conclusion, design_effect: float) -> Conclusion:
    """A conclusion whose evidence is that of records with a design effect."""
    if design_effect == 1.0 or conclusion.decision is not Decision.CALIBRATED:
        return conclusion
    checks, drift = (
        tuple(
            each if each.evidence is None else replace(each, evidence=of_dependent(each.evidence, design_effect))
            for each in some
        )
        for some in (conclusion.checks, conclusion.drift)
    )
    return replace(conclusion, checks=checks, drift=drift)


def is_tested(check: Check) -> bool:
    """Whether chance has a say: it was evaluated, and somebody knows how likely it is."""
    return check.outcome is not Outcome.NOT_EVALUATED and check.evidence is not None


def holm(p_values: Sequence[float], budget: float) -> tuple[float, float]:
    """(largest p-value that is no chance, level at which the next one was compared); the first is below 0 when all are chance.

    Source: Holm (1979): the i-th smallest of K is compared with budget / (K - i + 1), and the first that is above ends it.
    """
    ordered, cut = sorted(p_values), -1.0
    for position, p_value in enumerate(ordered):
        level = budget / (len(ordered) - position)
        if p_value > level:
            return cut, level
        cut = p_value
    return cut, budget


def _settled(conclusion: Conclusion, cut: float, level: float) -> Conclusion:
    checks = tuple(_decided(check, cut, level) for check in conclusion.checks)
    drift = tuple(_decided(check, cut, level) for check in conclusion.drift)
    settled = replace(conclusion, checks=checks, drift=drift)
    if conclusion.verdict is not Verdict.VIOLATED or settled.violations:
        return settled
    again = conclude(checks)
    return replace(settled, verdict=again.verdict, reason=again.reason)


def _decided(check: Check, cut: float, level: float) -> Check:
    """A violation that chance explains is none; of every tested check it is told how far chance reaches."""
    if check.evidence is None or not is_tested(check):
        return check
    told = replace(check, allowance=_agreeing(check, cut, check.evidence.allowed(level)))
    if check.outcome is Outcome.VIOLATED and check.evidence.p_value > cut:
        distance = None if told.distance is None else min(told.distance, told.allowed or 0.0)  # so that alarms agree
        return replace(told, outcome=Outcome.HELD, description="", sentence=explained(told), distance=distance)
    return told


def _agreeing(check: Check, cut: float, allowance: float | None) -> float | None:
    """How far chance reaches: not short of an observation that it explains, and not beyond one that it does not.

    Of metrics that are no straight line the way back from a chance to the metric's own unit is an approximation.
    """
    observed, limit = check.observed, check.allowed
    if check.outcome is not Outcome.VIOLATED or check.evidence is None or None in (allowance, observed, limit):
        return allowance
    is_above, is_chance = observed > limit, check.evidence.p_value > cut  # type: ignore[operator]
    return max(allowance, observed) if is_above is is_chance else min(allowance, observed)  # type: ignore[type-var]


def explained(check: Check) -> str:
    """That a check lies beyond its limit, and that chance alone would do."""
    return f"{BY_CHANCE}{': ' + check.sentence if check.sentence else ''}"
