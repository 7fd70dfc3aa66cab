"""SageMaker processing jobs: inputs are staged, the monitor image's own entry point runs as a process, outputs are uploaded.

The image's interpreter holds what the image holds and nothing else; the process gets the job's variables, the credentials of
the job's role and no variable of ours but two: `/opt/ml` is a folder per job, named by MODEL_MONITOR_ROOT, and the clock is
virtual, told by MODEL_MONITOR_NOW.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from model_monitor import contract
from twin import objects
from twin.sagemaker.jobs import NAME, REASON_MAX, RESOURCE_CONFIG, Job, Outcome, Program, ProgramJobs, fetch, invalid
from twin.workers import Finished

IMAGE: Final = Path(__file__).resolve().parents[2] / "monitor_image"
NOWHERE: Final = "http://127.0.0.1:9"  # what a network-isolated container reaches
_STAGED: Final = contract.OPT_ML + "/processing"


@dataclass(eq=False)
class ProcessingJob(Job):
    """A processing job; `on_end` runs when it has ended."""

    kind = "Processing"
    in_summaries = ("FailureReason", "ExitMessage")

    schedule_arn: str | None = None
    exit_message: str | None = None
    on_end: Callable[[ProcessingJob], None] = lambda _: None

    @property
    def root(self) -> Path:
        return self.home / "opt" / "ml"

    def local(self, path: str) -> Path:
        """Where a path of the container lies."""
        return self.root / Path(path).relative_to(contract.OPT_ML)

    def own(self) -> dict[str, Any]:
        return {"ExitMessage": self.exit_message, "MonitoringScheduleArn": self.schedule_arn}


@dataclass(frozen=True)
class _Outcome(Outcome):
    exit_message: str | None = None


class ProcessingJobs(ProgramJobs[ProcessingJob, _Outcome]):
    """All processing jobs of the account."""

    job, outcome = ProcessingJob, _Outcome
    folder = "executions"
    is_taken = "{name} exists already"
    is_missing = "Could not find requested job with name: {name}"
    not_staged = "ClientError"
    not_uploaded = "ClientError: the outputs cannot be uploaded"

    def _check(self, settings: Mapping[str, Any]) -> None:
        check(settings)

    def _instance(self, settings: Mapping[str, Any]) -> str:
        return str(settings["ProcessingResources"]["ClusterConfig"].get("InstanceType"))

    def _stage(self, job: ProcessingJob, s3: Any) -> Program:
        config = job.root / "config"
        config.mkdir(parents=True)
        (config / "resourceconfig.json").write_text(RESOURCE_CONFIG)
        (config / "processingjobconfig.json").write_text(json.dumps(_job_config(job), indent=1))
        (job.root / "output").mkdir()
        (job.root / "processing").mkdir()
        for item in job.settings.get("ProcessingInputs") or ():
            fetch(s3, item["S3Input"], job.local(item["S3Input"]["LocalPath"]))
        for output in _outputs(job.settings):
            job.local(output["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
        arguments = job.settings["AppSpecification"].get("ContainerArguments") or ()
        command = [self._twin.image_python, *contract.CONTAINER_ENTRYPOINT[1:], *arguments]
        return Program(command, self._variables(job), job.home)

    def _variables(self, job: ProcessingJob) -> dict[str, str]:
        environment = self._twin.identity.environment(job.settings["RoleArn"])
        if (job.settings.get("NetworkConfig") or {}).get("EnableNetworkIsolation"):
            environment = {
                "AWS_ENDPOINT_URL": NOWHERE,
                "AWS_REGION": self._twin.region,
                "AWS_EC2_METADATA_DISABLED": "true",
            }
        return {
            "PYTHONPATH": str(IMAGE),
            **environment,
            **(job.settings.get("Environment") or {}),
            contract.Variable.ROOT.value: str(job.root),
            contract.Variable.NOW.value: f"{job.created:{contract.TIME_FORMAT}}",
        }

    def _conclude(self, job: ProcessingJob, finished: Finished) -> _Outcome:
        message, is_text = _exit_message(job.root)
        if finished.is_stopped:
            return _Outcome("Stopped", None, message or None)
        if finished.is_timed_out:
            reason = "MaxRuntimeExceeded: the job ran longer than MaxRuntimeInSeconds"
            return _Outcome("Stopped", reason, message or None)
        if not is_text:
            return _Outcome("Failed", "ClientError: the exit message is not UTF-8")
        if finished.exit_code:
            why = message or finished.tail.strip().rpartition("\n")[2] or "see the job's log"
            reason = f"AlgorithmError: {why}, exit code: {finished.exit_code}"[:REASON_MAX]
            return _Outcome("Failed", reason, message or None)
        return _Outcome("Completed", None, message or None)

    def _upload(self, job: ProcessingJob, s3: Any, outcome: _Outcome) -> None:
        """Outputs of a job that failed are not promised to arrive, so they do not."""
        for output in _outputs(job.settings):
            target = output["S3Output"]
            if outcome.status == "Completed" or target.get("S3UploadMode") == "Continuous":
                key = (job.settings.get("ProcessingOutputConfig") or {}).get("KmsKeyId")
                objects.upload(s3, job.local(target["LocalPath"]), target["S3Uri"], key)

    def _settle(self, job: ProcessingJob, outcome: _Outcome) -> None:
        job.exit_message = outcome.exit_message
        why = outcome.failure or outcome.exit_message or ""
        text = f"{job.name} {job.status}" + (f": {why.splitlines()[0]}" if why else "")
        self._twin.journal.add("processing", text, job=job.name, status=job.status, reason=why, log=str(job.log))
        job.on_end(job)


def check(settings: Mapping[str, Any]) -> None:
    """Refuse what the service refuses, and what would not really run here."""
    name = settings["ProcessingJobName"]
    if not NAME.fullmatch(name):
        raise invalid(f"ProcessingJobName {name}: 1 to 63 letters, digits and inner hyphens")
    check_entrypoint(name, settings["AppSpecification"])
    check_environment(name, settings.get("Environment") or {})
    if settings["ProcessingResources"]["ClusterConfig"].get("InstanceCount", 1) != 1:
        raise invalid(f"{name}: jobs on several instances are not in the twin")
    inputs, outputs = settings.get("ProcessingInputs") or (), _outputs(settings)
    for item in inputs:
        if "S3Input" not in item:
            raise invalid(f"{name}: input {item['InputName']}: DatasetDefinition is not in the twin")
        if item["S3Input"].get("S3InputMode") == "Pipe":
            raise invalid(f"{name}: input {item['InputName']}: Pipe mode is not in the twin")
    for item in outputs:
        if "S3Output" not in item:
            raise invalid(f"{name}: output {item['OutputName']}: FeatureStoreOutput is not in the twin")
    paths = [i["S3Input"].get("LocalPath", "") for i in inputs] + [o["S3Output"].get("LocalPath", "") for o in outputs]
    for path in paths:
        if not path.startswith(_STAGED):
            raise invalid(f"{name}: LocalPath {path or '(none)'} must start with {_STAGED}")


def check_entrypoint(name: str, specification: Mapping[str, Any]) -> None:
    """The only program that runs here is the monitor image's."""
    entrypoint = tuple(specification.get("ContainerEntrypoint") or ())
    if entrypoint != contract.CONTAINER_ENTRYPOINT:
        raise invalid(
            f"{name}: the twin runs the monitor image only: ContainerEntrypoint must be "
            f"{list(contract.CONTAINER_ENTRYPOINT)}, found {list(entrypoint)}"
        )


