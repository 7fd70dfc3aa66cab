"""Custom::ModelBaseline: a deployment waits for a processing job, and every request is answered exactly once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

BUCKET = "baselines-bucket"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
PENDING = "pending/covertype/"
RULE = "covertype-baseline-poll"
CURRENT = "baselines/covertype/current.json"
LIVE = "/model-monitor/dev/covertype/live/baseline"
FILES = ("data_quality/constraints.json", "data_quality/statistics.json", "model_bias/analysis.json")
JOB = {
    "AppSpecification": {"ImageUri": "image", "ContainerEntrypoint": ["python3", "-m", "model_monitor"]},
    "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}},
    "RoleArn": "arn:aws:iam::123456789012:role/baseline",
}


class SageMaker:
    """Processing jobs whose names are accepted once and whose status the test sets."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.refusals: list[str] = []  # messages of the next calls

    def create_processing_job(self, **request: Any) -> None:
        name = request["ProcessingJobName"]
        if name in self.jobs:
            raise ClientError({"Error": {"Code": "ResourceInUse"}}, "CreateProcessingJob")
        if self.refusals:
            error = {"Code": "ValidationException", "Message": self.refusals.pop()}
            raise ClientError({"Error": error}, "CreateProcessingJob")
        if request["RoleArn"].endswith("forbidden"):
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "CreateProcessingJob")
        self.jobs[name] = {"ProcessingJobStatus": "InProgress", **request}

    def describe_processing_job(self, **request: str) -> dict[str, Any]:
        return self.jobs[request["ProcessingJobName"]]


@pytest.fixture
def world(
    load: Callable[[str], SimpleNamespace], cloudformation: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SimpleNamespace]:
    with mock_aws():
        room = load("baseline")
        monkeypatch.setenv("BUCKET", BUCKET)
        monkeypatch.setenv("PENDING", PENDING)
        monkeypatch.setenv("KMS_KEY", KEY)
        monkeypatch.setenv("POLL_RULE", RULE)
        s3, ssm, sagemaker = boto3.client("s3"), boto3.client("ssm"), SageMaker()
        events = boto3.client("events")
        events.put_rule(Name=RULE, ScheduleExpression="rate(5 minutes)", State="DISABLED")
        clients = {"s3": s3, "ssm": ssm, "sagemaker": sagemaker, "events": events}
        monkeypatch.setattr(room.handler, "client", clients.__getitem__)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield SimpleNamespace(room=room, s3=s3, ssm=ssm, sagemaker=sagemaker, events=events, sink=cloudformation)


def properties(version: str = "v1", **changes: Any) -> dict[str, str]:
    return {
        "ServiceToken": "arn",
        "Endpoint": "covertype",
        "Schedule": "covertype-data-quality",
        "Version": version,
        "JobName": f"covertype-data-quality-baseline-{version}",
        "ProcessingJob": json.dumps(JOB),
        "CurrentKey": CURRENT,
        "LiveParameter": LIVE,
        "Files": " ".join(FILES),
    } | changes


def request(world: SimpleNamespace, kind: str, given: dict[str, str], **changes: Any) -> dict[str, Any]:
    event = {
        "RequestType": kind,
        "ResponseURL": world.sink.url,
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Baseline",
        "ResourceProperties": given,
    }
    return event | changes


def end(world: SimpleNamespace, name: str, status: str, message: str = "") -> None:
    """The job ends and EventBridge tells so; a job that completed has uploaded its files."""
    if status == "Completed":
        upload(world, name)
    world.sagemaker.jobs[name] |= {"ProcessingJobStatus": status, "ExitMessage": message}
    world.room.handler.handle(job_event(name, status))


def upload(world: SimpleNamespace, name: str, files: tuple[str, ...] = FILES) -> None:
    version = name.split("-")[-2]
    for file in files:
        world.s3.put_object(Bucket=BUCKET, Key=f"baselines/covertype/{version}/{file}", Body=b"{}")


def job_event(name: str, status: str) -> dict[str, Any]:
    return {
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Processing Job State Change",
        "detail": {"ProcessingJobName": name, "ProcessingJobStatus": status},
    }


def current(world: SimpleNamespace) -> str:
    return str(json.loads(world.s3.get_object(Bucket=BUCKET, Key=CURRENT)["Body"].read())["version"])


