"""SageMaker training jobs in script mode: channels are staged, the submitted script really trains, the model is uploaded.

The process stands for AWS's framework container with its training toolkit: the same folders (below a root of the job's own),
the same SM_ variables, and hyperparameters as `--name value` arguments.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from twin import objects
from twin.api import ApiError, Call
from twin.sagemaker.containers import unpack
from twin.sagemaker.listing import listed
from twin.sagemaker.processing import NAME
from twin.sagemaker.tags import Tags
from twin.surroundings import Surroundings
from twin.workers import Finished, Running, Workers, run

PROGRAM: Final = "sagemaker_program"
SUBMITTED: Final = "sagemaker_submit_directory"
DEFAULT_SECONDS: Final = 86400
REASON_MAX: Final = 1024
_SECONDARY: Final = ("Starting", "Downloading", "Training", "Uploading")


@dataclass(eq=False)
class Job:
    """A training job. `settings` is what CreateTrainingJob was given."""

    name: str
    arn: str
    settings: dict[str, Any]
    created: datetime
    root: Path  # stands for /opt/ml
    status: str = "InProgress"
    secondary: str = "Starting"
    failure: str | None = None
    ended: datetime | None = None
    metrics: list[dict[str, Any]] = field(default_factory=list)
    running: Running = field(default_factory=Running)

    @property
    def output(self) -> str:
        """Where the job's archives go."""
        return f"{self.settings['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{self.name}/output"

    def describe(self) -> dict[str, Any]:
        """As DescribeTrainingJob shows it."""
        known = {
            "TrainingJobArn": self.arn,
            "TrainingJobStatus": self.status,
            "SecondaryStatus": self.secondary,
            "FailureReason": self.failure,
            "CreationTime": self.created,
            "TrainingStartTime": self.created,
            "TrainingEndTime": self.ended,
            "LastModifiedTime": self.ended or self.created,
            "FinalMetricDataList": self.metrics or None,
            "SecondaryStatusTransitions": self._transitions(),
        }
        model = {"S3ModelArtifacts": f"{self.output}/model.tar.gz"}
        settings = {key: value for key, value in self.settings.items() if key != "Tags"}
        return {**settings, "ModelArtifacts": model, **{key: v for key, v in known.items() if v is not None}}

    def _transitions(self) -> list[dict[str, Any]]:
        names = ["Starting"] if self.ended is None else [*_SECONDARY, self.secondary]
        return [{"Status": name, "StartTime": self.created, "StatusMessage": name} for name in names]


@dataclass(frozen=True)
class _Outcome:
    status: str
    secondary: str
    failure: str | None = None
    metrics: tuple[dict[str, Any], ...] = ()


def _failed(reason: str) -> _Outcome:
    return _Outcome("Failed", "Failed", reason[:REASON_MAX])


