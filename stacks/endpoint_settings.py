"""The part of an environment file that stands below `endpoints.{name}`: one endpoint, its model, payload and loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from model_monitor import contract
from model_monitor.contract import MetricsRoute, PerFeature
from stacks import fields
from stacks.fields import Block, Count, Percent, refuse
from stacks.monitor_settings import Monitor

CAPTURE_JSON_TYPES = ("application/json", "application/jsonlines")
STALENESS_VARIANTS_MAX = 9  # an alarm takes ten metrics, and one of them counts runs


class Variant(Block):
    """One production variant; what is left out is the model's."""

    image: fields.ImageUri | None = None
    artifact: fields.S3Object | None = None
    """Fixed by this file. Left out: the live artefact, which releases move."""
    instance_type: fields.InstanceType | None = None
    instance_count: Count | None = None
    weight: Annotated[float, Field(ge=0)] = 1.0


class Model(Block):
    """What serves the endpoint."""

    image: fields.ImageUri
    artifact: fields.S3Object
    """The model of the first deployment; afterwards the live parameter decides."""
    instance_type: fields.InstanceType = "ml.m5.large"
    instance_count: Count = 1
    serving_script: Literal["kit", "own"] = "kit"
    """kit: the script in stacks/model_code serves the artefact. own: the image or the artefact brings its own."""
    role_arn: fields.arn("iam", "role/.+") | None = None  # type: ignore[valid-type]
    variants: dict[fields.VariantName, Variant] = Field(
        default_factory=lambda: {"AllTraffic": Variant()}, min_length=1, max_length=10
    )


class Capture(Block):
    """What the endpoint captures. Content types that are not listed are stored as BASE64."""

    sampling_percentage: Percent = 100
    csv_content_types: Annotated[tuple[fields.MimeType, ...], Field(max_length=10)] = ("text/csv",)
    json_content_types: Annotated[tuple[fields.MimeType, ...], Field(max_length=10)] = CAPTURE_JSON_TYPES
    destination: fields.S3Prefix | None = None
    """Where an endpoint that exists already captures to; our own endpoints capture into the capture bucket."""
    variants: Annotated[tuple[fields.VariantName, ...], Field(max_length=STALENESS_VARIANTS_MAX)] = ()
    """Variants of an endpoint that exists already, whose traffic the staleness alarm watches; left out: AllTraffic."""


class Feature(Block):
    """One input of the model. In the file a bare name stands for a feature with defaults."""

    name: fields.FeatureName
    type: Literal["Integral", "Fractional", "String"] | None = None
    privacy: Literal["open", "internal", "restricted"] = "open"
    path: str | None = None
    """JMESPath inside one record; left out: the key `name`, or the position in CSV."""


class Output(Block):
    """Where a response holds what the model said."""

    records: str | None = None
    prediction: str | int | None = "label"
    score: str | int | None = "score"
    payload_index: str | int | None = "payload_index"
    csv_split: Literal["auto", "lines", "comma"] = "auto"


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class Payload(Block):
    """What requests and responses mean: declared here, used by the serving script, training and the monitors."""

    features: Annotated[
        tuple[Annotated[Feature, BeforeValidator(_named, json_schema_input_type=str | Feature)], ...],
        Field(min_length=1),
    ]
    label: fields.FeatureName | None = None
    records: str | None = None
    """JMESPath of the list of records in a request; left out: the payload itself."""
    output: Output = Output()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @model_validator(mode="after")
    def _check(self) -> Self:
        refuse(self._faults())
        return self

    def _faults(self) -> Iterator[str]:
        for name in sorted({name for name in self.names if self.names.count(name) > 1}):
            yield f"features: '{name}' is declared {self.names.count(name)} times"
        if self.label in self.names:
            yield f"label: '{self.label}' is a feature too; the truth is no input of the model"


