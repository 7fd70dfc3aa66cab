"""From the environment of a processing job to a `Job`: configuration, baseline and provenance are fetched here."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from model_monitor.aws import s3
from model_monitor.contract import (
    ANALYSIS_CONFIG_PATH,
    CONFIG_VERSION,
    FETCHED_PATH,
    GROUND_TRUTH_PATH,
    MERGED_FOLDER,
    PROCESSING_JOB_CONFIG,
    RESOURCE_CONFIG,
    JobKind,
    MonitoringType,
    Variable,
    monitor_key,
)
from model_monitor.errors import SettingsError
from model_monitor.job import baselines, user_code
from model_monitor.job.attributes import Attributes
from model_monitor.job.configuration import Configuration, Surroundings, parse_configuration
from model_monitor.job.fetching import fetch_table
from model_monitor.job.guess import begins_with
from model_monitor.job.job import BaselineFiles, DatasetSource, Job, LabelledRows, MonitorSettings
from model_monitor.job.transform import fetch_transform
from model_monitor.job.variables import WORKING_NAMES, Variables

CAPTURE_INPUT: Final = re.compile(r"(s3://.+)/[^/]+/\d{4}/\d{2}/\d{2}/\d{2}/?")


@dataclass(frozen=True, slots=True)
class ProcessingJob:
    """What the service mounts about the job itself: all optional, since local runs have none of it.

    inputs: name → S3 URI; details: facts of this very run (ARN, instance), not of its data.
    """

    inputs: Mapping[str, str] = field(default_factory=dict)
    image: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    host: str = ""
    hosts: int = 1
    max_seconds: int | None = None
    volume_key: str | None = None

    @property
    def name(self) -> str:
        return self.details.get("processing_job_name", "")


def read_processing_job(variables: Variables) -> ProcessingJob:
    """Read processingjobconfig.json and resourceconfig.json; values that are null or missing are left out."""
    config = _mounted_json(variables, PROCESSING_JOB_CONFIG)
    resources = _mounted_json(variables, RESOURCE_CONFIG)
    inputs = {
        str(item.get("InputName", "")): item["S3Input"]["S3Uri"]
        for item in config.get("ProcessingInputs") or []
        if (item.get("S3Input") or {}).get("S3Uri")
    }
    cluster = (config.get("ProcessingResources") or {}).get("ClusterConfig") or {}
    details = {
        "processing_job_arn": config.get("ProcessingJobArn"),
        "processing_job_name": config.get("ProcessingJobName"),
        "instance_type": cluster.get("InstanceType"),
    }
    return ProcessingJob(
        inputs=inputs,
        image=(config.get("AppSpecification") or {}).get("ImageUri") or "",
        details={name: value for name, value in details.items() if value}
        | {f"input:{name}": uri for name, uri in inputs.items()},
        host=resources.get("current_host") or "",
        hosts=len(resources.get("hosts") or [""]),
        max_seconds=(config.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds"),
        volume_key=cluster.get("VolumeKmsKeyId"),
    )


@dataclass(frozen=True, slots=True)
class Places:
    """Where a run finds labels and remembers windows that wait for them; each may be a path or an S3 URI.

    capture: where the endpoint's variants lie. folder: for what the run fetches. now: the run's time.
    """

    ground_truth: str | None
    history: str | None
    capture: str
    folder: Path
    now: datetime


def build_job(variables: Variables, processing: ProcessingJob) -> tuple[Job, Places]:
    """Everything the environment, the configuration and the baseline say, as one job.

    Raises: SettingsError with every fault of the environment at once; BaselineError.
    """
    faults = list(variables.faults)
    if processing.hosts > 1:
        faults.append("the cluster: has several instances; this image analyses a window on one. Set InstanceCount to 1")
    if faults:
        raise SettingsError.of_faults("environment", faults)
    configuration = _configuration(variables)
    if variables.is_output_last and configuration.schema.is_positional:
        raise SettingsError(
            Variable.DATASET_FORMAT,
            "output_columns_position END cannot be matched to captured payloads by position.",
            "Declare the payload in the configuration.",
        )
    monitors = user_code.with_local_modules(_monitors(configuration, variables), variables.local)
    scripts = user_code.fetch_scripts(
        variables.preprocessor or configuration.scripts.preprocessor,
        variables.postprocessor or configuration.scripts.postprocessor,
        variables.local,
    )
    image = {"image": processing.image} if processing.image else {}
    is_baseline = (
        variables.kind is JobKind.BASELINE
    )  # where a window's files lay is a matter of its run, of its details
    inputs = {f"input:{name}": uri for name, uri in processing.inputs.items()} if is_baseline else {}
    places = _places(configuration, variables, processing)
    job = Job(
        kind=variables.kind,
        dataset=replace(_dataset(configuration, variables), variants=configuration.variants),
        output=variables.output,
        schema=configuration.schema,
        monitors=monitors,
        baselines=_baselines(configuration, variables, monitors) if variables.kind is JobKind.MONITOR else {},
        facet_source=_facets(configuration, variables),
        merged=variables.output / MERGED_FOLDER if configuration.merged else None,
        labelled_rows=_labelled_rows(configuration, variables),
        window=variables.window,
        now=places.now if variables.kind is JobKind.MONITOR else None,
        endpoint=variables.endpoint or configuration.endpoint,
        schedule=variables.schedule or configuration.schedule,
        processing_job=processing.name,
        max_seconds=processing.max_seconds,
        volume_key=processing.volume_key,
        max_rejected_fraction=configuration.max_rejected_fraction,
        false_alarms=configuration.false_alarms,
        design_effect=configuration.design_effect,
        links=configuration.links,
        metrics=replace(configuration.metrics, is_enabled=variables.publishes_metrics),
        review=configuration.review if variables.kind is JobKind.MONITOR else None,
        workers=variables.workers,
        scripts=scripts,
        is_rehearsal=variables.kind is JobKind.MONITOR and (variables.is_rehearsal or configuration.is_rehearsal),
        provenance=variables.provenance | image | inputs | user_code.digests(scripts, monitors),
    )
    return job, places


def _dataset(configuration: Configuration, variables: Variables) -> DatasetSource:
    """Where captures, what transform jobs read and wrote as such, or a baseline's data set lie, and how they are written.

    Raises: SettingsError where nobody says it of a data set, or two say something else.
    """
    said, source = configuration.dataset, variables.dataset
    if variables.transform is not None:
        folder = variables.local(FETCHED_PATH) / "transform"
        return replace(source, path=fetch_transform(_local(variables.transform, variables), folder))
    if variables.kind is JobKind.MONITOR or (said is None and variables.is_format_said):
        return source
    if said is None:
        expected = f"Expected one of {WORKING_NAMES}, or dataset_type in an analysis configuration."
        raise SettingsError(Variable.DATASET_FORMAT, "is missing.", expected)
    if not variables.is_format_said:
        is_named = not said.headers or begins_with(source.path, said.headers)
        return replace(source, kind=said.kind, has_header=is_named, columns=said.headers)
    if said.kind is not source.kind:
        told = f"says {source.kind}, and dataset_type in the analysis configuration {said.kind}."
        raise SettingsError(Variable.DATASET_FORMAT, told, "Correct one of them, or leave it out.")
    return source


def job_before_settings(variables: Variables) -> Job:
    """What is known of a job whose settings are wrong: enough to report the error where it is looked for."""
    metrics = replace(Configuration().metrics, is_enabled=variables.publishes_metrics)
    return Job(
        kind=variables.kind,
        dataset=variables.dataset,
        output=variables.output,
        window=variables.window,
        endpoint=variables.endpoint,
        schedule=variables.schedule,
        metrics=metrics,
    )


def _places(configuration: Configuration, variables: Variables, processing: ProcessingJob) -> Places:
    """What is mounted wins over what is fetched, a variable over the configuration."""
    labels = variables.labels
    default = variables.local(GROUND_TRUTH_PATH)
    mounted = labels.source or (default if default.exists() else None)
    ground_truth = str(mounted) if mounted else labels.uri or configuration.ground_truth
    history = labels.history or configuration.history
    capture = _capture(variables, processing)
    if history and s3.is_s3(history) and not s3.is_s3(capture):
        raise SettingsError(
            Variable.CAPTURE_PREFIX,
            "is needed to find the capture of windows that wait for labels.",
            "Set it to the S3 URI of the endpoint's data capture, or remove the history.",
        )
    return Places(
        _local(ground_truth, variables) if ground_truth else None,
        _local(history, variables) if history else None,
        capture,
        variables.local(FETCHED_PATH),
        variables.now or datetime.now(UTC),
    )


def _labelled_rows(configuration: Configuration, variables: Variables) -> LabelledRows | None:
    """Where the rows of a window go once they are labelled; a baseline's are no traffic."""
    if variables.kind is not JobKind.MONITOR:
        return None
    given, labels = configuration.labelled_rows, variables.labels
    fresh, holdout = labels.fresh or given.fresh, labels.holdout or given.holdout
    places = replace(
        given,
        fresh=None if fresh is None else _local(fresh, variables),
        holdout=None if holdout is None else _local(holdout, variables),
    )
    return places.rows(f"{Variable.FRESH_ROWS}, {Variable.HOLDOUT_ROWS}")