class TrainingJobs:
    """All training jobs of the account."""

    def __init__(self, twin: Surroundings, workers: Workers, tags: Tags) -> None:
        self._twin, self._workers, self._tags = twin, workers, tags
        self._jobs: dict[str, Job] = {}
        twin.api.register(
            "sagemaker",
            CreateTrainingJob=self.create,
            DescribeTrainingJob=self.describe,
            StopTrainingJob=self.stop,
            ListTrainingJobs=self.list,
        )

    # --- one job -------------------------------------------------------------------------------------------------------

    def _work(self, job: Job) -> _Outcome:
        s3 = self._twin.client("s3", job.settings["RoleArn"])
        try:
            command, environment = self._stage(job, s3)
        except (objects.NothingThere, ClientError, tarfile.TarError) as error:
            return _failed(f"ClientError: Data download failed: {error}")
        finished = run(
            command,
            environment=environment,
            directory=job.root / "code",
            log=job.root / "log.txt",
            seconds=(job.settings.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", DEFAULT_SECONDS),
            running=job.running,
        )
        outcome = self._outcome(job, finished, command)
        try:
            self._upload(job, s3, outcome)
        except ClientError as error:
            return _failed(f"ClientError: Artifact upload failed: {error}")
        return outcome

    def _stage(self, job: Job, s3: Any) -> tuple[list[str | Path], dict[str, str]]:
        """Fetch script and channels, write the configuration files; the command and its environment."""
        parameters = {key: _decoded(value) for key, value in (job.settings.get("HyperParameters") or {}).items()}
        program, source = str(parameters.pop(PROGRAM)), str(parameters.pop(SUBMITTED))
        unpack(s3, source, job.root / "code")
        if not (job.root / "code" / program).is_file():
            raise objects.NothingThere(f"{source} holds no {program}")
        for folder in ("model", "output/data", "input/config", "input/data"):
            (job.root / folder).mkdir(parents=True, exist_ok=True)
        channels = job.settings.get("InputDataConfig") or ()
        for channel in channels:
            place = channel["DataSource"]["S3DataSource"]
            fetch = objects.download_manifest if place["S3DataType"] == "ManifestFile" else objects.download
            fetch(s3, place["S3Uri"], job.root / "input" / "data" / channel["ChannelName"])
        config = job.root / "input" / "config"
        (config / "hyperparameters.json").write_text(json.dumps(job.settings.get("HyperParameters") or {}))
        described = {
            c["ChannelName"]: {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"} for c in channels
        }
        (config / "inputdataconfig.json").write_text(json.dumps(described))
        (config / "resourceconfig.json").write_text(json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]}))
        parameters = {key: value for key, value in parameters.items() if not key.startswith("sagemaker_")}
        arguments = [part for key, value in sorted(parameters.items()) for part in (_option(key), str(value))]
        return [self._twin.xgboost_python, program, *arguments], self._environment(job, program, source, parameters)

    def _environment(self, job: Job, program: str, source: str, parameters: Mapping[str, Any]) -> dict[str, str]:
        """The training toolkit's variables; paths lie below the job's root."""
        names = [channel["ChannelName"] for channel in job.settings.get("InputDataConfig") or ()]
        inputs = job.root / "input"
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(job.root),
            "PYTHONUNBUFFERED": "1",
            "TRAINING_JOB_NAME": job.name,
            "TRAINING_JOB_ARN": job.arn,
            "SM_MODEL_DIR": str(job.root / "model"),
            "SM_OUTPUT_DIR": str(job.root / "output"),
            "SM_OUTPUT_DATA_DIR": str(job.root / "output" / "data"),
            "SM_INPUT_DIR": str(inputs),
            "SM_INPUT_CONFIG_DIR": str(inputs / "config"),
            "SM_CHANNELS": json.dumps(sorted(names)),
            **{f"SM_CHANNEL_{name.upper()}": str(inputs / "data" / name) for name in names},
            "SM_HPS": json.dumps(dict(parameters)),
            **{f"SM_HP_{key.upper()}": str(value) for key, value in parameters.items()},
            "SM_CURRENT_HOST": "algo-1",
            "SM_HOSTS": '["algo-1"]',
            "SM_NUM_CPUS": "1",
            "SM_NUM_GPUS": "0",
            "SM_MODULE_DIR": source,
            "SM_MODULE_NAME": program.removesuffix(".py"),
            "SM_USER_ENTRY_POINT": program,
            **self._twin.identity.environment(job.settings["RoleArn"]),
            **(job.settings.get("Environment") or {}),
        }

    def _outcome(self, job: Job, finished: Finished, command: list[str | Path]) -> _Outcome:
        if finished.is_stopped:
            return _Outcome("Stopped", "Stopped")
        if finished.is_timed_out:
            return _Outcome("Stopped", "MaxRuntimeExceeded")
        if finished.exit_code:
            script = " ".join(["python3", *map(str, command[1:])])
            return _failed(
                f"AlgorithmError: ExecuteUserScriptError:\nExitCode {finished.exit_code}\n"
                f'ErrorMessage "{finished.tail.strip()[-600:]}"\nCommand "{script}"'
            )
        log = (job.root / "log.txt").read_text("utf-8", "replace")
        return _Outcome("Completed", "Completed", metrics=tuple(self._metrics(job, log)))

    def _metrics(self, job: Job, log: str) -> list[dict[str, Any]]:
        """The last value that each of the job's metric definitions finds in the log."""
        found = []
        for definition in job.settings["AlgorithmSpecification"].get("MetricDefinitions") or ():
            values = re.findall(definition["Regex"], log)
            if values:
                point = {
                    "MetricName": definition["Name"],
                    "Value": float(values[-1]),
                    "Timestamp": self._twin.clock.now(),
                }
                found.append(point)
        return found

    def _upload(self, job: Job, s3: Any, outcome: _Outcome) -> None:
        """model.tar.gz of a job that completed; output.tar.gz of any that wrote into the output data folder."""
        bucket, prefix = objects.split(job.output)
        kms_key = job.settings["OutputDataConfig"].get("KmsKeyId")
        if outcome.status == "Completed":
            objects.put(s3, bucket, f"{prefix}/model.tar.gz", archive(job.root / "model"), kms_key)
        if any((job.root / "output" / "data").iterdir()):
            objects.put(s3, bucket, f"{prefix}/output.tar.gz", archive(job.root / "output"), kms_key)

    def _finish(self, job: Job, outcome: _Outcome) -> None:
        job.status, job.secondary, job.failure = outcome.status, outcome.secondary, outcome.failure
        job.metrics, job.ended = list(outcome.metrics), self._twin.clock.now()
        where = f": {job.output}/model.tar.gz" if job.status == "Completed" else f": {job.failure or job.secondary}"
        self._twin.journal.add(
            "training",
            f"{job.name} {job.status}{where}",
            job=job.name,
            status=job.status,
            artifact=f"{job.output}/model.tar.gz" if job.status == "Completed" else None,
            log=str(job.root / "log.txt"),
        )
        self._emit(job)

    def _emit(self, job: Job) -> None:
        detail = {
            key: str(int(value.timestamp() * 1000)) if isinstance(value, datetime) else value
            for key, value in job.describe().items()
            if key not in ("SecondaryStatusTransitions", "FinalMetricDataList")
        }
        self._twin.events.emit("aws.sagemaker", "SageMaker Training Job State Change", detail, [job.arn])

    # --- the API -------------------------------------------------------------------------------------------------------

    def create(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        name = parameters["TrainingJobName"]
        check(parameters)
        arn = f"arn:aws:sagemaker:{self._twin.region}:{self._twin.account}:training-job/{name}"
        if name in self._jobs:
            raise ApiError("ResourceInUse", f"Job name must be unique: there is a training job already: {arn}")
        root = self._twin.directory / "training" / name
        job = self._jobs[name] = Job(name, arn, parameters, self._twin.clock.now(), root)
        self._tags.create(arn, parameters.get("Tags"))
        self._twin.journal.add("training", f"{name} started", job=name, status=job.status)
        self._emit(job)
        self._workers.start(name, lambda: self._work(job), lambda outcome: self._finish(job, outcome))
        return {"TrainingJobArn": arn}

    def describe(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        return self._find(parameters).describe()

    def stop(self, parameters: dict[str, Any], _: Call) -> None:
        job = self._find(parameters)
        if job.status != "InProgress":
            raise ApiError("ValidationException", f"{job.name} is {job.status}: only a job in progress can be stopped")
        job.status = job.secondary = "Stopping"
        job.running.stop()

    def list(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        names = ("TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingEndTime", "LastModifiedTime")
        wanted = (*names, "TrainingJobStatus", "SecondaryStatus")
        summaries = [{key: v for key, v in job.describe().items() if key in wanted} for job in self._jobs.values()]
        return listed("TrainingJobSummaries", summaries, parameters, name="TrainingJobName", status="TrainingJobStatus")

    def _find(self, parameters: Mapping[str, Any]) -> Job:
        job = self._jobs.get(parameters["TrainingJobName"])
        if job is None:
            raise ApiError(
                "ResourceNotFound", f"Requested resource not found: training job {parameters['TrainingJobName']}"
            )
        return job


def check(settings: Mapping[str, Any]) -> None:
    """Refuse what the service refuses, and what would not really train here. Raises: ApiError."""
    name, parameters = settings["TrainingJobName"], settings.get("HyperParameters") or {}

    def invalid(problem: str) -> ApiError:
        return ApiError("ValidationException", f"{name}: {problem}")

    if not NAME.fullmatch(name):
        raise invalid("TrainingJobName has 1 to 63 letters, digits and inner hyphens")
    for key in (PROGRAM, SUBMITTED):
        if key not in parameters:
            raise invalid(f"the twin trains in script mode only: hyperparameter {key} is missing")
        if not isinstance(_decoded(parameters[key]), str) or _decoded(parameters[key]) == parameters[key]:
            raise invalid(f"hyperparameter {key} is a JSON text, as the training toolkit reads it: '\"train.py\"'")
    if not str(_decoded(parameters[SUBMITTED])).startswith("s3://"):
        raise invalid(f"hyperparameter {SUBMITTED} must be an S3 URI")
    if settings.get("EnableNetworkIsolation"):
        raise invalid("under network isolation a container cannot fetch its script from S3")
    if (settings.get("ResourceConfig") or {}).get("InstanceCount", 1) != 1:
        raise invalid("training on several instances is not in the twin")
    for channel in settings.get("InputDataConfig") or ():
        mode = channel.get("InputMode") or settings["AlgorithmSpecification"]["TrainingInputMode"]
        if mode != "File" or "S3DataSource" not in channel["DataSource"]:
            raise invalid(f"channel {channel['ChannelName']}: only File mode from S3 is in the twin")


def archive(folder: Path) -> bytes:
    """A tar.gz of a folder's files; the same files give the same bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
            info = tarfile.TarInfo(path.relative_to(folder).as_posix())
            content = path.read_bytes()
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _decoded(value: str) -> Any:
    """Hyperparameters are JSON where they can be read as such, else plain text."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def _option(key: str) -> str:
    return f"-{key}" if len(key) == 1 else f"--{key}"
