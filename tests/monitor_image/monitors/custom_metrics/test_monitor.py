"""Custom metrics as a monitor: values and limits; and the example of the guide as it stands there."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest

from model_monitor import flow
from model_monitor.contract import JobKind, MonitoringType, Verdict
from model_monitor.errors import BaselineError, SettingsError
from model_monitor.job.configuration import parse_configuration
from model_monitor.job.job import BaselineFiles, DatasetKind, DatasetSource
from model_monitor.outputs.folder import write_folder
from model_monitor.outputs.report import Run, schema, to_json
from tests.captures import HOUR, write_csv
from tests.monitor_image.monitors.custom_metrics.payments import (
    block_of_guide,
    capture_of,
    cost_of,
    declared,
    job_of,
    module_of,
    outcomes,
    payments,
    values,
    watched,
)


def test_the_guide_s_example_measures_what_mistakes_cost(tmp_path, example):
    found = payments(600, 7)
    report = watched(tmp_path, example, found)
    cost = values(report)["custom_cost_weighted_error"]
    assert cost == pytest.approx(cost_of(found), rel=1e-12)
    assert cost < 0.2
    assert values(report)["custom_flagged_share"] == pytest.approx(sum(p["label"] for p in found) / 600)
    assert outcomes(report)["cost_weighted_error"][0] == "held"
    assert outcomes(report)["flagged_share"][0] == "not_evaluated"  # it has no limit before there is a baseline
    assert report.verdict is Verdict.OK


def test_the_guide_s_baseline_takes_the_declared_limit_or_the_value_and_a_bad_hour_violates_it(tmp_path, example):
    data = payments(600, 7)
    dataset = write_csv(tmp_path / "baseline.csv", data)
    suggested = flow.run(job_of(example, DatasetSource(dataset, DatasetKind.CSV), JobKind.BASELINE))
    files = suggested.results[0].files
    limits = files["constraints.json"]["custom_metrics_constraints"]
    assert limits["cost_weighted_error"] == {"threshold": 0.2, "comparison_operator": "GreaterThanThreshold"}
    assert limits["flagged_share"]["threshold"] == pytest.approx(sum(p["label"] for p in data) / 600)
    assert files["statistics.json"]["custom_metrics"]["cost_weighted_error"]["value"] == pytest.approx(cost_of(data))
    write_folder(suggested, Run(HOUR, HOUR))
    folder = tmp_path / "output"
    baseline = {MonitoringType.CUSTOM_METRICS: BaselineFiles(folder / "constraints.json", folder / "statistics.json")}

    bad = payments(600, 8, missed=0.9)
    report = watched(tmp_path, example, bad, baselines=baseline)
    assert report.verdict is Verdict.VIOLATED
    (violation,) = report.results[0].files["constraint_violations.json"]["violations"]
    cost = cost_of(bad)
    assert violation["feature_name"] == "cost_weighted_error"
    assert violation["constraint_check_type"] == "custom_metric_check"
    assert re.fullmatch(
        r"Metric cost_weighted_error with 0\.\d+ was GreaterThanThreshold '0.2'", violation["description"]
    )
    assert values(report)["violations_custom_metric_check"] == 1
    assert values(report)["custom_cost_weighted_error"] == pytest.approx(cost)
    assert values(report)["custom_metrics_failed"] == 0
    content = json.loads(json.dumps(to_json(report, Run(HOUR, HOUR))))
    jsonschema.validate(content, schema())
    (entry,) = (m for m in content["monitors"][0]["summary"]["metrics"] if m["name"] == "cost_weighted_error")
    assert (entry["status"], entry["unit"], entry["worse"]) == ("ok", "None", "greater")


def test_the_guide_s_configuration_is_valid_and_its_limit_wins(tmp_path, example):
    document = json.loads(block_of_guide("json"))
    configuration = parse_configuration(json.dumps(document).encode(), "guide")
    (settings,) = configuration.monitors
    assert settings.options == {
        "module": "fraud_metrics.py",
        "max_rows": 5_000_000,
        "thresholds": {"flagged_share": 0.1},
    }
    report = watched(tmp_path, example, payments(600, 7), options={"thresholds": {"flagged_share": 0.1}})
    assert outcomes(report)["flagged_share"] == (
        "violated",
        f"Metric flagged_share with {values(report)['custom_flagged_share']} was GreaterThanThreshold '0.1'",
    )


def test_without_labels_only_the_metric_that_needs_them_says_nothing(tmp_path, example):
    capture, _ = capture_of(tmp_path, payments(60, 1), with_labels=False)
    report = flow.run(job_of(example, DatasetSource(capture, DatasetKind.CAPTURE), JobKind.MONITOR))
    assert "custom_cost_weighted_error" not in values(report)
    assert "custom_flagged_share" in values(report)
    assert outcomes(report)["cost_weighted_error"] == ("not_evaluated", "the function gave no value for these records")
    assert report.verdict is Verdict.INSUFFICIENT_DATA


def test_below_min_records_nothing_is_evaluated(tmp_path, example):
    report = watched(tmp_path, example, payments(12, 7))
    assert report.verdict is Verdict.INSUFFICIENT_DATA
    assert report.reason == "12 records, fewer than min_records = 30"
    assert report.results[0].conclusion.checks == ()


def test_a_lower_value_violates_a_metric_that_gets_worse_downwards(tmp_path):
    module = module_of(tmp_path, declared("recall", "return 0.4", worse="less", threshold=0.5))
    report = watched(tmp_path, module, payments(60, 1))
    assert outcomes(report)["recall"] == ("violated", "Metric recall with 0.4 was LessThanThreshold '0.5'")


def test_a_baseline_of_another_monitor_is_refused(tmp_path, example):
    wrong = tmp_path / "constraints.json"
    wrong.write_text('{"features": []}')
    with pytest.raises(BaselineError, match="holds no threshold"):
        watched(tmp_path, example, payments(60, 1), baselines={MonitoringType.CUSTOM_METRICS: BaselineFiles(wrong)})


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (
            {"thresholds": [1]},
            "monitors.custom_metrics.thresholds: should be an object of metric → number, found a list",
        ),
        ({"thresholds": {"a": "x"}}, "monitors.custom_metrics.thresholds.a: should be a number, found text"),
        ({"max_rows": 0}, "monitors.custom_metrics.max_rows: should be at least 1"),
        ({"modul": "x"}, "monitors.custom_metrics.modul: is unknown"),
    ],
)
def test_wrong_options_are_told_by_path(options, fault):
    with pytest.raises(SettingsError) as caught:
        parse_configuration(json.dumps({"monitors": {"custom_metrics": options}}).encode(), "test")
    assert fault in str(caught.value)
