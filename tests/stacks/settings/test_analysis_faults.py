"""A schedule with several types: what is refused before anything is built, and how it is told."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.analyses import ALARMS, ALL_TYPES, BUCKET, MODEL_QUALITY, MONITOR, QUALITY_ALONE, faults
from tests.synthesis import ROOT

AT = "endpoints.fraud.monitors.all."


def test_an_endpoint_with_every_type_has_no_faults():
    assert faults() == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({f"{MONITOR}types": ["data_quality", "drift"]}, f"{AT}types[1]: should be one of "),
        ({f"{MONITOR}types": [*ALL_TYPES, "data_quality"]}, f"{AT}types: data_quality is given twice"),
        ({f"{MONITOR}model_quality": None}, f"{AT}model_quality: is missing; model_quality is one of the types"),
        ({f"{MONITOR}types": ["data_quality"]}, f"{AT}model_quality: is set, but model_quality is none of the types"),
        ({"ground_truth": None}, "endpoints.fraud.ground_truth: is missing; model_quality of monitor all compares"),
        ({"payload__label": None}, "endpoints.fraud.payload.label: is missing; the baseline of model_quality"),
        (
            {f"{MONITOR}model_quality": {**MODEL_QUALITY, "label_horizon": "P5D"}},
            f"{AT}model_quality.label_horizon: P5D is shorter than the label_delay P7D",
        ),
        (
            {f"{MONITOR}model_quality": {**MODEL_QUALITY, "label_delay": "7 days"}},
            f"{AT}model_quality.label_delay: should be a duration",
        ),
        (
            {f"{MONITOR}model_quality": {**MODEL_QUALITY, "label_delay": 7}},
            f"{AT}model_quality.label_delay: should be a duration of weeks, days, hours and minutes, such as P7D or PT6H",
        ),
        (
            {f"{MONITOR}model_quality": {**MODEL_QUALITY, "label_horizon": 21}},
            f"{AT}model_quality.label_horizon: should be a duration of weeks",
        ),
        (
            {f"{MONITOR}model_quality": {**MODEL_QUALITY, "thresholds": {"mae": 1}}},
            f"{AT}model_quality.thresholds: 'mae' is no metric of binary; there are recall,",
        ),
        ({f"{MONITOR}alarms": {"quality": {"acuracy": 0.8}}}, f"{AT}alarms.quality: 'acuracy' is no metric of binary"),
        (
            {f"{MONITOR}alarms": {"custom": {"cost": {"above": 1, "below": 0}}}},
            f"{AT}alarms.custom.cost.above: give either above or below",
        ),
        (
            {f"{MONITOR}alarms": {"quality": {"accuracy": 0}}},
            f"{AT}alarms.quality.accuracy: can never ring, as no share is below 0; give a higher value",
        ),
        (
            {f"{MONITOR}alarms": {"quality": {"false_positive_rate": 1}}},
            f"{AT}alarms.quality.false_positive_rate: can never ring, as no share is above 1; give a lower value",
        ),
        (
            {f"{MONITOR}alarms": {"label_coverage": 0}},
            f"{AT}alarms.label_coverage: can never ring, as no share is below 0",
        ),
        ({f"{MONITOR}alarms": {"drift_max": 1}}, f"{AT}alarms.drift_max: can never ring, as no distance is above 1"),
        (
            {f"{MONITOR}alarms": {"drift_features": {"age": 1}}},
            f"{AT}alarms.drift_features.age: can never ring, as no distance is above 1",
        ),
        (
            {f"{MONITOR}alarms": {"custom": {"cost": {"above": float("inf")}}}},
            f"{AT}alarms.custom.cost.above: input should be a finite number",
        ),
        (
            {f"{MONITOR}alarms": {"drift_max": 0.2}, f"{MONITOR}thresholds": {"evaluate_constraints": "Disabled"}},
            f"{AT}alarms.drift_max: can never ring, as thresholds.evaluate_constraints is Disabled",
        ),
        (
            {
                f"{MONITOR}alarms": {"drift_features": {"age": 0.2}},
                f"{MONITOR}features": {"age": {"evaluate_constraints": "Disabled"}},
            },
            f"{AT}alarms.drift_features.age: can never ring, as features.age.evaluate_constraints is Disabled",
        ),
        (
            {
                f"{MONITOR}types": ["data_quality"],
                **dict.fromkeys([f"{MONITOR}{type_}" for type_ in ALL_TYPES if type_ != "data_quality"]),
                f"{MONITOR}baseline": {"constraints": "s3://bucket/constraints.json"},
                f"{MONITOR}alarms": {"drift_max": 0.2},
            },
            f"{AT}alarms.drift_max: can never ring, as a baseline without statistics has nothing to measure drift from",
        ),
        (
            {**QUALITY_ALONE, f"{MONITOR}alarms": ALARMS},
            f"{AT}alarms.custom: watches custom_metrics, which is none of the types",
        ),
        (
            {f"{MONITOR}baseline": {"constraints": "s3://bucket/constraints.json"}},
            f"{AT}baseline.dataset: is missing; files that exist belong to one type, and there are 5",
        ),
        (
            {**QUALITY_ALONE, "retraining__types": ["model_bias"]},
            "endpoints.fraud.retraining.types: names no type that all runs; it runs model_quality",
        ),
        (
            QUALITY_ALONE,
            "endpoints.fraud.retraining.retrain_on_broken_data: is false, but all does not run data_quality",
        ),
        (
            {"retraining__holdout_data": "s3://rows/holdout/"},
            "endpoints.fraud.retraining.holdout_data: belongs to fresh_data; runs hold out rows beside those",
        ),
        (
            {"retraining__fresh_data": "s3://rows/", "retraining__holdout_data": "s3://rows/holdout/"},
            "endpoints.fraud.retraining.holdout_data: lies in one place with fresh_data",
        ),
        (
            {f"{MONITOR}custom_metrics": {"module": "a b"}},
            f"{AT}custom_metrics.module: should be a .py file, by its path",
        ),
        (
            {f"{MONITOR}custom_metrics": {"module": "environments/code/absent.py"}},
            f"{AT}custom_metrics.module: there is no file environments/code/absent.py in this repository",
        ),
        ({f"{MONITOR}scripts": {"preprocessor": "../elsewhere.py"}}, f"{AT}scripts.preprocessor: should be a .py file"),
        (
            {f"{MONITOR}model_quality": {**MODEL_QUALITY, "slices": ["town"]}},
            f"{AT}model_quality.slices: 'town' is neither a feature nor metadata of the payload",
        ),
        (
            {f"{MONITOR}model_quality": {**MODEL_QUALITY, "slices": [{"field": "age", "edges": [40, 25]}]}},
            f"{AT}model_quality.slices[0].edges: should each be above the one before",
        ),
        (
            {f"{MONITOR}model_quality": {**MODEL_QUALITY, "slices": [{"field": "age", "egdes": [25]}]}},
            f"{AT}model_quality.slices[0].egdes: is unknown; did you mean edges?",
        ),
        ({"payload__metadata": ["age"]}, "endpoints.fraud.payload.metadata: 'age' is a feature too"),
        (
            {"payload__features": None, "payload__metadata": ["town"]},
            "endpoints.fraud.payload.metadata: stands beside features, and none are named",
        ),
        (
            {"payload__features": None, "payload__metadata": None},
            "endpoints.fraud.payload.features: is missing; retraining needs the features' names",
        ),
        ({f"{MONITOR}model_bias": None}, f"{AT}model_bias: is missing; model_bias is one of the types"),
        ({f"{MONITOR}model_bias": {"facets": []}}, f"{AT}model_bias.facets: "),
        ({f"{MONITOR}model_bias": {"facets": ["sex"]}}, f"{AT}model_bias.facets: 'sex' is no feature of the payload"),
        (
            {f"{MONITOR}model_bias": {"facets": ["age"], "group_variable": "town"}},
            f"{AT}model_bias.group_variable: 'town' is no feature of the payload",
        ),
        (
            {f"{MONITOR}model_bias": {"facets": ["age"], "methods": ["DI", "DPX"]}},
            f"{AT}model_bias.methods: 'DPX' is no bias metric; there are AD, CDDL,",
        ),
        ({f"{MONITOR}model_bias": {"facets": ["age"], "methods": []}}, f"{AT}model_bias.methods: is empty; all, or"),
        (
            {f"{MONITOR}model_explainability": {}},
            f"{AT}model_explainability.predictor: is missing; a run must know which model to ask",
        ),
        (
            {f"{MONITOR}model_explainability": {"predictor": {"model_name": "fraud-3"}}},
            f"{AT}model_explainability.predictor.instance_type: is missing",
        ),
        (
            {f"{MONITOR}model_explainability": {"predictor": {"model_name": "a", "endpoint_name": "b"}}},
            f"{AT}model_explainability.predictor.endpoint_name: excludes model_name",
        ),
        (
            {f"{MONITOR}model_explainability": {"method": "captured", "predictor": {}}},
            f"{AT}model_explainability.predictor: is not asked when the method is captured",
        ),
        (
            {f"{MONITOR}model_explainability": {"method": "captured"}},
            "endpoints.fraud.payload.output.attributions: is missing; model_explainability of monitor all",
        ),
        (
            {
                f"{MONITOR}model_explainability": {"method": "captured", "label_headers": ["no", "yes"]},
                "payload__output": {"attributions": ["a", "b", "c"]},
            },
            f"{AT}model_explainability.label_headers: names 2 outputs, payload.output.attributions 3",
        ),
        (
            {
                f"{MONITOR}model_explainability": {"method": "captured", "label_headers": ["no", "yes"]},
                "payload__output": {"attributions": "a"},
            },
            f"{AT}model_explainability.label_headers: names 2 outputs, payload.output.attributions 1",
        ),
        (
            {f"{MONITOR}model_explainability": {"predictor": {"model_name": "a", "instance_type": "ml.m5.large"}}},
            f"{AT}max_runtime_seconds: a run is stopped after 3000, and model_explainability may ask for 3600",
        ),
        (
            {
                f"{MONITOR}schedule": "daily",
                f"{MONITOR}max_runtime_seconds": 9000,
                f"{MONITOR}model_explainability": {"predictor": {}, "budget": {"seconds": 5000}},
            },
            f"{AT}model_explainability.budget.seconds: the baseline job is stopped after 2700",
        ),
        ({f"{MONITOR}max_runtime_seconds": 7200}, f"{AT}max_runtime_seconds: an hourly schedule allows at most 3600"),
    ],
)
def test_a_fault_is_told_with_its_path(changes, expected):
    assert [fault for fault in faults(**changes) if fault.startswith(expected)], faults(**changes)


SHADOW = {"model_name": "fraud-3", "instance_type": "ml.m5.large"}
EXISTING = {"constraints": f"{BUCKET}/analysis.json"}
EXPLAINED_ALONE: dict[str, Any] = {
    "monitors__all": {
        "types": ["model_explainability"],
        "max_runtime_seconds": 3600,
        "baseline": {"dataset": f"{BUCKET}/baseline.csv"},
        "model_explainability": {"predictor": SHADOW},
    },
    "retraining": None,
}


def test_a_shadow_endpoint_that_cannot_fit_an_hour_is_told_what_does():
    told = faults(**EXPLAINED_ALONE)
    assert [fault.split("; ")[1] for fault in told] == [
        "lower model_explainability.budget.seconds to at most 899 or model_explainability.predictor.startup_seconds to "
        "at most 899"
    ] * 2
    assert faults(**EXPLAINED_ALONE, monitors__all__model_explainability__budget={"seconds": 899}) == []
    assert faults(**EXPLAINED_ALONE, monitors__all__model_explainability__predictor__startup_seconds=899) == []


def test_running_less_often_is_advised_where_it_helps():
    of_service = {"monitors__all__scheduler": "model_monitor"}
    hourly = {**EXPLAINED_ALONE, "monitors__all__baseline": EXISTING, **of_service}
    (fault,) = faults(**hourly)
    assert (
        "an hourly schedule allows at most 3600, so lower model_explainability.budget.seconds to at most 1799 " in fault
    )
    assert fault.endswith("or run less often and raise it to at least 3601")
    assert faults(**hourly, monitors__all__schedule="daily", monitors__all__max_runtime_seconds=3601) == []


def test_managed_runs_may_be_longer_than_the_time_between_them():
    hourly = {**EXPLAINED_ALONE, "monitors__all__baseline": EXISTING}
    (fault,) = faults(**hourly)
    assert "raise it to at least 3601, or lower model_explainability.budget.seconds to at most 1799 " in fault
    assert faults(**hourly, monitors__all__max_runtime_seconds=3601) == []


def test_a_run_that_may_be_longer_is_told_how_long():
    short = {"monitors__all__max_runtime_seconds": 1000, "monitors__all__model_explainability": {"predictor": {}}}
    (fault,) = faults(**EXPLAINED_ALONE, **short)
    assert fault.endswith("raise it to at least 1801, or lower model_explainability.budget.seconds to at most 999")


def test_a_start_that_leaves_nothing_is_to_be_lowered_too():
    slow = {"predictor": {**SHADOW, "startup_seconds": 5000}, "budget": {"seconds": 4000}}
    told = faults(**EXPLAINED_ALONE, monitors__all__model_explainability=slow)
    assert "lower budget.seconds and predictor.startup_seconds to at most 2699 together" in told[0]


def test_the_hourly_shadow_of_the_documentation_is_valid():
    text = (ROOT / "docs/predictions.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert faults(monitors=yaml.safe_load(example), retraining=None) == []


def test_captures_are_kept_as_long_as_their_windows_wait_for_labels():
    (fault,) = faults(storage__capture_days=20)
    assert fault == (
        f"{AT}model_quality.label_horizon: a window waits 21 days for its labels, and storage.capture_days deletes what it "
        "needs after 20 days; raise capture_days to at least 22, or shorten label_horizon"
    )
    assert faults(storage__capture_days=22) == []


def test_months_of_waiting_need_their_history_too():
    waiting = {**MODEL_QUALITY, "label_delay": "P90D", "label_horizon": "P120D"}
    told = faults(**{f"{MONITOR}model_quality": waiting}, storage__capture_days=365, storage__report_days=100)
    assert len(told) == 1
    assert "storage.report_days deletes what it needs after 100 days; raise report_days to at least 121" in told[0]


def test_captures_that_others_keep_are_not_judged():
    changes: dict[str, Any] = {"model": None, "retraining": None, "capture__destination": "s3://elsewhere/live"}
    assert faults(storage__capture_days=1, **changes) == []


def test_monitors_that_share_a_baseline_measure_alike():
    other = {
        "types": ["model_quality"],
        "schedule": "daily",
        "baseline": {"dataset": f"{BUCKET}/baseline.csv"},
        "model_quality": {**MODEL_QUALITY, "problem_type": "multiclass", "thresholds": {}},
    }
    (fault,) = faults(monitors__daily=other, retraining__monitor="all")
    assert fault.startswith("endpoints.fraud.monitors.daily.model_quality: is set otherwise than in all")
    other["model_quality"] = {**MODEL_QUALITY, "label_delay": "P1D", "thresholds": {"recall": 0.5}}
    assert faults(monitors__daily=other, retraining__monitor="all") == []


@pytest.mark.parametrize(
    "changes",
    [
        {f"{MONITOR}alarms": {"quality": {"accuracy": 0.01, "false_positive_rate": 0.99}, "label_coverage": 0.01}},
        {f"{MONITOR}alarms": {"drift_max": 0.99}, f"{MONITOR}features": {"age": {"evaluate_constraints": "Disabled"}}},
        {
            f"{MONITOR}alarms": {"label_coverage": 0.7},
            f"{MONITOR}model_quality": {**MODEL_QUALITY, "min_coverage": 0.9},
        },
    ],
)
def test_an_alarm_that_can_ring_is_taken(changes):
    assert faults(**changes) == []
