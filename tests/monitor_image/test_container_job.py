"""What the service mounts about a processing job reaches the run."""

import json

import pytest

from model_monitor.container_job import read_processing_job
from model_monitor.variables import read_variables

MOUNTED = {
    "ProcessingJobName": "explain-1",
    "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "VolumeKmsKeyId": "arn:key"}},
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
}


@pytest.mark.parametrize(
    ("mounted", "expected"),
    [
        (MOUNTED, ("explain-1", 3600, "arn:key")),
        (MOUNTED | {"StoppingCondition": None, "ProcessingResources": None}, ("explain-1", None, None)),
        ({}, ("", None, None)),
    ],
)
def test_name_time_limit_and_key_are_read_where_they_are(tmp_path, mounted, expected):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "processingjobconfig.json").write_text(json.dumps(mounted))
    job = read_processing_job(read_variables({"MODEL_MONITOR_ROOT": str(tmp_path)}))
    assert (job.name, job.max_seconds, job.volume_key) == expected
