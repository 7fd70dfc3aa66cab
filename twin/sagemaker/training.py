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
from pathlib import Path
from typing import Any, Final

from twin import objects
from twin.sagemaker.containers import unpack
from twin.sagemaker.jobs import NAME, REASON_MAX, RESOURCE_CONFIG, Job, Outcome, Program, ProgramJobs, fetch, invalid
from twin.workers import Finished

PROGRAM: Final = "sagemaker_program"
SUBMITTED: Final = "sagemaker_submit_directory"
_SECONDARY: Final = ("Starting", "Downloading", "Training", "Uploading")


@dataclass(eq=False)
class TrainingJob(Job):
    """A training job."""

    kind = "Training"
    in_summaries = ("SecondaryStatus",)

    secondary: str = "Starting"
    metrics: list[dict[str, Any]] = field(default_factory=list)

    @property
    def output(self) -> str:
        """Where the job's archives go."""
        return f"{self.settings['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{self.name}/output"

    @property
    def model(self) -> str:
        """Where its model goes."""
        return f"{self.output}/model.tar.gz"

    def own(self) -> dict[str, Any]:
        return {
            "SecondaryStatus": self.secondary,
            "ModelArtifacts": {"S3ModelArtifacts": self.model},
            "FinalMetricDataList": self.metrics or None,
            "SecondaryStatusTransitions": self._transitions(),
        }

    def _transitions(self) -> list[dict[str, Any]]:
        names = ["Starting"] if self.ended is None else [*_SECONDARY, self.secondary]
        return [{"Status": name, "StartTime": self.created, "StatusMessage": name} for name in names]

    def detail(self) -> dict[str, Any]:
        left_out = ("SecondaryStatusTransitions", "FinalMetricDataList")
        return {key: value for key, value in super().detail().items() if key not in left_out}

    def stop(self) -> None:
        self.secondary = "Stopping"
        super().stop()


@dataclass(frozen=True)
class _Outcome(Outcome):
    metrics: tuple[dict[str, Any], ...] = ()
    is_timed_out: bool = False