def live(world: SimpleNamespace) -> str:
    return str(world.ssm.get_parameter(Name=LIVE)["Parameter"]["Value"])


def parked(world: SimpleNamespace) -> list[str]:
    listed = world.s3.list_objects_v2(Bucket=BUCKET, Prefix="pending/").get("Contents", [])
    return [item["Key"] for item in listed]


NAME = "covertype-data-quality-baseline-v1-1"


def deployed(world: SimpleNamespace, version: str = "v1") -> None:
    world.room.handler.handle(request(world, "Create", properties(version)))
    end(world, f"covertype-data-quality-baseline-{version}-1", "Completed")
    world.sink.answers.clear()


def test_a_deployment_waits_for_the_job_and_then_points_to_its_version(world: SimpleNamespace) -> None:
    world.room.handler.handle(request(world, "Create", properties()))
    assert world.sink.answers == []
    assert world.sagemaker.jobs[NAME]["RoleArn"] == JOB["RoleArn"]
    end(world, NAME, "Completed")
    (answer,) = world.sink.answers
    assert (answer["Status"], answer["Data"]) == ("SUCCESS", {"Version": "v1", "JobName": NAME})
    assert (current(world), live(world), parked(world)) == ("v1", "v1", [])
    content = json.loads(world.s3.get_object(Bucket=BUCKET, Key=CURRENT)["Body"].read())
    assert content == {"version": "v1", "created_by": "deploy", "endpoint": "covertype", "completed": ["v1"]}


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_failed_job_fails_the_deployment_in_its_own_words(world: SimpleNamespace, status: str) -> None:
    world.room.handler.handle(request(world, "Create", properties()))
    end(world, NAME, status, "Error: baseline.csv:1: feature 'age' should be Integral")
    (answer,) = world.sink.answers
    assert answer["Status"] == "FAILED"
    assert "feature 'age' should be Integral" in answer["Reason"]
    assert (answer["PhysicalResourceId"], parked(world)) == ("baseline-covertype-covertype-data-quality", [])
    with pytest.raises(world.s3.exceptions.NoSuchKey):
        current(world)


def test_a_deployment_after_a_failed_one_tries_under_another_name(world: SimpleNamespace) -> None:
    world.room.handler.handle(request(world, "Create", properties()))
    end(world, NAME, "Failed")
    world.room.handler.handle(request(world, "Create", properties()))
    assert sorted(world.sagemaker.jobs) == [NAME, NAME.removesuffix("1") + "2"]
    end(world, NAME.removesuffix("1") + "2", "Completed")
    assert [answer["Status"] for answer in world.sink.answers] == ["FAILED", "SUCCESS"]


def test_the_version_that_is_current_is_answered_at_once(world: SimpleNamespace) -> None:
    deployed(world)
    world.ssm.delete_parameter(Name=LIVE)
    world.room.handler.handle(request(world, "Update", properties(), PhysicalResourceId="kept"))
    (answer,) = world.sink.answers
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "kept")
    assert (live(world), len(world.sagemaker.jobs)) == ("v1", 1)


def test_an_update_of_something_else_leaves_a_promoted_baseline_alone(world: SimpleNamespace) -> None:
    deployed(world)
    world.s3.put_object(Bucket=BUCKET, Key=CURRENT, Body=b'{"version": "promoted"}')
    changed = properties(LiveParameter=LIVE + "2")
    world.room.handler.handle(request(world, "Update", changed, OldResourceProperties=properties()))
    assert world.sink.answers[0]["Data"]["Version"] == "promoted"
    assert current(world) == "promoted"


def test_an_update_starts_the_new_version_and_a_rollback_only_moves_the_pointer(world: SimpleNamespace) -> None:
    deployed(world)
    new = request(world, "Update", properties("v2"), OldResourceProperties=properties("v1"))
    world.room.handler.handle(new)
    assert (current(world), world.sink.answers) == ("v1", [])
    end(world, "covertype-data-quality-baseline-v2-1", "Completed")
    assert (current(world), live(world)) == ("v2", "v2")
    world.sagemaker.jobs.clear()  # by now the role may know the other version's jobs only: nothing may be asked
    world.room.handler.handle(request(world, "Update", properties("v1"), OldResourceProperties=properties("v2")))
    assert (current(world), live(world), world.sagemaker.jobs) == ("v1", "v1", {})
    assert [answer["Status"] for answer in world.sink.answers] == ["SUCCESS", "SUCCESS"]


