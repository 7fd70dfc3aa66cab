"""The model-quality monitor as a whole: against scikit-learn, however records are cut, and when nothing can be said."""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, strategies as st
from sklearn import metrics as sk

from model_monitor.contract import JobKind, Verdict
from model_monitor.errors import BaselineError, DatasetError
from model_monitor.job.job import BaselineFiles, Job, Maturity
from model_monitor.monitors.conclusion import Outcome
from model_monitor.schema import OutputMapping, PayloadMapping, Rows, Schema, Window
from tests.labelled import MODEL_QUALITY, labelled, measured, quality_job

BINARY = quality_job()
MULTICLASS = quality_job({"problem_type": "multiclass"})
REGRESSION = quality_job({"problem_type": "regression"})
WINDOW = Window(datetime(2026, 3, 2, 4, tzinfo=UTC), datetime(2026, 3, 2, 5, tzinfo=UTC))
END = int(WINDOW.end.timestamp())

scores = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.floats(0, 1))
numbers = st.floats(-1e3, 1e3)
binary_records = st.lists(st.tuples(st.sampled_from([0, 1]), scores), min_size=1, max_size=60)
class_records = st.lists(st.tuples(*[st.sampled_from(["a", "b", "c", "7", 7, 2])] * 2), min_size=1, max_size=60)
number_records = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=60)


def values_of(rows: Rows, job: Job) -> dict[str, float]:
    values: dict[str, float] = measured(rows, job).quality.values
    return values


@given(records=binary_records)
def test_binary_metrics_are_those_of_scikit_learn(records: list[tuple[int, float]]) -> None:
    truth, score = zip(*records, strict=True)
    said = [int(value > 0.5) for value in score]
    found = values_of(labelled(truth, score=score), BINARY)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(truth, said), abs=1e-12)
    assert found["precision"] == pytest.approx(sk.precision_score(truth, said, zero_division=0), abs=1e-12)
    matrix = sk.confusion_matrix(truth, said, labels=[0, 1])
    assert measured(labelled(truth, score=score), BINARY).quality.counts.tolist() == matrix.tolist()
    majority = [int(2 * sum(truth) > len(truth))] * len(truth)
    assert found["accuracy_best_constant_classifier"] == pytest.approx(sk.accuracy_score(truth, majority), abs=1e-12)
    if sum(truth):
        assert found["recall"] == pytest.approx(sk.recall_score(truth, said), abs=1e-12)
        for name, beta in (("f0_5", 0.5), ("f1", 1.0), ("f2", 2.0)):
            assert found[name] == pytest.approx(sk.fbeta_score(truth, said, beta=beta, zero_division=0), abs=1e-12)
    else:
        assert math.isnan(found["recall"])
    if 0 < sum(truth) < len(truth):
        assert found["auc"] == pytest.approx(sk.roc_auc_score(truth, score), abs=1e-12)
    else:
        assert "auc" not in found


@given(records=class_records)
def test_multiclass_metrics_are_those_of_scikit_learn(records: list[tuple[Any, Any]]) -> None:
    truth, said = zip(*records, strict=True)
    found = values_of(labelled(truth, prediction=said), MULTICLASS)
    words = [[str(value) for value in side] for side in (truth, said)]
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(*words), abs=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, beta in (("f0_5", 0.5), ("f1", 1.0), ("f2", 2.0)):
            precision, recall, f_beta, _ = sk.precision_recall_fscore_support(
                *words, beta=beta, average="weighted", zero_division=0
            )
            assert found[f"weighted_{name}"] == pytest.approx(f_beta, abs=1e-12)
    assert found["weighted_precision"] == pytest.approx(precision, abs=1e-12)
    assert found["weighted_recall"] == pytest.approx(recall, abs=1e-12)


@given(records=number_records)
def test_regression_metrics_are_those_of_scikit_learn(records: list[tuple[float, float]]) -> None:
    truth, said = zip(*records, strict=True)
    found = values_of(labelled(truth, prediction=said), REGRESSION)
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(truth, said), rel=1e-9, abs=1e-9)
    assert found["mse"] == pytest.approx(sk.mean_squared_error(truth, said), rel=1e-9, abs=1e-9)
    assert found["rmse"] == pytest.approx(math.sqrt(sk.mean_squared_error(truth, said)), rel=1e-9, abs=1e-9)
    if np.ptp(truth) > 1e-3:
        assert found["r2"] == pytest.approx(sk.r2_score(truth, said), rel=1e-6, abs=1e-6)