class Metrics(Block):
    """Which metrics leave a run; each costs money."""

    per_feature: PerFeature = PerFeature.CRITICAL
    critical: tuple[fields.FeatureName, ...] = ()
    by_variant: bool = False
    feature_dimension: bool = False
    route: MetricsRoute = MetricsRoute.FILE
    namespace: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^:][\w .\-/#:]*$")] = (
        contract.NAMESPACE_DATA_QUALITY
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        refuse(self._faults())
        return self

    def _faults(self) -> Iterator[str]:
        if self.route is MetricsRoute.FILE and self.namespace != contract.NAMESPACE_DATA_QUALITY:
            yield f"namespace: route file publishes to {contract.NAMESPACE_DATA_QUALITY} alone; choose route put for another"
        if self.namespace.startswith("AWS/"):
            yield "namespace: AWS/ is reserved for the services"


class GroundTruth(Block):
    """Where the application puts what turned out to be true; left out: the ground-truth bucket, below the endpoint's name."""

    uri: fields.S3Prefix | None = None


class Retraining(Block):
    """What happens after a drift alarm, and how often it may."""

    mode: Literal["notify", "propose", "train", "deploy"] = "train"
    monitor: fields.MonitorName | None = None
    """Whose drift alarms count; may be left out when there is one monitor."""
    image: fields.ImageUri
    training_data: fields.S3Prefix
    validation_data: fields.S3Prefix | None = None
    fresh_data: fields.S3Prefix | None = None
    """Freshly labelled rows; left out: {endpoint}/training/ in the ground-truth bucket."""
    training_script: Literal["kit", "none"] = "kit"
    """kit: stacks/model_code/train.py in script mode. none: the image is a built-in algorithm."""
    instance_type: fields.InstanceType = "ml.m5.large"
    instance_count: Count = 1
    volume_size_gb: Annotated[int, Field(ge=1, le=16384)] = 30
    max_runtime_seconds: Annotated[int, Field(ge=60, le=86400)] = 3600
    hyperparameters: Annotated[dict[str, str | int | float], Field(max_length=100)] = Field(default_factory=dict)
    cooldown_hours: Annotated[int, Field(ge=0, le=24 * 90)] = 24
    max_per_week: Annotated[int, Field(ge=0, le=100)] = 2
    retrain_on_broken_data: bool = False
    role_arn: fields.arn("iam", "role/.+") | None = None  # type: ignore[valid-type]


class Endpoint(Block):
    """One endpoint. Its key in the file is its name in SageMaker and the value of the Endpoint dimension."""

    model: Model | None = None
    """Left out: the endpoint exists already and is only monitored."""
    capture: Capture = Capture()
    payload: Payload | None = None
    """Left out: features are taken by position from the baseline."""
    ground_truth: GroundTruth = GroundTruth()
    monitors: Annotated[dict[fields.MonitorName, Monitor], Field(min_length=1)]
    metrics: Metrics = Metrics()
    retraining: Retraining | None = None
    review: None = None
    """Human review comes with a later version."""

    @property
    def variant_names(self) -> tuple[str, ...]:
        """Whose traffic is watched: of our own endpoints all; of others those named, or SageMaker's default variant."""
        return tuple(self.model.variants) if self.model else self.capture.variants or ("AllTraffic",)

    @model_validator(mode="after")
    def _check(self) -> Self:
        refuse(self._faults())
        return self

    def _faults(self) -> Iterator[str]:
        yield from self._capture_faults()
        names = self.payload.names if self.payload else None
        if names is not None:
            for path, name in self._named_features():
                if name not in names:
                    yield f"{path}: '{name}' is no feature of the payload"
        for name, monitor in self.monitors.items():
            yield from self._unpublished(name, monitor)
        if len({monitor.baseline for monitor in self.monitors.values() if monitor.baseline.dataset}) > 1:
            yield "monitors: compute different baselines; an endpoint has one current version, so give all the same dataset"
        yield from self._script_faults()
        if self.retraining and fields.has_local_storage(self.retraining.instance_type):
            yield "retraining.instance_type: encrypts its volumes itself and takes no key; choose a type without local storage"
        if self.retraining and self.retraining.monitor is None and len(self.monitors) > 1:
            yield f"retraining.monitor: choose one of {', '.join(self.monitors)}"
        if self.retraining and self.retraining.monitor not in (None, *self.monitors):
            yield f"retraining.monitor: '{self.retraining.monitor}' is none of {', '.join(self.monitors)}"

    def _capture_faults(self) -> Iterator[str]:
        if self.model is None and self.capture.destination is None:
            yield "capture.destination: is missing; an endpoint without a model here must say where it captures to"
        if self.model is not None and self.capture.destination is not None:
            yield "capture.destination: belongs to endpoints that exist already; this one captures into the capture bucket"
        if self.model is not None and self.capture.variants:
            yield "capture.variants: belongs to endpoints that exist already; the variants of this one are model.variants"
        needs_json = self.payload is not None and (self.payload.records or any(f.path for f in self.payload.features))
        if needs_json and not self.capture.json_content_types:
            yield "capture.json_content_types: is empty, but the payload is found by JMESPath; JSON would be stored as BASE64"
        if not (self.capture.csv_content_types or self.capture.json_content_types):
            yield "capture: lists no content type, so every payload would be stored as BASE64"

    def _script_faults(self) -> Iterator[str]:
        if self.payload is None and self.model is not None and self.model.serving_script == "kit":
            yield "payload: is missing; the kit's serving script reads requests by it (or set model.serving_script to own)"
        if self.payload is None and self.retraining is not None and self.retraining.training_script == "kit":
            yield "payload: is missing; the kit's training script reads rows by it (or set retraining.training_script to none)"
        if self.model is not None and len(self.model.variants) > STALENESS_VARIANTS_MAX:
            yield f"model.variants: at most {STALENESS_VARIANTS_MAX}, so that one alarm can watch the traffic of all of them"

    def _named_features(self) -> Iterator[tuple[str, str]]:
        """Every place that names a feature."""
        for position, name in enumerate(self.metrics.critical):
            yield f"metrics.critical[{position}]", name
        for monitor_name, monitor in self.monitors.items():
            for name in monitor.features:
                yield f"monitors.{monitor_name}.features", name
            for name in monitor.alarms.drift_features:
                yield f"monitors.{monitor_name}.alarms.drift_features", name

    def _unpublished(self, monitor_name: str, monitor: Monitor) -> Iterator[str]:
        """An alarm on a metric that no run emits would sleep for ever."""
        published = self.metrics.per_feature
        for name in monitor.alarms.drift_features:
            is_critical = published is PerFeature.CRITICAL and name in self.metrics.critical
            if published is not PerFeature.ALL and not is_critical:
                yield f"monitors.{monitor_name}.alarms.drift_features: '{name}' has no metric; add it to metrics.critical"
