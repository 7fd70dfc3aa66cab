"""What a baseline job writes of its quality is what a window is compared with; AWS's own file gives its confusion matrix."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from model_monitor.contract import OWN_BLOCK, Decision, ProblemType, Verdict
from model_monitor.errors import BaselineError
from model_monitor.job.job import BaselineFiles, Job
from model_monitor.monitors.conclusion import Conclusion, Outcome
from model_monitor.monitors.model_quality.baseline import read_quality
from model_monitor.monitors.model_quality.shown import lines, summary
from model_monitor.schema import Rows
from tests.labelled import MODEL_QUALITY, labelled, measured, quality_job

TYPES = {"binary": {}, "multiclass": {"problem_type": "multiclass"}, "regression": {"problem_type": "regression"}}


def rows(seed: int, size: int, kind: str, *, noise: float = 0.3) -> Rows:
    random = np.random.Generator(np.random.PCG64(seed))
    if kind == "binary":
        truth = random.integers(0, 2, size)
        return labelled(
            truth.tolist(), score=np.clip(truth * 0.4 + random.random(size) * 0.6 + noise - 0.3, 0, 1).tolist()
        )
    if kind == "multiclass":
        words = np.array(["fir", "oak", "elm"])
        truth = random.integers(0, 3, size)
        said = np.where(random.random(size) < noise, random.integers(0, 3, size), truth)
        return labelled(words[truth].tolist(), prediction=words[said].tolist())
    numbers = random.normal(0, 1, size)
    return labelled(numbers.tolist(), prediction=(numbers + random.normal(0, noise, size)).tolist())


def calibrated(kind: str) -> Job:
    job = quality_job(TYPES[kind])
    return replace(job, monitors=tuple(replace(each, decision=Decision.CALIBRATED) for each in job.monitors))


def written(rows: Rows, job: Job, folder: Path) -> BaselineFiles:
    statistics = measured(rows, job)
    files = BaselineFiles(folder / "constraints.json", folder / "statistics.json")
    assert files.constraints is not None
    assert files.statistics is not None
    constraints = MODEL_QUALITY.files.constraints(MODEL_QUALITY.suggest(statistics, job))
    files.constraints.write_bytes(orjson.dumps(constraints))
    files.statistics.write_bytes(orjson.dumps(MODEL_QUALITY.files.statistics(statistics)))
    return files


def check(now: Rows, then: Rows, kind: str, folder: Path) -> Conclusion:
    job = calibrated(kind)
    baseline = MODEL_QUALITY.files.load(written(then, job, folder))
    found: Conclusion = MODEL_QUALITY.check(measured(now, job), baseline, job)
    return found


def test_scores_on_another_scale_are_no_worse_an_area(tmp_path: Path) -> None:
    """All of them moved, so that no pack of both samples holds: the errors that the files tell have to keep it from alarm."""
    then = rows(0, 2000, "binary")
    found = []
    for seed in range(1, 13):
        now = rows(seed, 300, "binary")
        assert now.score is not None
        scaled = replace(now, score=replace(now.score, numbers=now.score.numbers / 100))
        (area,) = [each for each in check(scaled, then, "binary", tmp_path).checks if each.subject == "auc"]
        found.append(area)
    assert any(area.observed < area.baseline for area in found)  # type: ignore[operator]
    assert min(area.evidence.p_value for area in found if area.evidence is not None) > 1e-3


@pytest.mark.parametrize("kind", TYPES)
def test_counts_and_errors_survive_the_file(kind: str, tmp_path: Path) -> None:
    job = calibrated(kind)
    whole = measured(rows(1, 500, kind), job).quality
    baseline = MODEL_QUALITY.files.load(written(rows(1, 500, kind), job, tmp_path))
    found = baseline.quality_of(job_type(kind))
    assert baseline.quality_of(next(each for each in ProblemType if each is not job_type(kind))) is None
    assert (found.labels, found.counts.tolist(), found.sizes) == (whole.labels, whole.counts.tolist(), whole.sizes)
    assert found.residuals == whole.residuals
    assert found.values == pytest.approx(whole.values)
    assert (found.scores.negatives.sum(), found.scores.positives.sum()) == (
        whole.scores.negatives.sum(),
        whole.scores.positives.sum(),
    )
    own = orjson.loads((tmp_path / "statistics.json").read_bytes())[OWN_BLOCK]
    known = {name for name, error in whole.errors.items() if np.isfinite(error)}
    assert {name: own["standard_errors"][name] for name in known} == {name: whole.errors[name] for name in known}
    assert own["record_counts"] == whole.sizes


def job_type(kind: str) -> ProblemType:
    return next(each for each in ProblemType if each.lower().startswith(kind))


@pytest.mark.parametrize("kind", TYPES)
def test_a_window_as_good_as_the_baseline_is_within_chance_and_a_bad_one_is_told(kind: str, tmp_path: Path) -> None:
    then = rows(1, 2000, kind)
    healthy, bad = (check(each, then, kind, tmp_path) for each in (rows(2, 320, kind), rows(3, 320, kind, noise=0.9)))
    assert all(each.evidence is not None for each in healthy.checks)
    beyond = [each for each in healthy.checks if each.outcome is Outcome.VIOLATED]
    assert all(each.evidence is not None and each.evidence.p_value > 1e-3 for each in beyond)
    worst = [each for each in bad.checks if each.evidence is not None and each.evidence.p_value < 1e-5]
    assert worst
    assert all(each.outcome is Outcome.VIOLATED for each in worst)


def test_a_violation_says_what_it_was_and_is_in_its_own_terms(tmp_path: Path) -> None:
    found = check(rows(3, 350, "multiclass", noise=0.6), rows(1, 2000, "multiclass"), "multiclass", tmp_path)
    accuracy = next(each for each in found.checks if each.subject == "accuracy")
    now, then = accuracy.observed, accuracy.baseline
    assert now is not None
    assert then is not None
    error = (now * (1 - now) / 350) ** 0.5
    assert accuracy.sentence == f"accuracy {then:.3f} -> {now:.3f} (+/- {error:.3f}) on 350 labelled records"
    assert accuracy.description.startswith("Metric accuracy with ")  # AWS's words stay AWS's


def test_the_console_shows_the_standard_error_and_the_report_both_figures(tmp_path: Path) -> None:
    statistics = measured(rows(1, 400, "multiclass"), calibrated("multiclass"))
    block = summary(statistics, Conclusion(Verdict.OK))
    told = {each["name"]: each for each in block["metrics"]}["accuracy"]
    value = told["value"]
    assert told["standard_error"] == pytest.approx((value * (1 - value) / 400) ** 0.5)
    assert told["standard_deviation"] != told["standard_error"]
    line = next(line for line in lines(block, Conclusion(Verdict.OK)) if line.startswith("accuracy "))
    assert line.split()[2] == f"{told['standard_error']:.4f}"


def test_what_the_model_says_is_told_by_distance_and_evidence_where_decisions_are_calibrated(tmp_path: Path) -> None:
    """AWS's allowance shortens the distance; the calibrated one leaves it, and says what chance explains."""
    then, now = rows(1, 2000, "binary"), rows(3, 320, "binary", noise=0.8)
    found = {each.subject: each for each in check(now, then, "binary", tmp_path).checks}
    job = quality_job(TYPES["binary"])
    baseline = MODEL_QUALITY.files.load(written(then, job, tmp_path))
    aws = {each.subject: each for each in MODEL_QUALITY.check(measured(now, job), baseline, job).checks}
    for name in ("predicted label", "score"):
        assert aws[name].evidence is None
        assert aws[name].observed < found[name].observed
        assert found[name].evidence.p_value < 1e-6  # type: ignore[union-attr]
    assert found["score"].sentence.startswith("median score 0.")
    assert found["predicted label"].sentence.startswith("predicted label '1' in ")
    healthy = {each.subject: each for each in check(rows(2, 320, "binary"), then, "binary", tmp_path).checks}
    assert all(healthy[name].evidence.p_value > 1e-2 for name in ("predicted label", "score"))  # type: ignore[union-attr]


