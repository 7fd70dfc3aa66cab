"""What a SageMaker job is, whatever it does: a name that is used once, work beside us, and an event for each change of its state.

Most run a program: inputs staged below a folder that stands for /opt/ml, then the program, then its outputs uploaded.
`processing.py` and `training.py` say what their jobs run, how its end is read, and what goes where; `transform.py` asks a model.
"""

from __future__ import annotations

import json
import re
import tarfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final, Generic, TypeVar

from botocore.exceptions import ClientError

from twin import objects
from twin.api import ApiError, Call
from twin.sagemaker.listing import listed
from twin.sagemaker.tags import Tags
from twin.surroundings import Surroundings
from twin.workers import Finished, Running, Workers, run

NAME: Final = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
DEFAULT_SECONDS: Final = 86400
REASON_MAX: Final = 1024
RESOURCE_CONFIG: Final = json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]})


@dataclass(eq=False)
class Job:
    """A job of one kind. `settings` is what it was created with."""

    kind: ClassVar[str]  # as the service spells it in operations and fields: Processing, Training
    in_summaries: ClassVar[tuple[str, ...]]  # what lists show besides what they show of every job

    name: str
    arn: str
    settings: dict[str, Any]
    created: datetime
    home: Path  # its folder on disk
    status: str = "InProgress"
    failure: str | None = None
    ended: datetime | None = None
    running: Running = field(default_factory=Running)

    @property
    def root(self) -> Path:
        """What stands for /opt/ml."""
        return self.home

    @property
    def log(self) -> Path:
        """What its program printed."""
        return self.home / "log.txt"

    def own(self) -> dict[str, Any]:
        """What only jobs of this kind show."""
        return {}

    def describe(self) -> dict[str, Any]:
        """As the API shows it."""
        known = {
            f"{self.kind}JobArn": self.arn,
            f"{self.kind}JobStatus": self.status,
            "FailureReason": self.failure,
            "CreationTime": self.created,
            f"{self.kind}StartTime": self.created,
            f"{self.kind}EndTime": self.ended,
            "LastModifiedTime": self.ended or self.created,
            **self.own(),
        }
        settings = {key: value for key, value in self.settings.items() if key != "Tags"}
        return {**settings, **{key: value for key, value in known.items() if value is not None}}

    def detail(self) -> dict[str, Any]:
        """As its events show it: times in milliseconds."""
        return {
            key: str(int(value.timestamp() * 1000)) if isinstance(value, datetime) else value
            for key, value in self.describe().items()
        }

    def stop(self) -> None:
        """End it before its time."""
        self.status = "Stopping"
        self.running.stop()


@dataclass(frozen=True)
class Program:
    """What a job runs, and the variables it finds besides those of every program."""

    command: Sequence[str | Path]
    variables: Mapping[str, str]
    directory: Path


@dataclass(frozen=True)
class Outcome:
    """How a job ended."""

    status: str
    failure: str | None = None


SomeJob = TypeVar("SomeJob", bound=Job)
SomeOutcome = TypeVar("SomeOutcome", bound=Outcome)