# --- however the records are cut -----------------------------------------------------------------------------------------

cells = st.one_of(st.none(), st.sampled_from([0, 1, "1", "1.0", "yes"]))
rows_of_any_kind = st.lists(st.tuples(cells, cells, st.one_of(st.none(), scores)), min_size=1, max_size=60)


def chunk(records: list[tuple[Any, Any, Any]]) -> Rows:
    truth, said, score = zip(*records, strict=True) if records else ((), (), ())
    features = {"region": ["north" if cell else None for cell in said], "amount": list(score)}
    return labelled(truth, prediction=said, score=score, features=features, times=[END - 60] * len(records))


@pytest.mark.parametrize("job", [BINARY, MULTICLASS, REGRESSION], ids=["binary", "multiclass", "regression"])
@given(records=rows_of_any_kind, cuts=st.tuples(st.integers(0, 60), st.integers(0, 60)))
def test_a_whole_is_the_merge_of_its_parts_in_any_grouping(job: Job, records: list[Any], cuts: tuple[int, int]) -> None:
    low, high = sorted(cuts)
    a, b, c = (MODEL_QUALITY.profile(chunk(part), job) for part in (records[:low], records[low:high], records[high:]))
    whole = MODEL_QUALITY.profile(chunk(records), job)
    for merged in (a.merge(b).merge(c), a.merge(b.merge(c)), MODEL_QUALITY.empty(job).merge(a).merge(b).merge(c)):
        found, expected = (MODEL_QUALITY.statistics(part, job) for part in (merged, whole))
        files = [MODEL_QUALITY.files.statistics(part) for part in (found, expected)]
        said = [file["model_monitor"].pop("predictions") for file in files]
        assert [[f["name"] for f in part["features"]] for part in said] == [
            [feature.name for feature in part.predictions] for part in (expected, found)
        ]
        if job is REGRESSION:
            assert found.quality.values == pytest.approx(expected.quality.values, rel=1e-9, abs=1e-9, nan_ok=True)
        else:
            assert orjson.dumps(files[0]) == orjson.dumps(files[1])
        assert (found.records, found.answered, found.coverage) == (
            expected.records,
            expected.answered,
            expected.coverage,
        )


@pytest.mark.parametrize("job", [BINARY, MULTICLASS, REGRESSION], ids=["binary", "multiclass", "regression"])
@given(records=rows_of_any_kind)
def test_a_profile_with_labels_survives_json_exactly(job: Job, records: list[Any]) -> None:
    profile = MODEL_QUALITY.profile(chunk(records), job)
    written = orjson.dumps(profile.to_json())
    assert orjson.dumps(type(MODEL_QUALITY.empty(job)).from_json(orjson.loads(written)).to_json()) == written


@pytest.mark.parametrize("job", [BINARY, REGRESSION], ids=["binary", "regression"])
def test_deviations_are_there_from_200_records_on_and_do_not_depend_on_the_cuts(job: Job) -> None:
    random = np.random.Generator(np.random.PCG64(7))
    truth = random.integers(0, 2, 400)
    said = np.round(np.clip(truth * 0.4 + random.random(400) * 0.6, 0, 1), 6)
    whole = labelled(truth.tolist(), prediction=None if job is BINARY else said.tolist(), score=said.tolist())
    few = labelled(truth[:199].tolist(), prediction=said[:199].tolist(), score=said[:199].tolist())
    assert all(math.isnan(value) for value in measured(few, job).quality.deviations.values())
    found = measured(whole, job).quality.deviations
    parts = [
        labelled(
            truth[part].tolist(), prediction=None if job is BINARY else said[part].tolist(), score=said[part].tolist()
        )
        for part in (slice(0, 90), slice(90, 400))
    ]
    first, second = (MODEL_QUALITY.profile(part, job) for part in parts)
    assert MODEL_QUALITY.statistics(first.merge(second), job).quality.deviations == pytest.approx(found, rel=1e-9)
    checked = "accuracy" if job is BINARY else "mae"
    errors = (said > 0.5) == truth if job is BINARY else np.abs(truth - said)
    exact = errors.std(ddof=1) * math.sqrt(0.2 / 320)  # of means of 80 % without replacement
    assert 0.2 * exact < found[checked] < 3 * exact


