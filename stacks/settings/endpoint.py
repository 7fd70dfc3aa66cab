"""The part of an environment file that stands below `endpoints.{name}`: one endpoint, its model, payload and loop."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from model_monitor import contract
from model_monitor.contract import MetricsLevel, MetricsRoute, PerFeature
from stacks.settings import fields
from stacks.settings.analysis import Analysis
from stacks.settings.block import Block, check
from stacks.settings.fields import Count, Percent
from stacks.settings.monitor import NEED_LABELS, Monitor
from stacks.settings.payload import Payload
from stacks.settings.retraining import Retraining
from stacks.settings.review import Review
from stacks.settings.service import ServiceAlarms
from stacks.settings.traffic import Traffic

CAPTURE_JSON_TYPES = ("application/json", "application/jsonlines")
LONGEST_TRANSFORM = timedelta(days=5)
STALENESS_VARIANTS_MAX = 7  # an alarm takes ten metrics, and three of them count runs


class Variant(Block):
    """One production variant; what is left out is the model's."""

    image: fields.ImageUri | None = None
    """URI of the variant's image. Left out: the model's."""
    artifact: fields.S3Object | None = None
    """S3 URI of a model.tar.gz, fixed by this file. Left out: the live artefact, which releases move."""
    instance_type: fields.InstanceType | None = None
    """Instance type of the variant. Left out: the model's."""
    instance_count: Count | None = None
    """Number of instances of the variant, at least 1. Left out: the model's."""
    weight: Annotated[float, Field(ge=0)] = 1.0
    """Share of the traffic, relative to the sum of all weights, at least 0. Default: 1."""


class Model(Block):
    """What serves the endpoint."""

    image: fields.ImageUri
    """URI of the serving image in ECR, such as AWS's XGBoost container of the Region."""
    artifact: fields.S3Object
    """S3 URI of a model.tar.gz: the model of the first deployment; afterwards the live parameter decides."""
    locations: Annotated[tuple[fields.S3Prefix, ...], Field(max_length=20)] = ()
    """S3 URIs of folders from which releases may put models live, at most 20; the endpoint's role reads them before and
    after a release. Default: none; the live model itself and those that retraining made are always readable."""
    instance_type: fields.InstanceType = "ml.m5.large"
    """Instance type that serves. Default: ml.m5.large."""
    instance_count: Count = 1
    """Number of instances that serve, at least 1. Default: 1; two survive the loss of one."""
    serving_script: Literal["kit", "own"] = "kit"
    """kit: the script in stacks/model_code serves the artefact. own: the image or the artefact brings its own.
    Default: kit."""
    role_arn: fields.arn("iam", "role/.+") | None = None  # type: ignore[valid-type]
    """ARN of the model's role. Left out: one is created for this model alone."""
    variants: dict[fields.VariantName, Variant] = Field(
        default_factory=lambda: {"AllTraffic": Variant()}, min_length=1, max_length=10
    )
    """Production variants by name, one to seven. Default: AllTraffic with the model's own settings."""

    @property
    def fewest_instances(self) -> int:
        """Of its smallest variant."""
        return min(variant.instance_count or self.instance_count for variant in self.variants.values())


class Transform(Block):
    """Batch transform jobs with data capture, in the place of an endpoint."""

    inputs: fields.S3Prefix
    """S3 URI of a folder above everything that the jobs read (TransformInput)."""
    outputs: fields.S3Prefix
    """S3 URI of a folder above everything that they write (S3OutputPath)."""
    format: Literal["csv", "json_lines"] = "csv"
    """How both are written, a record a line (SplitType and AssembleWith Line). Default: csv."""
    inference_id: bool = False
    """Whether the jobs append an id to each answer (GenerateInferenceId), by which labels find it. Default: false."""
    joined: bool = False
    """Whether an answer repeats what was asked (JoinSource Input). Default: false."""
    longest: fields.Duration = "P1D"
    """How long a job may take, at most P5D. Default: P1D."""

    @property
    def longest_hours(self) -> int:
        """A job may take, rounded up."""
        return math.ceil(fields.time_of(self.longest) / timedelta(hours=1))

    @check
    def _longest_faults(self) -> Iterator[str]:
        if not timedelta(0) < fields.time_of(self.longest) <= LONGEST_TRANSFORM:
            yield f"longest: should be at most P5D, as long as SageMaker lets a job take, found {self.longest}"


