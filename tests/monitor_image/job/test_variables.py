"""The environment of a processing job in every spelling that AWS's documents, its SDK and its samples use."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from model_monitor.contract import JobKind, MonitoringType
from model_monitor.job.job import DatasetKind
from model_monitor.job.variables import read_variables, relocate

SCHEDULED = {
    "dataset_format": '{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}',
    "dataset_source": "/opt/ml/processing/input/endpoint",
    "output_path": "/opt/ml/processing/output",
    "publish_cloudwatch_metrics": "Enabled",
    "start_time": "2019-12-01T16: 20: 00Z",
    "end_time": "2019-12-01T17:20:00Z",
    "sagemaker_endpoint_name": "churn",
    "sagemaker_monitoring_schedule_name": "churn-data-quality",
    "sagemaker_endpoint_datacapture_prefix": "s3://bucket/capture",
}


def test_a_scheduled_execution_is_understood():
    variables = read_variables(SCHEDULED)
    assert variables.faults == ()
    assert variables.kind is JobKind.MONITOR
    assert variables.window is not None
    assert variables.window.start == datetime(2019, 12, 1, 16, 20, tzinfo=UTC)
    assert variables.window.end == datetime(2019, 12, 1, 17, 20, tzinfo=UTC)
    assert (variables.endpoint, variables.schedule) == ("churn", "churn-data-quality")
    assert variables.dataset.kind is DatasetKind.CAPTURE
    assert variables.dataset.path == Path("/opt/ml/processing/input/endpoint")
    assert variables.publishes_metrics


@pytest.mark.parametrize(
    ("text", "kind", "has_header"),
    [
        ('{"csv":{"header":true}}', DatasetKind.CSV, True),
        ('{"csv":{"header":false}}', DatasetKind.CSV, False),
        ('{"csv":{"header":"true"}}', DatasetKind.CSV, True),
        ('{"Csv":{"Header":"False"}}', DatasetKind.CSV, False),
        ('{"csv":{}}', DatasetKind.CSV, True),
        ('{"csv":{"header":true,"output_columns_position":"START"}}', DatasetKind.CSV, True),
        ('{"json":{"line":true}}', DatasetKind.JSON_LINES, True),
        ('{"json":{"lines":true}}', DatasetKind.JSON_LINES, True),
        ('{"Json":{"Line":"True"}}', DatasetKind.JSON_LINES, True),
        ('{"json":{"line":false}}', DatasetKind.JSON, True),
        ('{"json":{}}', DatasetKind.JSON, True),
        ('{"parquet":{}}', DatasetKind.PARQUET, True),
        ('{"Parquet":null}', DatasetKind.PARQUET, True),
        ('{"sagemakerCaptureJson":{}}', DatasetKind.CAPTURE, True),
        ('{"sageMakerCaptureJson":{"captureIndexNames":["endpointOutput"]}}', DatasetKind.CAPTURE, True),
    ],
)
def test_every_spelling_of_the_dataset_format_is_read(text, kind, has_header):
    variables = read_variables({"dataset_format": text})
    assert variables.faults == ()
    assert (variables.dataset.kind, variables.dataset.has_header) == (kind, has_header)


def test_the_captured_sides_are_taken_from_the_format():
    one = read_variables({"dataset_format": '{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput"]}}'})
    none = read_variables({"dataset_format": '{"sagemakerCaptureJson":{}}'})
    assert one.dataset.captured == ("endpointInput",)
    assert none.dataset.captured == ("endpointInput", "endpointOutput")


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, JobKind.BASELINE),
        ({"start_time": "2026-01-01T00:00:00Z", "end_time": "2026-01-01T01:00:00Z"}, JobKind.MONITOR),
        (
            {"monitor_job": "baseline", "start_time": "2026-01-01T00:00:00Z", "end_time": "2026-01-01T01:00:00Z"},
            JobKind.BASELINE,
        ),
        ({"monitor_job": "Monitor"}, JobKind.MONITOR),
        ({"baseline_constraints": "/opt/ml/processing/baseline/constraints/constraints.json"}, JobKind.MONITOR),
    ],
)
def test_the_kind_of_job_is_said_or_seen_from_the_window_or_the_mounted_baseline(changes, kind):
    assert read_variables({"dataset_format": '{"csv":{}}'} | changes).kind is kind


def test_a_baseline_job_as_the_sdk_starts_it_is_understood():
    variables = read_variables(
        {
            "dataset_format": '{"csv":{"header":true,"output_columns_position":"END"}}',
            "dataset_source": "/opt/ml/processing/input/baseline_dataset_input",
            "output_path": "/opt/ml/processing/output",
            "publish_cloudwatch_metrics": "Disabled",
        }
    )
    assert variables.faults == ()
    assert variables.kind is JobKind.BASELINE
    assert variables.is_output_last
    assert not variables.publishes_metrics


def test_without_a_source_each_kind_has_the_services_default():
    assert read_variables({"monitor_job": "baseline"}).dataset.path.name == "baseline_dataset_input"
    assert read_variables({"monitor_job": "monitor"}).dataset.path.name == "endpoint"


def test_the_root_stands_for_opt_ml_and_moves_nothing_else():
    root = Path("/tmp/job")
    assert relocate("/opt/ml/processing/output", root) == root / "processing/output"
    assert relocate("/opt/ml", root) == root
    assert relocate("/opt/mlx/a", root) == Path("/opt/mlx/a")
    variables = read_variables(SCHEDULED | {"MODEL_MONITOR_ROOT": "/tmp/job", "baseline_statistics": "/opt/ml/x.json"})
    assert variables.dataset.path == root / "processing/input/endpoint"
    assert variables.output == root / "processing/output"
    assert variables.statistics == root / "x.json"


def test_native_names_of_the_prebuilt_analyzer_are_accepted():
    variables = read_variables(SCHEDULED | {"analysis_type": "MODEL_QUALITY", "categorical_drift_method": "chisquared"})
    assert variables.faults == ()
    assert variables.analysis_type is MonitoringType.MODEL_QUALITY
    assert variables.categorical_drift_method == "ChiSquared"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"start_time": "yesterday"}, "start_time: should be a UTC time such as 2026-01-31T05:00:00Z"),
        ({"end_time": ""}, "end_time: is missing; a window has a start and an end"),
        ({"end_time": "2019-12-01T16:20:00Z"}, "end_time: should be after start_time"),
        ({"dataset_format": "csv"}, "dataset_format: should be JSON such as"),
        ({"dataset_format": '{"orc":{}}'}, "dataset_format: names no known format"),
        ({"dataset_format": '{"csv":{"header":"yes"}}'}, "dataset_format: header should be true or false"),
        (
            {"dataset_format": '{"sagemakerCaptureJson":{"captureIndexNames":["x"]}}'},
            "captureIndexNames should be some of",
        ),
        ({"monitor_job": "train"}, "monitor_job: should be baseline or monitor"),
        ({"analysis_type": "BIAS"}, "analysis_type: should be one of"),
        ({"categorical_drift_method": "psi"}, "categorical_drift_method: should be one of LInfinity, ChiSquared"),
        ({"monitor_reader": "rust"}, "monitor_reader: should be auto or python, found 'rust'"),
        ({"MODEL_MONITOR_WORKERS": "0"}, "MODEL_MONITOR_WORKERS: should be a whole number of at least 1"),
    ],
)
def test_a_wrong_variable_is_told_by_its_name_and_the_rest_stays_usable(changes, fault):
    variables = read_variables(SCHEDULED | changes)
    assert any(fault in found for found in variables.faults)
    assert (variables.endpoint, variables.schedule) == ("churn", "churn-data-quality")


def test_all_wrong_variables_are_told_at_once():
    wrong = SCHEDULED | {"dataset_format": json.dumps({"orc": {}}), "start_time": "x", "MODEL_MONITOR_WORKERS": "many"}
    assert len(read_variables(wrong).faults) == 3


def test_scripts_are_named_by_either_variable_and_the_script_s_own_wins():
    variables = read_variables(
        SCHEDULED
        | {
            "record_preprocessor_script": "/opt/ml/x.py",
            "record_preprocessor_source_uri": "s3://bucket/y.py",
            "post_analytics_processor_source_uri": "s3://bucket/z.py",
        }
    )
    assert (variables.preprocessor, variables.postprocessor) == ("/opt/ml/x.py", "s3://bucket/z.py")
    assert not variables.faults


def test_where_labels_lie_and_windows_wait():
    variables = read_variables(
        SCHEDULED
        | {
            "ground_truth_s3_uri_path": "s3://bucket/labels",
            "ground_truth_source": "/opt/ml/processing/truth",
            "monitor_history": "s3://bucket/history",
            "MODEL_MONITOR_ROOT": "/tree",
            "MODEL_MONITOR_NOW": "2019-12-08T17:20:00Z",
        }
    )
    assert variables.labels.uri == "s3://bucket/labels"
    assert variables.labels.source == Path("/tree/processing/truth")
    assert variables.labels.history == "s3://bucket/history"
    assert variables.capture_prefix == "s3://bucket/capture"
    assert variables.now == datetime(2019, 12, 8, 17, 20, tzinfo=UTC)


def test_asterisks_that_documents_print_around_the_capture_prefix_are_dropped():
    name = "sagemaker_endpoint_datacapture_prefix"
    assert read_variables(SCHEDULED | {name: "**s3://bucket/capture/**"}).capture_prefix == "s3://bucket/capture"


def test_model_quality_as_the_prebuilt_analyzer_is_told_it():
    native = read_variables(
        SCHEDULED
        | {
            "problem_type": "BinaryClassification",
            "inference_attribute": "prediction",
            "probability_attribute": "0",
            "probability_threshold_attribute": "0.8",
            "ground_truth_attribute": "churned",
        }
    ).attributes
    assert (native.problem_type, native.probability_threshold) == ("BinaryClassification", 0.8)
    assert (native.prediction, native.score, native.label) == ("prediction", "0", "churned")


@pytest.mark.parametrize("text", ["1.5", "-0.1", "half", "nan"])
def test_a_threshold_that_is_no_probability_is_a_fault(text):
    (fault,) = read_variables(SCHEDULED | {"probability_threshold_attribute": text}).faults
    assert fault.startswith("probability_threshold_attribute: should be a number between 0 and 1")


def test_a_clock_that_is_no_time_is_a_fault():
    (fault,) = read_variables(SCHEDULED | {"MODEL_MONITOR_NOW": "soon"}).faults
    assert fault.startswith("MODEL_MONITOR_NOW: should be a UTC time")
