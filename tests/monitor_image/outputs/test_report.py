"""report.json: its published schema, its verdict, and what may differ between two runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import orjson
import pytest

from model_monitor.contract import JobKind, MonitoringType, Verdict
from model_monitor.job.job import BaselineFiles, DatasetKind, DatasetSource, Job
from model_monitor.monitors.conclusion import Check, Conclusion, Evidence, Outcome
from model_monitor.outputs.report import Dataset, Failure, MonitorResult, Report, Run, schema, to_json
from model_monitor.schema import Reject, Rejects, Window
from model_monitor.sketches.reading import Reading

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
JOB = Job(
    JobKind.MONITOR,
    DatasetSource(Path("in"), DatasetKind.CAPTURE),
    Path("out"),
    window=Window(NOON - timedelta(hours=1), NOON),
    provenance={"image_digest": "sha256:1"},
)
RUN = Run(NOON, NOON + timedelta(seconds=3), "algo-1", "0.1.0", 2, {"instance_type": "ml.m5.large"})
CHECKS = (
    Check("data_type_check", "a", Outcome.HELD, 1.0, 1.0),
    Check("baseline_drift_check", "a", Outcome.VIOLATED, 0.4, 0.1, "Baseline drift distance", distance=0.4),
    Check("completeness_check", "b", Outcome.NOT_EVALUATED, description="the baseline says nothing", is_required=True),
)
READING = Reading(
    records=98,
    events=20,
    outside_window=1,
    rejects=Rejects(Counter({"no JSON": 2}), (Reject("a.jsonl", 3, "no JSON"),)),
    variants=Counter({"blue": 98}),
    first_time=1_772_449_200,
    last_time=1_772_449_300,
)


def report_of(*verdicts: Verdict, reading: Reading = READING, job: Job = JOB) -> Report:
    results = tuple(
        MonitorResult(type_, Conclusion(verdict, CHECKS, f"why {verdict}"), {"features": []})
        for type_, verdict in zip(MonitoringType, verdicts, strict=False)
    )
    return Report(job, reading, results, Dataset(3, 1000))


def document(report: Report, run: Run = RUN):
    return orjson.loads(orjson.dumps(to_json(report, run)))


def faults(content) -> list[str]:
    """Where a report is not as its schema says."""
    return [error.json_path for error in jsonschema.Draft202012Validator(schema()).iter_errors(content)]


@pytest.mark.parametrize(
    "report",
    [
        report_of(Verdict.VIOLATED),
        report_of(Verdict.OK, Verdict.NO_DATA),
        report_of(Verdict.OK, Verdict.WAITING),
        report_of(Verdict.NO_DATA, reading=Reading(), job=replace(JOB, window=None)),
        report_of(Verdict.OK, job=replace(JOB, kind=JobKind.BASELINE)),
        Report(JOB).failed(Failure("SettingsError", "environment: start_time is missing")),
    ],
    ids=["violated", "two monitors", "one waits", "empty", "baseline", "error"],
)
def test_every_kind_of_report_keeps_the_published_schema(report):
    assert faults(document(report)) == []


def test_what_is_one_change_under_two_names_says_so():
    checks = [
        Check("LessThanThreshold", name, Outcome.VIOLATED, 0.4, 0.6, evidence=Evidence(1e-9, alike="recall"))
        for name in ("recall", "true_positive_rate")
    ]
    result = MonitorResult(MonitoringType.MODEL_QUALITY, Conclusion(Verdict.VIOLATED, tuple(checks)))
    found = document(Report(JOB, READING, (result,), Dataset(3, 1000)))
    assert faults(found) == []
    assert [check.get("same_as") for check in found["monitors"][0]["checks"]] == [None, "recall"]


def test_the_schema_is_one_and_refuses_what_it_does_not_know():
    jsonschema.Draft202012Validator.check_schema(schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document(report_of(Verdict.OK)) | {"surprise": 1}, schema())


def test_a_runs_verdict_is_the_worst_of_its_monitors():
    assert report_of(Verdict.OK, Verdict.VIOLATED, Verdict.NO_DATA).verdict is Verdict.VIOLATED
    assert report_of(Verdict.OK, Verdict.INSUFFICIENT_DATA).verdict is Verdict.INSUFFICIENT_DATA
    assert report_of(Verdict.OK, Verdict.WAITING).verdict is Verdict.OK
    assert report_of(Verdict.WAITING).verdict is Verdict.WAITING
    assert report_of(Verdict.NO_DATA, Verdict.INSUFFICIENT_DATA).verdict is Verdict.INSUFFICIENT_DATA
    assert report_of(Verdict.OK).failed(Failure("X", "x")).verdict is Verdict.ERROR
    assert Report(JOB).verdict is Verdict.NO_DATA


def test_the_reason_is_of_the_monitor_that_decided():
    assert report_of(Verdict.NO_DATA, Verdict.INSUFFICIENT_DATA).reason == "why insufficient_data"


def test_coverage_counts_every_check_by_its_outcome():
    (monitor,) = document(report_of(Verdict.VIOLATED))["monitors"]
    assert monitor["coverage"] == {"checks": 3, "held": 1, "violated": 1, "not_evaluated": 1}
    assert monitor["violations"] == {"baseline_drift_check": 1}
    assert [check["outcome"] for check in monitor["checks"]] == ["held", "violated", "not_evaluated"]


def test_the_baseline_is_told_by_version_and_digest(tmp_path):
    path = tmp_path / "constraints.json"
    path.write_text("{}")
    report = report_of(Verdict.OK)
    report = replace(report, results=(replace(report.results[0], baseline=BaselineFiles(path, None, "v3")),))
    baseline = document(report)["monitors"][0]["baseline"]
    assert baseline["version"] == "v3"
    assert len(baseline["constraints_sha256"]) == 64
    assert baseline["statistics_sha256"] is None


def test_only_the_run_block_knows_of_the_run():
    one = document(report_of(Verdict.OK))
    later = document(
        report_of(Verdict.OK), Run(NOON + timedelta(days=1), NOON + timedelta(days=2), "algo-2", "0.1.0", 8)
    )
    assert one.pop("run") != later.pop("run")
    assert one == later
