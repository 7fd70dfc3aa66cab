"""Baselines, thresholds and files: what is refused, what stands above what, what stays out of a report."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from model_monitor.contract import JobKind, Verdict
from model_monitor.errors import BaselineError, DatasetError
from model_monitor.job.job import BaselineFiles
from model_monitor.monitors.conclusion import Outcome
from model_monitor.schema import OutputMapping, PayloadMapping, Schema
from tests.labelled import MODEL_QUALITY, labelled, measured, quality_job
from tests.monitor_image.monitors.model_quality.test_monitor import (
    BINARY,
    conclusion_of,
)


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
