"""One execution of a monitoring schedule: which hours of capture, as which processing job, with which outcome."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from model_monitor import contract
from model_monitor.contract import Variable
from twin import objects
from twin.api import ApiError
from twin.sagemaker import cron
from twin.sagemaker.processing import ProcessingJob, ProcessingJobs
from twin.surroundings import Surroundings

METRICS_PER_CALL: Final = 1000


@dataclass(eq=False)
class Execution:
    """As ListMonitoringExecutions shows it, and the window it looks at."""

    schedule: str
    endpoint: str
    scheduled: datetime
    start: datetime
    end: datetime
    created: datetime
    status: str = "Pending"
    changed: datetime | None = None
    job_arn: str | None = None
    failure: str | None = None

    def describe(self) -> dict[str, Any]:
        summary = {
            "MonitoringScheduleName": self.schedule,
            "ScheduledTime": self.scheduled,
            "CreationTime": self.created,
            "LastModifiedTime": self.changed or self.created,
            "MonitoringExecutionStatus": self.status,
            "ProcessingJobArn": self.job_arn,
            "EndpointName": self.endpoint,
            "FailureReason": self.failure,
            "MonitoringType": contract.MonitoringType.DATA_QUALITY.value,
        }
        return {key: value for key, value in summary.items() if value is not None}


def window(
    scheduled: datetime, settings: Mapping[str, Any], endpoint_input: Mapping[str, Any]
) -> tuple[datetime, datetime]:
    """[start, end): the period since the schedule fired last, or what the offsets say."""
    start = end = scheduled
    expression = cron.parse(settings.get("ScheduleExpression") or cron.DAILY)
    if settings.get("DataAnalysisStartTime"):
        start += cron.duration(settings["DataAnalysisStartTime"])
    elif not expression.is_once:
        start = expression.previous(scheduled)
    if settings.get("DataAnalysisEndTime"):
        end += cron.duration(settings["DataAnalysisEndTime"])
    start += cron.duration(endpoint_input.get("StartTimeOffset") or "PT0S")
    end += cron.duration(endpoint_input.get("EndTimeOffset") or "PT0S")
    return start, end


def capture_folders(s3: Any, capture: Mapping[str, Any], endpoint: str, start: datetime, end: datetime) -> list[str]:
    """Paths `{endpoint}/{variant}/yyyy/mm/dd/hh` below the capture destination that hold objects for the window's hours."""
    destination = capture["DestinationS3Uri"].rstrip("/")
    first = start.replace(minute=0, second=0, microsecond=0)
    hours = [first + timedelta(hours=n) for n in range(max(math.ceil((end - first) / cron.HOUR), 0))]
    paths = [
        contract.capture_key("", endpoint, variant, hour)
        for variant in objects.folders(s3, f"{destination}/{endpoint}")
        for hour in hours
    ]
    return [path for path in paths if next(objects.keys(s3, f"{destination}/{path}"), None)]


def begin(
    twin: Surroundings,
    jobs: ProcessingJobs,
    execution: Execution,
    definition: Mapping[str, Any],
    capture: Mapping[str, Any],
    schedule_arn: str,
) -> None:
    """Start the execution's job; without data in the window the container is never started."""
    execution.changed = twin.clock.now()
    s3 = twin.client("s3", definition["RoleArn"])
    try:
        folders = capture_folders(s3, capture, execution.endpoint, execution.start, execution.end)
    except ClientError as error:
        _fail(twin, execution, f"ClientError: {error}"[:1024])
        return
    if not folders:
        _fail(twin, execution, contract.NO_DATA_REASON)
        return
    execution.status = "InProgress"

    def on_end(job: ProcessingJob) -> None:
        conclude(twin, execution, job)

    try:
        settings = job_settings(execution, definition, capture, folders)
        job = jobs.launch(settings, schedule_arn=schedule_arn, on_end=on_end)
    except ApiError as error:
        _fail(twin, execution, f"{error.code}: {error.message}")
        return
    execution.job_arn = job.arn


def _fail(twin: Surroundings, execution: Execution, reason: str) -> None:
    execution.status, execution.failure = "Failed", reason
    _journal(twin, execution)