def _facets(configuration: Configuration, variables: Variables) -> Path | None:
    """The table of facets that are not in the payload, fetched; baseline data sets have them as columns."""
    if configuration.facet_source is None or variables.kind is not JobKind.MONITOR:
        return None
    return fetch_table(_local(configuration.facet_source, variables), variables.local(FETCHED_PATH) / "facets")


def _capture(variables: Variables, processing: ProcessingJob) -> str:
    """Below it lie `{variant}/yyyy/mm/dd/hh`: the endpoint's prefix, else what the service mounted, else the dataset itself. Or it
    is the document of what transform jobs read and wrote."""
    if variables.transform is not None:
        return _local(variables.transform, variables)
    if variables.capture_prefix and variables.endpoint:
        return s3.join(variables.capture_prefix, variables.endpoint)
    found = (CAPTURE_INPUT.fullmatch(uri) for uri in processing.inputs.values())
    return next((match[1] for match in found if match), str(variables.dataset.path))


def _local(location: str, variables: Variables) -> str:
    return location if s3.is_s3(location) else str(variables.local(location))


def _mounted_json(variables: Variables, path: str) -> dict[str, Any]:
    try:
        content = json.loads(variables.local(path).read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise SettingsError(path, "is no JSON, though the service writes it.") from error
    return content if isinstance(content, dict) else {}


def _configuration(variables: Variables) -> Configuration:
    """The configuration file, proven to be the one the schedule was deployed with, and what variables say over it."""
    if variables.config is None:
        return _without_file(variables)
    if s3.is_s3(variables.config):
        content = s3.read_object(variables.config)
        if content is None:
            raise SettingsError(variables.config, "is not there.", f"Check the variable {Variable.MONITOR_CONFIG}.")
    else:
        path = variables.local(variables.config)
        if not path.is_file():
            raise SettingsError(str(path), "is no file.", f"Check the variable {Variable.MONITOR_CONFIG}.")
        content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if variables.config_sha256 and found != variables.config_sha256.lower():
        raise SettingsError(
            variables.config,
            f"the configuration has sha256 {found}, expected {variables.config_sha256}.",
            "It was changed after deployment; deploy again.",
        )
    return parse_configuration(content, variables.config, _beside(variables))


def _beside(variables: Variables) -> Surroundings:
    return Surroundings(variables.analysis_type, variables.attributes, variables.local)


def _without_file(variables: Variables) -> Configuration:
    """What Clarify's analysis configuration says where one is mounted, else what the variables alone do."""
    path = variables.local(ANALYSIS_CONFIG_PATH)
    if path.is_file():
        monitors = _of_analysis(_mounted_json(variables, ANALYSIS_CONFIG_PATH), path)
        document = {"version": CONFIG_VERSION, "monitors": monitors}
        return parse_configuration(json.dumps(document).encode(), str(path), _beside(variables))
    if variables.analysis_type is None and variables.attributes == Attributes():
        return Configuration()
    document = {"version": CONFIG_VERSION}
    return parse_configuration(json.dumps(document).encode(), "variables", _beside(variables))


def _of_analysis(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The monitors that an analysis configuration is of, by what it names."""
    methods = document.get("methods")
    is_of = {
        MonitoringType.MODEL_BIAS: bool(document.get("facet")),
        MonitoringType.MODEL_EXPLAINABILITY: isinstance(methods, Mapping) and "shap" in methods,
    }
    found = {monitor_key(type_): {"analysis_config": document} for type_, is_named in is_of.items() if is_named}
    if not found:
        raise SettingsError(
            str(path),
            "names neither facet nor methods.shap, so it is of no monitor here.",
            f"Complete it, or name a configuration in {Variable.MONITOR_CONFIG}.",
        )
    return found


def _monitors(configuration: Configuration, variables: Variables) -> tuple[MonitorSettings, ...]:
    """The configured monitors; native variables choose or override as they do in the prebuilt analyzer."""
    monitors = configuration.monitors
    method = variables.categorical_drift_method
    if method is None:
        return monitors
    return tuple(
        replace(monitor, options=monitor.options | {"categorical_drift_method": method})
        if monitor.type is MonitoringType.DATA_QUALITY
        else monitor
        for monitor in monitors
    )


def _baselines(
    configuration: Configuration, variables: Variables, monitors: tuple[MonitorSettings, ...]
) -> dict[MonitoringType, BaselineFiles]:
    """The pointer's version, else the mounted files of BaselineConfig, else none: then checks are not evaluated."""
    types = [monitor.type for monitor in monitors]
    location = variables.baseline or configuration.baseline
    if location:
        found = baselines.resolve(_local(location, variables), types)
        if found:
            return found
    files = baselines.mounted(variables.constraints, variables.statistics)
    return {} if files is None else {types[0]: files}