def test_a_version_whose_record_was_lost_is_found_by_its_completed_job(world: SimpleNamespace) -> None:
    deployed(world)
    world.s3.put_object(Bucket=BUCKET, Key=CURRENT, Body=b'{"version": "promoted"}')
    world.room.handler.handle(request(world, "Create", properties("v1")))
    assert (current(world), len(world.sagemaker.jobs)) == ("v1", 1)
    assert [answer["Status"] for answer in world.sink.answers] == ["SUCCESS"]


@pytest.mark.parametrize("status", ["Completed", "InProgress"])
def test_a_job_of_a_deployment_that_was_destroyed_is_not_taken_for_this_ones(
    world: SimpleNamespace, status: str
) -> None:
    def writing_to(bucket: str) -> dict[str, Any]:
        output = {"S3Output": {"S3Uri": f"s3://{bucket}/baselines/covertype/v1", "LocalPath": "/out"}}
        return JOB | {"ProcessingOutputConfig": {"Outputs": [output]}}

    world.sagemaker.jobs[NAME] = {"ProcessingJobStatus": status, **writing_to("bucket-of-before")}
    given = properties(ProcessingJob=json.dumps(writing_to(BUCKET)))
    world.room.handler.handle(request(world, "Create", given))
    second = f"{NAME[:-1]}2"
    assert (world.sink.answers, parked(world)) == ([], [f"{PENDING}{second}.json"])
    end(world, second, "Completed")
    assert (current(world), world.sink.answers[0]["Status"]) == ("v1", "SUCCESS")


def test_a_job_that_outlives_its_rolled_back_deployment_moves_nothing(world: SimpleNamespace) -> None:
    deployed(world)
    world.room.handler.handle(request(world, "Update", properties("v2"), OldResourceProperties=properties("v1")))
    world.room.handler.handle(request(world, "Update", properties("v1"), OldResourceProperties=properties("v2")))
    end(world, "covertype-data-quality-baseline-v2-1", "Completed")
    assert (current(world), live(world), parked(world)) == ("v1", "v1", [])
    assert len(world.sink.answers) == 1


def test_a_request_repeated_while_the_job_runs_joins_it(world: SimpleNamespace) -> None:
    world.room.handler.handle(request(world, "Create", properties()))
    world.room.handler.handle(request(world, "Create", properties(), RequestId="second"))
    end(world, NAME, "Completed")
    assert [answer["RequestId"] for answer in world.sink.answers] == ["second"]
    assert len(world.sagemaker.jobs) == 1


def test_an_end_that_is_told_twice_is_answered_once(world: SimpleNamespace) -> None:
    world.room.handler.handle(request(world, "Create", properties()))
    end(world, NAME, "Completed")
    end(world, NAME, "Completed")
    assert len(world.sink.answers) == 1


def test_jobs_that_nobody_waits_for_and_jobs_still_running_are_ignored(world: SimpleNamespace) -> None:
    world.room.handler.handle(job_event("somebody-elses-job", "Completed"))
    world.room.handler.handle(job_event("somebody-elses-job", "InProgress"))
    world.room.handler.handle({"source": "aws.s3", "detail-type": "Object Created", "detail": {}})
    assert world.sink.answers == []


def test_delete_keeps_baselines_and_answers_at_once(world: SimpleNamespace) -> None:
    deployed(world)
    world.room.handler.handle(request(world, "Delete", properties(), PhysicalResourceId="kept"))
    (answer,) = world.sink.answers
    assert (answer["Status"], answer["PhysicalResourceId"], current(world)) == ("SUCCESS", "kept", "v1")