class Jobs(ABC, Generic[SomeJob, SomeOutcome]):
    """All jobs of one kind in the account."""

    job: type[SomeJob]
    outcome: type[SomeOutcome]
    folder: ClassVar[str]  # of their homes
    is_taken: ClassVar[str]  # said of a name that is used already; with {name} and {arn}
    is_missing: ClassVar[str]  # said of a name that no job has; with {name}

    def __init__(self, twin: Surroundings, workers: Workers, tags: Tags) -> None:
        self._twin, self._workers, self._tags = twin, workers, tags
        self._jobs: dict[str, SomeJob] = {}
        self._awaited: dict[str, list[Callable[[], None]]] = {}  # by job: whom its end is told
        self._announced: set[str] = set()
        self._ending = threading.Lock()
        self._kind = kind = self.job.kind
        operations = {"Create": self.create, "Describe": self.describe, "Stop": self.stop}
        twin.api.register("sagemaker", **{f"{verb}{kind}Job": operation for verb, operation in operations.items()})
        twin.api.register("sagemaker", **{f"List{kind}Jobs": self.list})

    # --- what a kind of job says ---------------------------------------------------------------------------------------

    @abstractmethod
    def _check(self, settings: Mapping[str, Any]) -> None:
        """Refuse what the service refuses, and what would not really run here. Raises: ApiError."""

    @abstractmethod
    def _instance(self, settings: Mapping[str, Any]) -> str:
        """The type of instance that a job runs on."""

    @abstractmethod
    def _work(self, job: SomeJob) -> SomeOutcome:
        """Do what the job is for, in a thread of its own."""

    @abstractmethod
    def _settle(self, job: SomeJob, outcome: SomeOutcome) -> None:
        """Take over what only this kind's outcomes tell, and write it into the journal."""

    # --- one job -------------------------------------------------------------------------------------------------------

    def launch(self, settings: dict[str, Any], **more: Any) -> SomeJob:
        """Check the settings as the API does and start the job beside us; `more` are fields of this kind's jobs."""
        self._check(settings)
        name, kind = settings[f"{self._kind}JobName"], self._kind.lower()
        arn = f"arn:aws:sagemaker:{self._twin.region}:{self._twin.account}:{kind}-job/{name}"
        if name in self._jobs:
            raise ApiError("ResourceInUse", f"Job name must be unique: {self.is_taken.format(name=name, arn=arn)}")
        self._check_quota(settings)
        home = self._twin.directory / self.folder / name
        job = self._jobs[name] = self.job(name, arn, settings, self._twin.clock.now(), home, **more)
        self._tags.create(arn, settings.get("Tags"))
        self._twin.journal.add(kind, f"{name} started", job=name, status=job.status)
        self._emit(job)
        self._workers.start(name, lambda: self._work(job), lambda outcome: self._finish(job, outcome))
        return job

    def _check_quota(self, settings: Mapping[str, Any]) -> None:
        """Refuse a job for which there is no instance. Raises: ApiError."""
        instance, now, kind = self._instance(settings), self._twin.clock.now(), self._kind.lower()
        quota = getattr(self._twin.quotas, f"{kind}_jobs").get(instance)
        holding = [job for job in self._jobs.values() if job.ended is None or job.ended >= now]
        used = sum(self._instance(job.settings) == instance for job in holding)
        if quota is not None and used >= quota:
            raise ApiError(
                "ResourceLimitExceeded",
                f"The account-level service limit '{instance} for {kind} job usage' is {quota} Instances, with current "
                f"utilization of {used} Instances and a request delta of 1 Instances. Please use AWS Service Quotas to request "
                "an increase for this quota. If AWS Service Quotas is not available, contact AWS support to request an "
                "increase for this quota.",
            )

    def _finish(self, job: SomeJob, outcome: SomeOutcome) -> None:
        job.status, job.failure, job.ended = outcome.status, outcome.failure, self._twin.clock.now()
        self._settle(job, outcome)
        self._emit(job)
        with self._ending:
            self._announced.add(job.name)
            awaiting = self._awaited.pop(job.name, [])
        for tell in awaiting:
            tell()

    def when_ended(self, name: str, tell: Callable[[], None]) -> None:
        """Have a function called once a job has ended and its event is sent; at once if that was before."""
        with self._ending:
            if name not in self._announced:
                self._awaited.setdefault(name, []).append(tell)
                return
        tell()

    def _emit(self, job: SomeJob) -> None:
        kind = f"SageMaker {self._kind} Job State Change"
        self._twin.events.emit("aws.sagemaker", kind, job.detail(), [job.arn])

    # --- the API -------------------------------------------------------------------------------------------------------

    def create(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        return {f"{self._kind}JobArn": self.launch(parameters).arn}

    def describe(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        return self.find(parameters).describe()

    def stop(self, parameters: dict[str, Any], _: Call) -> None:
        job = self.find(parameters)
        if job.status != "InProgress":
            raise invalid(f"{job.name} is {job.status}: only a job in progress can be stopped")
        job.stop()

    def list(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        name, status = f"{self._kind}JobName", f"{self._kind}JobStatus"
        times = ("CreationTime", f"{self._kind}EndTime", "LastModifiedTime")
        shown = (name, f"{self._kind}JobArn", status, *times, *self.job.in_summaries)
        described = [job.describe() for job in self._jobs.values()]
        summaries = [{key: value for key, value in job.items() if key in shown} for job in described]
        return listed(f"{self._kind}JobSummaries", summaries, parameters, name=name, status=status)

    def find(self, parameters: Mapping[str, Any]) -> SomeJob:
        """The job that a request names. Raises: ApiError."""
        name = parameters[f"{self._kind}JobName"]
        if name not in self._jobs:
            raise ApiError("ResourceNotFound", self.is_missing.format(name=name))
        return self._jobs[name]


class ProgramJobs(Jobs[SomeJob, SomeOutcome]):
    """Jobs that run a program on staged inputs, with the role that they were given."""

    not_staged: ClassVar[str]  # how a reason begins when inputs cannot be fetched
    not_uploaded: ClassVar[str]  # how a reason begins when outputs cannot be stored

    @abstractmethod
    def _stage(self, job: SomeJob, s3: Any) -> Program:
        """Fetch the inputs and write the configuration files; what to run on them."""

    @abstractmethod
    def _conclude(self, job: SomeJob, finished: Finished) -> SomeOutcome:
        """Read from the program's end how the job ended."""

    @abstractmethod
    def _upload(self, job: SomeJob, s3: Any, outcome: SomeOutcome) -> None:
        """Store the outputs."""

    def _work(self, job: SomeJob) -> SomeOutcome:
        s3 = self._twin.client("s3", job.settings["RoleArn"])
        try:
            program = self._stage(job, s3)
        except (objects.NothingThere, ClientError, tarfile.TarError) as error:
            return self.outcome("Failed", f"{self.not_staged}: {error}"[:REASON_MAX])
        outcome = self._conclude(job, _run(job, program))
        try:
            self._upload(job, s3, outcome)
        except ClientError as error:
            return replace(outcome, status="Failed", failure=f"{self.not_uploaded}: {error}"[:REASON_MAX])
        return outcome


def invalid(message: str) -> ApiError:
    """SageMaker's refusal."""
    return ApiError("ValidationException", message)


def fetch(s3: Any, source: Mapping[str, Any], folder: Path) -> None:
    """Stage an input: the objects below a prefix, or those that a manifest lists. Raises: NothingThere."""
    is_manifest = source.get("S3DataType") == "ManifestFile"
    (objects.download_manifest if is_manifest else objects.download)(s3, source["S3Uri"], folder)


def _run(job: Job, program: Program) -> Finished:
    return run(
        program.command,
        environment={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(job.home),
            "PYTHONUNBUFFERED": "1",
            **program.variables,
        },
        directory=program.directory,
        log=job.log,
        seconds=(job.settings.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", DEFAULT_SECONDS),
        running=job.running,
    )
