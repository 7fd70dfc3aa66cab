from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.accounts import BASE, VARIANT, capture_below, definition, make_buckets, make_endpoint
from twin import Twin
from twin.api import ApiError
from twin.sagemaker import definitions
from twin.sagemaker.schedules import LONGEST_DELAY_MINUTES, delay

ROLE = "arn:aws:iam::123456789012:role/monitor"
NAME = "covertype-data-quality"
HOUR = timedelta(hours=1)
START = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def endpoint(twin: Twin, bus: Any) -> str:
    """An endpoint that captures to s3://capture/data."""
    sagemaker = twin.client("sagemaker")
    make_buckets(twin, "capture", "reports", "baselines")
    twin.client("s3").put_object(Bucket="baselines", Key="v1/constraints.json", Body=b'{"version": 0}')
    twin.client("s3").put_object(Bucket="baselines", Key="v1/statistics.json", Body=b"{}")
    make_endpoint(twin, "covertype", capture_below("s3://capture/data"), role=ROLE)
    sagemaker.create_endpoint_config(EndpointConfigName="without", ProductionVariants=[VARIANT])
    sagemaker.create_endpoint(EndpointName="uncaptured", EndpointConfigName="without")
    return "covertype"


def config(plan: str = "ok", expression: str | None = "cron(0 * ? * * *)", **schedule: str) -> dict[str, Any]:
    return {
        "ScheduleConfig": {"ScheduleExpression": expression, **schedule},
        "MonitoringJobDefinition": {
            **definition("covertype", "s3://reports/r", {"plan": plan, "publish_cloudwatch_metrics": "Enabled"}, ROLE),
            "BaselineConfig": {
                "ConstraintsResource": {"S3Uri": "s3://baselines/v1/constraints.json"},
                "StatisticsResource": {"S3Uri": "s3://baselines/v1/statistics.json"},
            },
        },
    }


def create(twin: Twin, configuration: dict[str, Any] | None = None) -> None:
    twin.client("sagemaker").create_monitoring_schedule(
        MonitoringScheduleName=NAME, MonitoringScheduleConfig=configuration or config()
    )


def capture(twin: Twin, hour: int, variant: str = "v", day: int = 2) -> None:
    key = f"data/covertype/{variant}/2026/03/{day:02}/{hour:02}/30-00-000-x.jsonl"
    twin.client("s3").put_object(Bucket="capture", Key=key, Body=b"{}")


def executions(twin: Twin) -> list[dict[str, Any]]:
    found = twin.client("sagemaker").list_monitoring_executions(MonitoringScheduleName=NAME, SortOrder="Ascending")
    return list(found["MonitoringExecutionSummaries"])


def seen(twin: Twin, hour: int) -> dict[str, Any]:
    key = f"r/covertype/{NAME}/2026/03/02/{hour:02}/seen.json"
    content: dict[str, Any] = json.loads(twin.client("s3").get_object(Bucket="reports", Key=key)["Body"].read())
    return content


def past_delay(hour: int) -> datetime:
    return START + hour * HOUR + LONGEST_DELAY_MINUTES * timedelta(minutes=1)


@pytest.mark.usefixtures("endpoint")
def test_an_hourly_execution_looks_at_the_hour_before_with_the_variables_of_the_service(twin: Twin) -> None:
    create(twin)
    capture(twin, 0)
    capture(twin, 0, variant="challenger")
    capture(twin, 1)
    twin.advance_to(past_delay(1))
    (execution,) = executions(twin)
    found = seen(twin, 1)
    environment = found["environment"]
    expected = {
        "dataset_format": '{"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}',
        "dataset_source": f"{BASE}/input/endpoint",
        "output_path": f"{BASE}/output",
        "start_time": "2026-03-02T00:00:00Z",
        "end_time": "2026-03-02T01:00:00Z",
        "sagemaker_endpoint_name": "covertype",
        "sagemaker_monitoring_schedule_name": NAME,
        "sagemaker_endpoint_datacapture_prefix": "s3://capture/data",
        "baseline_constraints": f"{BASE}/baseline/constraints/constraints.json",
        "baseline_statistics": f"{BASE}/baseline/stats/statistics.json",
        "publish_cloudwatch_metrics": "Enabled",
        "plan": "ok",
    }
    assert {key: environment.get(key) for key in expected} == expected
    assert [path for path in found["files"] if path.startswith("processing/")] == [
        "processing/baseline/constraints/constraints.json",
        "processing/baseline/stats/statistics.json",
        "processing/input/endpoint/covertype/challenger/2026/03/02/00/30-00-000-x.jsonl",
        "processing/input/endpoint/covertype/v/2026/03/02/00/30-00-000-x.jsonl",
    ]
    assert (execution["MonitoringExecutionStatus"], execution["ScheduledTime"]) == ("Completed", START + HOUR)


