"""Baseline at deployment: what a CloudFormation request or the end of a processing job asks for. No AWS calls, no clock.

One version of a baseline is one processing job that succeeded. Versions are immutable: a version whose job completed is never
computed again, so an update back to it (a rollback) only moves the pointer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import cloudformation
import pointers

NAME_MAX = 63  # of a processing job
ATTEMPTS_MAX = 20
ENDED = ("Completed", "Failed", "Stopped")
PROPERTIES = ("Endpoint", "Schedule", "Version", "JobName", "ProcessingJob", "CurrentKey", "LiveParameter", "Files")


class RequestError(ValueError):
    """The custom resource was called wrongly; names the property and what was expected."""


@dataclass(frozen=True)
class Baseline:
    """The resource's properties. processing_job: a CreateProcessingJob request without its name. files: what a complete version
    holds, relative to its folder."""

    endpoint: str
    schedule: str
    version: str
    job_name: str
    processing_job: Mapping[str, Any]
    current_key: str
    live_parameter: str
    files: tuple[str, ...]

    @property
    def folder(self) -> str:
        """Where the version lies, beside the pointer."""
        return f"{self.current_key.rpartition('/')[0]}/{self.version}/"


class IncompleteError(RuntimeError):
    """A job completed without the files that its monitors compare with; runs would evaluate nothing and nobody would know."""

    def __init__(self, version: str, missing: list[str]) -> None:
        self.version, self.missing = version, missing
        super().__init__(
            f"the job of version {version} completed without {', '.join(missing)}. Its log says what it did; correct the image "
            "or its configuration and raise baseline.revision."
        )


class Step(StrEnum):
    """What to do with a request."""

    ANSWER = "answer"  # everything stays as it is
    POINT = "point"  # the version is there and becomes current
    COMPUTE = "compute"  # the version's job must complete first


class Next(StrEnum):
    """What to do about a processing job whose name is taken."""

    FINISH = "finish"
    WAIT = "wait"
    NEXT_ATTEMPT = "next_attempt"


def properties(event: Mapping[str, Any]) -> Baseline:
    """The properties of a Create or Update request. Raises: RequestError."""
    given = event.get("ResourceProperties", {})
    for name in PROPERTIES:
        if not isinstance(given.get(name), str) or not given[name]:
            raise RequestError(f"property {name} should be a text that is not empty")
    try:
        job = json.loads(given["ProcessingJob"])
    except ValueError as error:
        raise RequestError("property ProcessingJob should be a JSON object") from error
    if not isinstance(job, dict) or "ProcessingJobName" in job:
        raise RequestError("property ProcessingJob should be a JSON object without ProcessingJobName")
    return Baseline(
        endpoint=given["Endpoint"],
        schedule=given["Schedule"],
        version=given["Version"],
        job_name=given["JobName"],
        processing_job=job,
        current_key=given["CurrentKey"],
        live_parameter=given["LiveParameter"],
        files=tuple(given["Files"].split()),
    )


def step(event: Mapping[str, Any], current: Mapping[str, Any] | None) -> Step:
    """Delete keeps baselines. A version that is current stays as it is, and so does a pointer that a promotion moved since:
    an update that does not change the version must not bring an old baseline back."""
    kind = event.get("RequestType")
    if kind == "Delete":
        return Step.ANSWER
    if kind not in ("Create", "Update"):
        raise RequestError("RequestType should be Create, Update or Delete")
    version = event["ResourceProperties"]["Version"]
    before = event.get("OldResourceProperties", {}).get("Version")
    if current is None:
        return Step.COMPUTE
    if current["version"] == version or (kind == "Update" and before == version):
        return Step.ANSWER
    return Step.POINT if version in pointers.completed(current) else Step.COMPUTE


def attempt_name(job_name: str, attempt: int) -> str:
    """`{JobName}-{attempt}`: a name is accepted once, so a version whose job failed needs another one when it is tried again."""
    end = f"-{attempt}"
    return job_name[: NAME_MAX - len(end)].rstrip("-") + end


def attempt_names(job_name: str) -> list[str]:
    """Every name a job of this version may have."""
    return [attempt_name(job_name, attempt) for attempt in range(1, ATTEMPTS_MAX + 1)]


def superseded(event: Mapping[str, Any]) -> list[str]:
    """Jobs whose end must not move the pointer any more: a deletion's own, and those of the version that an update leaves.

    A deployment that timed out or failed elsewhere rolls back while its baseline job may still run.
    """
    given, before = event.get("ResourceProperties", {}), event.get("OldResourceProperties", {})
    leaves = given if event.get("RequestType") == "Delete" else before
    name = leaves.get("JobName")
    if not isinstance(name, str) or (leaves is before and name == given.get("JobName")):
        return []
    return attempt_names(name)


def after(job: Mapping[str, Any], baseline: Baseline) -> Next:
    """What a job asks for when its name is found taken.

    Names outlive stacks and buckets: a job that wrote for a deployment that was destroyed since is no baseline of this one.
    """
    if _outputs(job) != _outputs(baseline.processing_job):
        return Next.NEXT_ATTEMPT
    status = job["ProcessingJobStatus"]
    if status == "Completed":
        return Next.FINISH
    return Next.NEXT_ATTEMPT if status in ("Failed", "Stopped") else Next.WAIT


def _outputs(job: Mapping[str, Any]) -> set[str]:
    outputs = job.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return {output["S3Output"]["S3Uri"].rstrip("/") for output in outputs}


def ended_job(event: Mapping[str, Any]) -> tuple[str, str] | None:
    """Name and final status of a `SageMaker Processing Job State Change`; None for every other event and status."""
    detail = event.get("detail")
    if event.get("source") != "aws.sagemaker" or not isinstance(detail, Mapping):
        return None
    name, status = detail.get("ProcessingJobName"), detail.get("ProcessingJobStatus")
    if not isinstance(name, str) or status not in ENDED:
        return None
    return name, status


def is_poll(event: Mapping[str, Any]) -> bool:
    """Whether a clock rings: look for jobs whose end no event told."""
    return event.get("source") == "aws.events" and event.get("detail-type") == "Scheduled Event"


def pending_key(folder: str, job_name: str) -> str:
    """Where a request waits for its job. The folder is of one endpoint alone: requests hold signed addresses."""
    return f"{folder}{job_name}.json"


def pending_job(folder: str, key: str) -> str:
    """The job that a key of the folder is about."""
    return key.removeprefix(folder).removesuffix(".json")


def pointer(baseline: Baseline, current: Mapping[str, Any] | None) -> bytes:
    """The next content of current.json. It remembers complete versions, so that a rollback needs no call to SageMaker: by then
    the function's role may know the jobs of another version only."""
    return pointers.content(baseline.version, baseline.endpoint, "deploy", current)