def test_awss_own_file_gives_its_confusion_matrix(tmp_path: Path) -> None:
    matrix = {"0": {"0": 90, "1": 10}, "1": {"0": 5, "1": 95}}
    block = {
        "confusion_matrix": matrix,
        "accuracy": {"value": 0.925, "standard_deviation": "NaN"},
        "auc": {"value": "NaN"},
    }
    found = read_quality({"binary_classification_metrics": block}, tmp_path)
    assert found is not None
    quality, type_ = found
    assert (type_, quality.counts.tolist(), quality.values) == (
        ProblemType.BINARY,
        [[90, 10], [5, 95]],
        {"accuracy": 0.925},
    )
    assert quality.sizes["recall"] == 100
    assert read_quality({"version": 0.0}, tmp_path) is None
    assert read_quality([], tmp_path) is None


@pytest.mark.parametrize("own", [{"scores": {"keys": [1]}}, {"residuals": {"absolute": None}}])
def test_counts_that_cannot_be_read_are_named(own: dict[str, Any], tmp_path: Path) -> None:
    document = {"regression_metrics": {"mae": {"value": 1.0}}, OWN_BLOCK: own}
    with pytest.raises(BaselineError, match="holds counts that cannot be read"):
        read_quality(document, tmp_path / "statistics.json")
