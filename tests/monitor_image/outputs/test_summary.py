"""What a laptop prints: every monitor of a run is named with its own verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from model_monitor.constraints.model import Check, Conclusion, Outcome
from model_monitor.contract import JobKind, MonitoringType, Verdict
from model_monitor.job import DatasetKind, DatasetSource, Job
from model_monitor.outputs.report import MonitorResult, Report, Run
from model_monitor.outputs.summary import summary
from model_monitor.profiles.reading import Reading

JOB = Job(JobKind.MONITOR, DatasetSource(Path("in"), DatasetKind.CAPTURE), Path("out"))
NOW = datetime(2026, 3, 2, tzinfo=UTC)
HEALTHY = MonitorResult(MonitoringType.DATA_QUALITY, Conclusion(Verdict.OK))
EMPTY = MonitorResult(MonitoringType.MODEL_QUALITY, Conclusion(Verdict.INSUFFICIENT_DATA, reason="0 labels"))


def lines_of(*results: MonitorResult, job: Job = JOB) -> list[str]:
    return summary(Report(job, Reading(records=100), results), Run(NOW, NOW), []).splitlines()


def test_a_run_that_is_ok_names_the_monitor_that_evaluated_nothing():
    assert lines_of(HEALTHY, EMPTY)[:4] == [
        "ok",
        "  data_quality   ok",
        "  model_quality  insufficient_data: 0 labels",
        "100 records, 0 files, 0.0 s",
    ]


def test_the_block_of_each_of_several_monitors_has_its_name_above():
    lines = lines_of(HEALTHY, EMPTY)
    assert [line for line in lines if line.startswith("---")] == ["--- data_quality ---", "--- model_quality ---"]


def test_one_monitor_needs_no_second_line_or_heading():
    lines = lines_of(HEALTHY)
    assert lines[:2] == ["ok", "100 records, 0 files, 0.0 s"]
    assert not any(line.startswith("---") for line in lines)


def test_a_baseline_has_headings_but_no_verdicts():
    lines = lines_of(HEALTHY, EMPTY, job=replace(JOB, kind=JobKind.BASELINE))
    assert lines[:2] == ["baseline", "100 records, 0 files, 0.0 s"]
    assert "--- model_quality ---" in lines


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
