"""SageMaker MonitoringSchedule: the API, and executions that fire on the virtual clock.

An execution starts 0 to 19 minutes after its hour, as the service's do; the delay is a hash of schedule and hour.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import ClientError

from model_monitor import contract
from twin.api import ApiError, Call
from twin.clock import Order
from twin.listing import has
from twin.sagemaker import cron, definitions, executions
from twin.sagemaker.executions import Execution
from twin.sagemaker.jobs import NAME, invalid
from twin.sagemaker.listing import listed
from twin.sagemaker.processing import ProcessingJobs
from twin.sagemaker.tags import Tags
from twin.surroundings import Surroundings

LONGEST_DELAY_MINUTES: Final = 20
NO_ANALYZER: Final = (
    "the twin has none of AWS's analyzers: a schedule of a named job definition is kept, and runs nothing"
)


@dataclass(eq=False)
class MonitoringSchedule:
    """A schedule. `definition` is what it runs, resolved; `config` is what it was given."""

    name: str
    arn: str
    config: dict[str, Any]
    definition: dict[str, Any]
    created: datetime
    modified: datetime
    status: str = "Scheduled"
    executions: list[Execution] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return str(self.definition["MonitoringInputs"][0]["EndpointInput"]["EndpointName"])

    @property
    def is_of_analyzer(self) -> bool:
        """Whether it runs one of AWS's own images, by a named job definition."""
        return "MonitoringJobDefinitionName" in self.config

    @property
    def type(self) -> str:
        """Inline definitions are of data quality only."""
        return str(self.config["MonitoringType"] if self.is_of_analyzer else contract.MonitoringType.DATA_QUALITY)

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.config.get("ScheduleConfig") or {}

    @property
    def expression(self) -> cron.Schedule:
        return cron.parse(self.settings.get("ScheduleExpression") or cron.DAILY)

    def summary(self) -> dict[str, Any]:
        return {
            "MonitoringScheduleName": self.name,
            "MonitoringScheduleArn": self.arn,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "MonitoringScheduleStatus": self.status,
            "EndpointName": self.endpoint,
            "MonitoringType": self.type,
            **(
                {"MonitoringJobDefinitionName": self.config["MonitoringJobDefinitionName"]}
                if self.is_of_analyzer
                else {}
            ),
        }

    def describe(self) -> dict[str, Any]:
        """The definition is shown as the service completed it; a named one by its name."""
        shown = {} if self.is_of_analyzer else {"MonitoringJobDefinition": self.definition}
        config = {**self.config, "MonitoringType": self.type, **shown}
        last = {"LastMonitoringExecutionSummary": self.executions[-1].describe()} if self.executions else {}
        return {**self.summary(), "MonitoringScheduleConfig": config, **last}


def delay(schedule: str, hour: datetime) -> timedelta:
    """How late an execution starts."""
    digest = hashlib.sha256(f"{schedule}/{hour.isoformat()}".encode()).digest()
    return timedelta(minutes=int.from_bytes(digest[:4], "big") % LONGEST_DELAY_MINUTES)