@pytest.mark.usefixtures("endpoint")
def test_an_execution_starts_up_to_twenty_minutes_after_its_hour(twin: Twin) -> None:
    create(twin)
    capture(twin, 0)
    late = delay(NAME, START + HOUR)
    twin.advance_to(START + HOUR + late - timedelta(minutes=1))
    before = executions(twin)
    twin.advance(timedelta(minutes=1))
    assert (len(before), len(executions(twin))) == (0, 1)
    assert timedelta(0) <= late < timedelta(minutes=20)


@pytest.mark.usefixtures("endpoint")
def test_without_data_the_container_is_never_started(twin: Twin) -> None:
    create(twin)
    twin.advance_to(past_delay(1))
    (execution,) = executions(twin)
    assert (execution["MonitoringExecutionStatus"], execution["FailureReason"]) == ("Failed", "Job inputs had no data")
    assert "ProcessingJobArn" not in execution
    assert not (twin.directory / "executions").exists()


@pytest.mark.usefixtures("endpoint")
def test_a_role_that_may_not_list_the_capture_fails_the_execution_and_says_so(twin: Twin) -> None:
    create(twin)
    capture(twin, 0)
    twin.client("iam").delete_role_policy(RoleName="monitor", PolicyName="all")
    twin.advance_to(past_delay(1))
    (execution,) = executions(twin)
    assert execution["MonitoringExecutionStatus"] == "Failed"
    assert "not authorized to perform: s3:ListBucket" in execution["FailureReason"]


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize(
    ("plan", "status", "reason"),
    [
        ("ok", "Completed", None),
        ("violate", "CompletedWithViolations", None),
        ("fail", "Failed", "AlgorithmError: Error: the mapping is wrong, exit code: 1"),
    ],
)
def test_exit_code_and_message_become_the_status_of_the_execution(
    twin: Twin, plan: str, status: str, reason: str | None
) -> None:
    create(twin, config(plan))
    capture(twin, 0)
    twin.advance_to(past_delay(1))
    (execution,) = executions(twin)
    job = twin.client("sagemaker").describe_processing_job(
        ProcessingJobName=execution["ProcessingJobArn"].rpartition("/")[2]
    )
    described = twin.client("sagemaker").describe_monitoring_schedule(MonitoringScheduleName=NAME)
    assert (execution["MonitoringExecutionStatus"], execution.get("FailureReason")) == (status, reason)
    assert job["ProcessingJobStatus"] == ("Failed" if plan == "fail" else "Completed")
    assert job["MonitoringScheduleArn"].endswith(f":monitoring-schedule/{NAME}")
    assert described["LastMonitoringExecutionSummary"]["MonitoringExecutionStatus"] == status


def published(twin: Twin) -> list[float]:
    found = twin.client("cloudwatch").get_metric_statistics(
        Namespace="aws/sagemaker/Endpoints/data-metrics",
        MetricName="records",
        Dimensions=[{"Name": "Endpoint", "Value": "covertype"}],
        StartTime=START + HOUR,
        EndTime=START + 2 * HOUR,
        Period=60,
        Statistics=["Sum"],
    )
    return [point["Sum"] for point in found["Datapoints"] if point["Timestamp"] == START + HOUR]


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize(
    ("plan", "switch", "values"), [("ok", "Enabled", [7.0]), ("ok", "Disabled", []), ("fail", "Enabled", [])]
)
def test_the_metrics_file_of_a_completed_job_is_published_at_its_timestamps(
    twin: Twin, plan: str, switch: str, values: list[float]
) -> None:
    configuration = config(plan)
    configuration["MonitoringJobDefinition"]["Environment"]["publish_cloudwatch_metrics"] = switch
    create(twin, configuration)
    capture(twin, 0)
    twin.advance_to(past_delay(1))
    assert published(twin) == values


