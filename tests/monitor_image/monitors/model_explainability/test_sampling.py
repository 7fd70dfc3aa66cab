"""What chance explains of a ranking: errors of both sides, which features moved, and windows that are no input of the model."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from model_monitor.contract import OWN_BLOCK, Decision, JobKind, MonitoringType, Verdict
from model_monitor.errors import BaselineError
from model_monitor.job.job import BaselineFiles
from model_monitor.monitors.conclusion import Conclusion, Outcome
from model_monitor.monitors.decision import settle
from model_monitor.monitors.model_explainability import constraints as attribution
from model_monitor.monitors.model_explainability.attributions import Aggregation, Method
from model_monitor.monitors.model_explainability.ndcg import ndcg
from model_monitor.monitors.model_explainability.options import AttributionOptions
from model_monitor.monitors.model_explainability.sampling import MOST_CORRELATED, Side, evidence, spread_of
from model_monitor.monitors.tails import DrawnTail, student_reached, student_tail
from model_monitor.schema import Feature, FeatureType, Schema
from tests.monitor_image.monitors.model_explainability.test_monitor import MONITOR, Stub, asked, rows_of, run
from tests.tables import column, table

BUDGET = 1 / (90 * 24)


def settled(conclusion: Conclusion) -> Conclusion:
    return settle([replace(conclusion, decision=Decision.CALIBRATED)], BUDGET)[0]


def calibrated(rows, options, baseline) -> Conclusion:
    _, _, job = run(rows, options)
    job = replace(job, monitors=(replace(job.monitors[0], decision=Decision.CALIBRATED),))
    found = MONITOR.check(MONITOR.statistics(MONITOR.profile(rows, job), job), baseline, job)
    return settled(found)


def baseline_of(rows, options):
    statistics, _, job = run(rows, options, JobKind.BASELINE)
    written = json.loads(json.dumps(MONITOR.files.constraints(MONITOR.suggest(statistics, job))))
    assert written == MONITOR.files.statistics(statistics)
    assert set(written[OWN_BLOCK]["standard_errors"]["label0"]) == set(statistics.features)
    again = attribution.read(written, "analysis.json")
    assert MONITOR.files.constraints(again) == written
    return again


# --- tails ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("freedom", [5, 11, 30, 200])
@pytest.mark.parametrize("value", [0.0, 1.0, 3.0, 6.0])
def test_students_tail_is_near_the_exact_one(freedom, value):
    exact = stats.t(freedom).sf(value)
    assert np.log(student_tail(value, freedom)) == pytest.approx(np.log(exact), rel=0.02, abs=0.01)
    if value:
        assert student_reached(student_tail(value, freedom), freedom) == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("draw", [np.random.Generator.standard_normal, np.random.Generator.standard_exponential])
def test_a_drawn_tail_is_counted_where_it_can_be_and_hardly_too_small_far_out(draw):
    tail = DrawnTail.of(draw(np.random.default_rng(1), 20_000))
    exact = stats.norm if draw is np.random.Generator.standard_normal else stats.expon
    assert tail.chance(exact.isf(0.05)) == pytest.approx(0.05, rel=0.1)
    assert 0.2e-5 < tail.chance(exact.isf(1e-5)) < 1e-4
    assert tail.chance(exact.isf(1e-9)) > 1e-11
    assert tail.chance(tail.reached(1e-5)) == pytest.approx(1e-5)


# --- errors --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("aggregation", list(Aggregation))
def test_standard_errors_are_those_of_drawing_records_again(aggregation):
    rng = np.random.default_rng(2)
    values = rng.lognormal(size=(400, 1, 3)) * np.array([1.0, -2.0, 0.5])
    counts = np.ones(400, np.int64)
    spread = spread_of(values, counts, aggregation)
    of = {
        Aggregation.MEAN_ABS: lambda x: np.abs(x).mean(axis=0),
        Aggregation.MEAN_SQ: lambda x: (x**2).mean(axis=0),
        Aggregation.MEDIAN: lambda x: np.median(x, axis=0),
    }[aggregation]
    drawn = np.array([of(values[rng.integers(0, 400, 400), 0]) for _ in range(2000)])
    assert spread.errors[0] == pytest.approx(drawn.std(axis=0), rel=0.25 if aggregation is Aggregation.MEDIAN else 0.08)
    if spread.correlation is not None:
        assert spread.correlation[0] == pytest.approx(np.corrcoef(drawn.T), abs=0.12)


@pytest.mark.parametrize("aggregation", list(Aggregation))
def test_repeated_records_count_as_often_as_they_were_seen(aggregation):
    values = np.random.default_rng(3).normal(size=(50, 2, 3))
    counts = np.random.default_rng(4).integers(1, 5, 50)
    whole = spread_of(np.repeat(values, counts, axis=0), np.ones(counts.sum(), np.int64), aggregation)
    few = spread_of(values, counts, aggregation)
    assert few.errors == pytest.approx(whole.errors, rel=1e-9)
    if few.correlation is not None:
        assert few.correlation == pytest.approx(whole.correlation, abs=1e-9)


# --- evidence ------------------------------------------------------------------------------------------------------------


def side(values: np.ndarray) -> tuple[Side, np.ndarray | None]:
    """Of records' attributions (records, features)."""
    spread = spread_of(values[:, None, :], np.ones(len(values), np.int64), Aggregation.MEAN_ABS)
    correlation = None if spread.correlation is None else spread.correlation[0]
    return Side(np.abs(values).mean(axis=0), spread.errors[0], len(values)), correlation


