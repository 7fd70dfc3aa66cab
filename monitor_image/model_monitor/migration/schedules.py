"""A monitoring schedule as an account has it, whichever way its job is defined: inline, or by a named definition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from model_monitor.contract import CONSTRAINTS_FILE, STATISTICS_FILE, MonitoringType

CLARIFY: Final = (MonitoringType.MODEL_BIAS, MonitoringType.MODEL_EXPLAINABILITY)
ONCE: Final = "NOW"
HOURLY: Final = "cron(0 * ? * * *)"
DAILY: Final = "cron(0 0 ? * * *)"  # what the service takes where nothing is said
ANALYZERS: Final = ("sagemaker-model-monitor-analyzer", "sagemaker-clarify-processing")  # repositories of AWS's images


class Definitions(Protocol):
    """Where job definitions and baselining jobs are looked up (`aws.monitors.Account`)."""

    def definition(self, type_: MonitoringType, name: str) -> dict[str, Any]: ...

    def processing_job(self, name: str) -> dict[str, Any] | None: ...


@dataclass(frozen=True, slots=True)
class Definition:
    """What a schedule runs. Mappings have the API's own keys.

    application: image, scripts, problem type, place of the analysis configuration. reports: S3 URI of the results.
    ground_truth: S3 URI of labels. constraints, statistics: S3 URIs of the baseline's files.
    """

    application: Mapping[str, Any] = field(default_factory=dict)
    endpoint_input: Mapping[str, Any] = field(default_factory=dict)
    ground_truth: str | None = None
    constraints: str | None = None
    statistics: str | None = None
    reports: str | None = None
    output_key: str | None = None
    cluster: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    role: str = ""
    max_seconds: int | None = None

    @property
    def is_of_aws(self) -> bool:
        """Whether it runs an image of AWS."""
        image = str(self.application.get("ImageUri") or "")
        return any(f"/{name}" in image for name in ANALYZERS)


@dataclass(frozen=True, slots=True)
class Schedule:
    """endpoint: "" where it watches batch transforms. settings: ScheduleConfig."""

    name: str
    type: MonitoringType
    endpoint: str
    status: str
    settings: Mapping[str, Any]
    definition: Definition
    partition: str = "aws"

    @property
    def expression(self) -> str:
        return str(self.settings.get("ScheduleExpression") or DAILY)


def read(described: Mapping[str, Any], known: Definitions) -> Schedule:
    """From what the service says of a schedule."""
    config = described["MonitoringScheduleConfig"]
    type_ = MonitoringType(
        config.get("MonitoringType") or described.get("MonitoringType") or MonitoringType.DATA_QUALITY
    )
    inline = config.get("MonitoringJobDefinition")
    parts = _inline(inline) if inline else _named(known.definition(type_, config["MonitoringJobDefinitionName"]), type_)
    definition = _definition(parts, type_, known)
    return Schedule(
        described["MonitoringScheduleName"],
        type_,
        str(definition.endpoint_input.get("EndpointName") or ""),
        str(described.get("MonitoringScheduleStatus") or ""),
        config.get("ScheduleConfig") or {},
        definition,
        str(described.get("MonitoringScheduleArn") or "arn:aws").split(":")[1],
    )


def _inline(found: Mapping[str, Any]) -> dict[str, Any]:
    inputs = found.get("MonitoringInputs") or [{}]
    return {
        **found,
        "Baseline": found.get("BaselineConfig"),
        "Application": found.get("MonitoringAppSpecification"),
        "Input": inputs[0],
        "Output": found.get("MonitoringOutputConfig"),
        "Resources": found.get("MonitoringResources"),
    }


def _named(found: Mapping[str, Any], type_: MonitoringType) -> dict[str, Any]:
    application = found.get(f"{type_}AppSpecification") or {}
    return {
        **found,
        "Baseline": found.get(f"{type_}BaselineConfig"),
        "Application": application,
        "Environment": application.get("Environment"),
        "Input": found.get(f"{type_}JobInput") or {},
        "Output": found.get(f"{type_}JobOutputConfig"),
        "Resources": found.get("JobResources"),
    }


def _definition(parts: Mapping[str, Any], type_: MonitoringType, known: Definitions) -> Definition:
    output = parts.get("Output") or {}
    places = [each.get("S3Output") or {} for each in output.get("MonitoringOutputs") or ()]
    constraints, statistics = _baseline(parts.get("Baseline") or {}, type_, known)
    return Definition(
        application=parts.get("Application") or {},
        endpoint_input=parts["Input"].get("EndpointInput") or {},
        ground_truth=(parts["Input"].get("GroundTruthS3Input") or {}).get("S3Uri"),
        constraints=constraints,
        statistics=statistics,
        reports=places[0].get("S3Uri") if places else None,
        output_key=output.get("KmsKeyId"),
        cluster=(parts.get("Resources") or {}).get("ClusterConfig") or {},
        network=parts.get("NetworkConfig") or {},
        environment=parts.get("Environment") or {},
        role=str(parts.get("RoleArn") or ""),
        max_seconds=(parts.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds"),
    )


def _baseline(config: Mapping[str, Any], type_: MonitoringType, known: Definitions) -> tuple[str | None, str | None]:
    """The files that are named, else those that the named baselining job left."""
    constraints = (config.get("ConstraintsResource") or {}).get("S3Uri")
    statistics = (config.get("StatisticsResource") or {}).get("S3Uri")
    job = config.get("BaseliningJobName")
    if constraints or statistics or not job:
        return constraints, statistics
    described = known.processing_job(job) or {}
    outputs = (described.get("ProcessingOutputConfig") or {}).get("Outputs") or ()
    uris = [each["S3Output"]["S3Uri"].rstrip("/") for each in outputs if each.get("S3Output")]
    if not uris:
        return None, None
    if type_ in CLARIFY:
        return f"{uris[0]}/analysis.json", None
    return f"{uris[0]}/{CONSTRAINTS_FILE}", f"{uris[0]}/{STATISTICS_FILE}"