@pytest.mark.usefixtures("endpoint")
def test_a_daily_schedule_looks_at_a_day_and_only_at_hours_that_hold_data(twin: Twin) -> None:
    create(twin, config(expression="cron(0 6 ? * * *)"))
    capture(twin, 5)
    capture(twin, 7)
    capture(twin, 2, day=3)
    twin.advance_to(past_delay(24 + 6))
    first, second = executions(twin)
    job = twin.client("sagemaker").describe_processing_job(
        ProcessingJobName=second["ProcessingJobArn"].rpartition("/")[2]
    )
    assert (first["MonitoringExecutionStatus"], first["ScheduledTime"]) == ("Completed", START + 6 * HOUR)
    assert (job["Environment"]["start_time"], job["Environment"]["end_time"]) == (
        "2026-03-02T06:00:00Z",
        "2026-03-03T06:00:00Z",
    )
    assert [i["S3Input"]["S3Uri"] for i in job["ProcessingInputs"] if i["InputName"].startswith("endpoint")] == [
        "s3://capture/data/covertype/v/2026/03/02/07",
        "s3://capture/data/covertype/v/2026/03/03/02",
    ]


@pytest.mark.usefixtures("endpoint")
def test_now_runs_once_over_the_times_it_was_given(twin: Twin) -> None:
    create(twin, config(expression="NOW", DataAnalysisStartTime="-PT2H", DataAnalysisEndTime="-PT1H"))
    twin.advance(3 * HOUR)
    (execution,) = executions(twin)
    assert execution["ScheduledTime"] == START + timedelta(minutes=1)
    assert [e.data["start"] for e in twin.journal.of("execution")] == [START + timedelta(minutes=1) - 2 * HOUR]


@pytest.mark.usefixtures("endpoint")
def test_an_offset_moves_the_window_of_an_hourly_schedule(twin: Twin) -> None:
    create(twin, config(DataAnalysisStartTime="-PT2H", DataAnalysisEndTime="-PT1H"))
    capture(twin, 1)
    twin.advance_to(past_delay(3))
    assert [e["MonitoringExecutionStatus"] for e in executions(twin)] == ["Failed", "Failed", "Completed"]
    assert seen(twin, 3)["environment"]["start_time"] == "2026-03-02T01:00:00Z"


@pytest.mark.usefixtures("endpoint")
def test_a_stopped_schedule_rests_until_it_is_started(twin: Twin) -> None:
    create(twin)
    sagemaker = twin.client("sagemaker")
    sagemaker.stop_monitoring_schedule(MonitoringScheduleName=NAME)
    twin.advance_to(past_delay(1))
    resting = executions(twin)
    sagemaker.start_monitoring_schedule(MonitoringScheduleName=NAME)
    twin.advance_to(past_delay(2))
    assert (len(resting), len(executions(twin))) == (0, 1)


@pytest.mark.usefixtures("endpoint")
def test_a_schedule_is_described_listed_updated_and_deleted(twin: Twin) -> None:
    create(twin)
    sagemaker = twin.client("sagemaker")
    described = sagemaker.describe_monitoring_schedule(MonitoringScheduleName=NAME)
    definition = described["MonitoringScheduleConfig"]["MonitoringJobDefinition"]
    assert described["MonitoringScheduleStatus"] == "Scheduled"
    assert described["MonitoringScheduleConfig"]["MonitoringType"] == "DataQuality"
    assert definition["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600}
    sagemaker.update_monitoring_schedule(MonitoringScheduleName=NAME, MonitoringScheduleConfig=config("violate"))
    again = sagemaker.describe_monitoring_schedule(MonitoringScheduleName=NAME)
    assert again["MonitoringScheduleConfig"]["MonitoringJobDefinition"]["Environment"]["plan"] == "violate"
    listed = [
        sagemaker.list_monitoring_schedules(EndpointName=e)["MonitoringScheduleSummaries"] for e in ("covertype", "x")
    ]
    sagemaker.delete_monitoring_schedule(MonitoringScheduleName=NAME)
    assert [len(page) for page in listed] == [1, 0]
    with pytest.raises(ClientError, match="ResourceNotFound"):
        sagemaker.describe_monitoring_schedule(MonitoringScheduleName=NAME)


def changed(path: str, value: Any) -> dict[str, Any]:
    """The configuration with one value, named by a dotted path, replaced."""
    configuration = copy.deepcopy(config())
    *parents, last = path.split(".")
    place: Any = configuration
    for part in parents:
        place = place[int(part)] if part.isdigit() else place[part]
    place[last] = value
    return configuration


JOB = "MonitoringJobDefinition"


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (f"{JOB}.MonitoringAppSpecification.ContainerEntrypoint", ["bash"], "runs the monitor image only"),
        (f"{JOB}.MonitoringAppSpecification.RecordPreprocessorSourceUri", "s3://b/x.py", "built-in containers"),
        (f"{JOB}.Environment", {"config": "x" * 300}, "300 characters, at most 256"),
        (f"{JOB}.StoppingCondition", {"MaxRuntimeInSeconds": 7200}, "7200, at most 3600"),
        (f"{JOB}.BaselineConfig", {"BaseliningJobName": "x"}, "BaseliningJobName is not in the twin"),
        ("ScheduleConfig.ScheduleExpression", "rate(1 hour)", "expected cron"),
        ("ScheduleConfig.ScheduleExpression", "NOW", "NOW needs DataAnalysisStartTime"),
        ("MonitoringJobDefinitionName", "d", "either MonitoringJobDefinition or"),
        (JOB, None, "either MonitoringJobDefinition or"),
    ],
)
def test_what_the_service_or_the_twin_cannot_run_is_refused(path: str, value: Any, complaint: str) -> None:
    with pytest.raises(ApiError, match=complaint):
        definitions.check("s", changed(path, value))


