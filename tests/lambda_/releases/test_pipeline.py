"""A pipeline in the place of the training job: what it is told, and what its end means."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.lambda_.releases.conftest import BUCKET, NOON, RUN, SETS, TRAINING, World
from tests.lambda_.releases.test_collect import faults

EXECUTION = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/trains/execution/abc"
PIPELINE = {
    "name": "trains",
    "step": "",
    "parameters": {"Rows": "train", "New": "fresh", "Check": "validation", "To": "output"},
}
JOB = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/pipelines-abc-Fit-0123456789"


class Pipelines:
    """SageMaker, as far as a pipeline's run sees it."""

    def __init__(self, status: str = "Executing", steps: tuple[str, ...] = ("Fit",)) -> None:
        self.status, self.steps, self.started, self.stopped = status, steps, [], []

    def start_pipeline_execution(self, **asked: Any) -> dict[str, Any]:
        self.started.append(asked)
        return {"PipelineExecutionArn": EXECUTION}

    def describe_pipeline_execution(self, **_: Any) -> dict[str, Any]:
        return {"PipelineExecutionStatus": self.status, "FailureReason": "no rows" if self.status == "Failed" else ""}

    def stop_pipeline_execution(self, **asked: Any) -> None:
        self.stopped.append(asked)

    def get_paginator(self, _: str) -> Pipelines:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        steps = [{"StepName": name, "Metadata": {"TrainingJob": {"Arn": JOB}}} for name in self.steps]
        return [{"PipelineExecutionSteps": [{"StepName": "Prepare", "Metadata": {"ProcessingJob": {}}}, *steps]}]

    def describe_training_job(self, TrainingJobName: str) -> dict[str, Any]:  # noqa: N803 (as boto3 spells it)
        assert TrainingJobName == JOB.rpartition("/")[2]
        return {"ModelArtifacts": {"S3ModelArtifacts": f"s3://{BUCKET}/models/x/output/model.tar.gz"}}


@pytest.fixture
def plan(world: World) -> dict[str, Any]:
    """Of a run whose training a pipeline does."""
    world.configure("policy", {"training": {**TRAINING, "pipeline": PIPELINE}})
    return world.collect()


def step(world: World, plan: dict[str, Any], name: str, sagemaker: Pipelines, hours: float = 0) -> dict[str, Any]:
    world.monkeypatch.setattr(world, "sagemaker", sagemaker)
    return world.step("pipeline", plan, name, now=NOON + timedelta(hours=hours))


def checked(world: World, plan: dict[str, Any], sagemaker: Pipelines, hours: float = 0) -> dict[str, Any]:
    started = {"answer": {"execution": EXECUTION, "at": NOON.isoformat()}}
    return step(world, {**plan, "started_pipeline": started}, "check", sagemaker, hours)


def test_a_pipeline_is_told_where_rows_and_model_lie_and_is_started_once(world: World, plan: dict[str, Any]):
    assert (plan["path"], plan["trains_by"]) == ("train", "pipeline")
    assert "training_job" not in plan
    sagemaker = Pipelines()
    assert step(world, plan, "start", sagemaker)["execution"] == EXECUTION
    step(world, plan, "start", sagemaker)
    first, second = sagemaker.started
    assert first["ClientRequestToken"] == second["ClientRequestToken"]
    assert faults("StartPipelineExecution", first) == ""
    told = {each["Name"]: each["Value"] for each in first["PipelineParameters"]}
    manifests = f"{SETS}/manifests/{RUN}"
    assert told == {
        "Rows": f"{manifests}/train.json",
        "New": f"{manifests}/fresh.json",
        "To": f"s3://{BUCKET}/models",
    }, "a channel without rows is left to the pipeline's default"


def test_the_model_of_its_training_step_is_the_challenger(world: World, plan: dict[str, Any]):
    assert checked(world, plan, Pipelines())["status"] == "running"
    found = checked(world, plan, Pipelines("Succeeded"))
    assert (found["status"], found["artifact"]) == ("trained", f"s3://{BUCKET}/models/x/output/model.tar.gz")
    plan["pipeline"]["step"] = "Fit"
    assert checked(world, plan, Pipelines("Succeeded", ("Tune", "Fit")))["status"] == "trained"


@pytest.mark.parametrize(
    ("sagemaker", "wanted", "why"),
    [
        (Pipelines("Failed"), "", "is Failed: no rows"),
        (Pipelines("Stopped"), "", "is Stopped: its steps say why"),
        (Pipelines("Succeeded", ()), "", r"0 steps trained \(none\)"),
        (Pipelines("Succeeded", ("A", "B")), "", r"2 steps trained \(A, B\).*name its step in pipeline.step"),
        (Pipelines("Succeeded", ("A",)), "Fit", "no step Fit trained; steps that did: A"),
    ],
    ids=["failed", "stopped", "no training", "two", "another"],
)
def test_what_is_no_one_model_is_a_training_that_failed(world, plan, sagemaker, wanted, why):
    plan["pipeline"]["step"] = wanted
    found = checked(world, plan, sagemaker)
    assert found["status"] == "failed"
    assert re.search(why, found["error"]["Cause"])


def test_a_pipeline_that_takes_too_long_is_stopped(world: World, plan: dict[str, Any]):
    sagemaker = Pipelines()
    assert checked(world, plan, sagemaker, hours=1)["status"] == "running"
    found = checked(world, plan, sagemaker, hours=1.1)
    assert "took longer than 3600 seconds and was stopped" in found["error"]["Cause"]
    (asked,) = sagemaker.stopped
    assert faults("StopPipelineExecution", asked) == ""
