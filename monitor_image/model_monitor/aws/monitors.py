"""The room that knows SageMaker Model Monitor: schedules, definitions, executions, endpoints, alarms; read, never changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from model_monitor.aws import clients
from model_monitor.contract import MonitoringType
from model_monitor.errors import SettingsError

DEFINITIONS: Final = {  # type → (boto3's operation that describes a named definition, what its keys begin with)
    MonitoringType.DATA_QUALITY: "describe_data_quality_job_definition",
    MonitoringType.MODEL_QUALITY: "describe_model_quality_job_definition",
    MonitoringType.MODEL_BIAS: "describe_model_bias_job_definition",
    MonitoringType.MODEL_EXPLAINABILITY: "describe_model_explainability_job_definition",
}
READS: Final = (  # every action that is called, besides s3:GetObject
    "cloudwatch:DescribeAlarms",
    "sagemaker:DescribeDataQualityJobDefinition",
    "sagemaker:DescribeEndpoint",
    "sagemaker:DescribeEndpointConfig",
    "sagemaker:DescribeModelBiasJobDefinition",
    "sagemaker:DescribeModelExplainabilityJobDefinition",
    "sagemaker:DescribeModelQualityJobDefinition",
    "sagemaker:DescribeMonitoringSchedule",
    "sagemaker:DescribeProcessingJob",
    "sagemaker:ListMonitoringExecutions",
    "sagemaker:ListMonitoringSchedules",
    "sts:GetCallerIdentity",
)
RETRIES: Final = {"mode": "standard", "total_max_attempts": 8}  # a fleet is many calls, and the service throttles
NOT_THERE: Final = ("ResourceNotFound", "ResourceNotFoundException")
UNKNOWN: Final = "Could not find"


class Account:
    """What is read of one account and Region. Answers are boto3's own documents."""

    def __init__(self) -> None:
        from botocore.config import Config

        self._config = Config(retries=RETRIES)
        self._sagemaker = clients.client("sagemaker", self._config)

    @property
    def region(self) -> str:
        return str(self._sagemaker.meta.region_name)

    def id(self) -> str:
        """Twelve digits."""
        client = clients.client("sts", self._config)
        return str(_answer(client, "get_caller_identity", "the account")["Account"])

    def schedules(self, endpoint: str | None = None) -> Iterator[dict[str, Any]]:
        """Every monitoring schedule, of one endpoint or of all, described; by name."""
        narrowed = {} if endpoint is None else {"EndpointName": endpoint}
        key = "MonitoringScheduleSummaries"
        found = list(self._pages("list_monitoring_schedules", key, **narrowed))
        for summary in sorted(found, key=lambda each: str(each["MonitoringScheduleName"])):
            yield self.schedule(summary["MonitoringScheduleName"])

    def schedule(self, name: str) -> dict[str, Any]:
        """Raises: SettingsError where there is none of that name."""
        what = f"schedule {name}"
        return _answer(self._sagemaker, "describe_monitoring_schedule", what, MonitoringScheduleName=name)

    def definition(self, type_: MonitoringType, name: str) -> dict[str, Any]:
        """A named job definition."""
        return _answer(self._sagemaker, DEFINITIONS[type_], f"job definition {name}", JobDefinitionName=name)

    def endpoint(self, name: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """An endpoint and its configuration; None where there is no such endpoint any more."""
        described = _answer(
            self._sagemaker, "describe_endpoint", f"endpoint {name}", is_absent_fine=True, EndpointName=name
        )
        if not described:
            return None
        config = described["EndpointConfigName"]
        what = f"endpoint configuration {config}"
        return described, _answer(self._sagemaker, "describe_endpoint_config", what, EndpointConfigName=config)

    def processing_job(self, name: str) -> dict[str, Any] | None:
        """None where there is no such job; the service forgets none, but names may be wrong."""
        what = f"processing job {name}"
        return (
            _answer(self._sagemaker, "describe_processing_job", what, is_absent_fine=True, ProcessingJobName=name)
            or None
        )

    def executions(self, schedule: str, start: datetime, end: datetime) -> list[dict[str, Any]]:
        """Executions that were due in [start, end], the earliest first."""
        asked = {"MonitoringScheduleName": schedule, "ScheduledTimeAfter": start, "ScheduledTimeBefore": end}
        found = self._pages("list_monitoring_executions", "MonitoringExecutionSummaries", **asked)
        return sorted(found, key=lambda each: each["ScheduledTime"])

    def alarms(self) -> list[dict[str, Any]]:
        """Every metric alarm of the account."""
        client = clients.client("cloudwatch", self._config)
        return list(_pages(client, "describe_alarms", "MetricAlarms", "alarms", AlarmTypes=["MetricAlarm"]))

    def _pages(self, operation: str, key: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        yield from _pages(self._sagemaker, operation, key, "the account", **parameters)


def _pages(client: Any, operation: str, key: str, what: str, **parameters: Any) -> Iterator[dict[str, Any]]:
    while True:
        page = _answer(client, operation, what, **parameters)
        yield from page[key]
        if not page.get("NextToken"):
            return
        parameters["NextToken"] = page["NextToken"]


def _answer(
    client: Any, operation: str, what: str, *, is_absent_fine: bool = False, **parameters: Any
) -> dict[str, Any]:
    """What the service says; {} of what is not there, where that is fine. Raises: SettingsError."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer: dict[str, Any] = getattr(client, operation)(**parameters)
    except (BotoCoreError, ClientError) as error:
        response: Mapping[str, Any] = getattr(error, "response", None) or {}
        said = response.get("Error", {})
        code = str(said.get("Code", type(error).__name__))
        is_absent = code in NOT_THERE or UNKNOWN in str(said.get("Message", ""))
        if is_absent and is_absent_fine:
            return {}
        action = "".join(word.title() for word in operation.split("_"))
        remedy = "Check its name, account and Region." if is_absent else _remedy(action)
        raise SettingsError(what, f"{action} was refused ({code}).", remedy) from error
    return answer


def _remedy(action: str) -> str:
    allowed = next((name for name in READS if name.endswith(f":{action}")), f"sagemaker:{action}")
    return f"Check credentials and Region; the policy needs {allowed} (model-monitor adopt --policy prints all of it)."
