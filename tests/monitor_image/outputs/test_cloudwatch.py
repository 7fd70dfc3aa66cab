"""Metric files: valid for CloudWatch, complete for a healthy window, stamped with the window's end."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from model_monitor.contract import JobKind, MonitoringType, Verdict
from model_monitor.job.job import DatasetKind, DatasetSource, Job, MetricsSettings
from model_monitor.monitors.conclusion import Conclusion
from model_monitor.outputs import cloudwatch
from model_monitor.outputs.metric import Metric, StatisticValues
from model_monitor.outputs.report import Failure, MonitorResult, Report
from model_monitor.schema import Window
from model_monitor.sketches.reading import Reading

END = datetime(2026, 3, 2, 5, tzinfo=UTC)
JOB = Job(
    JobKind.MONITOR,
    DatasetSource(Path("in"), DatasetKind.CAPTURE),
    Path("out"),
    window=Window(datetime(2026, 3, 2, 4, tzinfo=UTC), END),
    endpoint="churn",
    schedule="churn-data-quality",
)
READING = Reading(records=10, outside_window=1, variants=Counter({"blue": 6, "green": 4}))


def report_of(verdict: Verdict = Verdict.OK, *metrics: Metric, job: Job = JOB) -> Report:
    return Report(job, READING, (MonitorResult(MonitoringType.DATA_QUALITY, Conclusion(verdict), metrics=metrics),))


def values(report: Report) -> dict[str, float]:
    points = cloudwatch.data_points(cloudwatch.metrics_of(report), report.job, cloudwatch.timestamp_of(report))
    return {
        point["MetricName"]: point["Value"] for point in points if "Value" in point and len(point["Dimensions"]) == 2
    }


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_run_says_its_verdict_as_five_zeros_and_ones(verdict):
    report = report_of(verdict) if verdict is not Verdict.ERROR else Report(JOB).failed(Failure("X", "x"))
    runs = {name: value for name, value in values(report).items() if name.startswith("run_")}
    assert runs == {f"run_{each}": float(each is verdict) for each in Verdict}


def test_a_healthy_window_emits_what_was_read_and_what_was_measured():
    found = values(report_of(Verdict.OK, Metric("drift_max", 0.02)))
    assert (found["records"], found["rejected"], found["outside_window"], found["drift_max"]) == (10, 0, 1, 0.02)


def test_a_run_that_read_nothing_before_its_error_claims_no_records():
    assert "records" not in values(Report(JOB).failed(Failure("SettingsError", "x")))


def test_a_point_is_what_the_metrics_file_and_put_metric_data_both_take():
    metrics = [
        Metric("a", 1.5, "Count"),
        Metric("b", StatisticValues(2, 3.0, 1.0, 2.0), extra_dimensions={"Feature": "x"}),
    ]
    first, second = cloudwatch.data_points(metrics, JOB, END)
    own = [{"Name": "Endpoint", "Value": "churn"}, {"Name": "MonitoringSchedule", "Value": "churn-data-quality"}]
    assert first == {
        "MetricName": "a",
        "Timestamp": "2026-03-02T05:00:00Z",
        "Dimensions": own,
        "Value": 1.5,
        "Unit": "Count",
    }
    assert second == {
        "MetricName": "b",
        "Timestamp": "2026-03-02T05:00:00Z",
        "Dimensions": [*own, {"Name": "Feature", "Value": "x"}],
        "StatisticValues": {"SampleCount": 2, "Sum": 3.0, "Minimum": 1.0, "Maximum": 2.0},
        "Unit": "None",
    }


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, StatisticValues(0, 0.0, 0.0, 0.0), StatisticValues(1, math.inf, 0.0, 1.0)]
)
def test_what_cloudwatch_refuses_is_left_out(value):
    assert cloudwatch.data_points([Metric("a", value)], JOB, END) == []


def test_variants_get_their_own_series_only_on_request_and_when_there_are_several():
    wanted = replace(JOB, metrics=MetricsSettings(by_variant=True))

    def by_variant(report: Report) -> dict[str, float]:
        metrics = cloudwatch.metrics_of(report)
        return {metric.extra_dimensions["Variant"]: metric.value for metric in metrics if metric.extra_dimensions}

    assert by_variant(report_of(job=wanted)) == {"blue": 6, "green": 4}
    assert by_variant(report_of()) == {}
    assert by_variant(replace(report_of(job=wanted), reading=Reading(records=3, variants=Counter({"blue": 3})))) == {}


def test_without_a_window_the_last_record_gives_the_time_and_without_times_nobody_does():
    windowless = replace(JOB, window=None)
    timed = Report(windowless, Reading(records=1, first_time=0, last_time=3600))
    assert cloudwatch.timestamp_of(timed) == datetime(1970, 1, 1, 1, tzinfo=UTC)
    assert "Timestamp" not in cloudwatch.data_points([Metric("a", 1.0)], windowless, None)[0]


def test_a_publishers_line_names_the_namespace():
    points = cloudwatch.data_points([Metric("a", 1.0)], JOB, END)
    assert cloudwatch.publisher_lines(points, "Mine") == [{"Namespace": "Mine", **points[0]}]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("north", "north"),
        ("São Paulo", "S\\xe3o Paulo"),
        ("", "(empty)"),
        (" \t", "?"),
        ("  ", "(empty)"),
        (":x", "_:x"),
        ("x" * 2000, "x" * 1024),
    ],
)
def test_values_of_the_data_become_dimensions_that_cloudwatch_takes(value, told):
    (point,) = cloudwatch.data_points([Metric("accuracy", 0.5, extra_dimensions={"SliceValue": value})], JOB, END)
    assert point["Dimensions"][-1] == {"Name": "SliceValue", "Value": told}
