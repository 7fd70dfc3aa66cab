"""SageMaker processing jobs: inputs are staged, the monitor image's own entry point runs as a process, outputs are uploaded.

The image's interpreter holds what the image holds and nothing else; the process gets the job's variables, the credentials of
the job's role and no variable of ours but two: `/opt/ml` is a folder per job, named by MODEL_MONITOR_ROOT, and the clock is
virtual, told by MODEL_MONITOR_NOW.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from model_monitor import contract
from twin import objects
from twin.api import ApiError, Call
from twin.sagemaker.listing import listed
from twin.sagemaker.tags import Tags
from twin.surroundings import Surroundings
from twin.workers import Finished, Running, Workers, run

IMAGE: Final = Path(__file__).resolve().parents[2] / "monitor_image"
NAME: Final = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
NOWHERE: Final = "http://127.0.0.1:9"  # what a network-isolated container reaches
DEFAULT_SECONDS: Final = 86400
_STAGED: Final = contract.OPT_ML + "/processing"


@dataclass(eq=False)
class Job:
    """A processing job. `settings` is what CreateProcessingJob was given."""

    name: str
    arn: str
    settings: dict[str, Any]
    created: datetime
    root: Path  # stands for /opt/ml
    schedule_arn: str | None = None
    status: str = "InProgress"
    exit_message: str | None = None
    failure: str | None = None
    ended: datetime | None = None
    running: Running = field(default_factory=Running)
    on_end: Callable[[Job], None] = lambda _: None

    def describe(self) -> dict[str, Any]:
        """As DescribeProcessingJob shows it."""
        known = {
            "ProcessingJobArn": self.arn,
            "ProcessingJobStatus": self.status,
            "ExitMessage": self.exit_message,
            "FailureReason": self.failure,
            "ProcessingStartTime": self.created,
            "ProcessingEndTime": self.ended,
            "CreationTime": self.created,
            "LastModifiedTime": self.ended or self.created,
            "MonitoringScheduleArn": self.schedule_arn,
        }
        settings = {key: value for key, value in self.settings.items() if key != "Tags"}
        return {**settings, **{key: value for key, value in known.items() if value is not None}}


@dataclass(frozen=True)
class _Outcome:
    status: str
    exit_message: str | None = None
    failure: str | None = None


class ProcessingJobs:
    """All processing jobs of the account."""

    def __init__(self, twin: Surroundings, workers: Workers, tags: Tags) -> None:
        self._twin, self._workers, self._tags = twin, workers, tags
        self._jobs: dict[str, Job] = {}
        twin.api.register(
            "sagemaker",
            CreateProcessingJob=self.create,
            DescribeProcessingJob=self.describe,
            StopProcessingJob=self.stop,
            ListProcessingJobs=self.list,
        )

    def launch(
        self,
        settings: dict[str, Any],
        *,
        schedule_arn: str | None = None,
        on_end: Callable[[Job], None] = lambda _: None,
    ) -> Job:
        """Check the settings as the API does and start the job beside us; `on_end` runs when it has ended."""
        name = settings["ProcessingJobName"]
        check(settings)
        if name in self._jobs:
            raise ApiError("ResourceInUse", f"Job name must be unique: {name} exists already")
        arn = f"arn:aws:sagemaker:{self._twin.region}:{self._twin.account}:processing-job/{name}"
        root = self._twin.directory / "executions" / name / "opt" / "ml"
        job = Job(name, arn, settings, self._twin.clock.now(), root, schedule_arn, on_end=on_end)
        self._jobs[name] = job
        self._tags.create(arn, settings.get("Tags"))
        self._twin.journal.add("processing", f"{name} started", job=name, status=job.status)
        self._emit(job)
        self._workers.start(name, lambda: self._work(job), lambda outcome: self._finish(job, outcome))
        return job

    def _work(self, job: Job) -> _Outcome:
        s3 = self._twin.client("s3", job.settings["RoleArn"])
        try:
            self._stage(job, s3)
        except (objects.NothingThere, ClientError) as error:
            return _Outcome("Failed", failure=f"ClientError: {error}"[:1024])
        finished = self._run(job)
        message, is_text = _exit_message(job.root)
        outcome = _outcome(finished, message, is_text)
        try:
            self._upload(job, s3, is_complete=outcome.status == "Completed")
        except ClientError as error:
            return _Outcome("Failed", message, f"ClientError: the outputs cannot be uploaded: {error}"[:1024])
        return outcome

    def _stage(self, job: Job, s3: Any) -> None:
        """Write the two configuration files and fetch the inputs."""
        config = job.root / "config"
        config.mkdir(parents=True)
        (config / "resourceconfig.json").write_text(json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]}))
        (config / "processingjobconfig.json").write_text(json.dumps(_job_config(job), indent=1))
        (job.root / "output").mkdir()
        (job.root / "processing").mkdir()
        for item in job.settings.get("ProcessingInputs") or ():
            source = item["S3Input"]
            fetch = objects.download_manifest if source.get("S3DataType") == "ManifestFile" else objects.download
            fetch(s3, source["S3Uri"], _local(job, source["LocalPath"]))
        for output in _outputs(job):
            _local(job, output["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)

    def _run(self, job: Job) -> Finished:
        specification = job.settings["AppSpecification"]
        environment = self._twin.identity.environment(job.settings["RoleArn"])
        if (job.settings.get("NetworkConfig") or {}).get("EnableNetworkIsolation"):
            environment = {
                "AWS_ENDPOINT_URL": NOWHERE,
                "AWS_REGION": self._twin.region,
                "AWS_EC2_METADATA_DISABLED": "true",
            }
        home = job.root.parent.parent
        return run(
            [
                self._twin.image_python,
                *contract.CONTAINER_ENTRYPOINT[1:],
                *(specification.get("ContainerArguments") or ()),
            ],
            environment={
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "HOME": str(home),
                "PYTHONPATH": str(IMAGE),
                "PYTHONUNBUFFERED": "1",
                **environment,
                **(job.settings.get("Environment") or {}),
                contract.Variable.ROOT.value: str(job.root),
                contract.Variable.NOW.value: f"{job.created:{contract.TIME_FORMAT}}",
            },
            directory=home,
            log=home / "log.txt",
            seconds=(job.settings.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", DEFAULT_SECONDS),
            running=job.running,
        )

    def _upload(self, job: Job, s3: Any, *, is_complete: bool) -> None:
        """Outputs of a job that failed are not promised to arrive, so they do not."""
        for output in _outputs(job):
            target = output["S3Output"]
            if is_complete or target.get("S3UploadMode") == "Continuous":
                key = (job.settings.get("ProcessingOutputConfig") or {}).get("KmsKeyId")
                objects.upload(s3, _local(job, target["LocalPath"]), target["S3Uri"], key)

    def _finish(self, job: Job, outcome: _Outcome) -> None:
        job.status, job.exit_message, job.failure = outcome.status, outcome.exit_message, outcome.failure
        job.ended = self._twin.clock.now()
        why = outcome.failure or outcome.exit_message or ""
        text = f"{job.name} {job.status}" + (f": {why.splitlines()[0]}" if why else "")
        self._twin.journal.add(
            "processing", text, job=job.name, status=job.status, reason=why, log=str(job.root.parent.parent / "log.txt")
        )
        job.on_end(job)
        self._emit(job)

    def _emit(self, job: Job) -> None:
        detail = {
            key: str(int(value.timestamp() * 1000)) if isinstance(value, datetime) else value
            for key, value in job.describe().items()
        }
        self._twin.events.emit("aws.sagemaker", "SageMaker Processing Job State Change", detail, [job.arn])

    # --- the API -------------------------------------------------------------------------------------------------------

    def create(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        return {"ProcessingJobArn": self.launch(parameters).arn}

    def describe(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        return self._find(parameters).describe()

    def stop(self, parameters: dict[str, Any], _: Call) -> None:
        job = self._find(parameters)
        if job.status != "InProgress":
            raise ApiError("ValidationException", f"{job.name} is {job.status}: only a job in progress can be stopped")
        job.status = "Stopping"
        job.running.stop()

    def list(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        names = (
            "ProcessingJobName",
            "ProcessingJobArn",
            "CreationTime",
            "ProcessingEndTime",
            "LastModifiedTime",
            "ProcessingJobStatus",
            "FailureReason",
            "ExitMessage",
        )
        described = [job.describe() for job in self._jobs.values()]
        summaries = [{key: value for key, value in job.items() if key in names} for job in described]
        return listed(
            "ProcessingJobSummaries", summaries, parameters, name="ProcessingJobName", status="ProcessingJobStatus"
        )

    def _find(self, parameters: Mapping[str, Any]) -> Job:
        job = self._jobs.get(parameters["ProcessingJobName"])
        if job is None:
            raise ApiError(
                "ResourceNotFound", f"Could not find requested job with name: {parameters['ProcessingJobName']}"
            )
        return job


def check(settings: Mapping[str, Any]) -> None:
    """Refuse what the service refuses, and what would not really run here."""
    name = settings["ProcessingJobName"]
    if not NAME.fullmatch(name):
        raise _invalid(f"ProcessingJobName {name}: 1 to 63 letters, digits and inner hyphens")
    entrypoint = tuple(settings["AppSpecification"].get("ContainerEntrypoint") or ())
    if entrypoint != contract.CONTAINER_ENTRYPOINT:
        raise _invalid(
            f"{name}: the twin runs the monitor image only: ContainerEntrypoint must be "
            f"{list(contract.CONTAINER_ENTRYPOINT)}, found {list(entrypoint)}"
        )
    check_environment(name, settings.get("Environment") or {})
    if settings["ProcessingResources"]["ClusterConfig"].get("InstanceCount", 1) != 1:
        raise _invalid(f"{name}: jobs on several instances are not in the twin")
    inputs, outputs = settings.get("ProcessingInputs") or (), _outputs_of(settings)
    for item in inputs:
        if "S3Input" not in item:
            raise _invalid(f"{name}: input {item['InputName']}: DatasetDefinition is not in the twin")
        if item["S3Input"].get("S3InputMode") == "Pipe":
            raise _invalid(f"{name}: input {item['InputName']}: Pipe mode is not in the twin")
    for item in outputs:
        if "S3Output" not in item:
            raise _invalid(f"{name}: output {item['OutputName']}: FeatureStoreOutput is not in the twin")
    paths = [i["S3Input"].get("LocalPath", "") for i in inputs] + [o["S3Output"].get("LocalPath", "") for o in outputs]
    for path in paths:
        if not path.startswith(_STAGED):
            raise _invalid(f"{name}: LocalPath {path or '(none)'} must start with {_STAGED}")


def check_environment(name: str, environment: Mapping[str, str]) -> None:
    """The limits of monitoring definitions and processing jobs; the stricter one where they differ."""
    if len(environment) > 50:
        raise _invalid(f"{name}: Environment has {len(environment)} entries, at most 50")
    for key, value in environment.items():
        if len(key) > 256 or not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", key):
            raise _invalid(f"{name}: Environment: {key[:60]} is no variable name")
        if len(value) > 256:
            raise _invalid(f"{name}: Environment: the value of {key} has {len(value)} characters, at most 256")


def _invalid(message: str) -> ApiError:
    return ApiError("ValidationException", message)


def _outcome(finished: Finished, message: str, is_text: bool) -> _Outcome:
    if finished.is_stopped:
        return _Outcome("Stopped", message or None)
    if finished.is_timed_out:
        return _Outcome("Stopped", message or None, "MaxRuntimeExceeded: the job ran longer than MaxRuntimeInSeconds")
    if not is_text:
        return _Outcome("Failed", None, "ClientError: the exit message is not UTF-8")
    if finished.exit_code:
        why = message or finished.tail.strip().rpartition("\n")[2] or "see the job's log"
        return _Outcome("Failed", message or None, f"AlgorithmError: {why}, exit code: {finished.exit_code}"[:1024])
    return _Outcome("Completed", message or None)


def _exit_message(root: Path) -> tuple[str, bool]:
    """The first kilobyte of the message file, and whether the file is text."""
    path = root / "output" / "message"
    content = path.read_bytes() if path.is_file() else b""
    try:
        content.decode()
    except UnicodeDecodeError:
        return "", False
    return content[: contract.EXIT_MESSAGE_MAX_BYTES].decode(errors="ignore"), True


def _local(job: Job, path: str) -> Path:
    return job.root / Path(path).relative_to(contract.OPT_ML)


def _outputs(job: Job) -> Sequence[dict[str, Any]]:
    return _outputs_of(job.settings)


def _outputs_of(settings: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    return (settings.get("ProcessingOutputConfig") or {}).get("Outputs") or ()


def _job_config(job: Job) -> dict[str, Any]:
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
            "Outputs": list(_outputs(job)),
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