# --- what the model said ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "options"),
    [
        (["[0.7, 0.2, 0.1]", "[0.1, 0.1, 0.8]", None], {}),
        (["[0.7, 0.2, 0.1]", "[0.1, 0.1, 0.8]", "[0.5]"], {"class_labels": [0, 1, "2"]}),
    ],
)
def test_the_highest_of_a_list_of_scores_is_the_prediction(score: list[Any], options: dict[str, Any]) -> None:
    job = quality_job({"problem_type": "multiclass", **options})
    found = measured(labelled([0, 2, 1], score=score), job)
    assert (found.answered, found.quality.count, found.quality.values["accuracy"]) == (2, 2, 1.0)


def test_labels_of_a_list_of_scores_are_those_that_are_configured() -> None:
    job = quality_job({"problem_type": "multiclass", "class_labels": ["cat", "dog"]})
    rows = labelled(["dog", "cat"], score=["[0.2, 0.8]", "[0.2, 0.8]"])
    assert measured(rows, job).quality.counts.tolist() == [[0, 1], [0, 1]]


def test_a_list_of_two_scores_is_a_binary_score() -> None:
    found = measured(labelled([1, 0, 1], score=["[0.2, 0.8]", "[0.9, 0.1]", "[0.6, 0.4]"]), BINARY)
    assert (found.quality.values["auc"], found.quality.values["recall"]) == (1.0, 0.5)


@pytest.mark.parametrize(("threshold", "recall"), [(0.5, 0.5), (0.4, 1.0)])
def test_a_score_above_the_threshold_is_the_positive_label(threshold: float, recall: float) -> None:
    job = quality_job({"probability_threshold": threshold, "positive_label": "bad"})
    found = measured(labelled(["bad", "good", "bad"], score=[0.9, 0.4, 0.5]), job).quality
    assert found.labels == ("good", "bad")
    assert found.values["recall"] == recall


def test_a_prediction_counts_before_a_score() -> None:
    found = measured(labelled([1, 1, 0], prediction=[0, None, 0], score=[0.9, 0.9, 0.9]), BINARY).quality
    assert found.counts.tolist() == [[1, 0], [1, 1]]


@pytest.mark.parametrize("forms", [["1", "0"], [1.0, 0.0], ["1.0", "0e0"], [1, 0]])
def test_labels_are_equal_in_all_their_forms(forms: list[Any]) -> None:
    assert values_of(labelled(forms, prediction=[1, 0]), BINARY)["accuracy"] == 1.0


def test_codes_of_a_csv_payload_equal_their_labels() -> None:
    rows = labelled([1, 2, 10], prediction=[1, 2, 10])  # 01, 02, 10 in the payload
    assert rows.truth is not None
    rows = replace(rows, truth=replace(rows.truth, codes=np.arange(3, dtype=np.int32), words=("01", "02", "10")))
    found = measured(rows, quality_job({"problem_type": "multiclass"})).quality
    assert found.labels == ("1", "2", "10")
    assert found.values["accuracy"] == 1.0


def test_codes_may_be_the_positive_label_and_class_labels() -> None:
    options = {"positive_label": "02", "class_labels": ["01", "02"]}
    found = values_of(labelled([1, 2], score=["[0.9, 0.1]", "[0.2, 0.8]"]), quality_job(options))
    assert (found["recall"], found["auc"]) == (1.0, 1.0)


# --- when nothing can be said ----------------------------------------------------------------------------------------------


def conclusion_of(rows: Rows, job: Job, baseline: Any = None) -> Any:
    return MODEL_QUALITY.check(measured(rows, job), baseline, job)


LATE = labelled([1, 0, None, None], score=[0.9, 0.1, 0.9, 0.1], times=[END - 60] * 4)


