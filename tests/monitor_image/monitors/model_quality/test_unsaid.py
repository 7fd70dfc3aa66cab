"""When nothing can be said of a window, it says so and why, and is never a pass."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from model_monitor.contract import Verdict
from model_monitor.job.job import Job, Maturity
from model_monitor.monitors.conclusion import Outcome
from model_monitor.schema import Rows
from tests.labelled import MODEL_QUALITY, labelled, measured, quality_job
from tests.monitor_image.monitors.model_quality.test_monitor import (
    BINARY,
    END,
    WINDOW,
    conclusion_of,
)

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
