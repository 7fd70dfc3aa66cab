"""Pipelines whose steps train, one after another. Every other kind of step is refused when the pipeline is made.

A definition's arguments may hold parameters (`{"Get": "Parameters.Name"}`) and texts put together (`Std:Join`). Jobs are called
as the service calls them: `pipelines-{execution}-{step}-{ten letters}`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from twin.api import ApiError, Call
from twin.sagemaker.jobs import invalid
from twin.sagemaker.training import TrainingJob, TrainingJobs
from twin.surroundings import Surroundings

NAME: Final = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}")
PARAMETER: Final = "Parameters."


@dataclass(eq=False)
class Pipeline:
    """What was made of a definition. parameters: their defaults, None where one must be given."""

    name: str
    arn: str
    parameters: dict[str, Any]
    steps: list[dict[str, Any]]


@dataclass(eq=False)
class Execution:
    """One run of a pipeline. jobs: step -> its training job."""

    arn: str
    pipeline: Pipeline
    values: dict[str, Any]
    started: datetime
    shown: Mapping[str, Any]
    status: str = "Executing"
    failure: str | None = None
    jobs: dict[str, TrainingJob] = field(default_factory=dict)


class Pipelines:
    """All pipelines of the account."""

    def __init__(self, twin: Surroundings, training: TrainingJobs) -> None:
        self._twin, self._training = twin, training
        self._pipelines: dict[str, Pipeline] = {}
        self._executions: dict[str, Execution] = {}
        self._tokens: dict[str, str] = {}
        twin.api.register(
            "sagemaker",
            CreatePipeline=self.create,
            StartPipelineExecution=self.start,
            DescribePipelineExecution=lambda asked, _: self._described(self._execution(asked)),
            ListPipelineExecutionSteps=self.list_steps,
            StopPipelineExecution=self.stop,
        )

    def create(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        name = asked["PipelineName"]
        if not NAME.fullmatch(name):
            raise invalid(f"{name}: PipelineName has 1 to 256 letters, digits and inner hyphens")
        if name in self._pipelines:
            raise invalid(
                f"Pipeline names must be unique within an AWS account and region. Pipeline with name ({name}) exists."
            )
        definition = json.loads(asked["PipelineDefinition"])
        for step in definition["Steps"]:
            if step["Type"] != "Training":
                raise ApiError(
                    "NotImplementedByTwin", f"step {step['Name']}: the twin's pipelines have Training steps alone"
                )
        arn = f"arn:aws:sagemaker:{self._twin.region}:{self._twin.account}:pipeline/{name.lower()}"
        parameters = {each["Name"]: each.get("DefaultValue") for each in definition.get("Parameters", ())}
        self._pipelines[name] = Pipeline(name, arn, parameters, definition["Steps"])
        return {"PipelineArn": arn}

    def start(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        pipeline = self._pipelines.get(asked["PipelineName"])
        if pipeline is None:
            raise ApiError("ResourceNotFound", f"Pipeline {asked['PipelineName']} does not exist.")
        if (known := self._tokens.get(asked["ClientRequestToken"])) is not None:
            return {"PipelineExecutionArn": known}
        given = {each["Name"]: each["Value"] for each in asked.get("PipelineParameters", ())}
        if unknown := sorted(given.keys() - pipeline.parameters.keys()):
            raise invalid(f"Unknown parameters are provided for the pipeline execution: {unknown}")
        values = pipeline.parameters | given
        if lacking := sorted(name for name, value in values.items() if value is None):
            raise invalid(f"Parameters without a default are not provided: {lacking}")
        name = hashlib.sha256(asked["ClientRequestToken"].encode()).hexdigest()[:12]
        arn = f"{pipeline.arn}/execution/{name}"
        shown: dict[str, Any] = {
            key: asked[key] for key in ("PipelineExecutionDisplayName", "PipelineExecutionDescription") if key in asked
        }
        self._executions[arn] = Execution(arn, pipeline, values, self._twin.clock.now(), shown)
        self._tokens[asked["ClientRequestToken"]] = arn
        self._next(self._executions[arn])
        return {"PipelineExecutionArn": arn}

    def _next(self, execution: Execution) -> None:
        """Start the next step, or end."""
        if execution.status != "Executing":
            execution.status = "Stopped"
            return
        left = [step for step in execution.pipeline.steps if step["Name"] not in execution.jobs]
        if not left:
            execution.status = "Succeeded"
            return
        name, step = execution.arn.rpartition("/")[2], left[0]
        end = hashlib.sha256(f"{name}/{step['Name']}".encode()).hexdigest()[:10]
        job_name = f"pipelines-{name}-{step['Name'][:24]}-{end}"
        settings = _resolved(step["Arguments"], execution.values) | {"TrainingJobName": job_name}
        try:
            job = self._training.launch(settings)
        except ApiError as error:
            execution.status, execution.failure = "Failed", f"Step failure: {step['Name']}: {error.message}"
            return
        execution.jobs[step["Name"]] = job
        self._training.when_ended(job_name, lambda: self._ended(execution, step["Name"], job))

    def _ended(self, execution: Execution, step: str, job: TrainingJob) -> None:
        if job.status == "Failed":
            execution.status, execution.failure = (
                "Failed",
                f"Step failure: One or multiple steps failed. {step}: {job.failure}",
            )
        else:
            self._next(execution)

    def stop(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        execution = self._execution(asked)
        if execution.status != "Executing":
            raise invalid(f"Pipeline execution with ARN {execution.arn} is {execution.status}: it cannot be stopped")
        execution.status = "Stopping"
        for job in execution.jobs.values():
            if job.status == "InProgress":
                job.stop()
        return {"PipelineExecutionArn": execution.arn}

    def list_steps(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        execution = self._execution(asked)
        status = {"InProgress": "Executing", "Completed": "Succeeded"}
        steps = [
            {
                "StepName": name,
                "StartTime": job.created,
                "EndTime": job.ended,
                "StepStatus": status.get(job.status, job.status),
                "FailureReason": job.failure,
                "Metadata": {"TrainingJob": {"Arn": job.arn}},
            }
            for name, job in execution.jobs.items()
        ]
        found = [{key: value for key, value in step.items() if value is not None} for step in steps]
        return {"PipelineExecutionSteps": found[::-1]}  # the newest first

    def _described(self, execution: Execution) -> dict[str, Any]:
        told = {
            "PipelineArn": execution.pipeline.arn,
            "PipelineExecutionArn": execution.arn,
            "PipelineExecutionStatus": execution.status,
            "CreationTime": execution.started,
            "FailureReason": execution.failure,
            **execution.shown,
        }
        return {key: value for key, value in told.items() if value is not None}

    def _execution(self, asked: Mapping[str, Any]) -> Execution:
        found = self._executions.get(asked["PipelineExecutionArn"])
        if found is None:
            raise ApiError("ResourceNotFound", f"Pipeline execution {asked['PipelineExecutionArn']} does not exist.")
        return found


def _resolved(argument: Any, values: Mapping[str, Any]) -> Any:
    """Arguments with their parameters' values in place. Raises: ApiError for what else may stand there."""
    if isinstance(argument, list):
        return [_resolved(each, values) for each in argument]
    if not isinstance(argument, dict):
        return argument
    if argument.keys() == {"Get"}:
        name = str(argument["Get"])
        if not name.startswith(PARAMETER):
            raise ApiError("NotImplementedByTwin", f"{name}: the twin's pipelines know parameters alone")
        return values[name.removeprefix(PARAMETER)]
    if argument.keys() == {"Std:Join"}:
        parts = argument["Std:Join"]
        return str(parts["On"]).join(str(_resolved(each, values)) for each in parts["Values"])
    return {key: _resolved(each, values) for key, each in argument.items()}