class Capture(Block):
    """What the endpoint captures. Content types that are not listed are stored as BASE64."""

    sampling_percentage: Percent = 100
    """Percent of the requests that are captured, 1 to 100. Default: 100."""
    csv_content_types: Annotated[tuple[fields.MimeType, ...], Field(max_length=10)] = ("text/csv",)
    """Content types stored as CSV text, at most 10. Default: text/csv."""
    json_content_types: Annotated[tuple[fields.MimeType, ...], Field(max_length=10)] = CAPTURE_JSON_TYPES
    """Content types stored as JSON text, at most 10. Default: application/json and application/jsonlines."""
    destination: fields.S3Prefix | None = None
    """S3 URI that an endpoint which exists already captures to. Left out: our own capture into the capture bucket."""
    transform: Transform | None = None
    """Batch transform jobs in the place of an endpoint; destination is that of their data capture. Left out: an endpoint."""
    variants: Annotated[tuple[fields.VariantName, ...], Field(max_length=STALENESS_VARIANTS_MAX)] = ()
    """Variants of an endpoint that exists already, whose traffic the staleness alarm watches; left out: AllTraffic."""


class Metrics(Block):
    """Which metrics leave a run; each costs money."""

    level: MetricsLevel = MetricsLevel.ALARMS
    """alarms: what an alarm or the dashboard reads, and what is named below. full: all that runs measure, under the names that
    AWS's containers and this kit have always given them. Default: alarms."""
    per_feature: PerFeature = PerFeature.CRITICAL
    """Which features have metrics of their own: none, the critical ones, or all, which needs level full. Default: critical."""
    critical: tuple[fields.FeatureName, ...] = ()
    """Names of the critical features. Default: none, so that critical publishes nothing of single features."""
    by_variant: bool = False
    """Whether records are counted once more for each production variant. Default: false."""
    feature_dimension: bool = False
    """Whether metrics of features are published once more with a dimension Feature. Default: false."""
    route: MetricsRoute = MetricsRoute.PUT
    """put: the kit calls PutMetricData. file: SageMaker Model Monitor publishes the file that a run leaves. Default: put."""
    namespace: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^:][\w .\-/#:]*$")] = (
        contract.NAMESPACE_OWN
    )
    """CloudWatch namespace, 1 to 255 characters; with route file SageMaker's for data quality, spelt as the service spells it
    (with or without a slash first). Default: ModelMonitor."""

    @property
    def has_features(self) -> bool:
        """Whether any single feature has metrics of its own."""
        return self.per_feature is PerFeature.ALL or (self.per_feature is PerFeature.CRITICAL and bool(self.critical))

    @model_validator(mode="before")
    @classmethod
    def _of_the_service(cls, given: Any) -> Any:
        """With route file the service chooses the namespace."""
        is_file = isinstance(given, dict) and given.get("route") == MetricsRoute.FILE
        return {"namespace": contract.NAMESPACE_DATA_QUALITY, **given} if is_file else given

    @check
    def _level_faults(self) -> Iterator[str]:
        if self.level is not MetricsLevel.FULL and self.per_feature is PerFeature.ALL:
            yield "per_feature: all is a matter of level full; set it, or name the critical features"

    @check
    def _namespace_faults(self) -> Iterator[str]:
        if self.namespace.startswith("AWS/"):
            yield "namespace: AWS/ is reserved for the services"
        if self.route is MetricsRoute.FILE and self.namespace not in contract.SPELLINGS_OF_FILE:
            known = " or ".join(contract.SPELLINGS_OF_FILE)
            yield f"namespace: route file publishes to {known} alone; choose route put for another"


class GroundTruth(Block):
    """Where the application puts what turned out to be true."""

    location: fields.S3Prefix | None = None
    """S3 URI below which labels arrive by the hour they were learnt in. Left out: {endpoint}/ground-truth/ in the
    ground-truth bucket."""


