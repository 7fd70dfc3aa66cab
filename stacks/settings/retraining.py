"""The part of an environment file that stands below `retraining` of an endpoint: when it starts, what it trains and releases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from model_monitor import contract
from stacks.settings import fields
from stacks.settings.block import Block, check
from stacks.settings.cadence import DAY, cadence
from stacks.settings.fields import Count
from stacks.settings.monitor import Type
from stacks.settings.release import Deployment, Gate, Registry, Watch

WEEKLY = re.compile(r"(mon|tue|wed|thu|fri|sat|sun) ([01]\d|2[0-3]):[0-5]\d")


class Freeze(Block):
    """A time without trainings, once or every week, in UTC."""

    start: fields.Moment
    """When it begins: a time such as 2026-12-18T18:00Z, or a day and an hour of every week such as fri 18:00."""
    end: fields.Moment
    """When it is over, in the same form; an end of the week before the start is of the next week."""

    @check
    def _form_faults(self) -> Iterator[str]:
        given = {"start": self.start, "end": self.end}
        times = {name: _time(text) for name, text in given.items()}
        for name, text in given.items():
            if times[name] is None and not WEEKLY.fullmatch(text):
                yield f"{name}: should be a time such as 2026-12-18T18:00Z or of the week such as fri 18:00, found {text}"
                return
        start, end = times["start"], times["end"]
        if (start is None) != (end is None):
            yield "end: should be of the same form as start; give two times, or a day and an hour of the week twice"
        elif self.start == self.end or (start and end and start >= end):
            yield f"end: should be after start, {self.start}, found {self.end}; give a later one"


def _time(text: str) -> datetime | None:
    """In UTC where no offset is given; None for what is no time."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


def _usual_parameters() -> dict[Any, fields.PipelineFact]:
    return {"TrainManifest": "train", "FreshManifest": "fresh", "OutputUri": "output"}


class Pipeline(Block):
    """A SageMaker Pipeline that trains: it is told where the rows lie, and its training step's model is the challenger."""

    name: fields.PipelineName
    """Name of a pipeline of this account and Region."""
    step: fields.PipelineName | None = None
    """Name of the training step whose model is compared. Left out: the only one."""
    parameters: Annotated[dict[fields.PipelineParameter, fields.PipelineFact], Field(max_length=20)] = Field(
        default_factory=_usual_parameters
    )
    """Parameters of the pipeline, and what each is told: train, fresh or validation (the manifest of a channel's objects), output
    (where the model is to lie), run, endpoint; at most 20. Default: TrainManifest, FreshManifest and OutputUri."""