def missing(baseline: Baseline, keys: Iterable[str]) -> list[str]:
    """Files of a complete version that are not among the keys of its folder."""
    found = set(keys)
    return [name for name in baseline.files if baseline.folder + name not in found]


def failure_reason(name: str, status: str, job: Mapping[str, Any]) -> str:
    """Why a job gave no baseline, in its own words. Exit messages carry no values of records."""
    said = job.get("ExitMessage") or job.get("FailureReason") or "it left no message; see its log"
    return f"Baseline job {name} ended as {status}: {said}"


def success(event: Mapping[str, Any], version: str = "", job_name: str = "") -> dict[str, Any]:
    """An answer that lets the deployment go on."""
    data = {"Version": version, "JobName": job_name} if version else {}
    return cloudformation.success(event, _physical_id(event), data)


def failure(event: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """An answer that fails the deployment with the reason in its events."""
    return cloudformation.failure(event, _physical_id(event), reason)


def _physical_id(event: Mapping[str, Any]) -> str:
    """It never changes, so an update never makes CloudFormation delete a predecessor."""
    given = event.get("ResourceProperties", {})
    stable = f"baseline-{given.get('Endpoint', 'unknown')}-{given.get('Schedule', 'unknown')}"
    return event.get("PhysicalResourceId") or stable
