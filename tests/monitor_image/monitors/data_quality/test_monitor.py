"""The data-quality monitor as a whole: verdicts, metrics, what a report says, refusals."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from model_monitor.contract import CheckType, JobKind, PerFeature, Verdict
from model_monitor.errors import SchemaMismatch
from model_monitor.job.job import BaselineFiles, MetricsSettings
from model_monitor.monitors.conclusion import Check, Conclusion, Outcome
from model_monitor.monitors.verdict import conclude
from model_monitor.outputs.metric import StatisticValues
from model_monitor.schema import Feature, FeatureType, Privacy, Rows, Schema
from tests.tables import DATA_QUALITY, baseline_files_of, job_for, statistics_of, table

HEALTHY = {"amount": np.random.default_rng(1).normal(size=400).tolist(), "state": ["NM", "CT"] * 200}


@pytest.fixture
def baseline(tmp_path):
    for name, content in zip(("constraints", "statistics"), baseline_files_of(table(HEALTHY)), strict=True):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return DATA_QUALITY.files.load(BaselineFiles(tmp_path / "constraints.json", tmp_path / "statistics.json"))


def check(rows: Rows, baseline, **job) -> Conclusion:
    return DATA_QUALITY.check(statistics_of(rows), baseline, job_for(rows.schema, **job))


def metrics_of(rows: Rows, baseline, metrics: MetricsSettings, **job) -> dict:
    made = job_for(rows.schema, metrics=metrics, **job)
    statistics = statistics_of(rows)
    found = DATA_QUALITY.shown.metrics(statistics, DATA_QUALITY.check(statistics, baseline, made), made)
    return {(metric.name, *metric.extra_dimensions.values()): metric.value for metric in found}


# --- verdicts ------------------------------------------------------------------------------------------------------------


def test_the_baselines_own_data_is_ok(baseline):
    assert check(table(HEALTHY), baseline).verdict is Verdict.OK


def test_without_a_baseline_nothing_is_evaluated_and_the_reason_is_given():
    conclusion = check(table(HEALTHY), None)
    assert (conclusion.verdict, conclusion.reason, conclusion.checks) == (
        Verdict.INSUFFICIENT_DATA,
        "no baseline",
        (),
    )


def test_no_files_are_no_baseline():
    assert DATA_QUALITY.files.load(BaselineFiles()) is None


def test_too_few_records_are_not_evaluated(baseline):
    few = table({name: cells[:29] for name, cells in HEALTHY.items()})
    conclusion = check(few, baseline, min_records=30)
    assert conclusion.verdict is Verdict.INSUFFICIENT_DATA
    assert conclusion.reason == "29 records, fewer than min_records = 30"
    assert not conclusion.checks


def test_as_many_records_as_required_are_evaluated(baseline):
    enough = table({name: cells[:30] for name, cells in HEALTHY.items()})
    assert check(enough, baseline, min_records=30).verdict is Verdict.OK


@pytest.mark.parametrize(("readable", "refused"), [(0, 29), (29, 5)])
def test_records_of_a_wrong_width_do_not_count_towards_the_required(baseline, readable, refused):
    window = table({name: cells[:readable] for name, cells in HEALTHY.items()}, widths={1: refused})
    assert check(window, baseline, min_records=30).verdict is Verdict.INSUFFICIENT_DATA


def test_no_records_are_no_data(baseline):
    assert check(table({"amount": [], "state": []}), baseline).verdict is Verdict.NO_DATA


def test_disabled_constraints_are_never_ok(baseline):
    conclusion = check(table(HEALTHY), baseline, options={"monitoring_config": {"evaluate_constraints": "Disabled"}})
    assert conclusion.verdict is Verdict.INSUFFICIENT_DATA
    assert "evaluate_constraints is Disabled" in conclusion.reason


def test_a_critical_feature_whose_drift_cannot_be_seen_keeps_a_window_from_being_ok(baseline):
    rows = table(HEALTHY | {"state": ["NM"] * 400})
    options = {"monitoring_config": {"distribution_constraints": {"categorical_drift_method": "ChiSquared"}}}
    options |= {"features": {"amount": {"evaluate_constraints": "Disabled"}}}
    small = table({name: cells[:15] for name, cells in HEALTHY.items()})
    assert check(small, baseline, options=options).verdict is Verdict.OK
    critical = MetricsSettings(critical=("state",))
    conclusion = check(small, baseline, options=options, metrics=critical)
    assert conclusion.verdict is Verdict.INSUFFICIENT_DATA
    assert "baseline_drift_check of 'state' is required" in conclusion.reason
    assert check(rows, baseline, metrics=critical).verdict is Verdict.VIOLATED


def test_a_violation_outweighs_what_was_not_evaluated():
    checks = [
        Check("a", "x", Outcome.NOT_EVALUATED, is_required=True),
        Check("b", "x", Outcome.HELD),
        Check("c", "x", Outcome.VIOLATED),
    ]
    assert [conclude(checks[:stop]).verdict for stop in (0, 1, 2, 3)] == [
        Verdict.INSUFFICIENT_DATA,
        Verdict.INSUFFICIENT_DATA,
        Verdict.INSUFFICIENT_DATA,
        Verdict.VIOLATED,
    ]
    assert conclude(checks[1:2]).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("declared", "cells", "is_refused"),
    [
        (FeatureType.INTEGRAL, [1, 2.5], True),
        (FeatureType.INTEGRAL, ["a", 1], True),
        (FeatureType.FRACTIONAL, [1, 2], False),
        (FeatureType.FRACTIONAL, [True, False], True),
        (FeatureType.STRING, [1, 2], False),
        (FeatureType.INTEGRAL, [None, None], False),
    ],
)
def test_a_baseline_that_contradicts_a_declared_type_is_refused(declared, cells, is_refused):
    rows = table({"age": cells}, {"age": declared})
    if not is_refused:
        constraints, _ = baseline_files_of(rows)
        assert constraints["features"][0]["inferred_type"] in (declared, "Unknown")
        return
    with pytest.raises(SchemaMismatch, match=f"dataset: feature 'age' should be {declared}, found"):
        baseline_files_of(rows)


def test_a_baseline_is_suggested_with_the_jobs_configuration():
    rows = table(HEALTHY)
    job = job_for(rows.schema, JobKind.BASELINE, options={"features": {"state": {"emit_metrics": "Disabled"}}})
    content = DATA_QUALITY.files.constraints(DATA_QUALITY.suggest(statistics_of(rows, JobKind.BASELINE), job))
    assert content["features"][1]["monitoringConfigOverrides"] == {"emit_metrics": "Disabled"}


def test_a_baseline_tells_names_and_types_in_order(baseline):
    assert DATA_QUALITY.files.features(baseline) == (
        ("amount", FeatureType.FRACTIONAL),
        ("state", FeatureType.STRING),
    )


# --- metrics and report --------------------------------------------------------------------------------------------------


def test_a_healthy_window_has_all_its_values_too(baseline):
    found = metrics_of(table(HEALTHY), baseline, MetricsSettings(per_feature=PerFeature.ALL))
    for check_type in CheckType:
        assert found[(f"violations_{check_type}",)] == 0
    assert found[("drifted_share",)] == found[("drift_max",)] == 0
    amounts = np.array(HEALTHY["amount"])
    assert found[("feature_data_amount",)] == StatisticValues(
        400, pytest.approx(amounts.sum()), amounts.min(), amounts.max()
    )
    assert found[("feature_non_null_amount",)] == found[("feature_non_null_state",)] == 1
    assert found[("feature_baseline_drift_amount",)] == found[("feature_baseline_drift_state",)] == 0
    assert ("feature_data_state",) not in found


def test_drift_shows_in_the_values_of_the_whole(baseline):
    moved = HEALTHY | {"amount": [value + 3 for value in HEALTHY["amount"]]}
    found = metrics_of(table(moved), baseline, MetricsSettings(critical=("amount",)))
    assert found[("violations_baseline_drift_check",)] == 1
    assert found[("drifted_share",)] == 0.5
    assert found[("drift_max",)] == found[("feature_baseline_drift_amount",)] > 0.7
    assert ("feature_non_null_state",) not in found


def test_what_was_not_evaluated_has_no_drift_value():
    found = metrics_of(table(HEALTHY), None, MetricsSettings(per_feature=PerFeature.ALL))
    assert not {name for name, *_ in found if "drift" in name and not name.startswith("violations_")}
    assert found[("feature_non_null_amount",)] == 1


@pytest.mark.parametrize("block", ["monitoring_config", "features"])
def test_metrics_can_be_switched_off_for_all_features_or_for_one(baseline, block):
    off = {"emit_metrics": "Disabled"}
    options = {block: off if block == "monitoring_config" else {"amount": off}}
    found = metrics_of(table(HEALTHY), baseline, MetricsSettings(per_feature=PerFeature.ALL), options=options)
    assert ("feature_non_null_amount",) not in found
    assert (("feature_non_null_state",) in found) is (block == "features")
    assert ("drift_max",) in found


def test_no_feature_has_values_when_none_are_asked_for(baseline):
    settings = MetricsSettings(per_feature=PerFeature.NONE, critical=("amount",))
    assert not {name for name, *_ in metrics_of(table(HEALTHY), baseline, settings) if name.startswith("feature_")}


def test_a_feature_can_be_a_dimension_beside_the_name(baseline):
    settings = MetricsSettings(per_feature=PerFeature.ALL, feature_dimension=True)
    found = metrics_of(table(HEALTHY), baseline, settings)
    assert found[("feature_data_amount", "amount")] == found[("feature_data_amount",)]


def test_a_report_tells_the_statistics_and_no_category(baseline):
    rows = table(HEALTHY)
    summary = DATA_QUALITY.shown.summary(statistics_of(rows), check(rows, baseline))
    assert summary["coverage"] == {"checks": 9, "evaluated": 9}
    assert [feature["name"] for feature in summary["features"]] == ["amount", "state"]
    assert summary["features"][0]["median"] == np.sort(HEALTHY["amount"])[199]
    assert "NM" not in json.dumps(summary)


def test_of_a_restricted_feature_neither_report_nor_metrics_tell_numbers(baseline):
    rows = table(HEALTHY)
    features = tuple(Feature(feature.name, privacy=Privacy.RESTRICTED) for feature in rows.schema.features)
    rows = replace(rows, schema=Schema(features))
    summary = DATA_QUALITY.shown.summary(statistics_of(rows), check(rows, baseline))
    assert not {"min", "max", "mean", "median"} & set(summary["features"][0])
    found = metrics_of(rows, baseline, MetricsSettings(per_feature=PerFeature.ALL))
    assert ("feature_data_amount",) not in found
    assert ("feature_baseline_drift_amount",) in found
