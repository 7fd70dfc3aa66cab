from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.accounts import BASE, CLUSTER, IMAGE, make_buckets
from twin import Twin
from twin.api import ApiError
from twin.sagemaker.processing import check

ROLE = "arn:aws:iam::123456789012:role/monitor"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def bucket(twin: Twin) -> str:
    s3 = twin.client("s3")
    make_buckets(twin, "bucket")
    s3.put_object(Bucket="bucket", Key="data/baseline.csv", Body=b"a,b\n1,2\n")
    s3.put_object(Bucket="bucket", Key="data/deep/more.csv", Body=b"3,4\n")
    s3.put_object(Bucket="bucket", Key="database/not-this.csv", Body=b"5,6\n")
    return "bucket"


def settings(name: str = "job", plan: str = "ok", **changes: Any) -> dict[str, Any]:
    return {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "AppSpecification": IMAGE,
        "ProcessingResources": CLUSTER,
        "Environment": {"plan": plan},
        "ProcessingInputs": [
            {
                "InputName": "data",
                "S3Input": {"S3Uri": "s3://bucket/data", "LocalPath": f"{BASE}/input/data", "S3DataType": "S3Prefix"},
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "reports",
                    "S3Output": {"S3Uri": "s3://bucket/out", "LocalPath": f"{BASE}/output", "S3UploadMode": "EndOfJob"},
                }
            ]
        },
        **changes,
    }


def run(twin: Twin, **arguments: Any) -> dict[str, Any]:
    job = settings(**arguments)
    twin.client("sagemaker").create_processing_job(**job)
    twin.advance(MINUTE)
    return dict(twin.client("sagemaker").describe_processing_job(ProcessingJobName=job["ProcessingJobName"]))


def seen(twin: Twin) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(
        twin.client("s3").get_object(Bucket="bucket", Key="out/seen.json")["Body"].read()
    )
    return content


@pytest.mark.usefixtures("bucket", "bus")
def test_the_entry_point_gets_inputs_and_configuration_below_its_own_root(twin: Twin) -> None:
    job = run(twin)
    found = seen(twin)
    config = json.loads(found["files"]["config/processingjobconfig.json"])
    assert job["ProcessingJobStatus"] == "Completed"
    assert found["arguments"] == ["-m", "model_monitor"]
    assert {path for path in found["files"] if "input" in path} == {
        "processing/input/data/baseline.csv",
        "processing/input/data/deep/more.csv",
    }
    assert json.loads(found["files"]["config/resourceconfig.json"]) == {"current_host": "algo-1", "hosts": ["algo-1"]}
    assert config["ProcessingJobName"] == "job"
    assert config["AppSpecification"]["ContainerArguments"] is None


