"""What is said of a group: in plain words, by its margin, and never where there is nothing to compare."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from model_monitor.contract import OWN_BLOCK, Decision, Verdict
from model_monitor.monitors.conclusion import Outcome
from model_monitor.monitors.model_bias.constraints import read
from model_monitor.monitors.model_bias.monitor import MONITOR
from model_monitor.schema import Rows
from tests.bias_tables import labelled
from tests.monitor_image.monitors.model_bias.judged import (
    baseline_of,
    by_metric,
    calibrated,
    written,
)
from tests.monitor_image.monitors.model_bias.test_monitor import FAIR, UNFAIR, job_for, people


def test_a_group_that_is_treated_worse_violates_with_what_changed_in_plain_words() -> None:
    worse = calibrated(UNFAIR, baseline_of(FAIR))
    violated = {check.metric_name for check in worse.violations}
    assert violated == {"DPL", "JS", "KL", "KS", "LP", "TVD", "DPPL", "DI", "FT"}  # DI too, of which AWS says nothing
    check = by_metric(worse)["DI"]
    assert (check.observed, check.baseline) == (pytest.approx(0.4, abs=0.01), pytest.approx(0.9, abs=0.01))
    assert check.observed < check.allowance < check.baseline
    assert check.sentence == (
        "Disparate Impact 0.9000 -> 0.4000, 200 records of the group against 200 (baseline: 200 against 200)"
    )
    assert 0 < check.evidence.p_value < 1e-5
    same = calibrated(FAIR, baseline_of(FAIR))
    assert same.verdict is Verdict.OK
    assert {check.outcome for check in same.checks} == {Outcome.HELD, Outcome.NOT_EVALUATED}


def test_what_chance_explains_is_held_and_the_allowance_says_how_far_it_goes() -> None:
    baseline = baseline_of(people(0.80, 4000), methods=["DPL", "DI"])
    slightly = by_metric(calibrated(people(0.70, 200), baseline, methods=["DPL", "DI"]))["DPL"]
    assert slightly.outcome is Outcome.HELD
    assert slightly.sentence.startswith("beyond its limit, and within what sampling explains: Difference in Positive")
    assert slightly.allowed < slightly.observed < slightly.allowance
    clearly = by_metric(calibrated(people(0.2, 2000), baseline, methods=["DPL", "DI"]))
    assert clearly["DPL"].outcome is clearly["DI"].outcome is Outcome.VIOLATED


def shares(positive: float, count: int = 400) -> Rows:
    """Half of the records are of the group, of which that share is accepted, of the others six in ten; labels are as said."""
    index = np.arange(count)
    rank = (index // 2) / (count // 2)
    said = (rank < np.where(index % 2 == 1, positive, 0.6)).astype(int).tolist()
    return labelled({"sex": (index % 2).tolist(), "x": rank.tolist()}, said, said)


@pytest.mark.parametrize(("before", "after", "is_worse"), [(0.136, 0.0, True), (0.0, 0.136, False), (0.3, 0.6, False)])
def test_disparate_impact_is_judged_by_its_logarithm_and_zero_is_worst(before, after, is_worse) -> None:
    found = by_metric(calibrated(shares(after), baseline_of(shares(before), methods=["DI"]), methods=["DI"]))["DI"]
    assert (found.outcome is Outcome.VIOLATED) is is_worse
    assert found.evidence is not None
    assert found.allowance > 0


def test_a_ratio_that_became_infinite_has_an_interval_too() -> None:
    def errors(false_positives: int) -> Rows:
        sex = [0] * 100 + [1] * 100
        label = [1] * 10 + [0] * 10 + [1, 0] * 40 + [1] * 20 + [0] * false_positives + [1] * (80 - false_positives)
        said = [0] * 10 + [1] * 10 + [1, 0] * 40 + [0] * 20 + [1] * 80
        return labelled({"sex": sex, "x": list(range(200))}, label, said)

    baseline = baseline_of(errors(20), methods=["TE"])
    assert by_metric(calibrated(errors(0), baseline, methods=["TE"]))["TE"].outcome is Outcome.VIOLATED
    rare = baseline_of(errors(3), methods=["TE"])
    never = by_metric(calibrated(errors(0), rare, methods=["TE"]))["TE"]
    assert (never.observed, never.outcome) == (math.inf, Outcome.HELD)
    assert never.evidence.p_value > 0.05


def test_a_margin_says_how_much_worse_is_still_good_enough() -> None:
    baseline = baseline_of(FAIR, methods=["DPL", "DI", "LP"])
    found = by_metric(calibrated(UNFAIR, baseline, methods=["DPL", "DI", "LP"], margin=0.35))
    assert found["DPL"].allowed == pytest.approx(0.06 + 0.35, abs=1e-9)
    assert found["LP"].allowed == pytest.approx((0.06 + 0.35) * math.sqrt(2), abs=1e-9)
    assert found["DI"].allowed == pytest.approx(0.9 * math.exp(-0.35), abs=1e-9)
    assert [name for name, check in found.items() if check.outcome is Outcome.VIOLATED] == ["DI"]


def test_with_aws_the_rule_is_awss_and_nothing_is_said_of_chance() -> None:
    job = job_for(UNFAIR, margin=0.9)
    found = MONITOR.check(MONITOR.statistics(MONITOR.profile(UNFAIR, job), job), baseline_of(FAIR), job)
    check = by_metric(found)["DPL"]
    assert (check.outcome, check.evidence, check.allowed) == (Outcome.VIOLATED, None, check.baseline)
    assert by_metric(found)["DI"].outcome is Outcome.HELD


def test_small_groups_are_not_evaluated_on_either_side() -> None:
    def some(group: int) -> Rows:
        sex = [1] * group + [0] * (200 - group)
        return labelled({"sex": sex, "x": list(range(200))}, [1, 0] * 100, [1, 0] * 100)

    named = calibrated(some(9), baseline_of(some(60)))
    assert named.verdict is Verdict.INSUFFICIENT_DATA
    assert "one side of the facet has fewer than 10 records" in named.reason
    before = calibrated(some(60), baseline_of(some(9)))
    assert "one side of the baseline's facet has fewer than 10 records" in before.reason
    fewer = calibrated(some(9), baseline_of(some(60)), min_group_records=5)
    assert [check.metric_name for check in fewer.violations] == ["CI"]  # the group is rarer indeed
    towns = labelled({"town": ["A"] * 8 + ["B", "C"] * 96}, [1, 0] * 100, [1, 0] * 100)
    found = calibrated(towns, baseline_of(towns, facets=["town"], flip_test=False), facets=["town"], flip_test=False)
    assert found.verdict is Verdict.OK  # rare values that nobody named come and go
    assert [c.subject for c in found.checks if "fewer than 10" in c.description] == ["town #1"]


def test_a_metric_of_which_one_side_has_no_record_is_not_evaluated() -> None:
    found = by_metric(calibrated(FAIR, baseline_of(FAIR)))  # predictions are the labels: there are no errors
    assert found["TE"].outcome is Outcome.NOT_EVALUATED
    assert found["TE"].description == "one side of the facet has no record that it counts here"


def rarely_accepted(count: int, accepted: int) -> Rows:
    """Two sides; of all records three in two hundred are positive, and `accepted` are said to be."""
    index = np.arange(count)
    label, said = (index % 200 < 3).astype(int).tolist(), (index < accepted).astype(int).tolist()
    return labelled({"sex": (index % 2).tolist(), "x": index.tolist()}, label, said)


@pytest.mark.parametrize(
    ("count", "decision", "verdict"),
    [
        (400, Decision.CALIBRATED, Verdict.OK),
        (400, Decision.AWS, Verdict.INSUFFICIENT_DATA),
        (4000, Decision.CALIBRATED, Verdict.INSUFFICIENT_DATA),  # twenty were to be expected
    ],
)
def test_metrics_of_a_set_that_is_empty_as_expected_are_not_asked_for(count, decision, verdict) -> None:
    baseline = baseline_of(rarely_accepted(2000, 10), flip_test=False)
    job = job_for(rarely_accepted(count, 0), flip_test=False)
    job = replace(job, monitors=(replace(job.monitors[0], decision=decision),))
    rows = rarely_accepted(count, 0)
    found = MONITOR.check(MONITOR.statistics(MONITOR.profile(rows, job), job), baseline, job)
    assert found.verdict is verdict, found.reason
    missed = by_metric(found)["DPPL"]
    assert (missed.outcome, missed.description) == (Outcome.NOT_EVALUATED, "No positive labels in set")
    assert by_metric(found)["CI"].outcome is not Outcome.NOT_EVALUATED


@pytest.mark.parametrize(("label", "word"), [(0, "positive"), (1, "negative")])
@pytest.mark.parametrize("asked", [{}, {"methods": ["DPL"]}, {"methods": ["DPL", "CI", "DPPL"]}])
def test_labels_that_are_all_one_are_no_fairness(label: int, word: str, asked: dict[str, Any]) -> None:
    """Every gap of labels is 0 then, and the baseline, of which half are positive, says that it is no chance."""
    cells = {feature.name: FAIR.features[i].numbers.tolist() for i, feature in enumerate(FAIR.schema.features)}
    said = [int(FAIR.truth.words[code]) for code in FAIR.truth.codes.tolist()]
    found = calibrated(labelled(cells, [label] * len(said), said), baseline_of(FAIR, **asked), **asked)
    assert found.verdict is not Verdict.OK
    told = by_metric(found)
    for name in told.keys() & {"DPL", "KL", "KS", "LP", "JS", "TVD"}:
        assert told[name].outcome is Outcome.NOT_EVALUATED
        assert told[name].description == f"No {word} labels in set"
        assert told[name].is_required
    assert "CI" not in told or told["CI"].outcome is Outcome.HELD, "it looks at no label"
    assert "DPPL" not in told or told["DPPL"].outcome is Outcome.HELD


def test_an_analysis_of_awss_is_taken_as_it_is_and_the_windows_own_chance_counts() -> None:
    document = written(FAIR)
    del document[OWN_BLOCK]
    baseline = read(document, "analysis.json")
    assert baseline.counted == {}
    assert calibrated(people(0.85, 200), baseline).verdict is Verdict.OK
    assert {"DPL", "DI"} <= {check.metric_name for check in calibrated(UNFAIR, baseline).violations}
