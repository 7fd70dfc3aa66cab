"""One number says why people are told of a run, and only what settings name leaves it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from model_monitor.contract import CHECKS_OF, Cause, CheckType, Verdict, violations_metric
from model_monitor.job.job import MetricsSettings
from model_monitor.outputs import causes, cloudwatch
from model_monitor.outputs.metric import Metric
from model_monitor.outputs.report import Failure, Report
from model_monitor.schema import Rejects
from model_monitor.sketches.reading import Reading
from tests.monitor_image.outputs.test_cloudwatch import JOB, report_of, values

WITH_CAUSES = replace(JOB, metrics=MetricsSettings(has_causes=True, rejected_share=0.01))


@pytest.mark.parametrize(
    ("cause", "check"), [(cause, check) for cause, checks in CHECKS_OF.items() for check in checks]
)
def test_a_violated_check_is_a_one_at_its_causes_place(cause, check):
    report = report_of(Verdict.VIOLATED, Metric(violations_metric(check), 2.0, "Count"), job=WITH_CAUSES)
    assert values(report)["causes"] == 10**cause.place


def test_every_check_type_of_every_monitor_has_a_cause():
    from model_monitor.contract import CHECK_TYPES

    assert {check for checks in CHECKS_OF.values() for check in checks} == {c for t in CHECK_TYPES.values() for c in t}


def test_a_good_window_says_zero_and_a_failed_run_its_error():
    assert (
        values(report_of(Verdict.OK, Metric(violations_metric(CheckType.DATA_TYPE), 0.0), job=WITH_CAUSES))["causes"]
        == 0
    )
    failed = Report(WITH_CAUSES).failed(Failure("X", "x"))
    assert causes.causes(failed) == {Cause.ERROR}


@pytest.mark.parametrize(("rejected", "is_told"), [(1, False), (2, True)])
def test_more_unreadable_records_than_a_share_are_a_cause(rejected, is_told):
    reading = Reading(records=100 - rejected, rejects=Rejects(Counter({"json": rejected})))
    found = causes.causes(replace(report_of(job=WITH_CAUSES), reading=reading))
    assert (Cause.REJECTED in found) is is_told


def test_causes_of_one_run_stand_side_by_side_and_a_sum_of_nine_runs_carries_nothing():
    drifted, broken = (
        Metric(violations_metric(check), 1.0) for check in (CheckType.BASELINE_DRIFT, CheckType.DATA_TYPE)
    )
    found = causes.metric(report_of(Verdict.VIOLATED, drifted, broken, job=WITH_CAUSES)).value
    assert found == 11
    assert 9 * found < 10**Cause.MODEL_QUALITY.place


def test_only_what_is_named_leaves_a_run_and_all_where_nothing_is():
    named = replace(JOB, metrics=MetricsSettings(has_causes=True, only=("causes", "drift_max", "label_coverage")))
    shared = Metric("label_coverage", 0.5, extra_dimensions={"MonitoringType": "ModelBias"})
    measured = (Metric("drift_max", 0.2), Metric("drifted_share", 0.1), Metric("label_coverage", 0.9), shared)
    points = cloudwatch.points_of(report_of(Verdict.OK, *measured, job=named))
    assert [(p["MetricName"], p["Value"]) for p in points] == [
        ("drift_max", 0.2),
        ("label_coverage", 0.9),
        ("causes", 0.0),
    ]
    assert {"run_ok", "records", "drifted_share"} <= values(report_of(Verdict.OK, *measured)).keys()
    assert "causes" not in values(report_of(Verdict.OK))
