"""Pipeline Lambda: a training by a SageMaker Pipeline of yours, in the place of the training job.

Event: {"plan", "step", "now"}. Steps: `start` starts the pipeline, once for each run; `check` says how far it is, and in the end
which artefact it made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import decide
from aws import client, log

Answer = dict[str, Any]


def handle(event: dict[str, Any], _context: object = None) -> Answer:
    """One step. Raises: what AWS says of a call, and the state machine calls again."""
    plan = event["plan"]
    answer = STEPS[event["step"]](plan, event["now"])
    log(event["step"], endpoint=plan["endpoint"], run=plan["run"], **answer)
    return answer


def _start(plan: dict[str, Any], now: str) -> Answer:
    asked = decide.request(plan["run"], plan["pipeline"])
    return {"execution": client("sagemaker").start_pipeline_execution(**asked)["PipelineExecutionArn"], "at": now}


def _check(plan: dict[str, Any], now: str) -> Answer:
    sagemaker, started = client("sagemaker"), plan["started_pipeline"]["answer"]
    execution = started["execution"]
    found = sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)
    status = found["PipelineExecutionStatus"]
    if status in decide.ON_ITS_WAY:
        if not decide.is_overdue(started["at"], now, plan["pipeline"]["seconds"]):
            return {"status": decide.RUNNING}
        if status != "Stopping":
            sagemaker.stop_pipeline_execution(
                PipelineExecutionArn=execution, ClientRequestToken=decide.token(f"stop {execution}")
            )
        return decide.failed(f"{execution} took longer than {plan['pipeline']['seconds']} seconds and was stopped")
    if status != decide.SUCCEEDED:
        return decide.failed(f"{execution} is {status}: {found.get('FailureReason') or 'its steps say why'}")
    try:
        job = decide.training_job(_steps(execution), plan["pipeline"]["step"])
    except decide.NoModel as error:
        return decide.failed(f"{execution}: {error}")
    artifact = sagemaker.describe_training_job(TrainingJobName=job)["ModelArtifacts"]["S3ModelArtifacts"]
    return {"status": decide.TRAINED, "artifact": artifact, "job": job}


def _steps(execution: str) -> list[dict[str, Any]]:
    pages = client("sagemaker").get_paginator("list_pipeline_execution_steps").paginate(PipelineExecutionArn=execution)
    return [step for page in pages for step in page["PipelineExecutionSteps"]]


STEPS: dict[str, Callable[[dict[str, Any], str], Answer]] = {"start": _start, "check": _check}
