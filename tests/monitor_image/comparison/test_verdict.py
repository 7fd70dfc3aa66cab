"""When a challenger is better, when it is not, and when nobody knows."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from model_monitor.comparison import fairness
from model_monitor.comparison.differences import MeansGain
from model_monitor.comparison.groups import Grouping
from model_monitor.comparison.options import Options, read_options
from model_monitor.comparison.outcomes import Outcomes, Paired, Said, choosable
from model_monitor.comparison.verdict import Slice, judged
from model_monitor.contract import ProblemType
from model_monitor.errors import SettingsError
from model_monitor.monitors.model_bias.statistics import Entry
from tests.monitor_image.comparison.conftest import CONFIGURATION, answered

QUALITY = "monitors", "model_quality"


def configured(**quality):
    return {**CONFIGURATION, "monitors": {"model_quality": {"problem_type": "binary", **quality}}}


def test_a_model_that_is_right_more_often_is_better(judge, binary):
    rows, truth, random = binary
    right = random.random(600) < 0.75
    champion, challenger = answered(truth, right, random), answered(truth, right | (random.random(600) < 0.4), random)
    found = judge(rows, champion, challenger, metric="accuracy")
    assert found["verdict"] == "better"
    assert found["champion"] == pytest.approx(np.mean([c[0] == t for c, t in zip(champion, truth, strict=True)]))
    assert found["difference"] == pytest.approx(found["challenger"] - found["champion"])
    assert 0 < found["interval"][0] < found["difference"] < found["interval"][1]
    assert found["records"] == 600
    assert found["reason"].startswith(
        f"accuracy {found['challenger']:.3f} of the challenger, {found['champion']:.3f} of"
    )


def test_the_margin_has_to_be_beaten_beyond_chance_too(judge, binary):
    rows, truth, random = binary
    right = random.random(600) < 0.75
    models = answered(truth, right, random), answered(truth, right | (random.random(600) < 0.4), random)
    found = judge(rows, *models, metric="accuracy", margin=0.09)
    assert found["difference"] > 0.09 > found["interval"][0]
    assert found["verdict"] == "not_better"
    assert found["reason"].endswith("that is not better beyond a margin of 0.090")


def test_the_same_model_is_not_better_and_neither_is_a_worse_one(judge, binary):
    rows, truth, random = binary
    model = answered(truth, random.random(600) < 0.75, random)
    worse = answered(truth, random.random(600) < 0.6, random)
    assert judge(rows, model, model)["verdict"] == "not_better"
    found = judge(rows, model, worse)
    assert found["verdict"] == "not_better"
    assert found["interval"][1] < 0


def test_of_two_classes_with_scores_the_area_is_compared_else_how_often_they_are_right(judge, binary):
    rows, truth, random = binary
    model = answered(truth, random.random(600) < 0.75, random)
    assert judge(rows, model, model)["metric"] == "auc"
    labels = [(label,) for label, _ in model]
    alone = {**CONFIGURATION, "payload": {**CONFIGURATION["payload"], "output": {"prediction": 0}}}
    assert judge(rows, labels, labels, alone)["metric"] == "accuracy"


def test_too_few_records_are_never_better(judge, binary):
    rows, truth, random = binary
    champion, challenger = answered(truth, truth < 0, random), answered(truth, truth >= 0, random)
    found = judge(rows[:99], champion[:99], challenger[:99])
    assert found["verdict"] == "insufficient_data"
    assert found["reason"] == "99 records of 99 could be compared, fewer than 100"
    assert judge(rows[:100], champion[:100], challenger[:100])["verdict"] == "better"


def test_rows_without_a_label_are_not_compared(judge, binary):
    rows, truth, random = binary
    model = answered(truth, random.random(600) < 0.75, random)
    rows = [("", *row[1:]) if place % 2 else row for place, row in enumerate(rows)]
    found = judge(rows, model, model)
    assert (found["records"], found["rows"]["held_out"], found["rows"]["labelled"]) == (300, 600, 300)


def test_one_class_alone_has_no_area(judge, binary):
    rows, truth, random = binary
    model = answered(truth, random.random(600) < 0.75, random)
    found = judge([(1, *row[1:]) for row in rows], model, model)
    assert found["verdict"] == "insufficient_data"
    assert found["reason"] == "auc needs 2 records of either class"
    assert found["challenger"] is None


def test_a_challenger_that_leaves_the_hard_records_out_is_not_better(judge, binary):
    rows, truth, random = binary
    right = random.random(600) < 0.75
    champion = answered(truth, right, random)
    challenger = [said if fine else ("", "") for said, fine in zip(champion, right, strict=True)]
    found = judge(rows, champion, challenger, metric="accuracy")
    assert found["verdict"] == "not_better"
    missing = int((~right).sum())
    assert found["reason"] == f"the challenger left {missing} of 600 records unanswered, the champion 0"
    assert found["rows"]["unanswered"] == {"champion": 0, "challenger": missing}


# --- slices --------------------------------------------------------------------------------------------------------------


def test_better_as_a_whole_and_worse_somewhere_is_told_by_its_place(judge, binary):
    rows, truth, random = binary
    is_south = np.array([row[2] == "south" for row in rows])
    champion = answered(truth, random.random(600) < np.where(is_south, 0.9, 0.5), random)
    challenger = answered(truth, random.random(600) < np.where(is_south, 0.6, 0.95), random)
    found = judge(rows, champion, challenger, metric="accuracy", slices=["area"])
    assert found["verdict"] == "worse_slice"
    assert found["reason"].endswith("but it is worse for area south")
    outcomes = {each["group"]: each["outcome"] for each in found["slices"]}
    assert outcomes == {"north": "held", "south": "worse"}
    (south,) = [each for each in found["slices"] if each["group"] == "south"]
    assert south["interval"][1] < 0
    assert (
        judge(rows, champion, challenger, metric="accuracy", slices=["area"], max_slice_loss=0.5)["verdict"] == "better"
    )
    assert judge(rows, champion, challenger, metric="accuracy")["verdict"] == "better"


def test_numbers_are_cut_into_quarters_or_halves_and_small_groups_are_not_judged(judge, binary):
    rows, truth, random = binary
    model = answered(truth, random.random(600) < 0.75, random)
    found = judge(rows, model, model, slices=["size"])
    assert [each["records"] for each in found["slices"]] == [150] * 4
    assert found["slices"][0]["group"].startswith("(-Infinity, ")
    assert len(judge(rows, model, model, slices=["size"], min_slice_records=200)["slices"]) == 2
    few = [(*row[:2], "west") if place < 20 else row for place, row in enumerate(rows)]
    (west,) = [each for each in judge(few, model, model, slices=["area"])["slices"] if each["group"] == "west"]
    assert (west["outcome"], west["reason"]) == ("not_judged", "fewer than 30 records")


def gain_of(deviations: float) -> Paired:
    return Paired(0.8, 0.8, MeansGain(deviations * 0.01, 0.01, 1000, 100_000))


def test_many_slices_share_the_chance_of_a_false_loss():
    """Holm: of four slices at 5 % the least likely is held to 1.25 %, the next to 1.67 %, and so on until one holds."""
    slices = [
        Slice("f", name, 100, gain_of(value)) for name, value in (("a", -2.3), ("b", -2.2), ("c", -1.5), ("d", 1))
    ]
    told = {each.group: each for each in judged(iter(slices), Options())}
    assert {name for name, each in told.items() if each.is_worse} == {"a", "b"}
    assert told["a"].confidence == pytest.approx(1 - 2 * 0.05 / 4)
    alone = [Slice("f", name, 100, gain_of(value)) for name, value in (("a", -2.1), ("b", 0), ("c", 0), ("d", 1))]
    assert not any(each.is_worse for each in judged(iter(alone), Options())), "1.8 % is no evidence among four"


def test_a_value_of_many_is_no_group():
    numbers = np.full(300, np.nan)
    words = tuple(f"id-{place}" for place in range(300))
    assert list(Grouping(numbers, np.arange(300), words).groups(1)) == []


# --- other problems -------------------------------------------------------------------------------------------------------


def test_several_classes_are_compared_by_their_labels(judge):
    random = np.random.default_rng(2)
    truth = random.choice(["spruce", "pine", "aspen"], 500)
    champion = np.where(random.random(500) < 0.6, truth, "pine")
    challenger = np.where(random.random(500) < 0.9, truth, "pine")
    payload = {**CONFIGURATION["payload"], "output": {"prediction": "label"}}
    configuration = {**configured(problem_type="multiclass"), "payload": payload}
    rows = [(label, 1, "a") for label in truth.tolist()]
    said = [
        "".join(json.dumps({"label": label}) + "\n" for label in model.tolist()) for model in (champion, challenger)
    ]
    found = judge(rows, *said, configuration)
    assert (found["verdict"], found["metric"]) == ("better", "accuracy")
    assert found["challenger"] == pytest.approx((challenger == truth).mean())
    weighted = judge(rows, *said, configuration, metric="weighted_f1")
    assert weighted["verdict"] == "better"
    assert weighted["challenger"] == pytest.approx(found["metrics"]["challenger"]["weighted_f1"]["value"])


@pytest.mark.parametrize("metric", ["mae", "mse", "rmse", "r2"])
def test_of_numbers_smaller_errors_are_better(judge, metric):
    random = np.random.default_rng(8)
    truth = random.normal(10, 4, 400)
    champion, challenger = truth + random.normal(0, 2, 400), truth + random.normal(0, 1, 400)
    payload = {**CONFIGURATION["payload"], "output": {"prediction": 0}}
    configuration = {**configured(problem_type="regression"), "payload": payload}
    rows = [(value, 1, "a") for value in truth.tolist()]
    models = [[(value,) for value in model.tolist()] for model in (champion, challenger)]
    found = judge(rows, *models, configuration, metric=metric)
    assert found["verdict"] == "better"
    assert found["better_when"] == ("greater" if metric == "r2" else "less")
    assert (found["difference"] > 0) == (metric == "r2")
    assert found["interval"][0] < found["difference"] < found["interval"][1]
    for name in ("champion", "challenger"):
        assert found[name] == pytest.approx(found["metrics"][name][metric]["value"])
    assert judge(rows, *models[::-1], configuration, metric=metric)["verdict"] == "not_better"


@pytest.mark.parametrize("metric", [name for name in choosable(ProblemType.BINARY) if "constant" not in name])
def test_every_metric_of_a_binary_problem_is_as_the_monitor_measures_it(judge, binary, metric):
    rows, truth, random = binary
    right = random.random(600) < 0.7
    models = answered(truth, right, random), answered(truth, right | (random.random(600) < 0.6), random)
    found = judge(rows, *models, metric=metric)
    assert found["verdict"] == "better"
    for name in ("champion", "challenger"):
        assert found[name] == pytest.approx(found["metrics"][name][metric]["value"])
    is_less = metric in ("false_positive_rate", "false_negative_rate")
    assert (found["difference"] < 0) == is_less
    assert found["better_when"] == ("less" if is_less else "greater")


def test_bias_of_the_facets_is_told_of_both_models(judge, binary):
    rows, truth, random = binary
    is_south = np.array([row[2] == "south" for row in rows])
    champion = answered(truth, random.random(600) < 0.8, random)
    unfair = [(1, 0.9) if south else said for south, said in zip(is_south.tolist(), champion, strict=True)]
    bias = {"facets": [{"name": "area", "values": ["south"]}], "label_values": [1]}
    configuration = {**CONFIGURATION, "monitors": {**CONFIGURATION["monitors"], "model_bias": bias}}
    (group,) = judge(rows, champion, unfair, configuration)["bias"]["area"]
    (dppl,) = [each for each in group["metrics"] if each["name"] == "DPPL"]
    shares = [
        [np.mean([said[0] for said in np.array(model)[is_south == side]]) for side in (False, True)]
        for model in (champion, unfair)
    ]
    assert dppl["champion"] == pytest.approx(shares[0][0] - shares[0][1])
    assert dppl["challenger"] == pytest.approx(shares[1][0] - shares[1][1])
    assert judge(rows, champion, champion)["bias"] is None


BIAS = {"facets": [{"name": "area", "values": ["south"]}], "label_values": [1]}
BIASED = {**CONFIGURATION, "monitors": {**CONFIGURATION["monitors"], "model_bias": BIAS}}


@pytest.fixture
def unequal(binary):
    """Rows, whose are of the south, and two models: the champion, and one that is right more often but favours the south."""
    rows, truth, random = binary
    is_south = np.array([row[2] == "south" for row in rows])
    right = random.random(600) < 0.7
    champion = answered(truth, right, random)
    better = answered(truth, right | (random.random(600) < 0.7), random)
    favours = [(1, 0.9) if south else said for south, said in zip(is_south.tolist(), better, strict=True)]
    return rows, is_south, champion, better, favours


def test_a_better_model_that_is_less_fair_is_not_promoted(judge, unequal):
    rows, is_south, champion, better, favours = unequal
    assert judge(rows, champion, favours, BIASED, metric="accuracy")["verdict"] == "better", "nobody named a facet"
    found = judge(rows, champion, favours, BIASED, metric="accuracy", facets=["area"], max_bias_loss=0.02)
    assert found["verdict"] == "worse_bias"
    assert found["reason"].endswith("; but it is less fair by DPPL of area south")
    (told,) = found["fairness"]
    shares = [
        np.subtract(*(np.mean([said[0] for said in np.array(model)[is_south == side]]) for side in (False, True)))
        for model in (champion, favours)
    ]
    assert (told["champion"], told["challenger"]) == pytest.approx(tuple(shares))
    assert told["loss"] == pytest.approx(abs(shares[1]) - abs(shares[0]))
    assert (told["outcome"], told["records"]) == ("worse", int(is_south.sum()))
    held = judge(rows, champion, better, BIASED, metric="accuracy", facets=["area"], max_bias_loss=0.02)
    assert (held["verdict"], held["fairness"][0]["outcome"]) == ("better", "held")


def test_a_loss_that_is_allowed_or_that_chance_explains_is_none(judge, unequal):
    rows, _, champion, _, favours = unequal
    judged = judge(rows, champion, favours, BIASED, metric="accuracy", facets=["area"], max_bias_loss=0.9)
    assert judged["verdict"] == "better"
    few = judge(rows, champion, favours, BIASED, metric="accuracy", facets=["area"], min_slice_records=590)
    assert few["verdict"] == "better"
    assert few["fairness"][0]["reason"] == "one side of the facet has fewer than 590 records"


@pytest.mark.parametrize("metric", ["DI", "RD", "AD"])
def test_every_metric_of_bias_is_as_the_monitor_measures_it(judge, unequal, metric):
    rows, _, champion, better, _ = unequal
    found = judge(rows, champion, better, BIASED, metric="accuracy", facets=["area"], bias_metrics=[metric])
    (told,) = found["fairness"]
    (monitored,) = [each for each in found["bias"]["area"][0]["metrics"] if each["name"] == metric]
    assert told["champion"] == pytest.approx(monitored["champion"])
    assert told["challenger"] == pytest.approx(monitored["challenger"])


def test_equal_models_are_seldom_told_less_fair():
    """Of models that are equally fair, and differ, at most one in twenty is called worse."""
    source = np.random.default_rng(11)
    options, worse = Options(facets=("area",)), 0
    for _ in range(200):
        said = source.random((2, 400)) < 0.5  # what either says has nothing to do with the facet
        counts = np.zeros((2, 1, 2, 2, 2), np.int64)
        np.add.at(counts, (said[1] * 1, 0, source.integers(0, 2, 400), source.integers(0, 2, 400), said[0] * 1), 1)
        entry = Entry("area", "south", "south", is_configured=True, is_threshold=False)
        (found,) = fairness._judged([fairness._measured(entry, counts, "DPPL", options)], options)
        worse += found.is_worse
    assert worse <= 20


def test_facets_that_nobody_declared_are_refused(judge, unequal):
    rows, _, champion, better, _ = unequal
    with pytest.raises(SettingsError, match="'size' is no facet"):
        judge(rows, champion, better, BIASED, facets=["size"])
    with pytest.raises(SettingsError, match="has no monitors"):
        judge(rows, champion, better, facets=["area"])
    with pytest.raises(SettingsError, match="'FT' is no metric of what models say"):
        judge(rows, champion, better, BIASED, facets=["area"], bias_metrics=["FT"])


# --- how often equal models are told apart -----------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["accuracy", "auc", "f1", "precision"])
def test_of_equal_models_few_are_promoted(metric):
    """600 pairs of models that are equally good at 200 records: fewer than 1 - confidence are better."""
    random, runs, size = np.random.default_rng(17), 600, 200
    promoted = 0
    for _ in range(runs):
        truth = (random.random(size) < 0.3).astype(np.int64)
        shared = random.normal(truth * 1.2, 1)
        scores = shared + random.normal(0, 0.8, (2, size))
        models = [Said((each > 1.0).astype(np.int64), each) for each in scores]
        paired = Outcomes(ProblemType.BINARY, ("0", "1"), truth, *models).paired(metric)
        assert isinstance(paired, Paired)
        promoted += paired.gain.interval(0.9)[0] > 0
    assert 0.005 < promoted / runs < 0.1


@pytest.mark.parametrize("metric", ["mae", "rmse", "r2"])
def test_of_equal_regressions_few_are_promoted(metric):
    random, runs, size = np.random.default_rng(19), 600, 100
    promoted = 0
    for _ in range(runs):
        truth = random.normal(0, 2, size)
        nothing = np.zeros(size, np.int64)
        models = [Said(nothing, truth + random.standard_t(5, size)) for _ in range(2)]
        paired = Outcomes(ProblemType.REGRESSION, (), truth, *models).paired(metric)
        assert isinstance(paired, Paired)
        promoted += paired.gain.interval(0.9)[0] > 0
    assert 0.005 < promoted / runs < 0.1


# --- options -------------------------------------------------------------------------------------------------------------


def test_wrong_options_are_told_at_once():
    with pytest.raises(SettingsError) as told:
        read_options({"metric": "acuracy", "margin": -1, "confidence": 1.5, "slice": ["a"]}, ProblemType.BINARY)
    message = str(told.value)
    for fault in ("did you mean 'accuracy'?", "options.margin: should be a number of at least 0", "between 0 and 1"):
        assert fault in message
    assert "comparison.options.slice: is unknown" in message


@pytest.mark.parametrize("value", [True, math.inf, "a lot"])
def test_a_margin_is_a_number(value):
    with pytest.raises(SettingsError, match="at least 0"):
        read_options({"margin": value}, ProblemType.BINARY)


@pytest.mark.parametrize(("name", "told"), [("colour", "is no feature"), ("area", "is restricted")])
def test_a_slice_is_a_feature_whose_values_may_be_told(judge, binary, name, told):
    rows, truth, random = binary
    model = answered(truth, truth >= 0, random)
    features = [{"name": "size"}, {"name": "area", "type": "String", "privacy": "restricted"}]
    configuration = {**CONFIGURATION, "payload": {**CONFIGURATION["payload"], "features": features}}
    with pytest.raises(SettingsError, match=told):
        judge(rows, model, model, configuration, slices=[name])
