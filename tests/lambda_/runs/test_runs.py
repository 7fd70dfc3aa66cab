"""One window, one verdict: whatever is delivered twice, late, out of order, or killed in between."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import boto3
import jsonschema
import pytest

from model_monitor import contract
from model_monitor.job.from_container import ProcessingJob, build_job
from model_monitor.job.variables import read_variables
from model_monitor.outputs.report import schema
from model_monitor.pages import index
from stacks.price.lists import prices
from tests.lambda_.runs.conftest import BUCKET, ENDPOINT, MONITOR, NOON, PREFIX, QUARTER, SCHEDULE, Plane

DUE = NOON + QUARTER
MINUTE = timedelta(minutes=1)
HOUR = 60 * MINUTE
KEY = "arn:aws:kms:eu-west-1:123456789012:key/0b0f4d0e-1a9c-4f6b-9a3a-0d4e7c1d9f11"


def manifest_of(plan: dict) -> list:
    (source,) = [each["S3Input"] for each in plan["job"]["ProcessingInputs"] if each["InputName"] == "endpoint"]
    assert source["S3DataType"] == "ManifestFile"
    key = source["S3Uri"].removeprefix(f"s3://{BUCKET}/")
    found: list = json.loads(boto3.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read())
    return found


def test_a_window_without_traffic_has_its_verdict_without_a_run(plane: Plane):
    plan = plane.plan(DUE)
    assert (plan["runner"], "job" in plan) == ("none", False)
    told = plane.finish(plan)
    assert (told["verdict"], told["report"]) == ("no_data", "")
    assert {point["MetricName"]: point["Value"] for point in plane.points} == {
        "records": 0,
        "causes": 0,
        **{contract.run_metric(verdict): float(verdict == "no_data") for verdict in contract.Verdict},
    }


TIMEOUT = {"Error": "States.Timeout", "Cause": "the job took too long"}
PAGES = {  # what happened → what its page says, and how long after its window's end
    "quiet": ("No traffic", "Job inputs had no data", "A quiet window is fine."),
    "killed": ("The run failed", "States.Timeout: the job took too long", "Mend what the message names"),
    "not planned": ("The run failed", "States.Timeout: the job took too long", "Mend what the message names"),
}


@pytest.mark.parametrize("happened", PAGES)
def test_a_window_that_no_run_left_a_report_of_has_its_page(plane: Plane, tmp_path: Path, happened: str):
    plane.configure(processing={**MONITOR["processing"], "kms_key": KEY})
    if happened == "killed":
        plane.capture("2026/03/02/11/05-00.jsonl", NOON)
    plan = plane.plan(DUE)
    if happened == "not planned":
        plan = {"schedule": SCHEDULE, "scheduled_time": f"{DUE:%Y-%m-%dT%H:%M:%SZ}", "owner": "one"}
    error = {} if happened == "quiet" else {"error": TIMEOUT}
    for _ in range(2):  # the last step may be called again
        plane.finish(plan, **error)
    key = contract.report_key("reports", ENDPOINT, SCHEDULE, NOON) + "/report.json"
    found = plane.s3.get_object(Bucket=BUCKET, Key=key)
    assert found["SSEKMSKeyId"] == KEY
    content = json.loads(found["Body"].read())
    jsonschema.validate(content, schema())
    assert [row["report"] for row in plane.rows()] == [f"s3://{BUCKET}/{key}"]
    folder = tmp_path / "2026" / "03"
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps(content))
    index.write(tmp_path)
    text = re.sub(r"<style.*?</style>|<[^>]+>|\s+", " ", (folder / "report.html").read_text())
    for told in PAGES[happened]:
        assert told in text


def test_a_report_that_cannot_be_left_keeps_no_verdict_from_being_told(plane: Plane):
    plan = plane.plan(DUE)
    told = plane.finish({**plan, "report": "s3://nobody-has-this-bucket/report.json"})
    assert told["verdict"] == "no_data"
    assert [row["verdict"] for row in plane.rows()] == ["no_data"]
    assert plane.points


def test_a_report_of_a_run_before_is_not_written_over(plane: Plane):
    plane.capture("2026/03/02/11/05-00.jsonl", NOON)
    plan = plane.plan(DUE)
    plane.report(plan)
    key = plan["report"].removeprefix(f"s3://{BUCKET}/")
    before = plane.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert plane.finish(plan | {"name": "another"}, error=TIMEOUT)["verdict"] == "error"
    assert plane.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == before


@pytest.mark.parametrize(("error", "value"), [(None, 0), ({"Error": "X"}, 10**contract.Cause.ERROR.place)])
def test_a_run_without_a_report_publishes_what_its_schedule_does_and_nothing_else(plane: Plane, error, value):
    plane.configure(published=["causes"])
    plan = plane.plan(DUE)
    plane.finish(plan, **({"error": error} if error else {}))
    assert [(point["MetricName"], point["Value"]) for point in plane.points] == [("causes", value)]


def test_the_last_step_knows_the_prices_of_the_list(plane: Plane):
    decide = plane.load("finish").decide
    assert prices()["lambda"]["per_gb_second"] == decide.LAMBDA_GIGABYTE_SECOND
    assert decide.INSTANCE_HOUR.items() <= prices()["instance_hour"].items()


def test_causes_are_spelt_and_placed_as_the_container_does(plane: Plane):
    causes = plane.load("finish").causes
    assert (causes.METRIC, list(causes.PLACES)) == (contract.METRIC_CAUSES, [str(cause) for cause in contract.Cause])


def test_a_window_follows_from_its_scheduled_time_however_late_it_starts(plane: Plane):
    plan = plane.plan(DUE, now=DUE + timedelta(hours=3))
    assert plan["window"] == {"start": "2026-03-02T11:00:00Z", "end": "2026-03-02T12:00:00Z"}


def test_files_of_the_hour_before_are_taken_where_they_were_still_open(plane: Plane):
    plane.capture("2026/03/02/11/05-00.jsonl", NOON - 54 * MINUTE)
    plane.capture("2026/03/02/10/59-30.jsonl", NOON - 56 * MINUTE)  # of the hour before, closed at 11:04
    plane.capture("2026/03/02/10/10-00.jsonl", NOON - 109 * MINUTE)
    plan = plane.plan(DUE)
    head, *names = manifest_of(plan)
    assert head == {"prefix": f"s3://{BUCKET}/capture/shop/"}
    assert names == ["AllTraffic/2026/03/02/10/59-30.jsonl", "AllTraffic/2026/03/02/11/05-00.jsonl"]
    assert (plan["objects"], plan["bytes"]) == (2, 200)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "lambda"),
        ({"lambda_max_megabytes": 0}, "processing"),
        ({"asks_model": True}, "processing"),
        ({"runner": "processing"}, "processing"),
        ({"runner": "lambda", "lambda_max_megabytes": 0}, "lambda"),
    ],
)
def test_the_runner_follows_from_bytes_and_settings(plane: Plane, changes, expected):
    plane.configure(**changes)
    plane.capture("2026/03/02/11/05-00.jsonl", NOON)
    assert plane.plan(DUE)["runner"] == expected


def test_what_was_deployed_before_is_read_while_a_deployment_goes_on(plane: Plane):
    """Functions are updated before the documents of their monitors."""
    since = ("time_zone", "transform", "function_architecture")
    document = json.dumps({key: value for key, value in MONITOR.items() if key not in since})
    plane.ssm.put_parameter(Name=f"{PREFIX}/{SCHEDULE}", Value=document, Type="String", Overwrite=True)
    plane.capture("2026/03/02/11/05-00.jsonl", NOON)
    plan = plane.plan(DUE)
    assert (plan["runner"], plan["window"]["end"]) == ("lambda", "2026-03-02T12:00:00Z")
    plane.report(plan)
    assert plane.finish({key: value for key, value in plan.items() if key not in since})["verdict"] == "ok"
    plane.sweep(NOON + HOUR)


def test_a_run_is_told_what_model_monitor_would_tell_it(plane: Plane):
    plane.configure(baseline={"constraints": "s3://b/base/constraints.json"})
    plane.capture("2026/03/02/11/05-00.jsonl", NOON)
    job = plane.plan(DUE)["job"]
    assert job["ProcessingJobName"] == f"{SCHEDULE}-202603021100-1"
    told = {
        "monitor_job": "monitor",
        "start_time": "2026-03-02T11:00:00Z",
        "end_time": "2026-03-02T12:00:00Z",
        "sagemaker_endpoint_name": "shop",
        "sagemaker_monitoring_schedule_name": SCHEDULE,
        "sagemaker_endpoint_datacapture_prefix": f"s3://{BUCKET}/capture",
        "baseline_constraints": contract.BASELINE_CONSTRAINTS_PATH,
        "dataset_source": contract.DATASET_SOURCE,
        "output_path": contract.OUTPUT_PATH,
    }
    assert told.items() <= job["Environment"].items()
    (output,) = job["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"]["S3Uri"] == f"s3://{BUCKET}/reports/shop/{SCHEDULE}/2026/03/02/12"


def test_a_run_finds_a_window_that_waited_for_labels_where_its_plan_found_it(plane: Plane, tmp_path):
    plane.capture("2026/03/02/11/05-00.jsonl", NOON)
    told = plane.plan(DUE)["job"]["Environment"]
    variables = read_variables({**told, "MODEL_MONITOR_ROOT": str(tmp_path)})
    assert build_job(variables, ProcessingJob())[1].capture == MONITOR["capture"]


@pytest.mark.parametrize("schedule", [SCHEDULE, "s" * 63])
def test_names_places_and_verdicts_are_those_of_the_contract(plane: Plane, schedule):
    """Functions carry no library, so they spell by themselves what the contract says."""
    plan, finish = plane.load("plan").decide, plane.load("finish").decide
    window = plane.load("plan").windows.Window(NOON - HOUR, NOON)
    assert plan.job_name(schedule, window, 2) == contract.job_name(schedule, window.start, 2)
    folder = plane.load("plan").windows.report_folder("s3://b/reports/shop/s", window, MONITOR)
    assert folder == f"s3://b/{contract.report_key('reports', 'shop', 's', NOON)}"
    assert set(finish.VERDICTS) == set(contract.Verdict)
    assert (plan.DATASET, plan.OUTPUT) == (contract.DATASET_SOURCE, contract.OUTPUT_PATH)


def test_runs_more_often_than_hourly_have_folders_by_minute_and_values_at_their_own_time(plane: Plane):
    plane.configure(period_minutes=5, window_minutes=5)
    plane.capture("2026/03/02/11/56-00.jsonl", NOON)
    plan = plane.plan(DUE)
    assert plan["report"].endswith("/2026/03/02/12/00/report.json")
    plane.report(plan)
    plane.finish(plan, late=timedelta(minutes=4))
    assert {point["Timestamp"] for point in plane.points} == {NOON + timedelta(minutes=4)}


@pytest.mark.parametrize(("late", "stamped"), [(QUARTER, NOON), (5 * HOUR, NOON + 5 * HOUR)])
def test_values_carry_the_end_of_their_window_unless_no_alarm_would_see_it(plane: Plane, late, stamped):
    plane.capture("2026/03/02/11/05-00.jsonl", NOON)
    plan = plane.plan(DUE)
    plane.report(plan)
    plane.finish(plan, late=late)
    assert {point["Timestamp"] for point in plane.points} == {stamped}


def test_a_month_is_the_calendars(plane: Plane):
    plane.configure(period_minutes=None, window_minutes=None)
    plan = plane.plan(DUE.replace(month=4, day=1, hour=0))
    assert plan["window"] == {"start": "2026-03-01T00:00:00Z", "end": "2026-04-01T00:00:00Z"}


def test_a_run_delivered_twice_has_one_verdict(plane: Plane):
    plane.capture("2026/03/02/11/05-00.jsonl", NOON)
    first = plane.plan(DUE, owner="one")
    assert plane.plan(DUE, owner="two")["runner"] == "taken"
    plane.report(first, "violated", 3)
    assert plane.finish(first, result={"seconds": 2.5, "status": 0})["violations"] == 3
    assert plane.plan(DUE, owner="three")["runner"] == "taken"
    (row,) = plane.rows()
    assert (row["verdict"], row["runner"], row["seconds"], row["records"]) == ("violated", "lambda", 2.5 * 1, 120)
    assert float(row["cost"]) == pytest.approx(2.5 * 2 * 0.0000166667, abs=1e-6)
    assert len(plane.events) == 1


def test_a_plan_that_was_killed_is_made_again_by_its_own_execution_alone(plane: Plane):
    plane.capture("2026/03/02/11/05-00.jsonl", NOON)
    assert plane.plan(DUE, owner="one")["attempt"] == 1
    assert plane.plan(DUE, owner="one")["name"] == f"{SCHEDULE}-202603021100-2"
    assert plane.plan(DUE, owner="two", now=DUE + timedelta(hours=25))["runner"] == "taken"
    assert plane.plan(DUE, owner="two", now=DUE + timedelta(hours=27))["attempt"] == 3  # the lease is over


def test_a_finish_that_was_killed_is_made_again_and_tells_the_same(plane: Plane):
    plane.capture("2026/03/02/11/05-00.jsonl", NOON)
    plan = plane.plan(DUE)
    plane.report(plan)
    assert plane.finish(plan) == plane.finish(plan)
    assert len(plane.rows()) == 1


def test_a_report_of_an_earlier_attempt_is_not_taken_for_this_one(plane: Plane):
    plane.capture("2026/03/02/11/05-00.jsonl", NOON)
    first = plane.plan(DUE)
    plane.report(first)
    second = plane.plan(DUE)
    cause = json.dumps({"errorMessage": "out of disk", "errorType": "OSError"})
    told = plane.finish(second, error={"Error": "OSError", "Cause": cause})
    assert (told["verdict"], told["reason"]) == ("error", "OSError: out of disk")
    assert {point["MetricName"]: point["Value"] for point in plane.points}["run_error"] == 1


def test_a_job_that_failed_says_why_in_the_services_words(plane: Plane):
    plane.configure(runner="processing")
    plane.capture("2026/03/02/11/05-00.jsonl", NOON)
    cause = json.dumps({"ProcessingJobStatus": "Failed", "FailureReason": "AlgorithmError: bad mapping"})
    told = plane.finish(plane.plan(DUE), error={"Error": "States.TaskFailed", "Cause": cause})
    assert told["reason"] == "States.TaskFailed: AlgorithmError: bad mapping"


def test_a_run_whose_plan_failed_has_a_verdict_too(plane: Plane):
    event = {"schedule": SCHEDULE, "scheduled_time": f"{DUE:%Y-%m-%dT%H:%M:%SZ}", "owner": "one"}
    told = plane.finish(event, error={"Error": "ClientError", "Cause": "Access denied"})
    assert (told["verdict"], told["window"]["end"]) == ("error", "2026-03-02T12:00:00Z")
    (row,) = plane.rows()
    assert (row["reason"], "expires" in row) == ("ClientError: Access denied", True)
    again = plane.finish(event, error={"Error": "ClientError", "Cause": "Access denied"})
    assert again == told, "a finish that was killed is called again"


def test_a_window_that_ended_in_an_error_is_judged_again_where_somebody_says_so(plane: Plane):
    plane.capture("2026/03/02/11/05-00.jsonl", NOON)
    plane.finish(plane.plan(DUE), error={"Error": "OSError", "Cause": "{}"})
    assert plane.plan(DUE, owner="two")["runner"] == "taken"
    plan = plane.plan(DUE, owner="two", again=True)
    assert plan["attempt"] == 2
    plane.report(plan)
    assert plane.finish(plan)["verdict"] == "ok"
    assert plane.plan(DUE, owner="three", again=True)["runner"] == "taken", "a verdict stays"


def test_what_a_job_cost_follows_from_its_instance_and_time(plane: Plane):
    plane.configure(runner="processing")
    plane.capture("2026/03/02/11/05-00.jsonl", NOON)
    plan = plane.plan(DUE)
    plane.report(plan)
    plane.finish(plan, result={"ProcessingStartTime": 1_000, "ProcessingEndTime": 361_000})
    (row,) = plane.rows()
    assert (row["runner"], row["seconds"], float(row["cost"])) == ("processing", 360, 0.0115)


@pytest.mark.parametrize(("architecture", "cost"), [("x86_64", 0.001), ("arm64", 0.0008)])
def test_what_a_function_cost_follows_from_its_processor(plane: Plane, architecture, cost):
    plane.configure(function_architecture=architecture)
    plane.capture("2026/03/02/11/05-00.jsonl", NOON)
    plan = plane.plan(DUE)
    plane.report(plan)
    plane.finish(plan, result={"seconds": 30.0})
    (row,) = plane.rows()
    assert (row["runner"], float(row["cost"])) == ("lambda", cost)


def test_a_job_that_failed_has_cost_what_it_took(plane: Plane):
    plane.configure(runner="processing")
    plane.capture("2026/03/02/11/05-00.jsonl", NOON)
    times = {"ProcessingStartTime": "2026-03-02T12:20:00Z", "ProcessingEndTime": "2026-03-02T12:26:00Z"}
    cause = json.dumps({"FailureReason": "AlgorithmError", **times})
    plane.finish(plane.plan(DUE), error={"Error": "States.TaskFailed", "Cause": cause})
    (row,) = plane.rows()
    assert (row["verdict"], row["seconds"], float(row["cost"])) == ("error", 360, 0.0115)


def test_a_manifest_names_its_key(plane: Plane):
    processing = MONITOR["processing"] | {"kms_key": "arn:aws:kms:eu-west-1:123456789012:key/1"}
    plane.configure(processing=processing)
    plane.capture("2026/03/02/11/05-00.jsonl", NOON)
    plan = plane.plan(DUE)
    key = f"reports/shop/{SCHEDULE}/manifests/{plan['name']}.json"
    found = plane.s3.head_object(Bucket=BUCKET, Key=key)
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", processing["kms_key"])
