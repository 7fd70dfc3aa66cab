"""The front: names every call, answers or refuses it, and never with a server error that an SDK would repeat."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.accounts import make_buckets
from twin import Twin
from twin.api import ApiError, Call


@pytest.fixture
def calls(twin: Twin) -> list[Call]:
    seen: list[Call] = []
    twin.api.observe(seen.append)
    return seen


def test_every_protocol_is_named_and_answered(twin: Twin, calls: list[Call]) -> None:
    make_buckets(twin, "b-1")
    twin.client("s3").put_object(Bucket="b-1", Key="a b/ü=1", Body=b"x" * 100_000)
    assert len(twin.client("s3").get_object(Bucket="b-1", Key="a b/ü=1")["Body"].read()) == 100_000
    twin.client("sqs").create_queue(QueueName="q")
    twin.client("sns").create_topic(Name="t")
    twin.client("cloudwatch").put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", "Value": 1.5}])
    twin.client("lambda").list_functions()
    names = [(call.service, call.operation, call.status) for call in calls]
    assert names == [
        ("s3", "CreateBucket", 200),
        ("s3", "PutObject", 200),
        ("s3", "GetObject", 200),
        ("sqs", "CreateQueue", 200),
        ("sns", "CreateTopic", 200),
        ("cloudwatch", "PutMetricData", 200),
        ("lambda", "ListFunctions", 200),
    ]
    assert calls[1].parameters == {"Bucket": "b-1", "Key": "a b/ü=1"}
    assert calls[5].parameters["MetricData"][0]["Value"] == 1.5


def test_a_long_request_that_the_client_compresses_is_understood(twin: Twin, calls: list[Call]) -> None:
    data = [{"MetricName": f"metric_{n}", "Value": float(n)} for n in range(500)]
    twin.client("cloudwatch").put_metric_data(Namespace="n", MetricData=data)
    assert len(calls[0].parameters["MetricData"]) == 500
    listed = twin.client("cloudwatch").list_metrics(Namespace="n", MetricName="metric_499")["Metrics"]
    assert [metric["MetricName"] for metric in listed] == ["metric_499"]


def test_a_presigned_address_works(twin: Twin) -> None:
    make_buckets(twin, "b-1")
    twin.client("s3").put_object(Bucket="b-1", Key="k", Body=b"content")
    address = twin.client("s3").generate_presigned_url("get_object", Params={"Bucket": "b-1", "Key": "k"})
    assert urllib.request.urlopen(address).read() == b"content"


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("glue", "get_databases", {}),
        ("sagemaker", "create_compilation_job", {
            "CompilationJobName": "c", "RoleArn": "arn:aws:iam::123456789012:role/r",
            "OutputConfig": {"S3OutputLocation": "s3://b", "TargetDevice": "ml_m5"},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60}}),
        ("cloudformation", "list_stack_sets", {}),
        ("s3", "put_bucket_policy", {"Bucket": "b", "Policy": "{}"}),
        ("lambda", "create_event_source_mapping", {"FunctionName": "f"}),
        ("lambda", "create_function", {
            "FunctionName": "f", "Role": "arn:aws:iam::123456789012:role/r", "PackageType": "Image",
            "Code": {"ImageUri": "x"}, "ImageConfig": {"EntryPoint": ["another"]}}),
        ("lambda", "put_function_event_invoke_config", {
            "FunctionName": "f", "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:r:1:q"}}}),
        ("events", "create_archive", {"ArchiveName": "a", "EventSourceArn": "arn:aws:events:r:1:event-bus/default"}),
        ("cloudwatch", "put_anomaly_detector", {"Namespace": "n", "MetricName": "m", "Stat": "Sum"}),
    ],
)  # fmt: skip
def test_what_the_twin_does_not_do_is_refused_by_name_and_not_as_a_server_error(
    twin: Twin, service: str, operation: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(twin.client(service), operation)(**arguments)
    camel = "".join(word.capitalize() for word in operation.split("_"))
    assert caught.value.response["Error"]["Code"] == "NotImplementedByTwin"
    assert f"{service}:{camel}" in caught.value.response["Error"]["Message"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_an_operation_can_be_answered_by_a_plain_function(twin: Twin) -> None:
    def answer(asked: dict[str, Any], call: Call) -> dict[str, Any]:
        if asked["Name"] == "none":
            raise ApiError("ParameterNotFound", "there is none")
        return {"Parameter": {"Name": asked["Name"], "Value": call.operation, "LastModifiedDate": twin.clock.now()}}

    twin.api.register("ssm", GetParameter=answer)
    found = twin.client("ssm").get_parameter(Name="x")["Parameter"]
    assert (found["Name"], found["Value"]) == ("x", "GetParameter")
    assert found["LastModifiedDate"] == twin.clock.now()
    with pytest.raises(twin.client("ssm").exceptions.ParameterNotFound, match="there is none"):
        twin.client("ssm").get_parameter(Name="none")


def test_a_fault_of_ours_is_a_client_error_that_tells_where(twin: Twin) -> None:
    def crash(asked: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"Parameter": asked["no such key"]}

    twin.api.register("ssm", GetParameter=crash)
    with pytest.raises(ClientError, match=r"ssm:GetParameter failed inside the twin: KeyError.*test_api\.py"):
        twin.client("ssm").get_parameter(Name="x")


def test_a_gate_may_refuse_any_call(twin: Twin, calls: list[Call]) -> None:
    def closed(call: Call) -> None:
        if call.operation == "ListTopics":
            raise ApiError("ThrottlingException", "slow down")

    twin.api.gate(closed)
    with pytest.raises(ClientError, match="slow down"):
        twin.client("sns").list_topics()
    assert [(call.operation, call.error) for call in calls] == [("ListTopics", "ThrottlingException")]


def test_one_twin_at_a_time(twin: Twin, tmp_path: Any) -> None:
    with pytest.raises(RuntimeError, match="another twin runs in this process"):
        Twin(tmp_path / "second").start()


def test_the_server_listens_on_loopback_only(twin: Twin) -> None:
    assert twin._server is not None
    assert twin._server.server_address[0] == "127.0.0.1"
    assert twin.environment["AWS_ENDPOINT_URL"] == f"http://localhost:{twin.port}"


def test_a_stopped_twin_is_gone_and_a_new_one_is_empty(tmp_path: Any) -> None:
    with Twin(tmp_path / "a") as first:
        first.client("sns").create_topic(Name="t")
        address = first.url
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(address, timeout=2)
    with Twin(tmp_path / "b") as second:
        assert second.client("sns").list_topics()["Topics"] == []
