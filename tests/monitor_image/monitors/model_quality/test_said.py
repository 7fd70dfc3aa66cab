"""What the model said is read from labels, scores and lists of scores, in all forms that a label has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.labelled import labelled, measured, quality_job
from tests.monitor_image.monitors.model_quality.test_monitor import (
    BINARY,
    values_of,
)


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