MEANS = np.array([1.0, 0.95, 0.9, 0.5, 0.48, 0.1])


def records(rng: np.random.Generator, count: int, means: np.ndarray = MEANS) -> np.ndarray:
    """Skewed attributions that rise and fall together."""
    return means * rng.lognormal(sigma=0.8, size=(count, len(means))) * rng.lognormal(sigma=0.5, size=(count, 1))


@pytest.mark.parametrize("is_known", [True, False])
def test_small_chances_of_a_ranking_are_as_rare_as_they_say(is_known):
    """300 healthy windows of 50 explained records against baselines of 300: three features nearly alike change places often."""
    rng, chances = np.random.default_rng(6), []
    for _ in range(300):
        (current, correlation), (baseline, _) = side(records(rng, 50)), side(records(rng, 300))
        score = ndcg(current.values, baseline.values)
        found = evidence(score, current, baseline, correlation if is_known else None)
        assert found is not None
        chances.append(found.p_value)
    for level in (0.1, 0.02, 0.005):
        assert (np.array(chances) <= level).sum() <= stats.binom.ppf(0.999, 300, level)
    assert (np.array(chances) < 1).mean() > 0.3


def test_a_ranking_that_changed_is_beyond_any_chance():
    rng = np.random.default_rng(7)
    (current, correlation), (baseline, _) = side(records(rng, 200, MEANS[::-1])), side(records(rng, 300))
    found = evidence(ndcg(current.values, baseline.values), current, baseline, correlation)
    assert found is not None
    assert found.p_value < 1e-7
    allowed = found.allowed(1e-5)
    assert allowed is not None
    assert ndcg(current.values, baseline.values) < allowed < 1


@pytest.mark.parametrize(("gap", "deviations"), [(1.0, 2.0), (1.0, 4.0), (1.0, 6.0)])
def test_far_chances_of_two_features_that_change_places_are_the_normal_distributions(gap, deviations):
    """Of one side alone: the other is taken as it is."""
    error = gap / deviations / 2**0.5
    current = Side(np.array([10.0, 10.0 + gap]), np.array([error, error]), 10_000)
    baseline = Side(np.array([10.0 + gap, 10.0]), np.full(2, np.nan), 0)
    found = evidence(ndcg(current.values, baseline.values), current, baseline, np.eye(2))
    assert found is not None
    assert np.log10(found.p_value) == pytest.approx(np.log10(stats.norm.sf(deviations)), rel=0.08)


def test_without_errors_nobody_can_tell_and_a_baseline_without_any_is_taken_as_it_is():
    known = Side(np.array([2.0, 1.0]), np.array([0.2, 0.2]), 50)
    unknown = Side(np.array([1.0, 2.0]), np.array([np.nan, 0.2]), 50)
    assert evidence(0.8, unknown, known, None) is None
    found = evidence(0.8, known, unknown, None)
    assert found is not None
    assert found.p_value < 0.05


# --- what a run says -----------------------------------------------------------------------------------------------------


def test_a_window_that_changed_violates_and_says_which_features_moved():
    options = asked()
    baseline = baseline_of(rows_of(seed=1, count=200), options)
    assert calibrated(rows_of(seed=2), options, baseline).verdict is Verdict.OK
    moved = rows_of(a=[0.001 * (i % 5) for i in range(40)], c=[9.0 + i % 3 for i in range(40)])
    found = calibrated(moved, options, baseline)
    (check,) = found.violations
    assert check.sentence == "rank of c 3 -> 1, rank of a 1 -> 3"
    assert (check.baseline, check.observed < check.allowance < 1) == (1.0, True)
    summary = MONITOR.shown.summary(run(moved, options)[0], found)
    assert f"(ndcg by chance down to {check.allowance:.4f})" in "\n".join(MONITOR.shown.lines(summary, found))


def test_what_few_records_explain_is_held():
    """Two features that matter alike change places: below a strict threshold, and nothing that chance would not do."""
    options = replace(asked(Stub(lambda rows: rows.numbers("stub")[:, :3] @ np.ones((3, 1)))), ndcg_threshold=1.0)
    baseline = baseline_of(rows_of(seed=1, count=300), options)
    outcomes = [calibrated(rows_of(seed=seed), options, baseline).checks[0] for seed in range(2, 8)]
    assert {check.outcome for check in outcomes} == {Outcome.HELD}
    assert any(
        check.sentence.startswith("beyond its limit, and within what sampling explains: rank of") for check in outcomes
    )