def job_settings(
    execution: Execution, definition: Mapping[str, Any], capture: Mapping[str, Any], folders: list[str]
) -> dict[str, Any]:
    """CreateProcessingJob as the service makes it for an execution."""
    endpoint_input = definition["MonitoringInputs"][0]["EndpointInput"]
    output = definition["MonitoringOutputConfig"]["MonitoringOutputs"][0]["S3Output"]
    destination = capture["DestinationS3Uri"].rstrip("/")
    inputs = [
        _input(f"endpoint_input_{n}", f"{destination}/{folder}", f"{endpoint_input['LocalPath'].rstrip('/')}/{folder}")
        for n, folder in enumerate(folders, 1)
    ]
    baseline = definition.get("BaselineConfig") or {}
    mounts = (
        ("constraints", Variable.BASELINE_CONSTRAINTS, "ConstraintsResource", contract.BASELINE_CONSTRAINTS_PATH),
        ("baseline", Variable.BASELINE_STATISTICS, "StatisticsResource", contract.BASELINE_STATISTICS_PATH),
    )
    variables: dict[str, str] = {}
    for name, variable, resource, path in mounts:
        uri = (baseline.get(resource) or {}).get("S3Uri")
        if uri:
            folder = Path(path).parent
            inputs.append(_input(name, uri, str(folder)))
            variables[variable] = str(folder / uri.rpartition("/")[2])
    sides = {"Input": "endpointInput", "Output": "endpointOutput"}
    captured = [sides[o["CaptureMode"]] for o in capture["CaptureOptions"] if o["CaptureMode"] in sides] or [
        *sides.values()
    ]
    suffix = hashlib.sha256(f"{execution.schedule}/{execution.scheduled.isoformat()}".encode()).hexdigest()[:24]
    reports = contract.report_key("", execution.endpoint, execution.schedule, execution.scheduled)
    settings = {
        "ProcessingJobName": f"model-monitoring-{execution.scheduled:%Y%m%d%H%M}-{suffix}",
        "RoleArn": definition["RoleArn"],
        "AppSpecification": {**definition["MonitoringAppSpecification"]},
        "ProcessingResources": definition["MonitoringResources"],
        "StoppingCondition": definition["StoppingCondition"],
        "NetworkConfig": definition.get("NetworkConfig"),
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {
            "Outputs": [
                {"OutputName": "result", "S3Output": {**output, "S3Uri": f"{output['S3Uri'].rstrip('/')}/{reports}"}}
            ],
            "KmsKeyId": definition["MonitoringOutputConfig"].get("KmsKeyId"),
        },
        "Environment": {
            Variable.DATASET_FORMAT: json.dumps({"sagemakerCaptureJson": {"captureIndexNames": captured}}),
            Variable.DATASET_SOURCE: endpoint_input["LocalPath"],
            Variable.OUTPUT_PATH: output["LocalPath"],
            Variable.START_TIME: f"{execution.start:{contract.TIME_FORMAT}}",
            Variable.END_TIME: f"{execution.end:{contract.TIME_FORMAT}}",
            Variable.ENDPOINT_NAME: execution.endpoint,
            Variable.SCHEDULE_NAME: execution.schedule,
            Variable.CAPTURE_PREFIX: capture["DestinationS3Uri"],
            **variables,
            **(definition.get("Environment") or {}),
        },
    }
    return {key: value for key, value in settings.items() if value is not None}


def _input(name: str, uri: str, path: str) -> dict[str, Any]:
    source = {
        "S3Uri": uri,
        "LocalPath": path,
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        "S3DataDistributionType": "FullyReplicated",
        "S3CompressionType": "None",
    }
    return {"InputName": name, "AppManaged": False, "S3Input": source}


def conclude(twin: Surroundings, execution: Execution, job: ProcessingJob) -> None:
    """Exit code and message become the execution's status; the metrics file of a job that completed is published."""
    execution.changed = twin.clock.now()
    is_violated = (job.exit_message or "").startswith(contract.VIOLATIONS_PREFIX)
    execution.status = "CompletedWithViolations" if job.status == "Completed" and is_violated else job.status
    execution.failure = job.failure
    environment = job.settings["Environment"]
    if job.status == "Completed" and environment.get(Variable.PUBLISH_CLOUDWATCH_METRICS) == contract.ENABLED:
        publish(twin, job)
    _journal(twin, execution, job)


def publish(twin: Surroundings, job: ProcessingJob) -> None:
    """Send the lines of the job's metrics file to the namespace of data quality, at their own timestamps."""
    path = job.local(contract.METRICS_DIRECTORY) / contract.METRICS_FILE
    lines = path.read_text().splitlines() if path.is_file() else []
    data = []
    for number, line in enumerate(lines, 1):
        try:
            point = json.loads(line)
            point["Timestamp"] = datetime.fromisoformat(point["Timestamp"])
            data.append(point)
        except (ValueError, KeyError, TypeError) as error:
            twin.journal.add("metrics-refused", f"{job.name}: {path.name}:{number}: {type(error).__name__}: {error}")
    for start in range(0, len(data), METRICS_PER_CALL):
        part = data[start : start + METRICS_PER_CALL]
        twin.client("cloudwatch").put_metric_data(Namespace=contract.NAMESPACE_DATA_QUALITY, MetricData=part)


def _journal(twin: Surroundings, execution: Execution, job: ProcessingJob | None = None) -> None:
    message = (job.exit_message or "").splitlines()[0] if job and job.exit_message else ""
    why = execution.failure or message
    twin.journal.add(
        "execution",
        f"{execution.schedule} {execution.start:%H:%M}-{execution.end:%H:%M} {execution.status}"
        + (f": {why}" if why else ""),
        schedule=execution.schedule,
        endpoint=execution.endpoint,
        scheduled=execution.scheduled,
        start=execution.start,
        end=execution.end,
        status=execution.status,
        reason=why,
        job=job.name if job else None,
        reports=job.settings["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] if job else None,
    )