class Endpoint(Block):
    """One endpoint. Its key in the file is its name in SageMaker and the value of the Endpoint dimension."""

    model: Model | None = None
    """The model to deploy. Left out: the endpoint exists already and is only monitored."""
    capture: Capture = Capture()
    """What the endpoint captures. Default: every request, CSV and JSON."""
    payload: Payload | None = None
    """What requests and responses mean. Left out: features are taken by position from the baseline."""
    ground_truth: GroundTruth | None = None
    """Where labels arrive; {} for the ground-truth bucket. Left out: there are none, so no type may need them."""
    monitors: Annotated[dict[fields.MonitorName, Monitor], Field(min_length=1)]
    """Schedules by name, at least one; the schedule is called {endpoint}-{name}."""
    metrics: Metrics = Metrics()
    """Which metrics leave a run. Default: the summary of each check and the critical features."""
    retraining: Retraining | None = None
    """What follows a drift alarm. Left out: people are told, nothing else."""
    alarms: ServiceAlarms = ServiceAlarms()
    """When people are told how the endpoint itself serves. Default: at 1 % of errors, or 5 seconds."""
    traffic: Traffic = Traffic()
    """How much it is called, for the monthly estimate alone. Default: 10000 records of 1000 bytes an hour."""
    review: Review | None = None
    """Which predictions people look at. Left out: none."""

    @property
    def variant_names(self) -> tuple[str, ...]:
        """Whose traffic is watched: of our own endpoints all; of others those named, or SageMaker's default variant; no job's."""
        if self.capture.transform is not None:
            return ()
        return tuple(self.model.variants) if self.model else self.capture.variants or ("AllTraffic",)

    @check
    def _holdout_faults(self) -> Iterator[str]:
        retraining = self.retraining
        if retraining is None or retraining.holdout_data is None:
            return
        if retraining.fresh_data is None:
            yield "retraining.holdout_data: belongs to fresh_data; runs hold out rows beside those that they write"
            return
        fresh, holdout = (f"{place.rstrip('/')}/" for place in (retraining.fresh_data, retraining.holdout_data))
        if fresh.startswith(holdout) or holdout.startswith(fresh):
            yield "retraining.holdout_data: lies in one place with fresh_data, where a training would see held-out rows"

    @check
    def _deployment_faults(self) -> Iterator[str]:
        if self.retraining is None or self.model is None:
            return
        chosen, counts = self.retraining.deployment.strategy, [self.model.instance_count]
        counts += [variant.instance_count for variant in self.model.variants.values() if variant.instance_count]
        if chosen in ("canary", "linear") and min(counts) < 2:
            yield f"retraining.deployment.strategy: {chosen} needs two instances of every variant; raise model.instance_count"
        if chosen == "linear" and self.retraining.deployment.size_percent < 10:
            yield "retraining.deployment.size_percent: linear takes steps of 10 to 50 percent"

    @check
    def _asking_faults(self) -> Iterator[str]:
        """Models are asked about rows: of JSON the paths must say where to write, not only where to read."""
        if self.retraining is None or self.retraining.content_type == "text/csv":
            return
        if self.payload is None:
            yield "retraining.content_type: says that models are asked in JSON, and payload says how; give a payload"
            return
        for feature in self.payload.features:
            try:
                _ = feature.place
            except ValueError as error:
                yield f"retraining.content_type: the path of '{feature.name}' {error}; change it, or ask in text/csv"
        try:
            _ = self.payload.container
        except ValueError as error:
            yield f"retraining.content_type: payload.records {error}; change it, or ask in text/csv"

    @check
    def _gate_faults(self) -> Iterator[str]:
        for name in self.retraining.gate.slices if self.retraining else ():
            yield from self._unknown("retraining.gate.slices", name)
        biased = [monitor.model_bias for monitor in self.monitors.values() if "model_bias" in monitor.types]
        facets = {facet.name for facet in biased[0].facets} if biased and biased[0] is not None else set()
        for name in self.retraining.gate.facets if self.retraining else ():
            if name not in facets:
                known = ", ".join(sorted(facets)) or "there is none"
                yield f"retraining.gate.facets: '{name}' is no facet of a monitor's model_bias ({known}); declare it there"
            else:
                yield from self._unknown("retraining.gate.facets", name)

    @check
    def _watch_faults(self) -> Iterator[str]:
        if self.retraining is None or self.watched not in self.monitors:
            return
        types = self.monitors[self.watched].types
        for position, type_ in enumerate(self.retraining.watch.types):
            if "watch" in self.retraining.model_fields_set and type_ not in types:
                yield f"retraining.watch.types[{position}]: {self.watched} does not run {type_}, so it says nothing of a new model"

    @check
    def _critical_faults(self) -> Iterator[str]:
        for position, name in enumerate(self.metrics.critical):
            yield from self._unknown(f"metrics.critical[{position}]", name)

    @check
    def _override_faults(self) -> Iterator[str]:
        for monitor_name, monitor in self.monitors.items():
            for name in monitor.features:
                yield from self._unknown(f"monitors.{monitor_name}.features", name)

    @check
    def _slice_faults(self) -> Iterator[str]:
        for monitor_name, monitor in self.monitors.items():
            for part in monitor.model_quality.slices if monitor.model_quality else ():
                if self.payload and self.payload.names and part.field not in (*self.payload.known, "variant"):
                    path = f"monitors.{monitor_name}.model_quality.slices"
                    yield f"{path}: '{part.field}' is neither a feature nor metadata of the payload, nor variant"

    @check
    def _sensitive_faults(self) -> Iterator[str]:
        for monitor_name, monitor in self.monitors.items():
            if monitor.model_bias is None:
                continue
            path = f"monitors.{monitor_name}.model_bias"
            for facet in monitor.model_bias.facets if monitor.model_bias.facet_source is None else ():
                yield from self._unknown(f"{path}.facets", facet.name)
            if monitor.model_bias.group_variable is not None:
                yield from self._unknown(f"{path}.group_variable", monitor.model_bias.group_variable)

    @check
    def _captured_faults(self) -> Iterator[str]:
        for monitor_name, monitor in self.monitors.items():
            block = monitor.model_explainability
            if block is None or block.is_asked:
                continue
            found = self.payload.output.attributions if self.payload else None
            if found is None:
                yield (
                    f"payload.output.attributions: is missing; model_explainability of monitor {monitor_name} takes attributions "
                    "from responses (method captured)"
                )
                continue
            outputs, names = len(found) if isinstance(found, tuple) else 1, len(block.label_headers)
            if names not in (0, outputs):
                path = f"monitors.{monitor_name}.model_explainability.label_headers"
                yield f"{path}: names {names} outputs, payload.output.attributions {outputs}; name each of them, or none"

    @check
    def _alarm_faults(self) -> Iterator[str]:
        for monitor_name, monitor in self.monitors.items():
            for name in monitor.alarms.drift_features:
                yield from self._unknown(f"monitors.{monitor_name}.alarms.drift_features", name)

    def _unknown(self, path: str, name: str) -> Iterator[str]:
        if self.payload and self.payload.names and name not in self.payload.names:
            yield f"{path}: '{name}' is no feature of the payload"

    @check
    def _unnamed_faults(self) -> Iterator[str]:
        """What cannot do with positions alone."""
        if self.payload is None or self.payload.features:
            return
        needed = {
            "model": self.model is not None and self.model.serving_script == "kit",
            "retraining": self.retraining is not None,
            "review": self.review is not None,
        }
        for what in (what for what, is_needed in needed.items() if is_needed):
            yield f"payload.features: is missing; {what} needs the features' names"

    @check
    def _unpublished_faults(self) -> Iterator[str]:
        """An alarm on a metric that no run emits would sleep for ever."""
        for monitor_name, monitor in self.monitors.items():
            for name in monitor.alarms.drift_features:
                published = self.metrics.per_feature
                is_critical = published is PerFeature.CRITICAL and name in self.metrics.critical
                if published is not PerFeature.ALL and not is_critical:
                    yield f"monitors.{monitor_name}.alarms.drift_features: '{name}' has no metric; add it to metrics.critical"

    @property
    def images(self) -> dict[str, str | None]:
        """Path → image that SageMaker pulls."""
        found: dict[str, str | None] = {}
        if self.model is not None:
            found["model.image"] = self.model.image
            found |= {f"model.variants.{name}.image": variant.image for name, variant in self.model.variants.items()}
        if self.retraining is not None:
            found["retraining.image"] = self.retraining.image  # None where a pipeline trains
        return found

    @property
    def instance_types(self) -> dict[str, str | None]:
        """Path → instance type whose volumes hold data of this endpoint."""
        found: dict[str, str | None] = {}
        if self.model is not None:
            found["model.instance_type"] = self.model.instance_type
            for name, variant in self.model.variants.items():
                found[f"model.variants.{name}.instance_type"] = variant.instance_type
        for name, monitor in self.monitors.items():
            found[f"monitors.{name}.instance_type"] = monitor.instance_type
            explained = monitor.model_explainability
            if explained is not None and explained.predictor is not None:
                path = f"monitors.{name}.model_explainability.predictor.instance_type"
                found[path] = explained.predictor.instance_type
        if self.retraining is not None:
            found["retraining.transform_instance_type"] = self.retraining.transform_instance_type
        return found

    @property
    def role_arns(self) -> dict[str, str | None]:
        """Path → role that a service is handed, which has to be of the account."""
        found = {f"monitors.{name}.role_arn": monitor.role_arn for name, monitor in self.monitors.items()}
        if self.model is not None:
            found["model.role_arn"] = self.model.role_arn
        if self.retraining is not None:
            found["retraining.role_arn"] = self.retraining.role_arn
        return found

    @property
    def rows_monitor(self) -> str | None:
        """The monitor whose runs write labelled rows: the first that reads labels, so that each record is written once.

        None where the application writes them itself, or nobody knows what a row is.
        """
        if self.retraining is None or self.retraining.fresh_data or self.ground_truth is None or self.payload is None:
            return None
        return next((name for name, monitor in self.monitors.items() if monitor.labelled), None)

    @property
    def computed(self) -> dict[str, Monitor]:
        """Monitors whose baseline is computed: all share one version, so one job computes what any of them needs."""
        return {name: monitor for name, monitor in self.monitors.items() if monitor.baseline.dataset}

    @property
    def code_files(self) -> dict[str, Path]:
        """Path as it is written → Python file of this repository, of all monitors."""
        return {written: path for monitor in self.monitors.values() for written, path in monitor.code_files.items()}

    @property
    def brought_roles(self) -> list[str]:
        """Of managed runs."""
        given = (monitor.role_arn for monitor in self.monitors.values() if monitor.is_managed)
        return sorted({role for role in given if role is not None})

    @check
    def _role_faults(self) -> Iterator[str]:
        if len(self.brought_roles) > 1:
            yield "monitors: bring different roles; one function runs all managed monitors of an endpoint, so give them one"

    @property
    def has_shadows(self) -> bool:
        """Whether runs make endpoints of their own."""
        explained = (monitor.model_explainability for monitor in self.monitors.values())
        return any(each is not None and each.is_shadowed for each in explained)

    @property
    def loads_models(self) -> bool:
        """Whether runs load model files, for which the image needs the libraries of their formats."""
        explained = (monitor.model_explainability for monitor in self.monitors.values())
        predictors = [each.predictor for each in explained if each is not None]
        return any(each is not None and each.artefact and each.format != "linear" for each in predictors)

    @check
    def _baseline_faults(self) -> Iterator[str]:
        if len({monitor.baseline for monitor in self.computed.values()}) > 1:
            yield "monitors: compute different baselines; an endpoint has one current version, so give all the same dataset"
        first: dict[str, tuple[str, Analysis]] = {}
        for name, monitor in self.computed.items():
            for type_, block in monitor.own_blocks.items():
                other, known = first.setdefault(type_, (name, block))
                if known.of_baseline != block.of_baseline:
                    yield (
                        f"monitors.{name}.{type_}: is set otherwise than in {other}, and both have one baseline; only "
                        f"{', '.join(sorted(block.apart_from_baselines))} may differ"
                    )

    @check
    def _label_faults(self) -> Iterator[str]:
        for name, monitor in self.monitors.items():
            for type_ in monitor.types:
                if type_ not in NEED_LABELS:
                    continue
                if self.ground_truth is None:
                    yield (
                        f"ground_truth: is missing; {type_} of monitor {name} compares predictions with labels. Say where they "
                        "arrive ({} for the ground-truth bucket)"
                    )
                if monitor.baseline.dataset and (self.payload is None or self.payload.label is None):
                    yield f"payload.label: is missing; the baseline of {type_} needs the column of the dataset that holds the truth"

    @check
    def _volume_faults(self) -> Iterator[str]:
        if self.retraining and fields.has_local_storage(self.retraining.instance_type):
            yield "retraining.instance_type: encrypts its volumes itself and takes no key; choose a type without local storage"

    @property
    def watched(self) -> str:
        """Name of the monitor whose alarms may start a retraining."""
        chosen = self.retraining.monitor if self.retraining else None
        return str(chosen or next(iter(self.monitors)))

    @check
    def _trigger_faults(self) -> Iterator[str]:
        monitor = self.monitors.get(self.watched)
        if self.retraining and monitor and not set(self.retraining.types) & set(monitor.types):
            yield f"retraining.types: names no type that {self.watched} runs; it runs {', '.join(monitor.types)}"
        if (
            self.retraining
            and monitor
            and "data_quality" not in monitor.types
            and not self.retraining.retrain_on_broken_data
        ):
            yield (
                f"retraining.retrain_on_broken_data: is false, but {self.watched} does not run data_quality, so nothing would tell "
                "broken data; add the type, or allow it"
            )

    @check
    def _choice_faults(self) -> Iterator[str]:
        if self.retraining and self.retraining.monitor is None and len(self.monitors) > 1:
            yield f"retraining.monitor: choose one of {', '.join(self.monitors)}"
        if self.retraining and self.retraining.monitor not in (None, *self.monitors):
            yield f"retraining.monitor: '{self.retraining.monitor}' is none of {', '.join(self.monitors)}"

    @check
    def _transform_faults(self) -> Iterator[str]:
        """What takes an endpoint, or records that SageMaker gave an id."""
        if self.capture.transform is None:
            return
        if self.model is not None:
            yield "capture.transform: belongs to batch transform jobs, and model deploys an endpoint; give each an entry of its own"
        if self.capture.variants:
            yield "capture.variants: belongs to endpoints; transform jobs have none"
        if self.retraining is not None:
            yield "retraining: releases models to an endpoint, and there are only transform jobs; take it away"
        for name, monitor in self.monitors.items():
            if not monitor.is_managed:
                yield f"monitors.{name}.scheduler: should be managed, as capture.transform is read by the kit's own scheduler"
        if self.ground_truth is not None and not self.capture.transform.inference_id:
            yield "capture.transform.inference_id: is false, so no label finds its record; let jobs set GenerateInferenceId"

    @check
    def _place_faults(self) -> Iterator[str]:
        if self.model is None and self.capture.destination is None:
            yield "capture.destination: is missing; an endpoint without a model here must say where it captures to"
        if self.model is not None and self.capture.destination is not None:
            yield "capture.destination: belongs to endpoints that exist already; this one captures into the capture bucket"
        if self.model is not None and self.capture.variants:
            yield "capture.variants: belongs to endpoints that exist already; the variants of this one are model.variants"

    @property
    def reviewed(self) -> str:
        """The monitor whose runs send predictions to people. Raises: KeyError where none do."""
        if self.review is None:
            raise KeyError("review")
        name: str = self.review.monitor or next(iter(self.monitors))
        return name

    @check
    def _review_faults(self) -> Iterator[str]:
        review = self.review
        if review is None:
            return
        named = review.monitor or (next(iter(self.monitors)) if len(self.monitors) == 1 else None)
        if named is None:
            yield f"review.monitor: is missing; say which of {', '.join(self.monitors)} sends predictions to people"
        elif named not in self.monitors:
            yield f"review.monitor: there is no monitor '{named}'; there are {', '.join(self.monitors)}"
        elif not self.monitors[named].is_managed:
            yield f"review.monitor: '{named}' is started by Model Monitor; people get predictions from runs of the kit's scheduler"
        if self.ground_truth is None:
            yield "review: needs ground_truth, where answers become labels; {} for the ground-truth bucket"
        if self.payload is None:
            yield "review: needs payload: without it no response has a score"
            return
        privacy = {feature.name: feature.privacy for feature in self.payload.features}
        for name in review.features:
            if name not in privacy:
                yield f"review.features: '{name}' is no feature of the payload"
            elif privacy[name] == "restricted":
                yield f"review.features: '{name}' is restricted: its values may not be shown"
        if self.payload.output.score is None:
            yield "review: needs payload.output.score: without a score no prediction is known to be uncertain"

    @check
    def _content_type_faults(self) -> Iterator[str]:
        if not (self.capture.csv_content_types or self.capture.json_content_types):
            yield "capture: lists no content type, so every payload would be stored as BASE64"
        needs_json = self.payload is not None and (self.payload.records or any(f.path for f in self.payload.features))
        if needs_json and not self.capture.json_content_types:
            yield "capture.json_content_types: is empty, but the payload is found by JMESPath; JSON would be stored as BASE64"

    @check
    def _serving_faults(self) -> Iterator[str]:
        if self.payload is None and self.model is not None and self.model.serving_script == "kit":
            yield "payload: is missing; the kit's serving script reads requests by it (or set model.serving_script to own)"

    @check
    def _training_faults(self) -> Iterator[str]:
        if self.payload is None and self.retraining is not None and self.retraining.training_script == "kit":
            yield "payload: is missing; the kit's training script reads rows by it (or set retraining.training_script to none)"

    @check
    def _variant_faults(self) -> Iterator[str]:
        if self.model is not None and len(self.model.variants) > STALENESS_VARIANTS_MAX:
            yield f"model.variants: at most {STALENESS_VARIANTS_MAX}, so that one alarm can watch the traffic of all of them"
