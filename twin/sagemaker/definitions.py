"""What a monitoring schedule is told to run: its inline job definition, checked and completed, or one of AWS's analyzers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from twin.sagemaker import cron, processing
from twin.sagemaker.jobs import invalid

DEFAULT_SECONDS: Final = 3600
HOURLY_SECONDS: Final = 3600
CLUSTER: Final = "ClusterConfig"
TYPES: Final = {  # of monitoring → boto3's operation that describes a named definition
    "DataQuality": "describe_data_quality_job_definition",
    "ModelQuality": "describe_model_quality_job_definition",
    "ModelBias": "describe_model_bias_job_definition",
    "ModelExplainability": "describe_model_explainability_job_definition",
}


def check(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The job definition of a schedule's configuration, completed as the service completes it.

    Raises: ApiError for what the service refuses and for what would not really run here.
    """
    inline, named = config.get("MonitoringJobDefinition"), config.get("MonitoringJobDefinitionName")
    if bool(inline) == bool(named):
        raise invalid(f"{name}: give either MonitoringJobDefinition or MonitoringJobDefinitionName")
    if named:
        raise invalid(f"{name}: a named job definition is of AWS's analyzers and not checked here")
    definition = dict(inline or {})
    definition.setdefault("StoppingCondition", {"MaxRuntimeInSeconds": DEFAULT_SECONDS})
    if definition.get("NetworkConfig"):
        off = {"EnableNetworkIsolation": False, "EnableInterContainerTrafficEncryption": False}
        definition["NetworkConfig"] = {**off, **definition["NetworkConfig"]}
    _check_definition(name, definition)
    _check_schedule(name, config.get("ScheduleConfig") or {}, definition)
    return definition


def of_analyzer(client: Any, name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a named job definition the twin needs: which endpoint it watches. It never runs, since AWS's analyzers are not here.

    Raises: ApiError.
    """
    type_, named = config.get("MonitoringType"), config["MonitoringJobDefinitionName"]
    if config.get("MonitoringJobDefinition"):
        raise invalid(f"{name}: give either MonitoringJobDefinition or MonitoringJobDefinitionName")
    if type_ not in TYPES:
        raise invalid(f"{name}: MonitoringType should be one of {', '.join(TYPES)}, found {type_}")
    try:
        described = getattr(client, TYPES[type_])(JobDefinitionName=named)
    except ClientError as error:
        raise invalid(f"{name}: {error.response['Error']['Message']}") from error
    job_input = described[f"{type_}JobInput"]
    if "EndpointInput" not in job_input:
        raise invalid(f"{name}: the twin watches endpoints only, and {named} has a BatchTransformInput")
    return {"MonitoringInputs": [{"EndpointInput": job_input["EndpointInput"]}]}


def _check_definition(name: str, definition: Mapping[str, Any]) -> None:
    specification = definition["MonitoringAppSpecification"]
    processing.check_entrypoint(name, specification)
    for script in ("RecordPreprocessorSourceUri", "PostAnalyticsProcessorSourceUri"):
        if specification.get(script):
            raise invalid(f"{name}: {script} is for the built-in containers; the twin runs the monitor image only")
    inputs = definition["MonitoringInputs"]
    if len(inputs) != 1 or "EndpointInput" not in inputs[0]:
        raise invalid(f"{name}: the twin takes exactly one MonitoringInput, an EndpointInput")
    outputs = definition["MonitoringOutputConfig"]["MonitoringOutputs"]
    if len(outputs) != 1:
        raise invalid(f"{name}: exactly one of MonitoringOutputs is allowed, found {len(outputs)}")
    if (definition.get("BaselineConfig") or {}).get("BaseliningJobName"):
        raise invalid(f"{name}: BaselineConfig.BaseliningJobName is not in the twin; give the two S3 URIs")
    if definition["MonitoringResources"][CLUSTER]["InstanceCount"] != 1:
        raise invalid(f"{name}: jobs on several instances are not in the twin")
    processing.check_environment(name, definition.get("Environment") or {})


def _check_schedule(name: str, schedule: Mapping[str, Any], definition: Mapping[str, Any]) -> None:
    expression = cron.parse(schedule.get("ScheduleExpression") or cron.DAILY)
    if expression.is_once and not (schedule.get("DataAnalysisStartTime") and schedule.get("DataAnalysisEndTime")):
        raise invalid(f"{name}: NOW needs DataAnalysisStartTime and DataAnalysisEndTime")
    for key in ("DataAnalysisStartTime", "DataAnalysisEndTime"):
        if schedule.get(key):
            cron.duration(schedule[key])
    seconds = definition["StoppingCondition"]["MaxRuntimeInSeconds"]
    if len(expression.hours) == 24 and seconds > HOURLY_SECONDS:
        raise invalid(f"{name}: MaxRuntimeInSeconds of an hourly schedule is {seconds}, at most {HOURLY_SECONDS}")
