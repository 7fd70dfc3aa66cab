"""Thresholds on metrics: suggested, read in both spellings, and compared in AWS's words."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import assume, given, strategies as st

from model_monitor.errors import BaselineError
from model_monitor.monitors import thresholds as quality
from model_monitor.monitors.conclusion import Outcome
from model_monitor.monitors.thresholds import QualityConstraint


def test_the_published_baseline_gets_the_published_eleven_constraints(shared: Path) -> None:
    path = shared / "data" / "churn_model_quality" / "expected.json"
    baseline = json.loads(path.read_text())["baseline"]
    published = baseline["aws_published_constraints"]
    values = {name: value for name, value in baseline["aws_published_values"].items() if name != "confusion_matrix"}
    suggested = quality.suggest(values)
    assert len(suggested) == 11
    assert {c.metric: {"threshold": c.threshold, "comparison_operator": c.operator} for c in suggested} == published
    document = {"version": 0.0, "binary_classification_constraints": published}
    assert set(quality.read(document, "constraints.json")) == set(suggested)


def test_a_bare_file_of_one_metric_is_read() -> None:
    assert quality.read({"accuracy": {"threshold": 1}}, "here") == (QualityConstraint("accuracy", 1.0),)
    found = quality.read({"version": 0.0, "additional_properties": None, "mae": {"threshold": 2.5}}, "here")
    assert found == (QualityConstraint("mae", 2.5, quality.GREATER),)


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"version": 0.0},
        *({"accuracy": {"threshold": threshold}} for threshold in ("0.8", True, math.nan, None)),
        {"accuracy": {"threshold": 1, "comparison_operator": "Equal"}},
    ],
)
def test_a_file_without_usable_thresholds_is_refused(document: object) -> None:
    with pytest.raises(BaselineError, match=r"^here: "):
        quality.read(document, "here")


def test_a_violation_is_told_in_the_words_of_aws() -> None:
    constraint = QualityConstraint("false_positive_rate", 0.25, quality.GREATER)
    found = quality.check(constraint, {"false_positive_rate": 0.5}, {"false_positive_rate": 0.125})
    assert found.outcome is Outcome.VIOLATED
    assert found.check_type == "GreaterThanThreshold"
    assert found.description == "Metric falsePositiveRate with 0.5 +/- 0.125 was GreaterThanThreshold '0.25'"
    without = quality.check(QualityConstraint("f1", 0.5), {"f1": 0.25}, {"f1": math.nan})
    assert without.description == "Metric f1 with 0.25 was LessThanThreshold '0.5'"


def test_equal_holds_and_undefined_is_not_evaluated() -> None:
    constraint = QualityConstraint("recall", 0.5)
    assert quality.check(constraint, {"recall": 0.5}).outcome is Outcome.HELD
    for values in ({"recall": math.nan}, {}):
        assert quality.check(constraint, values).outcome is Outcome.NOT_EVALUATED


def test_a_margin_lets_every_metric_get_a_little_worse():
    values = {"accuracy": 0.9, "false_positive_rate": 0.98, "rmse": 20.0, "r2": 0.01, "auc": 0.8}
    suggested = {found.metric: found.threshold for found in quality.suggest(values, 0.05)}
    expected = {"accuracy": 0.855, "false_positive_rate": 0.981, "rmse": 21.0, "r2": -0.091475, "auc": 0.785}
    assert suggested == pytest.approx(expected)


@given(error=st.floats(0.1, 1e3), worse=st.floats(1.0, 2.0), margin=st.floats(0.0, 1.0))
def test_metrics_of_one_thing_are_violated_together(error: float, worse: float, margin: float) -> None:
    """mse, rmse and, of labels that vary as before, r2; a rate of right answers and the rate of the wrong ones beside it."""
    assume(not math.isclose(worse, 1 + margin, rel_tol=1e-6))

    def violated(before: dict[str, float], now: dict[str, float]) -> set[str]:
        limits = quality.suggest(before, margin)
        return {each.metric for each in limits if each.is_violated_by(now[each.metric])}

    def errors(size: float) -> dict[str, float]:
        return {"mse": size**2, "rmse": size, "r2": 1 - size**2 / (3 * error) ** 2}

    is_worse = worse > 1 + margin
    assert violated(errors(error), errors(error * worse)) == (set(errors(error)) if is_worse else set())
    right = {"true_negative_rate": 0.9, "false_positive_rate": 0.1}
    now = {"true_negative_rate": 0.9 / worse, "false_positive_rate": 1 - 0.9 / worse}
    assert violated(right, now) in (set(), set(right))
