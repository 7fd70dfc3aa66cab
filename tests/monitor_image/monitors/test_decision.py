"""The one rule: beyond the limit and beyond chance, within a budget for all checks of a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from model_monitor.contract import Decision, JobKind, Verdict
from model_monitor.job.job import DatasetKind, DatasetSource, FalseAlarms, Job
from model_monitor.monitors.conclusion import Check, Conclusion, Evidence, Outcome
from model_monitor.monitors.decision import SPENT, budget_of, chance_of_a_run, holm, settle
from model_monitor.monitors.dependence import discounted, sharpened

BUDGET = 4.6e-4


def check(p_value: float | None, outcome: Outcome = Outcome.VIOLATED, subject: str = "x") -> Check:
    evidence = None if p_value is None else Evidence(p_value, lambda _: 0.25)
    return Check("c", subject, outcome, 0.3, 0.1, "beyond", evidence=evidence, distance=0.3, sentence="it moved")


def conclusion(*checks: Check, decision: Decision = Decision.CALIBRATED) -> Conclusion:
    is_violated = any(each.outcome is Outcome.VIOLATED for each in checks)
    return Conclusion(Verdict.VIOLATED if is_violated else Verdict.OK, checks, decision=decision)


def test_a_budget_is_spread_over_the_windows_of_its_time():
    assert chance_of_a_run(FalseAlarms(), timedelta(hours=1)) == pytest.approx(1 / 2160)
    assert chance_of_a_run(FalseAlarms(2, timedelta(days=7)), timedelta(days=1)) == pytest.approx(2 / 7)
    assert chance_of_a_run(FalseAlarms(), None) == chance_of_a_run(FalseAlarms(), timedelta(hours=1))


def test_windows_that_one_run_judges_share_its_budget():
    job = Job(JobKind.MONITOR, DatasetSource(Path("records"), DatasetKind.CSV), Path("output"))
    assert budget_of(job) == pytest.approx(SPENT / 2160)
    assert 3 * budget_of(replace(job, windows=3)) == pytest.approx(SPENT / 2160)


def test_what_chance_explains_is_held_and_says_so():
    (settled,) = settle([conclusion(check(0.01))], BUDGET)
    (found,) = settled.checks
    assert (settled.verdict, found.outcome, found.description) == (Verdict.OK, Outcome.HELD, "")
    assert found.sentence == "beyond its limit, and within what sampling explains: it moved"
    assert (found.allowance, found.distance) == (0.3, 0.1)


@pytest.mark.parametrize(
    ("p_value", "observed", "limit", "told"),
    [
        (0.01, 0.3, 0.1, 0.3),
        (0.01, 0.0, 0.6, 0.0),
        (0.01, 0.2, 0.1, 0.25),
        (1e-9, 0.2, 0.1, 0.2),
        (1e-9, 0.3, 0.6, 0.3),
        (1e-9, 0.3, 0.1, 0.25),
    ],
)
def test_an_allowance_agrees_with_what_was_decided(p_value: float, observed: float, limit: float, told: float):
    """Of a metric that is no straight line the way back from a chance to its unit is an approximation."""
    (settled,) = settle([conclusion(replace(check(p_value), observed=observed, allowed=limit))], BUDGET)
    is_chance = p_value > BUDGET
    assert settled.checks[0].outcome is (Outcome.HELD if is_chance else Outcome.VIOLATED)
    assert settled.checks[0].allowance == told


def test_what_chance_does_not_explain_is_violated():
    (settled,) = settle([conclusion(check(1e-9))], BUDGET)
    assert settled.verdict is Verdict.VIOLATED
    assert settled.checks[0].allowance == 0.25


def test_what_is_within_its_limit_is_held_however_unlikely():
    (settled,) = settle([conclusion(check(1e-9, Outcome.HELD))], BUDGET)
    assert settled.verdict is Verdict.OK


def test_a_rule_without_chance_and_awss_rule_stay_as_they_are():
    hard, aws = conclusion(check(None)), conclusion(check(0.5), decision=Decision.AWS)
    assert settle([hard, aws], BUDGET) == [hard, aws]


def test_the_checks_of_all_monitors_are_one_family():
    alone = settle([conclusion(check(1e-5))], BUDGET)[0]
    others = conclusion(*[check(0.5, Outcome.HELD, str(number)) for number in range(99)])
    assert alone.verdict is Verdict.VIOLATED
    assert settle([conclusion(check(1e-5)), others], BUDGET)[0].verdict is Verdict.OK


def test_one_test_under_several_names_counts_once():
    others = [check(0.5, Outcome.HELD, str(number)) for number in range(99)]
    alike = [replace(each, evidence=Evidence(0.5, alike="recall")) for each in others]
    assert settle([conclusion(check(1e-5), *others)], BUDGET)[0].verdict is Verdict.OK
    assert settle([conclusion(check(1e-5), *alike)], BUDGET)[0].verdict is Verdict.VIOLATED
    of_each = [conclusion(*alike[number : number + 1]) for number in range(99)]
    assert settle([conclusion(check(1e-5)), *of_each], BUDGET)[0].verdict is Verdict.OK  # another monitor's is another


def test_a_test_under_several_names_is_violated_under_each():
    twins = [
        replace(check(1e-9, subject=name), evidence=Evidence(1e-9 * last, alike="r"))
        for name, last in (("a", 1), ("b", 1.1))
    ]
    assert len(settle([conclusion(*twins)], BUDGET)[0].violations) == 2


def test_how_far_predictions_moved_is_told_after_chance_had_its_say():
    """Whether that counts among the checks already, or waits for labels."""
    moved, jumped = check(0.5, subject="p"), check(1e-9, subject="p")
    for drift, expected in ((moved, 0.1), (jumped, 0.3)):
        for checks in ((), (drift,)):
            (settled,) = settle([replace(conclusion(*checks), drift=(drift,))], BUDGET)
            assert settled.drift_max == expected
    assert replace(conclusion(), drift=(moved,), decision=Decision.AWS).drift_max == 0.3


def test_what_could_not_be_evaluated_is_no_part_of_the_family():
    missed = [replace(check(None, Outcome.NOT_EVALUATED), description="why") for _ in range(99)]
    assert settle([conclusion(check(1e-5), *missed)], BUDGET)[0].verdict is Verdict.VIOLATED


def test_a_required_check_that_was_missed_keeps_a_demoted_monitor_from_being_ok():
    missed = replace(check(None, Outcome.NOT_EVALUATED), description="no labels", is_required=True)
    (settled,) = settle([conclusion(check(0.5), missed)], BUDGET)
    assert settled.verdict is Verdict.INSUFFICIENT_DATA
    assert "no labels" in settled.reason


def test_holm_steps_down():
    assert holm([0.01, 0.03, 0.9], 0.05) == (0.01, pytest.approx(0.025))
    assert holm([0.02, 0.01, 0.9], 0.05) == (0.02, pytest.approx(0.05))
    assert holm([0.01, 0.02, 0.03], 0.05)[0] == 0.03
    assert holm([0.5], 0.05)[0] < 0
    assert holm([], 0.05) == (-1.0, 0.05)


def test_false_violations_of_a_family_stay_within_the_budget():
    source = np.random.default_rng(2)
    runs = 4000
    found = sum(
        settle([conclusion(*[check(float(p)) for p in source.uniform(size=20)])], 0.05)[0].verdict is Verdict.VIOLATED
        for _ in range(runs)
    )
    assert 0.03 <= found / runs <= 0.06


def test_dependent_records_are_tested_as_fewer_of_them():
    """A z of 4 over sqrt(4) is a z of 2: no news. What chance allows grows with it."""
    z4, z2 = (float(stats.norm.sf(z)) for z in (4, 2))
    assert discounted(z4, 4.0) == pytest.approx(z2)
    assert sharpened(z2, 4.0) == pytest.approx(z4)
    assert discounted(z4, 1.0) == z4
    assert [discounted(p, 3.0) for p in (0.0, 1.0)] == [0, 1]
    told = replace(check(z4), evidence=Evidence(z4, lambda level: float(stats.norm.isf(level))))
    assert settle([conclusion(told)], 0.01)[0].verdict is Verdict.VIOLATED
    (settled,) = settle([conclusion(told)], 0.01, design_effect=4.0)
    assert settled.verdict is Verdict.OK
    assert settled.checks[0].allowance == pytest.approx(2 * stats.norm.isf(0.01))
    aws = conclusion(check(0.5), decision=Decision.AWS)
    assert settle([aws], BUDGET, design_effect=4.0) == [aws]


def test_the_budget_is_kept_for_groups_of_alike_records():
    """Windows of 60 groups of five equal records: a test that counts 300 errs, with a design effect of 5 it does not."""
    source, runs = np.random.default_rng(5), 600
    means = source.normal(size=(runs, 60)).mean(axis=1)
    p_values = [float(stats.norm.sf(mean * 300**0.5)) for mean in means]
    found = {
        effect: sum(
            settle([conclusion(check(p))], 0.01, design_effect=effect)[0].verdict is Verdict.VIOLATED for p in p_values
        )
        for effect in (1.0, 5.0)
    }
    assert found[1.0] / runs > 0.1
    assert found[5.0] / runs < 0.025