@pytest.mark.usefixtures("bucket", "bus")
def test_the_process_gets_the_variables_of_its_job_and_role_and_none_of_ours(
    twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS", "secret")
    run(twin)
    found = seen(twin)
    environment = found["environment"]
    assert "OURS" not in environment
    assert environment["plan"] == "ok"
    assert environment["AWS_ENDPOINT_URL"] == twin.url
    assert (environment["AWS_REGION"], "AWS_DEFAULT_REGION" in environment) == (twin.region, False)
    assert environment["MODEL_MONITOR_ROOT"].endswith("/executions/job/opt/ml")
    assert environment["MODEL_MONITOR_NOW"] == "2026-03-02T00:00:00Z"
    assert found["directory"] == str(twin.directory / "executions" / "job")
    assert twin.identity.principal(environment["AWS_ACCESS_KEY_ID"]) == "monitor"


@pytest.mark.usefixtures("bucket", "bus")
def test_inputs_and_outputs_move_with_the_credentials_of_the_job(twin: Twin) -> None:
    run(twin)
    calls = twin.identity.calls(ROLE)
    assert {"ListObjectsV2", "GetObject", "PutObject"} <= {operation for service, operation in calls if service == "s3"}


@pytest.mark.usefixtures("bucket")
def test_a_job_tells_that_it_started_and_that_it_ended(twin: Twin, bus: Any) -> None:
    run(twin, plan="violate")
    details = bus.of("SageMaker Processing Job State Change")
    assert [detail["ProcessingJobStatus"] for detail in details] == ["InProgress", "Completed"]
    assert details[1]["ExitMessage"].startswith("CompletedWithViolations: ")
    assert details[1]["CreationTime"] == "1772409600000"


@pytest.mark.usefixtures("bucket", "bus")
@pytest.mark.parametrize(
    ("plan", "status", "reason", "message"),
    [
        ("fail", "Failed", "AlgorithmError: Error: the mapping is wrong, exit code: 1", "Error: the mapping is wrong"),
        ("crash", "Failed", "AlgorithmError: Traceback: something broke, exit code: 1", None),
        ("latin", "Failed", "ClientError: the exit message is not UTF-8", None),
        ("long", "Completed", None, "x" * 1024),
    ],
)
def test_exit_code_and_message_decide_the_status(
    twin: Twin, plan: str, status: str, reason: str | None, message: str | None
) -> None:
    job = run(twin, plan=plan)
    assert (job["ProcessingJobStatus"], job.get("FailureReason"), job.get("ExitMessage")) == (status, reason, message)


@pytest.mark.usefixtures("bucket", "bus")
def test_a_job_that_failed_uploads_nothing_at_its_end(twin: Twin) -> None:
    run(twin, plan="fail")
    assert twin.client("s3").list_objects_v2(Bucket="bucket", Prefix="out/")["KeyCount"] == 0


@pytest.mark.usefixtures("bucket", "bus")
def test_a_job_is_ended_at_its_time_limit(twin: Twin) -> None:
    job = run(twin, plan="sleep", StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert (job["ProcessingJobStatus"], job["FailureReason"].split(":")[0]) == ("Stopped", "MaxRuntimeExceeded")


@pytest.mark.usefixtures("bucket", "bus")
def test_a_job_in_progress_can_be_stopped(twin: Twin) -> None:
    sagemaker = twin.client("sagemaker")
    sagemaker.create_processing_job(**settings(plan="sleep"))
    sagemaker.stop_processing_job(ProcessingJobName="job")
    twin.advance(MINUTE)
    assert sagemaker.describe_processing_job(ProcessingJobName="job")["ProcessingJobStatus"] == "Stopped"


@pytest.mark.usefixtures("bucket", "bus")
def test_an_input_that_is_not_there_fails_the_job_before_the_container_starts(twin: Twin) -> None:
    source = {"S3Uri": "s3://bucket/nothing", "LocalPath": "/opt/ml/processing/input/x", "S3DataType": "S3Prefix"}
    job = run(twin, ProcessingInputs=[{"InputName": "x", "S3Input": source}])
    assert job["ProcessingJobStatus"] == "Failed"
    assert 'No S3 objects found under S3 URL "s3://bucket/nothing"' in job["FailureReason"]
    assert not (twin.directory / "executions" / "job" / "log.txt").exists()


@pytest.mark.usefixtures("bucket", "bus")
def test_a_manifest_names_the_objects_to_fetch(twin: Twin) -> None:
    manifest = json.dumps([{"prefix": "s3://bucket/data/"}, "deep/more.csv"])
    twin.client("s3").put_object(Bucket="bucket", Key="m.json", Body=manifest)
    source = {"S3Uri": "s3://bucket/m.json", "LocalPath": "/opt/ml/processing/input/x", "S3DataType": "ManifestFile"}
    run(twin, ProcessingInputs=[{"InputName": "x", "S3Input": source}])
    assert [path for path in seen(twin)["files"] if "input" in path] == ["processing/input/x/deep/more.csv"]


@pytest.mark.usefixtures("bucket", "bus")
def test_an_isolated_job_has_neither_credentials_nor_endpoints(twin: Twin) -> None:
    run(twin, NetworkConfig={"EnableNetworkIsolation": True})
    environment = seen(twin)["environment"]
    assert "AWS_ACCESS_KEY_ID" not in environment
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"


@pytest.mark.usefixtures("bucket", "bus")
def test_a_name_is_used_once(twin: Twin) -> None:
    run(twin)
    with pytest.raises(ClientError, match="ResourceInUse"):
        twin.client("sagemaker").create_processing_job(**settings())


@pytest.mark.usefixtures("bucket", "bus")
def test_jobs_are_listed_by_status_newest_first(twin: Twin) -> None:
    for name, plan in (("one", "ok"), ("two", "fail"), ("three", "ok")):
        run(twin, name=name, plan=plan)
    sagemaker = twin.client("sagemaker")
    found = sagemaker.list_processing_jobs(StatusEquals="Completed")["ProcessingJobSummaries"]
    page = sagemaker.list_processing_jobs(MaxResults=2, SortBy="Name", SortOrder="Ascending")
    rest = sagemaker.list_processing_jobs(
        MaxResults=2, SortBy="Name", SortOrder="Ascending", NextToken=page["NextToken"]
    )
    assert [job["ProcessingJobName"] for job in found] == ["three", "one"]
    assert [j["ProcessingJobName"] for p in (page, rest) for j in p["ProcessingJobSummaries"]] == [
        "one",
        "three",
        "two",
    ]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"AppSpecification": {"ImageUri": "analyzer"}}, "runs the monitor image only"),
        ({"AppSpecification": {"ImageUri": "i", "ContainerEntrypoint": ["bash"]}}, "runs the monitor image only"),
        ({"Environment": {"config": "x" * 257}}, "config has 257 characters, at most 256"),
        ({"Environment": {f"v{n}": "" for n in range(51)}}, "51 entries, at most 50"),
        ({"Environment": {"no-name": ""}}, "no variable name"),
        (
            {
                "ProcessingInputs": [
                    {
                        "InputName": "x",
                        "S3Input": {"S3Uri": "s3://bucket/x", "S3DataType": "S3Prefix", "LocalPath": "/tmp"},
                    }
                ]
            },
            "must start with /opt/ml/processing",
        ),
    ],
)
def test_what_would_not_run_is_refused_when_the_job_is_created(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ApiError, match=complaint):
        check(settings(**changes))