@pytest.mark.parametrize(
    ("job", "verdict", "told"),
    [
        (quality_job({"thresholds": {"accuracy": 0.9}}), Verdict.OK, ""),
        (quality_job({"thresholds": {"accuracy": 0.9}}, min_records=3), Verdict.INSUFFICIENT_DATA, "2 labelled .* min_records = 3"),
        (quality_job(), Verdict.INSUFFICIENT_DATA, "no baseline"),
        (
            quality_job({"thresholds": {"accuracy": 0.9}}, maturity=Maturity(min_coverage=0.8)),
            Verdict.INSUFFICIENT_DATA,
            r"2 of 4 predictions have a label \(50.0%\), min_coverage is 80.0%",
        ),
        (
            quality_job(
                {"thresholds": {"accuracy": 0.9}},
                maturity=Maturity(timedelta(days=7)),
                window=WINDOW,
                now=WINDOW.end + timedelta(days=7) - timedelta(seconds=1),
            ),
            Verdict.WAITING,
            r"2 of 4 .*labels are due at 2026-03-09T05:00:00Z",
        ),
        (
            quality_job(
                {"thresholds": {"accuracy": 0.9}},
                maturity=Maturity(timedelta(days=7)),
                window=WINDOW,
                now=WINDOW.end + timedelta(days=7),
            ),
            Verdict.OK,
            "",
        ),
        (
            quality_job({"thresholds": {"accuracy": 0.9}}, maturity=Maturity(timedelta(days=7), 0.6), window=WINDOW),
            Verdict.INSUFFICIENT_DATA,
            "labels were due at 2026-03-09T05:00:00Z",
        ),
    ],
)  # fmt: skip
def test_a_window_is_judged_once_enough_labels_have_come(job: Job, verdict: Verdict, told: str) -> None:
    found = conclusion_of(LATE, job)
    assert found.verdict is verdict
    assert re.search(told, found.reason)
    names = {metric.name for metric in MODEL_QUALITY.shown.metrics(measured(LATE, job), found, job)}
    assert "label_coverage" in names
    is_said = verdict is Verdict.OK
    assert ("violations_LessThanThreshold" in names) is is_said
    assert ("accuracy" in names) is (is_said or "no baseline" in found.reason)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (labelled([None, None], score=[0.1, 0.9]), "no label"),
        (labelled(None, score=[0.1, 0.9]), "no label: neither ground truth nor a label column"),
        (labelled([1, 0]), "no record has a prediction"),
        (labelled([1, 0], prediction=[None, None]), "no record has a prediction"),
        (labelled([1, 0, 2], prediction=[1, 0, 1]), "2 different labels, and a binary problem has one"),
        (
            labelled(["fraud", "ok", "ok"], prediction=[1, 0, 0]),
            "3 different labels (1 number and 2 words), and a binary problem has one; check positive_label and problem_type, "
            "and that labels and predictions are written alike",
        ),
        (labelled(["true", "true"], prediction=["true", "true"]), "none of them is positive (1); check positive_label"),
    ],
)
def test_nothing_is_said_where_nothing_is_known(rows: Rows, told: str) -> None:
    job = quality_job({"thresholds": {"accuracy": 0.9}})
    found = conclusion_of(rows, job)
    assert found.verdict is Verdict.INSUFFICIENT_DATA
    assert told in found.reason
    assert not found.checks


@pytest.mark.parametrize(
    ("rows", "problem_type"),
    [
        (labelled([1.0, "pending", "pending"], prediction=[1.0, 1.0, 1.0]), "regression"),
        (labelled([1, 1, 1], prediction=[1, None, None]), "binary"),
        (labelled([1, 1, 1], score=[0.9, "oops", None]), "binary"),
    ],
)
def test_labels_that_nothing_can_be_compared_with_cover_nothing(rows: Rows, problem_type: str) -> None:
    metric = {"mae": 1.0} if problem_type == "regression" else {"accuracy": 0.5}
    options = {"problem_type": problem_type, "thresholds": metric}
    found = conclusion_of(rows, quality_job(options, maturity=Maturity(min_coverage=0.9)))
    assert found.verdict is Verdict.INSUFFICIENT_DATA
    assert "1 of 3 predictions can be compared with their label (33.3%), min_coverage is 90.0%" in found.reason
    assert conclusion_of(rows, quality_job(options, maturity=Maturity(min_coverage=0.3))).verdict is Verdict.OK


