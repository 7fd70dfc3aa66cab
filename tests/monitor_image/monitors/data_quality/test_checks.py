"""Each check: when it fires, what it says, when it says nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_monitor.contract import CheckType, Verdict
from model_monitor.job.job import BaselineFiles
from model_monitor.monitors.conclusion import Check, Conclusion, Outcome
from model_monitor.schema import Feature, FeatureType, OutputMapping, PayloadMapping, Privacy, Rows, Schema
from tests.tables import DATA_QUALITY, Cell, baseline_files_of, checks_by_subject, job_for, statistics_of, table

AWS_DRIFT_PATTERN = r"distance: (.+) exceeds threshold: (.+)"  # how published programs read the description


@pytest.fixture
def compared(tmp_path: Path) -> Any:
    """Check a table against the baseline of another."""

    def run(
        baseline: Rows, current: Rows, *, without: str = "", label: str | None = None, **options: Any
    ) -> Conclusion:
        for name, content in zip(("constraints", "statistics"), baseline_files_of(baseline), strict=True):
            (tmp_path / f"{name}.json").write_text(json.dumps(content))
        files = {name: tmp_path / f"{name}.json" for name in ("constraints", "statistics") if name != without}
        loaded = DATA_QUALITY.files.load(BaselineFiles(**files))
        types = dict(DATA_QUALITY.files.features(loaded))
        schema = Schema(
            current.schema.features, PayloadMapping(label=label, output=OutputMapping(prediction="answer", score=1))
        ).with_types(types)
        conclusion = DATA_QUALITY.check(statistics_of(current), loaded, job_for(schema, options=options))
        assert isinstance(conclusion, Conclusion)
        return conclusion

    return run


def one(conclusion: Conclusion, check_type: CheckType, subject: str = "x") -> Check:
    return checks_by_subject(conclusion, check_type)[subject]


def x(cells: Sequence[Cell], **more: Any) -> Rows:
    return table({"x": cells}, **more)


# --- types ---------------------------------------------------------------------------------------------------------------


def test_one_fraction_among_whole_numbers_fires_with_awss_words(compared):
    conclusion = compared(x([1] * 50), x([1] * 1970 + [0.5] * 7))
    check = one(conclusion, CheckType.DATA_TYPE)
    assert check.outcome is Outcome.VIOLATED
    assert check.description == (
        "Data type match requirement is not met. Expected data type: Integral, Expected match: 100.0%. "
        "Observed: Only 99.64592817400101% of data is Integral."
    )
    assert conclusion.verdict is Verdict.VIOLATED


@pytest.mark.parametrize(
    ("baseline", "current", "outcome"),
    [
        ([1.5, 2], [1, 2], Outcome.HELD),  # whole numbers are fractional too
        ([1, 2], [37.0, 2], Outcome.VIOLATED),  # stored as an integer, arrives as 37.0
        (["a", "b"], [1, 2.5], Outcome.HELD),  # everything is text
        ([1, 2], [1, "n/a"], Outcome.VIOLATED),
        ([1, 2], [1, True], Outcome.VIOLATED),
        ([1, 2], [None, None], Outcome.NOT_EVALUATED),
        ([None, None], [1, 2], Outcome.NOT_EVALUATED),
    ],
)
def test_types_against_the_baselines(compared, baseline, current, outcome):
    assert one(compared(x(baseline * 20), x(current * 20)), CheckType.DATA_TYPE).outcome is outcome


def test_a_lower_threshold_tolerates_strays_and_drift_is_measured_on_the_rest(compared):
    random = np.random.default_rng(1)
    baseline, window = random.normal(size=2_000).tolist(), [*random.normal(3, size=990).tolist(), *["n/a"] * 10]
    conclusion = compared(x(baseline), x(window), monitoring_config={"datatype_check_threshold": 0.95})
    assert one(conclusion, CheckType.DATA_TYPE).outcome is Outcome.HELD
    assert one(conclusion, CheckType.BASELINE_DRIFT).outcome is Outcome.VIOLATED


# --- completeness and columns --------------------------------------------------------------------------------------------


def test_missing_values_fire_below_the_baselines_share(compared):
    check = one(compared(x([1] * 9 + [None]), x([1] * 8 + [None] * 2)), CheckType.COMPLETENESS)
    assert (check.outcome, check.observed, check.allowed) == (Outcome.VIOLATED, 0.8, 0.9)
    assert check.description == "Value: 0.8 does not meet the constraint requirement! "


def test_as_many_missing_values_as_in_the_baseline_are_fine(compared):
    assert one(compared(x([1] * 9 + [None]), x([2] * 18 + [None] * 2)), CheckType.COMPLETENESS).outcome is Outcome.HELD


def test_a_lost_key_is_one_violation_and_nothing_else_is_said_about_it(compared):
    baseline = table({"x": [1] * 40, "y": [2] * 40})
    conclusion = compared(baseline, table({"x": [1] * 40, "y": [None] * 40}, absent={"y": 40}))
    (violation,) = conclusion.violations
    assert (violation.check_type, violation.subject) == (CheckType.MISSING_COLUMN, "Missing columns")
    assert violation.description == (
        "Number of columns in current dataset: 1, Number of columns in baseline constraints: 2. Missing columns: y"
    )
    assert all(check.outcome is Outcome.NOT_EVALUATED for check in conclusion.checks if check.subject == "y")


def test_a_key_absent_from_some_records_only_counts_as_missing_values(compared):
    baseline = table({"x": [1] * 40, "y": [2] * 40})
    conclusion = compared(baseline, table({"x": [1] * 40, "y": [2] * 30 + [None] * 10}, absent={"y": 10}))
    assert [(violation.check_type, violation.subject) for violation in conclusion.violations] == [
        (CheckType.COMPLETENESS, "y")
    ]


def test_keys_nobody_claims_are_extra_columns_named_but_never_many(compared):
    extra = {f"key{number}": 1 for number in range(9)}
    (violation,) = compared(x([1] * 40), x([1] * 40, extra=extra)).violations
    assert violation.check_type == CheckType.EXTRA_COLUMN
    assert violation.observed == 9
    assert violation.description.endswith("Extra columns: key0, key1, key2, key3, key4 and 4 more")


def test_a_feature_the_baseline_does_not_know_is_an_extra_column(compared):
    (violation,) = compared(x([1] * 40), table({"x": [1] * 40, "new": [1] * 40})).violations
    assert (
        ". Extra columns: new. The payload mapping and the baseline disagree: only the mapping" in violation.description
    )


@pytest.mark.parametrize(
    ("width", "check_type", "observed"), [(1, CheckType.MISSING_COLUMN, 2), (5, CheckType.EXTRA_COLUMN, 2)]
)
def test_records_that_all_have_one_wrong_width_violate_the_columns(compared, width, check_type, observed):
    baseline = table({"x": [1] * 40, "y": [2] * 40, "z": [3] * 40})
    conclusion = compared(baseline, table({"x": [], "y": [], "z": []}, widths={width: 211}))
    (violation,) = conclusion.violations
    assert (violation.check_type, violation.observed) == (check_type, observed)
    assert violation.description == (
        f"Number of columns in current dataset: {width}, Number of columns in baseline constraints: 3"
    )


def test_the_label_of_an_aws_baseline_is_no_missing_column(compared):
    baseline = table({"label": [0, 1] * 20, "x": [1] * 40})
    assert compared(baseline, x([1] * 40), label="label").verdict is Verdict.OK
    assert compared(baseline, x([1] * 40)).verdict is Verdict.VIOLATED


def test_the_models_answer_in_an_aws_baseline_is_no_missing_column(compared):
    assert compared(table({"answer": [0.5, 0.7] * 20, "x": [1] * 40}), x([1] * 40)).verdict is Verdict.OK


# --- categories ----------------------------------------------------------------------------------------------------------


def test_one_unseen_category_fires_and_is_not_named(compared):
    check = one(compared(x(["a", "b"] * 20), x(["a", "b"] * 20 + ["secret"])), CheckType.CATEGORICAL_VALUES)
    assert check.outcome is Outcome.VIOLATED
    assert check.observed == 40 / 41
    assert check.description == f"Value: {40 / 41} does not meet the constraint requirement! "


def test_a_lower_content_threshold_tolerates_unseen_categories(compared):
    options = {"monitoring_config": {"domain_content_threshold": 0.9}}
    conclusion = compared(x(["a", "b"] * 20), x(["a", "b"] * 20 + ["new"]), **options)
    assert one(conclusion, CheckType.CATEGORICAL_VALUES).outcome is Outcome.HELD


@pytest.mark.parametrize(
    ("threshold", "outcome"), [(1.0, Outcome.VIOLATED), (0.5, Outcome.VIOLATED), (0.1, Outcome.NOT_EVALUATED)]
)
def test_of_too_many_categories_only_what_is_certain_is_said(compared, threshold, outcome):
    current = x(["a"] * 4_000 + [f"new {i}" for i in range(6_000)])
    conclusion = compared(x(["a", "b"] * 50), current, monitoring_config={"domain_content_threshold": threshold})
    check = one(conclusion, CheckType.CATEGORICAL_VALUES)
    assert check.outcome is outcome
    if outcome is Outcome.VIOLATED:
        assert 0.4 <= check.observed <= 0.5
    else:
        assert conclusion.verdict is not Verdict.OK
        assert check.description == "the window has too many different values to count"


def test_numbers_as_categories_are_compared_in_one_form(compared):
    conclusion = compared(x(["a", "37", 1.5] * 20), x(["a", "37.0", "1.50"] * 20))
    assert one(conclusion, CheckType.CATEGORICAL_VALUES).outcome is Outcome.HELD
    assert one(conclusion, CheckType.BASELINE_DRIFT).distance == 0


def test_a_restricted_feature_is_checked_by_digests(compared):
    def restricted(cells: list[Cell]) -> Rows:
        rows = x(cells)
        return Rows(Schema((Feature("x", privacy=Privacy.RESTRICTED),)), rows.count, rows.features)

    baseline = restricted(["flu"] * 200 + ["cold"] * 100)
    assert compared(baseline, restricted(["flu"] * 40 + ["cold"] * 20)).verdict is Verdict.OK
    conclusion = compared(baseline, restricted(["flu"] * 10 + ["cold"] * 390))
    assert [violation.check_type for violation in conclusion.violations] == [CheckType.BASELINE_DRIFT]
    conclusion = compared(baseline, restricted(["flu"] * 40 + ["cold"] * 20 + ["new"]))
    assert [violation.check_type for violation in conclusion.violations] == [CheckType.CATEGORICAL_VALUES]


def test_a_restricted_number_drifts_in_buckets_that_hold_no_value(compared):
    random = np.random.default_rng(2)

    def restricted(values: np.ndarray) -> Rows:
        rows = x(values.tolist())
        return Rows(Schema((Feature("x", privacy=Privacy.RESTRICTED),)), rows.count, rows.features)

    baseline = restricted(random.normal(size=4_000))
    assert compared(baseline, restricted(random.normal(size=4_000))).verdict is Verdict.OK
    drift = one(compared(baseline, restricted(random.normal(0.5, size=4_000))), CheckType.BASELINE_DRIFT)
    assert drift.outcome is Outcome.VIOLATED
    assert drift.distance == pytest.approx(0.197 - 1.8 * (2 / 4_000) ** 0.5, abs=0.03)


# --- drift ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def normal() -> list[float]:
    return np.random.default_rng(4).normal(size=3_000).tolist()


def test_a_shift_fires_in_words_that_published_programs_parse(compared, normal):
    check = one(compared(x(normal), x([value + 1 for value in normal])), CheckType.BASELINE_DRIFT)
    assert check.outcome is Outcome.VIOLATED
    distance, threshold = map(float, re.search(AWS_DRIFT_PATTERN, check.description).groups())
    assert (distance, threshold) == (check.observed, 0.1)
    assert distance == check.distance > 0.3


def test_the_robust_distance_allows_for_the_sizes_and_the_simple_one_does_not(compared, normal):
    window = x([value + 0.1 for value in normal[:60]])
    method = {"distribution_constraints": {"comparison_method": "Simple"}}
    simple = one(compared(x(normal), window, monitoring_config=method), CheckType.BASELINE_DRIFT)
    robust = one(compared(x(normal), window), CheckType.BASELINE_DRIFT)
    assert robust.observed == 0 < simple.observed


def test_a_distance_equal_to_the_threshold_is_no_drift(compared):
    options = {"distribution_constraints": {"comparison_method": "linf_simple", "comparison_threshold": 0.5}}
    conclusion = compared(x([0.5] * 40), x([0.5] * 20 + [1.5] * 20), monitoring_config=options)
    assert one(conclusion, CheckType.BASELINE_DRIFT).outcome is Outcome.HELD


def test_a_feature_that_fails_its_type_check_gets_no_drift_check(compared):
    check = one(compared(x([0, 1] * 50), x([0.01, 0.02] * 50)), CheckType.BASELINE_DRIFT)
    assert check.outcome is Outcome.NOT_EVALUATED
    assert "type check" in check.description


@pytest.mark.parametrize(
    ("options", "without", "reason"),
    [
        ({"monitoring_config": {"evaluate_constraints": "Disabled"}}, "", "evaluate_constraints is Disabled"),
        ({"features": {"x": {"evaluate_constraints": "Disabled"}}}, "", "evaluate_constraints is Disabled"),
        (
            {"monitoring_config": {"distribution_constraints": {"perform_comparison": "Disabled"}}},
            "",
            "perform_comparison is Disabled",
        ),
        ({}, "statistics", "no baseline statistics"),
    ],
)
def test_drift_that_is_not_looked_at_says_why(compared, normal, options, without, reason):
    conclusion = compared(x(normal), x([value + 1 for value in normal]), without=without, **options)
    check = one(conclusion, CheckType.BASELINE_DRIFT)
    assert check.outcome is Outcome.NOT_EVALUATED
    assert reason in check.description
    assert not conclusion.violations


def test_categories_drift_by_the_largest_change_of_a_share(compared):
    conclusion = compared(x(["a"] * 800 + ["b"] * 200), x(["a"] * 300 + ["b"] * 700))
    check = one(conclusion, CheckType.BASELINE_DRIFT)
    assert check.outcome is Outcome.VIOLATED
    assert check.distance == pytest.approx(0.5 - 1.8 * (2_000 / 1_000_000) ** 0.5)


def test_categories_have_a_threshold_of_their_own(compared):
    options = {"distribution_constraints": {"categorical_comparison_threshold": 0.6}}
    conclusion = compared(x(["a"] * 800 + ["b"] * 200), x(["a"] * 300 + ["b"] * 700), monitoring_config=options)
    assert one(conclusion, CheckType.BASELINE_DRIFT).outcome is Outcome.HELD


def test_without_one_of_their_own_categories_take_the_numbers_threshold(compared, tmp_path):
    baseline = x(["a"] * 800 + ["b"] * 200)
    constraints, statistics = baseline_files_of(baseline)
    constraints["monitoring_config"] = {"distribution_constraints": {"comparison_threshold": 0.6}}
    for name, content in (("c", constraints), ("s", statistics)):
        (tmp_path / name).write_text(json.dumps(content))
    loaded = DATA_QUALITY.files.load(BaselineFiles(tmp_path / "c", tmp_path / "s"))
    current = x(["a"] * 300 + ["b"] * 700)
    conclusion = DATA_QUALITY.check(statistics_of(current), loaded, job_for(current.schema))
    assert one(conclusion, CheckType.BASELINE_DRIFT).allowed == 0.6


def test_a_distribution_of_many_categories_that_the_baseline_file_holds_is_compared(compared, tmp_path):
    constraints, statistics = baseline_files_of(x([f"c{i}" for i in range(100)] * 10))
    (feature,) = statistics["features"]
    feature["string_statistics"]["distribution"]["categorical"]["buckets"] = [
        {"value": f"c{i}", "count": 10} for i in range(125)
    ]  # AWS's limit of 120 is on an approximate number
    for name, content in (("c", constraints), ("s", statistics)):
        (tmp_path / name).write_text(json.dumps(content))
    loaded = DATA_QUALITY.files.load(BaselineFiles(tmp_path / "c", tmp_path / "s"))
    current = x(["c0"] * 1000)
    conclusion = DATA_QUALITY.check(statistics_of(current), loaded, job_for(current.schema))
    assert one(conclusion, CheckType.BASELINE_DRIFT).outcome is Outcome.VIOLATED


@pytest.mark.parametrize(("method", "is_p_value"), [("Robust", True), ("Simple", False)])
def test_chi_squared_sees_what_changed_and_its_text_can_be_parsed(compared, method, is_p_value):
    options = {"distribution_constraints": {"comparison_method": method}}
    baseline, window = x(["a"] * 800 + ["b"] * 200), x(["a"] * 140 + ["b"] * 60)
    conclusion = compared(baseline, window, monitoring_config=options, categorical_drift_method="ChiSquared")
    check = one(conclusion, CheckType.BASELINE_DRIFT)
    assert check.outcome is Outcome.VIOLATED
    assert (check.observed < 0.1) is is_p_value
    distance, threshold = map(float, re.search(AWS_DRIFT_PATTERN, check.description).groups())
    assert distance > threshold
    assert 0 <= check.distance <= 1


def test_chi_squared_holds_on_the_baselines_own_shares(compared):
    conclusion = compared(
        x(["a"] * 800 + ["b"] * 200), x(["a"] * 80 + ["b"] * 20), categorical_drift_method="ChiSquared"
    )
    assert one(conclusion, CheckType.BASELINE_DRIFT).outcome is Outcome.HELD


def test_chi_squared_of_too_few_values_is_not_evaluated(compared):
    conclusion = compared(x(["a"] * 800 + ["b"] * 200), x(["a", "b"]), categorical_drift_method="ChiSquared")
    assert one(conclusion, CheckType.BASELINE_DRIFT).outcome is Outcome.NOT_EVALUATED


def test_texts_declared_where_the_baseline_had_numbers_have_no_distance(compared):
    current = x(["1", "2"] * 20, types={"x": FeatureType.STRING})
    check = one(compared(x([1, 2] * 20), current), CheckType.BASELINE_DRIFT)
    assert check.description == "numbers and texts have no distance"


# --- ours ----------------------------------------------------------------------------------------------------------------


def test_negative_numbers_fire_only_when_asked_for(compared):
    baseline, window = x([1.0, 2.0] * 20), x([-1.0, 2.0, 3.0, 4.0] * 20)
    assert CheckType.NON_NEGATIVE not in {check.check_type for check in compared(baseline, window).checks}
    check = one(compared(baseline, window, check_non_negative=True), CheckType.NON_NEGATIVE)
    assert (check.outcome, check.observed) == (Outcome.VIOLATED, 0.75)


def test_a_baseline_that_saw_no_value_lets_nothing_pass(compared):
    conclusion = compared(x([None] * 40), x([1] * 40))
    assert {check.outcome for check in conclusion.checks if check.subject == "x"} == {Outcome.NOT_EVALUATED}
    assert one(conclusion, CheckType.COMPLETENESS).description.startswith("the baseline saw no value of the feature")
