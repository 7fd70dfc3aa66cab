"""The exit message: AWS's first lines, at most 1 KB of ASCII, and never a value of the data."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from model_monitor.contract import JobKind, MonitoringType, Verdict
from model_monitor.job.job import DatasetKind, DatasetSource, Job
from model_monitor.monitors.conclusion import Check, Conclusion, Outcome
from model_monitor.outputs.exit_message import exit_message, fit
from model_monitor.outputs.report import Failure, MonitorResult, Report
from model_monitor.schema import Rejects
from model_monitor.sketches.reading import Reading

JOB = Job(JobKind.MONITOR, DatasetSource(Path("in"), DatasetKind.CAPTURE), Path("out"))


def report_of(verdict: Verdict, *checks: Check, reason: str = "", reading: Reading | None = None) -> Report:
    result = MonitorResult(MonitoringType.DATA_QUALITY, Conclusion(verdict, checks, reason))
    return Report(JOB, reading or Reading(records=100), (result,))


def violated(check_type: str, subject: str) -> Check:
    return Check(
        check_type, subject, Outcome.VIOLATED, description="Value: 0.5 does not meet the constraint requirement! "
    )


def test_a_healthy_window_has_the_prebuilt_images_line():
    message = exit_message(report_of(Verdict.OK))
    assert message.splitlines()[0] == "Completed: Job completed successfully with no violations."


def test_violations_are_counted_first_and_named_after():
    checks = [violated("data_type_check", "Elevation"), violated("completeness_check", "Slope")]
    message = exit_message(report_of(Verdict.VIOLATED, *checks))
    assert message.splitlines() == [
        "CompletedWithViolations: Job completed successfully with 2 violations.",
        "completeness_check (1): Slope",
        "data_type_check (1): Elevation",
        "Records: 100, rejected: 0, outside the window: 0.",
    ]


def test_many_features_are_named_in_part():
    checks = [violated("data_type_check", f"f{i}") for i in range(9)]
    assert "data_type_check (9): f0, f1, f2, f3, f4 and 4 more" in exit_message(report_of(Verdict.VIOLATED, *checks))


def test_what_was_not_evaluated_is_said_beside_what_held():
    skipped = Check("baseline_drift_check", "Slope", Outcome.NOT_EVALUATED, description="its type check failed")
    message = exit_message(report_of(Verdict.OK, Check("data_type_check", "a", Outcome.HELD), skipped))
    assert "Evaluated 1 of 2 checks." in message
    assert "Not evaluated (1), its type check failed: Slope" in message


@pytest.mark.parametrize("verdict", [Verdict.NO_DATA, Verdict.WAITING, Verdict.INSUFFICIENT_DATA])
def test_nothing_evaluated_never_reads_as_no_violations(verdict):
    message = exit_message(report_of(verdict, reason="3 records, at least 30 are needed"))
    assert message.splitlines()[0] == f"Completed: Not evaluated ({verdict}): 3 records, at least 30 are needed"
    assert "no violations" not in message


def test_a_monitor_that_was_due_and_not_evaluated_is_the_first_line_beside_others_that_held():
    held = report_of(Verdict.OK, Check("data_type_check", "a", Outcome.HELD))
    empty = MonitorResult(MonitoringType.MODEL_QUALITY, Conclusion(Verdict.INSUFFICIENT_DATA, reason="no label of 9"))
    message = exit_message(Report(JOB, held.reading, (*held.results, empty)))
    assert message.splitlines()[0] == "Completed: Not evaluated (insufficient_data): no label of 9"
    assert "no violations" not in message


def test_a_monitor_that_waits_leaves_the_others_verdict_and_is_named():
    held = report_of(Verdict.OK, Check("data_type_check", "a", Outcome.HELD))
    waits = MonitorResult(MonitoringType.MODEL_QUALITY, Conclusion(Verdict.WAITING, reason="labels are due at noon"))
    message = exit_message(Report(JOB, held.reading, (*held.results, waits)))
    assert message.splitlines()[:2] == [
        "Completed: Job completed successfully with no violations.",
        "Not evaluated: model_quality (waiting): labels are due at noon",
    ]


@pytest.mark.parametrize("verdict", [Verdict.OK, Verdict.VIOLATED])
def test_a_run_names_each_monitor_that_evaluated_nothing_right_after_the_first_line(verdict):
    first = report_of(verdict, *([violated("data_type_check", "Slope")] if verdict is Verdict.VIOLATED else []))
    reason = "no label of 100 predictions " + "x" * 2000
    empty = MonitorResult(MonitoringType.MODEL_QUALITY, Conclusion(Verdict.INSUFFICIENT_DATA, reason=reason))
    message = exit_message(Report(JOB, first.reading, (*first.results, empty)))
    assert message.splitlines()[1].startswith("Not evaluated: model_quality (insufficient_data): no label of 100")
    assert "Records: 100" in message
    assert "Not evaluated" not in exit_message(first)


def test_rejects_are_told_by_reason():
    reading = Reading(records=90, outside_window=2, rejects=Rejects(Counter({"no JSON": 7, "no output": 3})))
    message = exit_message(report_of(Verdict.OK, reading=reading))
    assert "Records: 90, rejected: 10, outside the window: 2. Rejected 7: no JSON. Rejected 3: no output." in message


def test_an_error_is_told_in_one_line():
    report = Report(JOB).failed(
        Failure("SettingsError", "environment: 2 faults:\n  start_time: is missing\n  x: is no y")
    )
    assert exit_message(report) == "Error: environment: 2 faults: start_time: is missing; x: is no y"


@given(st.lists(st.text(max_size=1500), min_size=1, max_size=12))
def test_any_lines_fit_one_kilobyte_of_ascii(lines):
    message = fit(lines)
    assert message.isascii()
    assert len(message.encode()) <= 1024


@given(st.lists(st.text(min_size=1, max_size=400), min_size=1, max_size=60, unique=True))
def test_feature_names_of_any_kind_and_number_keep_the_first_line_whole(names):
    message = exit_message(
        report_of(Verdict.VIOLATED, *(violated(f"check_{i % 7}", name) for i, name in enumerate(names)))
    )
    assert len(message.encode("ascii")) <= 1024
    expected = f"CompletedWithViolations: Job completed successfully with {len(names)} violations."
    assert message.split("\n")[0] == expected


def test_lines_that_do_not_fit_are_left_out_visibly():
    assert fit(["first", "x" * 2000, "last"]) == "first\n..."