def test_a_negative_label_may_be_a_text_beside_the_default_positive_one() -> None:
    rows = labelled(["1", "other"], prediction=["1", "1"])
    assert measured(rows, BINARY).quality.labels == ("other", "1")


def test_an_empty_window_has_no_data() -> None:
    assert conclusion_of(labelled([], score=[]), BINARY).verdict is Verdict.NO_DATA


def test_numbers_taken_for_labels_are_told() -> None:
    rows = labelled([float(i) for i in range(1001)], prediction=[float(i) for i in range(1001)])
    assert "is this a regression" in conclusion_of(rows, quality_job({"problem_type": "multiclass"})).reason


def test_a_required_metric_that_is_undefined_is_never_ok() -> None:
    job = quality_job({"thresholds": {"accuracy": 0.5, "auc": 0.5}})
    found = conclusion_of(labelled([1, 1], score=[0.9, 0.8]), job)
    assert found.verdict is Verdict.INSUFFICIENT_DATA
    assert "auc" in found.reason
    assert [check.outcome for check in found.checks] == [Outcome.HELD, Outcome.NOT_EVALUATED]


def test_ages_are_counted_to_the_time_of_the_run() -> None:
    rows = labelled([None, None, 1], score=[0.1, 0.2, 0.9], times=[END - 60, END - 86400, END - 60], variant="blue")
    job = quality_job(window=WINDOW, now=WINDOW.end + timedelta(days=2))
    found = MODEL_QUALITY.shown.summary(measured(rows, job), conclusion_of(rows, job))["labels"]
    assert found["unlabelled_by_age"] == {"under 7 days": 2}
    assert found["by_variant"] == {"blue": {"labelled": 1, "unlabelled": 2}}


# --- baselines and files -----------------------------------------------------------------------------------------------------


def test_a_baseline_needs_predictions_and_labels() -> None:
    job = quality_job(kind=JobKind.BASELINE)
    for rows, told in ((labelled([1]), "payload.prediction"), (labelled(None, score=[0.5]), "payload.label")):
        with pytest.raises(DatasetError, match=told):
            MODEL_QUALITY.suggest(measured(rows, job), job)


def test_thresholds_are_a_baseline_where_the_dataset_holds_no_predictions() -> None:
    job = quality_job({"thresholds": {"accuracy": 0.8}}, kind=JobKind.BASELINE)
    found = MODEL_QUALITY.suggest(measured(labelled([1, 0]), job), job)
    assert [(constraint.metric, constraint.threshold) for constraint in found.constraints] == [("accuracy", 0.8)]


@pytest.mark.parametrize("score", [None, [math.nan, None]])
def test_a_baseline_says_that_no_record_has_the_score_that_is_named(score: list[float | None] | None) -> None:
    job = quality_job(kind=JobKind.BASELINE)

    def notes(score: list[float | None] | None) -> tuple[str, ...]:
        rows = labelled([1, 0], prediction=[1, 0], score=score)
        return MODEL_QUALITY.notes(measured(rows, job), job, lambda _: "")

    assert notes(score) == (
        "no record has what payload.output.score names ('score'): auc is not learned, and no window is asked for its scores",
    )
    assert notes([0.5, None]) == ()


def test_a_named_prediction_that_no_record_has_is_told_where_scores_speak_for_it() -> None:
    job = quality_job({"thresholds": {"accuracy": 0.5}})
    spoken = conclusion_of(labelled([1, 0], score=[0.9, 0.1]), job)
    assert spoken.verdict is Verdict.OK
    assert spoken.notes == (
        "no record has what payload.output.prediction names ('prediction'): what the model predicted is read from its scores",
    )
    assert conclusion_of(labelled([1, 0], prediction=[1, None], score=[0.9, 0.1]), job).notes == ()
    unnamed = Schema(payload=PayloadMapping(output=OutputMapping(score="score")))
    without = quality_job({"thresholds": {"accuracy": 0.5}}, schema=unnamed)
    assert conclusion_of(labelled([1, 0], score=[0.9, 0.1]), without).notes == ()


