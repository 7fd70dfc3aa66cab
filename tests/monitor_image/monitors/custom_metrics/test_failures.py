"""Custom metrics that fail: crashes, modules that cannot be had, values that are no number."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from model_monitor import flow
from model_monitor.contract import JobKind, MonitoringType, Verdict
from model_monitor.errors import MonitorError
from model_monitor.job.job import DatasetKind, DatasetSource, MonitorSettings
from model_monitor.monitors.custom_metrics import loading
from model_monitor.outputs.exit_message import exit_message
from model_monitor.outputs.report import Run, to_json
from tests.captures import HOUR
from tests.monitor_image.monitors.custom_metrics.payments import (
    capture_of,
    declared,
    job_of,
    module_of,
    outcomes,
    payments,
    values,
    watched,
)


def test_a_crash_costs_its_metric_alone_and_tells_no_value(tmp_path):
    module = module_of(
        tmp_path,
        declared("crash", "raise ValueError(f\"bad amount {table['amount'][0]}\")", threshold=1.0, columns=("amount",)),
        declared("leave", "raise SystemExit(3)"),
        declared("fine", "return 3.0", threshold=2.0),
        declared("quiet", "return 1.0", threshold=2.0),
    )
    found = payments(60, 1)
    report = watched(tmp_path, module, found)
    assert outcomes(report)["crash"] == ("not_evaluated", "error: ValueError at own_metrics.py:5 in crash")
    assert outcomes(report)["leave"][1].startswith("error: SystemExit at own_metrics.py:")
    assert outcomes(report)["fine"][0] == "violated"
    assert outcomes(report)["quiet"][0] == "held"
    assert (values(report)["custom_fine"], values(report)["custom_quiet"]) == (3.0, 1.0)
    assert values(report)["custom_metrics_failed"] == 2
    assert values(report)["violations_custom_metric_check"] == 1
    assert report.verdict is Verdict.ERROR
    assert report.error is None  # the run is complete: its exit status in a job is 0
    assert report.reason == "custom metric crash failed: ValueError at own_metrics.py:5 in crash (and 1 more)"
    told = json.dumps(to_json(report, Run(HOUR, HOUR))) + exit_message(report)
    assert str(found[0]["amount"]) not in told
    assert exit_message(report).splitlines()[0] == (
        "CompletedWithViolations: Job completed successfully with 1 violations."
    )


def test_a_crash_alone_is_told_on_the_first_line_and_never_as_a_pass(tmp_path):
    module = module_of(
        tmp_path, declared("crash", "return 1 / 0", threshold=1.0), declared("fine", "return 1", threshold=2.0)
    )
    message = exit_message(watched(tmp_path, module, payments(60, 1)))
    assert message.splitlines()[0] == (
        "Completed: Not evaluated (error): custom metric crash failed: ZeroDivisionError at own_metrics.py:5 in crash"
    )


def test_other_monitors_of_the_run_are_not_touched_by_a_crash(tmp_path):
    module = module_of(tmp_path, declared("crash", "return 1 / 0"))
    capture, truth = capture_of(tmp_path, payments(60, 1))
    job = job_of(module, DatasetSource(capture, DatasetKind.CAPTURE), JobKind.MONITOR, ground_truth=truth)
    alone = flow.run(replace(job, monitors=(MonitorSettings(MonitoringType.DATA_QUALITY),)))
    both = flow.run(replace(job, monitors=(MonitorSettings(MonitoringType.DATA_QUALITY), *job.monitors)))
    assert both.results[0] == alone.results[0]
    assert both.results[1].conclusion.verdict is Verdict.ERROR


def test_a_job_that_is_stopped_inside_a_metric_stops(tmp_path):
    body = "from model_monitor.errors import MonitorError; raise MonitorError('the job was stopped')"
    with pytest.raises(MonitorError, match="stopped"):
        watched(tmp_path, module_of(tmp_path, declared("slow", body)), payments(60, 1))


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("return None", "the function gave no value for these records"),
        ("return float('nan')", "the value is not finite"),
        ("return np.float64('inf')", "the value is not finite"),
        ("return 10**400", "the value is not finite"),
        ("return 'much'", "error: returned str, expected a number or None"),
        ("return [1.0]", "error: returned list, expected a number or None"),
        ("return table['salary'].mean()", "column 'salary' is not declared; declared here: prediction, score, label"),
    ],
)
def test_what_is_no_number_is_never_a_pass(tmp_path, body, outcome):
    report = watched(tmp_path, module_of(tmp_path, declared("odd", body, threshold=1.0)), payments(60, 1))
    assert outcomes(report)["odd"][0] == "not_evaluated"
    assert outcome in outcomes(report)["odd"][1]
    assert report.verdict in (Verdict.INSUFFICIENT_DATA, Verdict.ERROR)
    assert "custom_odd" not in values(report)


@pytest.mark.parametrize("body", ["return np.float32(0.5)", "return np.array(0.5)", "return 0.5", "return True"])
def test_numbers_of_every_kind_are_taken(tmp_path, body):
    report = watched(tmp_path, module_of(tmp_path, declared("fine", body, threshold=1.0)), payments(60, 1))
    assert values(report)["custom_fine"] in (0.5, 1.0)
    assert report.verdict is Verdict.OK


def test_a_module_that_cannot_be_imported_is_an_error_of_this_monitor(tmp_path):
    report = watched(tmp_path, tmp_path / "absent.py", payments(60, 1))
    assert report.verdict is Verdict.ERROR
    assert f"there is no file absent.py in {tmp_path}" in report.reason
    assert values(report)["custom_metrics_failed"] == 1
    assert "violations_custom_metric_check" not in values(report)


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("shop.own_metrics", "there is no module shop, and a file would end in .py; Python looks in "),
        ("model_monitor.own_metrics", "there is no module model_monitor.own_metrics, and"),
    ],
)
def test_a_module_that_is_not_installed_is_told_with_where_it_was_looked_for(module, reason):
    (fault,) = loading.load(module).faults
    assert (fault.name, reason in fault.reason) == (module, True), fault.reason


def test_what_a_module_lacks_is_told_apart_from_the_module(tmp_path):
    report = watched(tmp_path, module_of(tmp_path, "import some_library\n"), payments(60, 1))
    assert "cannot be imported: ModuleNotFoundError at own_metrics.py:" in report.reason
    assert "No module named 'some_library'" in report.reason


def test_a_limit_on_a_metric_that_nobody_declares_is_an_error(tmp_path):
    module = module_of(tmp_path, declared("fine", "return 1.0", threshold=2.0))
    report = watched(tmp_path, module, payments(60, 1), options={"thresholds": {"fien": 0.1}})
    assert report.verdict is Verdict.ERROR
    assert "fien failed: the configuration limits it, and no metric has this name" in report.reason


def test_a_column_that_no_record_has_is_an_error(tmp_path):
    module = module_of(tmp_path, declared("typo", "return 1.0", threshold=2.0, columns=("amuont",)))
    report = watched(tmp_path, module, payments(60, 1))
    assert "column 'amuont' is neither a feature nor a field" in outcomes(report)["typo"][1]
    assert report.verdict is Verdict.ERROR