def test_more_features_that_moved_than_fit_are_counted():
    before = {name: float(10 - place) for place, name in enumerate("abcdef")}
    after = {name: float(place + 1) for place, name in enumerate("abcdef")}
    told = attribution.moved(after, before, list("abcdef"))
    assert told.startswith("rank of f 6 -> 1, rank of a 1 -> 6, rank of ")
    assert told.endswith(" and 3 other features moved")
    assert attribution.moved(before, before, list("abcdef")) == ""


def test_attributions_that_the_endpoint_returned_have_errors_too():
    def answers(rng: np.random.Generator, means: list[float], count: int = 120):
        said = [column([float(cell) for cell in rng.normal(mean, 0.3, count)]) for mean in means]
        return replace(rows_of(count), attributions=tuple(said))

    options, rng = AttributionOptions(method=Method.CAPTURED), np.random.default_rng(8)
    baseline = baseline_of(answers(rng, [3.0, 2.0, 1.0]), options)
    assert baseline.errors["label0"]["a"] == pytest.approx(0.3 / 120**0.5, rel=0.2)
    assert calibrated(answers(rng, [3.0, 2.0, 1.0]), options, baseline).verdict is Verdict.OK
    (check,) = calibrated(answers(rng, [1.0, 1.5, 4.0]), options, baseline).violations
    assert check.evidence is not None
    assert check.evidence.p_value < 1e-6


def test_a_feature_that_came_or_went_is_no_sampling():
    options = asked()
    baseline = baseline_of(rows_of(seed=1, count=200), options)
    values = {"label0": {**baseline.values["label0"], "gone": 99.0}}
    (check,) = calibrated(rows_of(seed=2), options, replace(baseline, values=values)).violations
    assert check.evidence is None
    assert check.sentence.startswith("rank of gone 1 -> 4")


@pytest.mark.parametrize("content", [{"label0": {"a": "much"}}, {"label0": 3}, []])
def test_errors_that_are_none_are_refused(content):
    document = {
        "explanations": {"kernel_shap": {"label0": {"global_shap_values": {"a": 1.0}}}},
        OWN_BLOCK: {"standard_errors": content},
    }
    if content == []:
        assert attribution.read(document, "x").errors == {}
        return
    with pytest.raises(BaselineError, match="should hold a number for each feature"):
        attribution.read(document, "x")


# --- windows that are no input of the model ------------------------------------------------------------------------------


def test_text_where_the_model_takes_numbers_is_a_failed_type_check_and_no_failed_run():
    stub = Stub(lambda rows: rows.numbers("stub")[:, :1])
    rows = table({"bmi": [21.0, "overweight", 30.0], "age": [1.0, 2.0, 3.0], "c": [1.0, 2.0, 3.0]})
    statistics, conclusion, _ = run(rows, asked(stub))
    assert conclusion.verdict is Verdict.INSUFFICIENT_DATA
    assert conclusion.reason == (
        "attribution not evaluated: bmi fails its type check (text where the model takes numbers)"
    )
    assert not stub.seen
    assert statistics.used == 0


def test_several_such_features_are_named_by_their_types_where_no_row_is_known():
    stub = Stub(lambda rows: rows.numbers("stub")[:, :1])
    rows = table({name: ["x", 1.0, 2.0] for name in ("bmi", "age")} | {"town": ["x", "y", "z"]})
    typed = {"bmi": FeatureType.FRACTIONAL, "age": FeatureType.INTEGRAL, "town": FeatureType.STRING}
    rows = replace(rows, schema=Schema(tuple(Feature(name, kind) for name, kind in typed.items())))
    _, conclusion, _ = run(rows, asked(stub, baseline_rows=None))
    assert conclusion.verdict is Verdict.INSUFFICIENT_DATA
    assert "bmi, age fail their type checks" in conclusion.reason


def test_the_baselines_own_rows_say_what_is_a_number(tmp_path):
    options = asked(baseline_rows=None, clusters=2)
    statistics, _, job = run(rows_of(), options, JobKind.BASELINE)
    path = tmp_path / "analysis.json"
    path.write_text(json.dumps(MONITOR.files.constraints(MONITOR.suggest(statistics, job))))
    files = BaselineFiles(path)
    bad = rows_of(b=["much"] * 40)
    _, conclusion, _ = run(
        bad, options, baseline=MONITOR.files.load(files), baselines={MonitoringType.MODEL_EXPLAINABILITY: files}
    )
    assert conclusion.verdict is Verdict.INSUFFICIENT_DATA
    assert "b fails its type check" in conclusion.reason


def test_many_features_take_no_table_of_all_pairs(monkeypatch) -> None:
    """The numbers that are drawn are what is worked on."""
    values = np.random.default_rng(5).normal(size=(50, 1, MOST_CORRELATED + 1))
    spread = spread_of(values, np.ones(50, np.int64), Aggregation.MEAN_ABS)
    assert spread.correlation is None
    monkeypatch.setattr(np, "eye", lambda *_: pytest.fail("a table of all pairs"))
    side = Side(np.abs(values[:, 0]).mean(axis=0), spread.errors[0], 50)
    found = evidence(0.99, side, side, None)
    assert found is not None
    assert 0 < found.p_value <= 1