@pytest.mark.usefixtures("endpoint")
def test_a_named_definition_has_to_be_there(twin: Twin) -> None:
    for named, complaint in (
        ({"MonitoringJobDefinitionName": "d", "MonitoringType": "DataQuality"}, "Job definition d not found"),
        ({"MonitoringJobDefinitionName": "d", "MonitoringType": "Mood"}, "MonitoringType should be one of"),
    ):
        with pytest.raises(ClientError, match=complaint):
            create(twin, {**named, "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"}})


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize(
    ("endpoint_name", "complaint"), [("nobody", "Could not find endpoint"), ("uncaptured", "captures no data")]
)
def test_only_an_endpoint_that_captures_can_be_monitored(twin: Twin, endpoint_name: str, complaint: str) -> None:
    with pytest.raises(ClientError, match=complaint):
        create(twin, changed(f"{JOB}.MonitoringInputs.0.EndpointInput.EndpointName", endpoint_name))


@pytest.mark.usefixtures("endpoint")
def test_a_name_is_used_once(twin: Twin) -> None:
    create(twin)
    with pytest.raises(ClientError, match="ResourceInUse"):
        create(twin)


def test_alerts_of_the_model_dashboard_are_refused(twin: Twin) -> None:
    with pytest.raises(ClientError, match="use CloudWatch alarms"):
        twin.client("sagemaker").list_monitoring_alerts(MonitoringScheduleName=NAME)


@pytest.mark.usefixtures("endpoint")
def test_a_stack_creates_updates_and_deletes_a_schedule(twin: Twin, tmp_path: Path) -> None:
    def template(plan: str) -> str:
        configuration = config(plan)
        configuration[JOB]["MonitoringResources"]["ClusterConfig"]["VolumeSizeInGB"] = "20"  # as a parameter gives it
        properties = {"MonitoringScheduleName": NAME, "MonitoringScheduleConfig": configuration}
        resource = {"Type": "AWS::SageMaker::MonitoringSchedule", "Properties": properties}
        outputs = {"Ref": {"Value": {"Ref": "S"}}, "Arn": {"Value": {"Fn::GetAtt": ["S", "MonitoringScheduleArn"]}}}
        return json.dumps({"Resources": {"S": resource}, "Outputs": outputs})

    stacks, sagemaker = twin.client("cloudformation"), twin.client("sagemaker")
    stacks.create_stack(StackName="s", TemplateBody=template("ok"))
    (stack,) = stacks.describe_stacks(StackName="s")["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert outputs["Ref"] == outputs["Arn"] == f"arn:aws:sagemaker:eu-west-1:{twin.account}:monitoring-schedule/{NAME}"
    stacks.update_stack(StackName="s", TemplateBody=template("violate"))
    described = sagemaker.describe_monitoring_schedule(MonitoringScheduleName=NAME)
    assert described["MonitoringScheduleConfig"][JOB]["Environment"]["plan"] == "violate"
    stacks.delete_stack(StackName="s")
    assert sagemaker.list_monitoring_schedules()["MonitoringScheduleSummaries"] == []