def check_environment(name: str, environment: Mapping[str, str]) -> None:
    """The limits of monitoring definitions and processing jobs; the stricter one where they differ."""
    if len(environment) > 50:
        raise invalid(f"{name}: Environment has {len(environment)} entries, at most 50")
    for key, value in environment.items():
        if len(key) > 256 or not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", key):
            raise invalid(f"{name}: Environment: {key[:60]} is no variable name")
        if len(value) > 256:
            raise invalid(f"{name}: Environment: the value of {key} has {len(value)} characters, at most 256")


def _exit_message(root: Path) -> tuple[str, bool]:
    """The first kilobyte of the message file, and whether the file is text."""
    path = root / "output" / "message"
    content = path.read_bytes() if path.is_file() else b""
    try:
        content.decode()
    except UnicodeDecodeError:
        return "", False
    return content[: contract.EXIT_MESSAGE_MAX_BYTES].decode(errors="ignore"), True


def _outputs(settings: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    return (settings.get("ProcessingOutputConfig") or {}).get("Outputs") or ()


def _job_config(job: ProcessingJob) -> dict[str, Any]:
    """processingjobconfig.json: the job's description, unset values as null."""
    settings = job.settings
    specification, cluster = settings["AppSpecification"], settings["ProcessingResources"]["ClusterConfig"]
    return {
        "ProcessingJobArn": job.arn,
        "ProcessingJobName": job.name,
        "AppSpecification": {
            key: specification.get(key) for key in ("ImageUri", "ContainerEntrypoint", "ContainerArguments")
        },
        "Environment": settings.get("Environment") or {},
        "ProcessingInputs": list(settings.get("ProcessingInputs") or ()),
        "ProcessingOutputConfig": {
            "Outputs": list(_outputs(settings)),
            "KmsKeyId": (settings.get("ProcessingOutputConfig") or {}).get("KmsKeyId"),
        },
        "ProcessingResources": {
            "ClusterConfig": {
                key: cluster.get(key) for key in ("InstanceCount", "InstanceType", "VolumeSizeInGB", "VolumeKmsKeyId")
            }
        },
        "RoleArn": settings["RoleArn"],
        "StoppingCondition": settings.get("StoppingCondition"),
    }