def test_labels_in_two_spellings_are_told() -> None:
    job = quality_job({"problem_type": "multiclass", "thresholds": {"accuracy": 0.5}})
    (note,) = conclusion_of(labelled(["cat", "dog"], prediction=[0, 1]), job).notes
    assert "class_labels" in note
    assert not conclusion_of(labelled(["cat", "dog"], prediction=["dog", "cat"]), job).notes


def read_baseline(folder: Path, content: Any) -> Any:
    (folder / "constraints.json").write_bytes(orjson.dumps(content))
    return MODEL_QUALITY.files.load(BaselineFiles(folder / "constraints.json"))


def test_the_constraints_of_the_original_framework_work_as_they_are(tmp_path: Path) -> None:
    baseline = read_baseline(tmp_path, {"accuracy": {"threshold": 0.8}})
    found = conclusion_of(labelled([1, 0, 0], score=[0.9, 0.1, 0.9]), BINARY, baseline)
    assert [(check.subject, check.check_type, check.outcome) for check in found.violations] == [
        ("accuracy", "LessThanThreshold", Outcome.VIOLATED)
    ]


def test_thresholds_stand_above_the_baseline(tmp_path: Path) -> None:
    baseline = read_baseline(
        tmp_path,
        {"binary_classification_constraints": {"accuracy": {"threshold": 1}, "recall": {"threshold": 0.1}}},
    )
    job = quality_job({"thresholds": {"accuracy": {"threshold": 0.5}, "recall": None}})
    used = MODEL_QUALITY.files.used(baseline, job)
    assert MODEL_QUALITY.files.constraints(used) == {
        "version": 0.0,
        "binary_classification_constraints": {
            "accuracy": {"threshold": 0.5, "comparison_operator": "LessThanThreshold"}
        },
    }


def test_a_baseline_of_another_problem_is_refused(tmp_path: Path) -> None:
    baseline = read_baseline(tmp_path, {"regression_constraints": {"mae": {"threshold": 1}}})
    with pytest.raises(BaselineError, match="is of Regression"):
        MODEL_QUALITY.files.used(baseline, BINARY)


def test_curves_are_bounded_and_say_so() -> None:
    random = np.random.Generator(np.random.PCG64(1))
    rows = labelled(random.integers(0, 2, 5000).tolist(), score=random.random(5000).tolist())
    content = MODEL_QUALITY.files.statistics(measured(rows, BINARY))
    curve = content["binary_classification_metrics"]["receiver_operating_characteristic_curve"]
    assert len(curve["true_positive_rates"]) == 1000
    assert (curve["true_positive_rates"][0], curve["true_positive_rates"][-1]) == (0.0, 1.0)
    assert content["model_monitor"]["curve_points"] == {"kept": 1000, "of": 5002}


def test_a_matrix_of_many_labels_stays_out_of_the_report() -> None:
    job = quality_job({"problem_type": "multiclass"})
    for count, is_told in ((100, True), (101, False)):
        words = [f"class {i:03}" for i in range(count)]
        found = measured(labelled(words, prediction=words), job)
        told = MODEL_QUALITY.shown.summary(found, MODEL_QUALITY.check(found, None, job))
        assert (told["label_count"], told["confusion_matrix"] is not None) == (count, is_told)
        matrix = MODEL_QUALITY.files.statistics(found)["multiclass_classification_metrics"]["confusion_matrix"]
        assert len(matrix) == count


def test_only_defined_metrics_are_published() -> None:
    rows = labelled([0, 0], score=[0.1, 0.2])
    job = quality_job({"thresholds": {"accuracy": 0.5}})
    found = {
        metric.name: metric.value
        for metric in MODEL_QUALITY.shown.metrics(measured(rows, job), conclusion_of(rows, job), job)
    }
    assert "recall" not in found
    assert found["accuracy"] == found["label_coverage"] == 1.0
    assert found["violations_LessThanThreshold"] == found["violations_GreaterThanThreshold"] == 0.0
    assert all(math.isfinite(value) for value in found.values())
