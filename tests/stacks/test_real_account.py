"""What a real account would refuse, or silently not do, although a template looks right."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.synthesis import Assembly

pytestmark = pytest.mark.xdist_group("synth")

REGION = ("AWS_REGION", "AWS_DEFAULT_REGION")
SETS_ITSELF = {
    *REGION,
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "_HANDLER",
    "LAMBDA_TASK_ROOT",
}


def flat(value: Any) -> str:
    """A text of a template, references replaced by a word."""
    if isinstance(value, dict) and "Fn::Join" in value:
        return "".join(part if isinstance(part, str) else "token" for part in value["Fn::Join"][1])
    return value if isinstance(value, str) else "token"


def training(assembly: Assembly) -> list[dict[str, Any]]:
    """The training jobs of every retraining policy."""
    policies = assembly.properties("AWS::SSM::Parameter", "-Retraining")
    return [json.loads(flat(policy["Value"]))["training"] for policy in policies]


def baseline_jobs(assembly: Assembly) -> list[dict[str, Any]]:
    """The processing jobs that compute baselines."""
    return [json.loads(flat(step["ProcessingJob"])) for step in assembly.properties("Custom::ModelBaseline")]


# --- the Region ---------------------------------------------------------------------------------------------------------


def test_every_job_is_told_its_region_under_both_names(assembly):
    schedules = assembly.properties("AWS::SageMaker::MonitoringSchedule")
    runs = [s["MonitoringScheduleConfig"]["MonitoringJobDefinition"] for s in schedules]
    told = [job["Environment"] for job in (*runs, *baseline_jobs(assembly))]
    assert {environment[name] for environment in told for name in REGION} == {assembly.settings.region}


def test_the_framework_container_is_told_where_its_script_lies(assembly):
    environments = [model["PrimaryContainer"]["Environment"] for model in assembly.properties("AWS::SageMaker::Model")]
    for environment in environments:
        assert environment["SAGEMAKER_REGION"] == assembly.settings.region
        assert environment["SAGEMAKER_CONTAINER_LOG_LEVEL"] == "20"
    assert {job["region"] for job in training(assembly)} == {assembly.settings.region}


def test_no_function_sets_a_variable_that_lambda_keeps_to_itself(assembly):
    for function in assembly.properties("AWS::Lambda::Function"):
        assert not SETS_ITSELF & set(function.get("Environment", {}).get("Variables", {}))