class Schedules:
    """All monitoring schedules of the account."""

    def __init__(self, twin: Surroundings, jobs: ProcessingJobs, tags: Tags) -> None:
        self._twin, self._jobs, self._tags = twin, jobs, tags
        self._schedules: dict[str, MonitoringSchedule] = {}
        self._past: list[Execution] = []  # kept when a schedule is deleted
        twin.api.register(
            "sagemaker",
            CreateMonitoringSchedule=self.create,
            UpdateMonitoringSchedule=self.update,
            DescribeMonitoringSchedule=self.describe,
            DeleteMonitoringSchedule=self.delete,
            StartMonitoringSchedule=self.start,
            StopMonitoringSchedule=self.stop,
            ListMonitoringSchedules=self.list,
            ListMonitoringExecutions=self.list_executions,
        )
        twin.api.refuse(
            "sagemaker",
            "alerts of the Model Dashboard are not in the twin; use CloudWatch alarms",
            "ListMonitoringAlerts",
            "UpdateMonitoringAlert",
            "ListMonitoringAlertHistory",
        )
        twin.clock.register(self.tick, Order.SCHEDULES)

    # --- time ----------------------------------------------------------------------------------------------------------

    def tick(self, now: datetime) -> None:
        """Start every execution that is due in this minute."""
        hour = now.replace(minute=0, second=0, microsecond=0)
        for schedule in tuple(self._schedules.values()):
            if schedule.status != "Scheduled":
                continue
            if schedule.expression.is_once:
                if not schedule.executions:
                    self._execute(schedule, now)
            elif (
                schedule.expression.is_due(hour)
                and schedule.created < hour
                and now - hour == delay(schedule.name, hour)
            ):
                self._execute(schedule, hour)

    def _execute(self, schedule: MonitoringSchedule, scheduled: datetime) -> None:
        endpoint_input = schedule.definition["MonitoringInputs"][0]["EndpointInput"]
        start, end = executions.window(scheduled, schedule.settings, endpoint_input)
        execution = Execution(schedule.name, schedule.endpoint, scheduled, start, end, self._twin.clock.now())
        schedule.executions.append(execution)
        self._past.append(execution)
        if schedule.is_of_analyzer:
            execution.status, execution.failure, execution.changed = "Failed", NO_ANALYZER, self._twin.clock.now()
            self._twin.journal.add("execution", f"{schedule.name} Failed: {NO_ANALYZER}", status="Failed")
            return
        try:
            capture = self._capture(schedule.endpoint)
        except ApiError as error:
            execution.status, execution.failure, execution.changed = "Failed", error.message, self._twin.clock.now()
            self._twin.journal.add("execution", f"{schedule.name} Failed: {error.message}", status="Failed")
            return
        executions.begin(self._twin, self._jobs, execution, schedule.definition, capture, schedule.arn)

    def _capture(self, endpoint: str) -> Mapping[str, Any]:
        """The endpoint's deployed capture configuration. Raises: ApiError when there is none to monitor."""
        sagemaker = self._twin.client("sagemaker")
        try:
            described = sagemaker.describe_endpoint(EndpointName=endpoint)
            config = sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
        except ClientError as error:
            raise invalid(f"endpoint {endpoint}: {error.response['Error']['Message']}") from error
        capture: dict[str, Any] = config.get("DataCaptureConfig") or {}
        if described["EndpointStatus"] != "InService":
            raise invalid(f"endpoint {endpoint} is {described['EndpointStatus']}, not InService")
        if not capture.get("EnableCapture", bool(capture)):
            raise invalid(f"endpoint {endpoint} captures no data: enable DataCaptureConfig")
        return capture

    # --- the API -------------------------------------------------------------------------------------------------------

    def create(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        name, config = parameters["MonitoringScheduleName"], parameters["MonitoringScheduleConfig"]
        if not NAME.fullmatch(name):
            raise invalid(f"MonitoringScheduleName {name}: 1 to 63 letters, digits and inner hyphens")
        if name in self._schedules:
            raise ApiError("ResourceInUse", f"Monitoring Schedule {name} already exists")
        definition = self._definition(name, config)
        now = self._twin.clock.now()
        arn = f"arn:aws:sagemaker:{self._twin.region}:{self._twin.account}:monitoring-schedule/{name}"
        schedule = MonitoringSchedule(name, arn, dict(config), definition, now, now)
        self._capture(schedule.endpoint)
        self._schedules[name] = schedule
        self._tags.create(arn, parameters.get("Tags"))
        self._twin.journal.add("schedule", f"{name} created for {schedule.endpoint}", schedule=name)
        return {"MonitoringScheduleArn": arn}

    def update(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        schedule = self._find(parameters)
        if any(execution.status == "InProgress" for execution in schedule.executions):
            raise invalid(f"{schedule.name} has an execution in progress: update it afterwards")
        config = parameters["MonitoringScheduleConfig"]
        schedule.definition = self._definition(schedule.name, config)
        schedule.config = dict(config)
        schedule.modified = self._twin.clock.now()
        self._capture(schedule.endpoint)
        return {"MonitoringScheduleArn": schedule.arn}

    def _definition(self, name: str, config: Mapping[str, Any]) -> dict[str, Any]:
        """What it is told to run. Raises: ApiError."""
        if config.get("MonitoringJobDefinitionName"):
            return definitions.of_analyzer(self._twin.client("sagemaker"), name, config)
        return definitions.check(name, config)

    def describe(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        return self._find(parameters).describe()

    def delete(self, parameters: dict[str, Any], _: Call) -> None:
        schedule = self._find(parameters)
        del self._schedules[schedule.name]
        self._twin.journal.add("schedule", f"{schedule.name} deleted", schedule=schedule.name)

    def start(self, parameters: dict[str, Any], _: Call) -> None:
        self._find(parameters).status = "Scheduled"

    def stop(self, parameters: dict[str, Any], _: Call) -> None:
        self._find(parameters).status = "Stopped"

    def list(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        found = [schedule.summary() for schedule in self._schedules.values()]
        return listed(
            "MonitoringScheduleSummaries",
            _narrowed(found, parameters),
            parameters,
            name="MonitoringScheduleName",
            status="MonitoringScheduleStatus",
        )

    def list_executions(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        name = parameters.get("MonitoringScheduleName")
        found = [e.describe() for e in self._past if name in (None, e.schedule)]
        return listed(
            "MonitoringExecutionSummaries",
            _narrowed(found, parameters),
            parameters,
            name="MonitoringScheduleName",
            status="MonitoringExecutionStatus",
            sort="ScheduledTime",
        )

    def _find(self, parameters: Mapping[str, Any]) -> MonitoringSchedule:
        schedule = self._schedules.get(parameters["MonitoringScheduleName"])
        if schedule is None:
            raise ApiError(
                "ResourceNotFound", f"Monitoring Schedule {parameters['MonitoringScheduleName']} does not exist"
            )
        return schedule


def _narrowed(items: list[dict[str, Any]], parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    wanted = {
        "EndpointName": parameters.get("EndpointName"),
        "MonitoringJobDefinitionName": parameters.get("MonitoringJobDefinitionName"),
        "MonitoringType": parameters.get("MonitoringTypeEquals"),
    }
    return [item for item in items if has(item, wanted)]
