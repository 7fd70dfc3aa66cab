"""A SageMaker Pipeline that trains: what it is started with, and what came of it. Pure: no AWS calls, no clock, no environment."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

RUNNING, TRAINED, FAILED = "running", "trained", "failed"
ON_ITS_WAY = frozenset({"Executing", "Stopping"})
SUCCEEDED = "Succeeded"


class NoModel(LookupError):
    """A pipeline ended well, and nobody knows which model it made."""


def request(run: str, pipeline: Mapping[str, Any]) -> dict[str, Any]:
    """The StartPipelineExecution request; the same twice is one execution. Parameters of rows that are not there are left to the
    pipeline's own defaults."""
    known = pipeline["given"]
    values = {name: known[place] for name, place in pipeline["parameters"].items() if known.get(place)}
    return {
        "PipelineName": pipeline["name"],
        "PipelineExecutionDisplayName": run,
        "PipelineExecutionDescription": f"Retraining {run}",
        "PipelineParameters": [{"Name": name, "Value": value} for name, value in sorted(values.items())],
        "ClientRequestToken": token(run),
    }


def token(text: str) -> str:
    """The same request twice is one."""
    return hashlib.sha256(text.encode()).hexdigest()


def training_job(steps: Sequence[Mapping[str, Any]], wanted: str) -> str:
    """The name of the training job whose model is the challenger: of the step that the settings name, else of the only one.

    Raises: NoModel.
    """
    found = {
        str(step["StepName"]): str(step["Metadata"]["TrainingJob"]["Arn"])
        for step in steps
        if step.get("Metadata", {}).get("TrainingJob")
    }
    if wanted in found:
        return found[wanted].rpartition("/")[2]
    if wanted:
        raise NoModel(
            f"no step {wanted} trained; steps that did: {', '.join(sorted(found)) or 'none'}. Name one in pipeline.step"
        )
    if len(found) != 1:
        raise NoModel(
            f"{len(found)} steps trained ({', '.join(sorted(found)) or 'none'}), and one model is compared; name its step in "
            "pipeline.step"
        )
    return next(iter(found.values())).rpartition("/")[2]


def is_overdue(started: str, now: str, seconds: int) -> bool:
    """Whether an execution has taken longer than a training may."""
    return datetime.fromisoformat(now) - datetime.fromisoformat(started) > timedelta(seconds=seconds)


def failed(why: str) -> dict[str, Any]:
    """As the state machine keeps what failed."""
    return {"status": FAILED, "error": {"Error": "PipelineFailed", "Cause": why}}
