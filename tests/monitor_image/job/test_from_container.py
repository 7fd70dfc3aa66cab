"""From variables and mounted files to a job and its places."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from model_monitor.contract import MonitoringType
from model_monitor.errors import SettingsError
from model_monitor.job.from_container import ProcessingJob, build_job
from model_monitor.job.job import Job, LabelledRows
from model_monitor.job.variables import read_variables

HOURLY = {
    "start_time": "2026-03-02T04:00:00Z",
    "end_time": "2026-03-02T05:00:00Z",
    "sagemaker_endpoint_name": "churn",
    "sagemaker_monitoring_schedule_name": "churn-quality",
    "MODEL_MONITOR_NOW": "2026-03-02T05:07:00Z",
}


def places(tmp_path: Path, inputs: dict[str, str] | None = None, **variables: str):
    environment = HOURLY | {"MODEL_MONITOR_ROOT": str(tmp_path)} | variables
    return build_job(read_variables(environment), ProcessingJob(inputs=inputs or {}))[1]


def job(tmp_path: Path, **variables: str) -> Job:
    return build_job(read_variables(HOURLY | {"MODEL_MONITOR_ROOT": str(tmp_path)} | variables), ProcessingJob())[0]


def test_capture_is_found_below_the_services_prefix_by_the_endpoints_name(tmp_path):
    found = places(tmp_path, sagemaker_endpoint_datacapture_prefix="s3://bucket/capture/")
    assert found.capture == "s3://bucket/capture/churn"


def test_capture_is_found_by_what_is_mounted_where_the_service_names_no_prefix(tmp_path):
    mounted = {
        "config": "s3://bucket/monitor.json",
        "endpoint_input_1": "s3://bucket/any/where/churn/AllTraffic/2026/03/02/04",
        "endpoint_input_2": "s3://bucket/any/where/churn/green/2026/03/02/04/",
    }
    assert places(tmp_path, mounted).capture == "s3://bucket/any/where/churn"


def test_a_local_run_keeps_to_its_dataset(tmp_path):
    found = places(tmp_path, monitor_history="/opt/ml/processing/history")
    assert found.capture == str(tmp_path / "processing/input/endpoint")
    assert found.history == str(tmp_path / "processing/history")
    assert found.now == datetime(2026, 3, 2, 5, 7, tzinfo=UTC)
    assert found.folder == tmp_path / "processing/fetched"


def test_labels_that_are_mounted_win_over_a_variable_and_that_over_the_configuration(tmp_path):
    config = tmp_path / "monitor.json"
    config.write_text('{"version": 1, "ground_truth": "s3://configured/x", "history": "s3://configured/h"}')
    given = {"monitor_config": str(config), "sagemaker_endpoint_datacapture_prefix": "s3://bucket/capture"}
    assert places(tmp_path, **given).ground_truth == "s3://configured/x"
    assert places(tmp_path, **given).history == "s3://configured/h"
    given |= {"ground_truth_s3_uri_path": "s3://variable/x", "monitor_history": "s3://variable/h"}
    assert places(tmp_path, **given).ground_truth == "s3://variable/x"
    assert places(tmp_path, **given).history == "s3://variable/h"
    (tmp_path / "processing/groundtruth").mkdir(parents=True)
    assert places(tmp_path, **given).ground_truth == str(tmp_path / "processing/groundtruth")
    given["ground_truth_source"] = "/opt/ml/processing/elsewhere"
    assert places(tmp_path, **given).ground_truth == str(tmp_path / "processing/elsewhere")


def test_places_of_labelled_rows_by_variable_win_over_the_configurations(tmp_path):
    config = tmp_path / "monitor.json"
    rows = {"fresh": "/opt/ml/processing/fresh", "holdout": "s3://configured/holdout", "holdout_share": 0.3}
    config.write_text(json.dumps({"version": 1, "labelled_rows": rows}))
    found = job(tmp_path, monitor_config=str(config)).labelled_rows
    assert found == LabelledRows(str(tmp_path / "processing/fresh"), "s3://configured/holdout", 0.3)
    given = {"monitor_fresh_rows": "s3://b/training", "monitor_holdout_rows": "s3://b/holdout"}
    assert job(tmp_path, monitor_config=str(config), **given).labelled_rows == LabelledRows(*given.values(), 0.3)
    assert job(tmp_path, **given).labelled_rows == LabelledRows(*given.values(), 0.2)
    assert job(tmp_path).labelled_rows is None
    with pytest.raises(SettingsError, match="monitor_fresh_rows, monitor_holdout_rows: names one of two places"):
        job(tmp_path, monitor_fresh_rows="s3://b/training")


def test_without_labels_and_history_there_are_none(tmp_path):
    assert (places(tmp_path).ground_truth, places(tmp_path).history) == (None, None)


def test_native_variables_override_the_declared_payload_and_monitor(tmp_path):
    config = tmp_path / "monitor.json"
    payload = {"features": ["tenure"], "label": "churned", "output": {"prediction": "label"}}
    monitors = {"data_quality": {}, "model_quality": {"problem_type": "regression"}}
    config.write_text(json.dumps({"version": 1, "payload": payload, "monitors": monitors}))
    native = {
        "problem_type": "BinaryClassification",
        "probability_attribute": "score",
        "probability_threshold_attribute": "0.7",
        "ground_truth_attribute": "left",
    }
    environment = HOURLY | {"MODEL_MONITOR_ROOT": str(tmp_path), "monitor_config": str(config)} | native
    job, _ = build_job(read_variables(environment), ProcessingJob())
    quality = next(each for each in job.monitors if each.type is MonitoringType.MODEL_QUALITY)
    assert (quality.options["problem_type"], quality.options["threshold"]) == ("BinaryClassification", 0.7)
    assert (job.schema.payload.output.prediction, job.schema.payload.output.score) == ("label", "score")
    assert job.schema.payload.label == "left"


def test_model_quality_by_variables_alone_says_that_it_needs_a_payload(tmp_path):
    environment = HOURLY | {"MODEL_MONITOR_ROOT": str(tmp_path), "analysis_type": "MODEL_QUALITY"}
    with pytest.raises(SettingsError, match=r"(?s)variables: the configuration.*payload\.output\.prediction"):
        build_job(read_variables(environment), ProcessingJob())