class Retraining(Block):
    """What happens after an alarm on the model or its data, and how often it may."""

    mode: Literal["notify", "propose", "train", "deploy"] = "train"
    """notify: people alone are told. propose: people get a message with the command that accepts it. train: a challenger is
    trained, and one that is better waits in the registry for approval. deploy: it is deployed without asking. Default: train."""
    monitor: fields.MonitorName | None = None
    """The monitor whose alarms count. Left out: the only one."""
    types: Annotated[tuple[Type, ...], Field(min_length=1)] = ("data_quality", "model_quality")
    """Types whose alarms count: drift of data_quality, violations of the others. Default: data_quality and model_quality."""
    more_alarms: Annotated[tuple[fields.AlarmName, ...], Field(max_length=20)] = ()
    """Names of alarms of yours that count as well, such as composite alarms over this monitor's, at most 20; their actions
    must reach the environment's topic or its retraining function. Default: none."""
    schedule: fields.Schedule | None = None
    """When a training starts without an alarm, under the same rules: daily, weekly, monthly or cron(0 H ? * * *), in UTC. Left out:
    alarms and people alone start one."""
    dry_run: bool = False
    """Whether decisions are made, kept and told, and nothing is started. Default: false."""
    persistent_windows: Count = 1
    """Of the last windows so many must show the cause, at least 1. Default: 1."""
    persistent_of: Annotated[int, Field(ge=1, le=168)] | None = None
    """How many windows are the last ones, 1 to 168. Left out: as many as persistent_windows, so all in a row."""
    min_new_labels: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Freshly labelled rows since the last training without which none is started, 0 to 1000000. Default: 0, none needed."""
    freeze: Annotated[tuple[Freeze, ...], Field(max_length=20)] = ()
    """Times in which no training is started, at most 20. Default: none."""
    proposal_hours: Annotated[int, Field(ge=1, le=24 * 30)] = 72
    """Hours in which a proposal can be accepted, 1 to 720. Default: 72, over a weekend."""
    allow_rehearsal: bool = False
    """Whether alarms of a rehearsal train too, to try the whole loop; it costs a training. Default: false."""
    image: fields.ImageUri | None = None
    """URI of the training image in ECR, AWS's XGBoost or any other. Left out: a pipeline trains."""
    pipeline: Pipeline | None = None
    """The SageMaker Pipeline that trains in the place of a training job. Left out: a training job does."""
    training_data: fields.S3Prefix
    """S3 URI of the original training data: CSV, label first, no header."""
    validation_data: fields.S3Prefix | None = None
    """S3 URI of validation data in the same form. Left out: training without validation."""
    fresh_data: fields.S3Prefix | None = None
    """S3 URI of freshly labelled rows in the same form, which the application writes. Left out: {endpoint}/training/ in the
    ground-truth bucket, where the runs of a monitor with labels write them, if the payload is declared."""
    holdout_data: fields.S3Prefix | None = None
    """S3 URI of labelled rows in the same form that no training sees, to compare models on; of an application that writes
    fresh_data. Left out: {endpoint}/holdout/ in the ground-truth bucket, where runs write them."""
    holdout_share: Annotated[float, Field(ge=0, le=0.9)] = contract.HOLDOUT_SHARE
    """Share of the freshly labelled records that runs hold out, 0 to 0.9; the same records in every run. Default: 0.2."""
    training_script: Literal["kit", "none"] = "kit"
    """kit: stacks/model_code/train.py in script mode. none: the image is a built-in algorithm. Default: kit."""
    instance_type: fields.InstanceType = "ml.m5.large"
    """Instance type of training jobs, one without local storage. Default: ml.m5.large."""
    instance_count: Count = 1
    """Number of instances of a training job, at least 1. Default: 1."""
    volume_size_gb: Annotated[int, Field(ge=1, le=16384)] = 30
    """Disk of a training instance in GB, 1 to 16384. Default: 30."""
    max_runtime_seconds: Annotated[int, Field(ge=60, le=86400)] = 3600
    """Seconds after which a training job is stopped, 60 to 86400. Default: 3600, an hour."""
    hyperparameters: Annotated[dict[str, str | int | float], Field(max_length=100)] = Field(default_factory=dict)
    """Hyperparameters by name, at most 100. Default: none, the algorithm's own."""
    cooldown_hours: Annotated[int, Field(ge=0, le=24 * 90)] = 24
    """Hours after a training in which none is started, 0 to 2160. Default: 24; 0 leaves the weekly limit alone."""
    max_per_week: Annotated[int, Field(ge=0, le=100)] = 2
    """Trainings in any seven days, 0 to 100. Default: 2; 0 never trains."""
    retrain_on_broken_data: bool = False
    """Whether drift is trained on although reports of the same windows hold type or completeness violations. Default: false."""
    role_arn: fields.arn("iam", "role/.+") | None = None  # type: ignore[valid-type]
    """ARN of the training jobs' role. Left out: one is created."""
    recent_hours: Annotated[int, Field(ge=1, le=24 * 90)] = 168
    """Hours up to a retraining whose labelled rows are like the traffic of today: models are compared on those that were held
    out, and the next baseline is made of all of them. 1 to 2160. Default: 168, a week."""
    content_type: Literal["text/csv", "application/jsonlines", "application/json"] = "text/csv"
    """How models are asked about rows. text/csv: the features in their order. application/jsonlines: a record a line, each
    feature where payload.features says. application/json: the same, each record a request of its own, in the list that
    payload.records names. Default: text/csv."""
    answers: Literal["application/jsonlines", "application/json", "text/csv"] = "application/jsonlines"
    """What models answer with, one line for each row or request. Default: application/jsonlines, as the kit's serving script
    can."""
    transform_instance_type: fields.InstanceType = "ml.m5.large"
    """Instance type of the jobs that ask models. Default: ml.m5.large."""
    gate: Gate = Gate()
    """When a new model is better. Default: the accuracy is, with a confidence of 95 percent."""
    approval_hours: Annotated[int, Field(ge=1, le=720)] = 72
    """Hours that a person has to approve a package, 1 to 720; then the old model stays. Default: 72."""
    deployment: Deployment = Deployment()
    """How the endpoint is updated. Default: canary with a fifth of the instances for ten minutes."""
    watch: Watch = Watch()
    """What the monitors must say afterwards. Default: three windows without a violation of model quality."""
    registry: Registry = Registry()
    """Where models are registered. Default: a group for this endpoint."""

    def strategy_of(self, fewest_instances: int) -> str:
        """How an endpoint is updated whose smallest variant has so many instances: a canary needs a second one."""
        return self.deployment.strategy or ("canary" if fewest_instances > 1 else "all_at_once")

    @check
    def _persistence_faults(self) -> Iterator[str]:
        if self.persistent_of is not None and self.persistent_of < self.persistent_windows:
            yield (
                f"persistent_of: should be at least persistent_windows, {self.persistent_windows}, found {self.persistent_of}; "
                "raise it, or leave it out"
            )

    @check
    def _trainer_faults(self) -> Iterator[str]:
        if (self.image is None) == (self.pipeline is None):
            yield "image: should be given where no pipeline trains, and only there; give image or pipeline"

    @check
    def _schedule_faults(self) -> Iterator[str]:
        if self.schedule is None:
            return
        if cadence(self.schedule).gap < DAY:
            yield f"schedule: should be daily or less often, found {self.schedule}"
        if self.mode in ("notify", "propose"):
            yield f"schedule: starts trainings without asking, and mode is {self.mode}; set mode to train or deploy, or drop it"

    @check
    def _label_faults(self) -> Iterator[str]:
        if self.min_new_labels and self.training_script == "none" and self.fresh_data is None:
            yield "min_new_labels: counts the rows of fresh_data, which this training does not read; give fresh_data, or 0"