def test_a_refusal_reaches_the_caller_as_a_validation_error(twin: Twin) -> None:
    with pytest.raises(ClientError, match=r"ValidationException.*letters, digits and inner hyphens"):
        twin.client("sagemaker").create_processing_job(**settings(name="ends-in-"))


def test_an_unknown_job_is_not_found(twin: Twin) -> None:
    with pytest.raises(ClientError, match="ResourceNotFound"):
        twin.client("sagemaker").describe_processing_job(ProcessingJobName="nobody")


def test_a_quota_holds_until_the_minute_is_over(twin: Twin, bucket: str) -> None:
    twin.quotas.processing_jobs = {"ml.m5.large": 2}
    sagemaker, jobs = twin.client("sagemaker"), [settings(name) for name in ("a", "b", "c")]
    for job in jobs[:2]:
        sagemaker.create_processing_job(**job)
    twin.workers.wait()
    words = (
        "ResourceLimitExceeded.*'ml.m5.large for processing job usage' is 2 Instances, with current utilization of 2"
    )
    with pytest.raises(ClientError, match=words):
        sagemaker.create_processing_job(**jobs[2])
    twin.advance(MINUTE)
    sagemaker.create_processing_job(**jobs[2])


def test_a_job_knows_its_region_by_one_name(twin: Twin, bucket: str) -> None:
    run(twin)
    seen = json.loads(twin.client("s3").get_object(Bucket="bucket", Key="out/seen.json")["Body"].read())
    assert seen["environment"]["AWS_REGION"] == twin.region
    assert "AWS_DEFAULT_REGION" not in seen["environment"]
    assert twin.environment["AWS_DEFAULT_REGION"] == twin.region