class TrainingJobs(ProgramJobs[TrainingJob, _Outcome]):
    """All training jobs of the account."""

    job, outcome = TrainingJob, _Outcome
    folder = "training"
    is_taken = "there is a training job already: {arn}"
    is_missing = "Requested resource not found: training job {name}"
    not_staged = "ClientError: Data download failed"
    not_uploaded = "ClientError: Artifact upload failed"

    def _check(self, settings: Mapping[str, Any]) -> None:
        check(settings)

    def _instance(self, settings: Mapping[str, Any]) -> str:
        return str((settings.get("ResourceConfig") or {}).get("InstanceType"))

    def _stage(self, job: TrainingJob, s3: Any) -> Program:
        parameters = {key: _decoded(value) for key, value in (job.settings.get("HyperParameters") or {}).items()}
        program, source = str(parameters.pop(PROGRAM)), str(parameters.pop(SUBMITTED))
        unpack(s3, source, job.root / "code")
        if not (job.root / "code" / program).is_file():
            raise objects.NothingThere(f"{source} holds no {program}")
        for folder in ("model", "output/data", "input/config", "input/data"):
            (job.root / folder).mkdir(parents=True, exist_ok=True)
        channels = job.settings.get("InputDataConfig") or ()
        for channel in channels:
            fetch(s3, channel["DataSource"]["S3DataSource"], job.root / "input" / "data" / channel["ChannelName"])
        config = job.root / "input" / "config"
        (config / "hyperparameters.json").write_text(json.dumps(job.settings.get("HyperParameters") or {}))
        described = {
            c["ChannelName"]: {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"} for c in channels
        }
        (config / "inputdataconfig.json").write_text(json.dumps(described))
        (config / "resourceconfig.json").write_text(RESOURCE_CONFIG)
        parameters = {key: value for key, value in parameters.items() if not key.startswith("sagemaker_")}
        arguments = [part for key, value in sorted(parameters.items()) for part in (_option(key), str(value))]
        return Program(
            [self._twin.xgboost_python, program, *arguments],
            self._variables(job, program, source, parameters),
            job.root / "code",
        )

    def _variables(self, job: TrainingJob, program: str, source: str, parameters: Mapping[str, Any]) -> dict[str, str]:
        """The training toolkit's variables; paths lie below the job's root."""
        names = [channel["ChannelName"] for channel in job.settings.get("InputDataConfig") or ()]
        inputs = job.root / "input"
        return {
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

    def _conclude(self, job: TrainingJob, finished: Finished) -> _Outcome:
        if finished.is_stopped:
            return _Outcome("Stopped")
        if finished.is_timed_out:
            return _Outcome("Stopped", is_timed_out=True)
        if finished.exit_code:
            script = " ".join(["python3", *finished.command[1:]])
            reason = (
                f"AlgorithmError: ExecuteUserScriptError:\nExitCode {finished.exit_code}\n"
                f'ErrorMessage "{finished.tail.strip()[-600:]}"\nCommand "{script}"'
            )
            return _Outcome("Failed", reason[:REASON_MAX])
        return _Outcome("Completed", metrics=tuple(self._metrics(job, job.log.read_text("utf-8", "replace"))))

    def _metrics(self, job: TrainingJob, log: str) -> list[dict[str, Any]]:
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

    def _upload(self, job: TrainingJob, s3: Any, outcome: _Outcome) -> None:
        """model.tar.gz of a job that completed; output.tar.gz of any that wrote into the output data folder."""
        bucket, prefix = objects.split(job.output)
        kms_key = job.settings["OutputDataConfig"].get("KmsKeyId")
        if outcome.status == "Completed":
            objects.put(s3, bucket, f"{prefix}/model.tar.gz", archive(job.root / "model"), kms_key)
        if any((job.root / "output" / "data").iterdir()):
            objects.put(s3, bucket, f"{prefix}/output.tar.gz", archive(job.root / "output"), kms_key)

    def _settle(self, job: TrainingJob, outcome: _Outcome) -> None:
        is_completed = job.status == "Completed"
        job.secondary = "MaxRuntimeExceeded" if job.status == "Stopped" and outcome.is_timed_out else job.status
        job.metrics = list(outcome.metrics) if is_completed else []
        self._twin.journal.add(
            "training",
            f"{job.name} {job.status}: {job.model if is_completed else job.failure or job.secondary}",
            job=job.name,
            status=job.status,
            artifact=job.model if is_completed else None,
            log=str(job.log),
        )


def check(settings: Mapping[str, Any]) -> None:
    """Refuse what the service refuses, and what would not really train here. Raises: ApiError."""
    name, parameters = settings["TrainingJobName"], settings.get("HyperParameters") or {}
    if not NAME.fullmatch(name):
        raise invalid(f"{name}: TrainingJobName has 1 to 63 letters, digits and inner hyphens")
    for key in (PROGRAM, SUBMITTED):
        if key not in parameters:
            raise invalid(f"{name}: the twin trains in script mode only: hyperparameter {key} is missing")
        if not isinstance(_decoded(parameters[key]), str) or _decoded(parameters[key]) == parameters[key]:
            raise invalid(
                f"{name}: hyperparameter {key} is a JSON text, as the training toolkit reads it: '\"train.py\"'"
            )
    if not str(_decoded(parameters[SUBMITTED])).startswith("s3://"):
        raise invalid(f"{name}: hyperparameter {SUBMITTED} must be an S3 URI")
    if settings.get("EnableNetworkIsolation"):
        raise invalid(f"{name}: under network isolation a container cannot fetch its script from S3")
    if (settings.get("ResourceConfig") or {}).get("InstanceCount", 1) != 1:
        raise invalid(f"{name}: training on several instances is not in the twin")
    for channel in settings.get("InputDataConfig") or ():
        mode = channel.get("InputMode") or settings["AlgorithmSpecification"]["TrainingInputMode"]
        if mode != "File" or "S3DataSource" not in channel["DataSource"]:
            raise invalid(f"{name}: channel {channel['ChannelName']}: only File mode from S3 is in the twin")
        kind = channel["DataSource"]["S3DataSource"]["S3DataType"]
        if kind not in ("S3Prefix", "ManifestFile"):
            raise invalid(f"{name}: channel {channel['ChannelName']}: S3DataType {kind} is not in the twin")


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
