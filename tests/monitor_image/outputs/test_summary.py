"""What a laptop prints: every monitor of a run is named with its own verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from model_monitor.contract import JobKind, MonitoringType, Verdict
from model_monitor.job.job import DatasetKind, DatasetSource, Job
from model_monitor.monitors.conclusion import Check, Conclusion, Evidence, Outcome
from model_monitor.outputs.report import MonitorResult, Report, Run
from model_monitor.outputs.summary import summary
from model_monitor.sketches.reading import Reading

JOB = Job(JobKind.MONITOR, DatasetSource(Path("in"), DatasetKind.CAPTURE), Path("out"))
NOW = datetime(2026, 3, 2, tzinfo=UTC)
HEALTHY = MonitorResult(MonitoringType.DATA_QUALITY, Conclusion(Verdict.OK))
EMPTY = MonitorResult(MonitoringType.MODEL_QUALITY, Conclusion(Verdict.INSUFFICIENT_DATA, reason="0 labels"))


def lines_of(*results: MonitorResult, job: Job = JOB) -> list[str]:
    return summary(Report(job, Reading(records=100), results), Run(NOW, NOW), []).splitlines()


def test_a_run_is_as_its_monitor_that_was_due_and_evaluated_nothing():
    assert lines_of(HEALTHY, EMPTY)[:4] == [
        "insufficient_data: 0 labels",
        "  data_quality   ok",
        "  model_quality  insufficient_data: 0 labels",
        "100 records, 0 files, 0.0 s",
    ]


def test_a_run_that_is_ok_names_the_monitor_that_waits():
    waits = MonitorResult(MonitoringType.MODEL_QUALITY, Conclusion(Verdict.WAITING, reason="labels are due at noon"))
    assert lines_of(HEALTHY, waits)[:3] == [
        "ok",
        "  data_quality   ok",
        "  model_quality  waiting: labels are due at noon",
    ]


def test_the_block_of_each_of_several_monitors_has_its_name_above():
    lines = lines_of(HEALTHY, EMPTY)
    assert [line for line in lines if line.startswith("---")] == ["--- data_quality ---", "--- model_quality ---"]


def test_one_monitor_needs_no_second_line_or_heading():
    lines = lines_of(HEALTHY)
    assert lines[:2] == ["ok", "100 records, 0 files, 0.0 s"]
    assert not any(line.startswith("---") for line in lines)


def test_a_share_of_what_is_right_says_so_beside_a_sentence_about_what_is_wrong():
    known = Check(
        "categorical_values_check", "city", Outcome.VIOLATED, observed=0.0, allowed=0.9, sentence="new values"
    )
    known = replace(known, allowance=0.8)
    drift = Check("baseline_drift_check", "bmi", Outcome.VIOLATED, observed=0.3, allowed=0.1, sentence="median moved")
    lines = lines_of(MonitorResult(MonitoringType.DATA_QUALITY, Conclusion(Verdict.VIOLATED, (known, drift))))
    told = [line.strip() for line in lines if "_check" in line]
    assert told == [
        "city: categorical_values_check. new values "
        "(observed share of known values 0.0000, limit 0.9000, sampling explains down to 0.8000)",
        "bmi: baseline_drift_check. median moved (observed 0.3000, limit 0.1000)",
    ]


def test_a_baseline_has_headings_but_no_verdicts():
    lines = lines_of(HEALTHY, EMPTY, job=replace(JOB, kind=JobKind.BASELINE))
    assert lines[:2] == ["baseline", "100 records, 0 files, 0.0 s"]
    assert "--- model_quality ---" in lines


def test_one_change_under_several_names_is_told_once():
    told = {name: Evidence(1e-9, alike="recall") for name in ("recall", "true_positive_rate", "false_negative_rate")}
    checks = tuple(
        Check("limit", name, Outcome.VIOLATED, evidence=evidence, sentence=f"{name} 0.6 -> 0.4")
        for name, evidence in [*told.items(), ("accuracy", Evidence(1e-9, alike="accuracy")), ("f1", Evidence(1e-9))]
    )
    conclusion = Conclusion(Verdict.VIOLATED, checks)
    assert conclusion.repeated == {"true_positive_rate": "recall", "false_negative_rate": "recall"}
    lines = lines_of(MonitorResult(MonitoringType.MODEL_QUALITY, conclusion))
    assert "  recall: limit. recall 0.6 -> 0.4" in lines
    assert "  false_negative_rate: limit. The same change as that of recall" in lines
    assert "  f1: limit. f1 0.6 -> 0.4" in lines


@pytest.mark.parametrize(
    ("description", "shown"),
    [
        (
            "Metric mse with 0.21834567891234567 +/- 1.2345678912e-05 was GreaterThanThreshold '0.2'",
            "Metric mse with 0.218346 +/- 1.23457e-05 was GreaterThanThreshold '0.2'",
        ),
        (
            "Metric value -0.123456789012345 doesn't meet the baseline constraint requirement 1.0",
            "Metric value -0.123457 doesn't meet the baseline constraint requirement 1.0",
        ),
        (
            "Metric auc with 0.7999999999999999 was LessThanThreshold '0.8'",
            "Metric auc with 0.7999999999999999 was LessThanThreshold '0.8'",
        ),
        ("version 1.23456789.1 and v0.123456789", "version 1.23456789.1 and v0.123456789"),
    ],
)
def test_numbers_of_a_violation_are_as_short_as_they_can_be_told_apart(description, shown):
    check = Check("some_check", "subject", Outcome.VIOLATED, description=description)
    lines = lines_of(MonitorResult(MonitoringType.DATA_QUALITY, Conclusion(Verdict.VIOLATED, (check,))))
    assert f"  subject: some_check. {shown}" in lines


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.5, "0.5000"), (0.0, "0.0000"), (0.0000123456789, "1.23457e-05"), (1234567.891, "1.23457e+06")],
)
def test_tiny_and_large_values_keep_the_digits_that_matter(value, shown):
    found = [{"name": "balance", "value": value, "status": "ok", "reason": ""}]
    lines = lines_of(MonitorResult(MonitoringType.CUSTOM_METRICS, Conclusion(Verdict.OK), {"metrics": found}))
    assert next(line.split()[1] for line in lines if line.startswith("balance")) == shown


def test_short_names_of_bias_metrics_are_spelled_out_once():
    group = {"group": "#1", "value_or_threshold": "1", "reason": "", "advantaged": 5, "disadvantaged": 4}
    values = {"pre": {"DPL": {"value": 0.1}}, "post": {"AD": {"value": 0.2}}}
    facets = [{"facet": facet} | group | values for facet in ("town", "sex")]
    found = {"labelled": 9, "records": 9, "facets": facets}
    lines = lines_of(MonitorResult(MonitoringType.MODEL_BIAS, Conclusion(Verdict.OK), found))
    assert [line.split(maxsplit=4)[3:] for line in lines if line.startswith("DPL")] == [
        ["-", "Difference in Positive Proportions in Labels"],
        ["-"],
    ]
    assert sum("Accuracy Difference" in line for line in lines) == 1


def test_a_custom_metric_beyond_its_limit_is_shown_as_violated():
    check = Check("custom_metric_check", "balance", Outcome.VIOLATED, observed=3.0, allowed=2.0)
    found = [
        {"name": "balance", "value": 3.0, "status": "ok", "reason": ""},
        {"name": "other", "value": 1.0, "status": "ok", "reason": ""},
    ]
    conclusion = Conclusion(Verdict.VIOLATED, (check,))
    lines = lines_of(MonitorResult(MonitoringType.CUSTOM_METRICS, conclusion, {"metrics": found}))
    balance, other = (next(line for line in lines if line.startswith(name)) for name in ("balance", "other"))
    assert balance.split() == ["balance", "3.0000", "2.0000", "violated"]
    assert other.split() == ["other", "1.0000", "-", "ok"]