def test_delete_after_a_create_that_never_got_properties_right_succeeds(world: SimpleNamespace) -> None:
    world.room.handler.handle(request(world, "Delete", {}))
    assert world.sink.answers[0]["Status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Version": ""}, "Version"),
        ({"ProcessingJob": "{"}, "ProcessingJob"),
        ({"ProcessingJob": '{"ProcessingJobName": "x"}'}, "ProcessingJobName"),
        ({"ProcessingJob": json.dumps(JOB | {"RoleArn": "arn:forbidden"})}, "AccessDenied"),
    ],
)
def test_what_goes_wrong_is_answered_and_leaves_nothing_parked(
    world: SimpleNamespace, changes: dict[str, str], said: str
) -> None:
    world.room.handler.handle(request(world, "Create", properties(**changes)))
    (answer,) = world.sink.answers
    assert answer["Status"] == "FAILED"
    assert said in answer["Reason"]
    assert parked(world) == []


def test_an_exception_at_the_end_of_a_job_does_not_leave_the_deployment_hanging(
    world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.room.handler.handle(request(world, "Create", properties()))

    def explode(*_: Any) -> None:
        raise RuntimeError("\u20ac" * 9000)

    monkeypatch.setattr(world.room.handler, "_make_current", explode)
    end(world, NAME, "Completed")
    (answer,) = world.sink.answers
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("RuntimeError")


def test_after_twenty_failures_the_deployment_says_so(world: SimpleNamespace) -> None:
    for attempt in range(1, 21):
        world.sagemaker.jobs[NAME[:-1] + str(attempt)] = {"ProcessingJobStatus": "Failed"}
    world.room.handler.handle(request(world, "Create", properties()))
    assert "all 20 jobs of version v1 failed" in world.sink.answers[0]["Reason"]


def test_names_of_jobs_stay_valid_and_apart(world: SimpleNamespace) -> None:
    names = world.room.decide.attempt_names("x" * 62 + "-")
    assert len(set(names)) == 20
    assert max(map(len, names)) <= 63


def test_a_job_that_left_no_baseline_of_one_monitor_fails_the_deployment_and_moves_nothing(
    world: SimpleNamespace,
) -> None:
    world.room.handler.handle(request(world, "Create", properties()))
    upload(world, NAME, FILES[:2])
    world.sagemaker.jobs[NAME] |= {"ProcessingJobStatus": "Completed"}
    world.room.handler.handle(job_event(NAME, "Completed"))
    (answer,) = world.sink.answers
    assert answer["Status"] == "FAILED"
    assert "without model_bias/analysis.json" in answer["Reason"]
    assert world.s3.list_objects_v2(Bucket=BUCKET, Prefix=CURRENT)["KeyCount"] == 0


POLL = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


def rings(world: SimpleNamespace) -> bool:
    return bool(world.events.describe_rule(Name=RULE)["State"] == "ENABLED")


def test_an_end_that_no_event_told_is_found_and_then_nobody_looks_any_more(world: SimpleNamespace) -> None:
    world.room.handler.handle(request(world, "Create", properties()))
    world.room.handler.handle(POLL)
    assert (world.sink.answers, rings(world)) == ([], True)
    upload(world, NAME)
    world.sagemaker.jobs[NAME]["ProcessingJobStatus"] = "Completed"
    world.room.handler.handle(POLL)
    (answer,) = world.sink.answers
    assert (answer["Status"], current(world), parked(world), rings(world)) == ("SUCCESS", "v1", [], False)


def test_a_role_that_is_a_moment_old_is_waited_for(world: SimpleNamespace) -> None:
    world.sagemaker.refusals = ["Could not assume role arn:aws:iam::123456789012:role/baseline."] * 3
    world.room.handler.handle(request(world, "Create", properties()))
    assert (list(world.sagemaker.jobs), world.sink.answers) == ([NAME], [])


def test_what_it_writes_names_the_key_of_the_data(world: SimpleNamespace) -> None:
    world.room.handler.handle(request(world, "Create", properties()))
    keys = [f"{PENDING}{NAME}.json", CURRENT]
    found = [world.s3.head_object(Bucket=BUCKET, Key=keys[0])]
    end(world, NAME, "Completed")
    found.append(world.s3.head_object(Bucket=BUCKET, Key=keys[1]))
    assert [each["SSEKMSKeyId"] for each in found] == [KEY, KEY]


def test_another_refusal_is_told_at_once(world: SimpleNamespace) -> None:
    world.sagemaker.refusals = ["no such instance type"] * 2
    world.room.handler.handle(request(world, "Create", properties()))
    assert (world.sink.answers[0]["Status"], len(world.sagemaker.refusals)) == ("FAILED", 1)
