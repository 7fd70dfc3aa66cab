"""The Region of a run: what names it, and in which order."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.config import Config

from model_monitor.aws import clients

ARN = "arn:aws:sagemaker:eu-north-1:123456789012:processing-job/shop-data-quality-1"


@pytest.fixture
def opt_ml(monkeypatch, tmp_path):
    """A job's /opt/ml, and no variable that names a Region."""
    for name in clients.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers what another test set
    monkeypatch.setenv("MODEL_MONITOR_ROOT", str(tmp_path))
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "processingjobconfig.json").write_text(json.dumps({"ProcessingJobArn": ARN}))
    return tmp_path


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-1"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
        ({}, "eu-north-1"),
    ],
)
def test_variables_name_the_region_before_the_jobs_arn(opt_ml, monkeypatch, variables, expected):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert clients.client("s3", Config()).meta.region_name == expected


@pytest.mark.parametrize(
    "content", ["{}", "[]", "no JSON", '{"ProcessingJobArn": "local"}', '{"ProcessingJobArn": null}']
)
def test_a_job_that_names_none_leaves_it_to_the_files_of_boto3(opt_ml, monkeypatch, content):
    (opt_ml / "config" / "processingjobconfig.json").write_text(content)
    assert clients.region() is None
    (opt_ml / "aws").write_text("[default]\nregion = ap-south-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(opt_ml / "aws"))
    assert clients.client("s3", Config()).meta.region_name == "ap-south-1"
