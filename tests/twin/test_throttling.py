"""Requests beyond an operation's rate are refused in the service's own words, and get through later."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from twin import Twin
from twin.quotas import DOCUMENTED, Rate
from twin.throttling import Bucket

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    with Twin(tmp_path_factory.mktemp("throttling") / "twin") as running:
        yield running


@pytest.mark.parametrize(
    ("rate", "asked", "expected"),
    [
        (Rate(2, 1), [0, 0, 0], [True, True, False]),
        (Rate(2, 1), [0, 0, 0.5, 1, 1], [True, True, False, True, False]),
        (Rate(2, 1), [100, 100, 100], [True, True, False]),  # a bucket holds no more than its size
        (Rate(3, 0.5), [0, 0, 0, 1, 2, 3, 4], [True, True, True, False, True, False, True]),
        (Rate(1, 0), [0, 1000], [True, False]),
    ],
)
def test_a_bucket_gives_what_it_holds_and_fills_with_time(rate: Rate, asked: list[float], expected: list[bool]) -> None:
    bucket = Bucket(rate, 0.0)
    assert [bucket.take(now) for now in asked] == expected


@pytest.mark.parametrize(
    ("service", "operation", "code", "status"),
    [
        ("sagemaker", "ListEndpoints", "ThrottlingException", 400),
        ("stepfunctions", "ListStateMachines", "ThrottlingException", 400),
        ("cloudwatch", "DescribeAlarms", "Throttling", 400),
        ("ssm", "DescribeParameters", "ThrottlingException", 400),
        ("events", "ListRules", "ThrottlingException", 400),
        ("scheduler", "ListSchedules", "ThrottlingException", 429),
        ("dynamodb", "ListTables", "ThrottlingException", 400),
        ("lambda", "ListFunctions", "TooManyRequestsException", 429),
        ("s3", "ListBuckets", "SlowDown", 503),
        ("sns", "ListTopics", "Throttled", 429),
        ("sqs", "ListQueues", "RequestThrottled", 400),
        ("cloudformation", "ListStacks", "Throttling", 400),
    ],
)
def test_one_request_too_many_is_refused_as_its_service_does(
    shared: Twin, service: str, operation: str, code: str, status: int
) -> None:
    client = shared.client(service)
    call = getattr(client, next(name for name, of in client.meta.method_to_api_mapping.items() if of == operation))
    shared.quotas.requests = {f"{service}:{operation}": Rate(1, 0)}
    call()
    with pytest.raises(ClientError) as refused:
        call()
    answer = refused.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    shared.quotas.requests = {}
    call()


def test_minutes_of_the_clock_fill_a_bucket_again(shared: Twin) -> None:
    shared.quotas.requests = {"sagemaker:ListModels": Rate(2, 1 / 60)}
    sagemaker = shared.client("sagemaker")
    for _ in range(2):
        sagemaker.list_models()
    with pytest.raises(ClientError, match="Rate exceeded"):
        sagemaker.list_models()
    shared.advance(MINUTE)
    sagemaker.list_models()
    with pytest.raises(ClientError, match="Rate exceeded"):
        sagemaker.list_models()


def test_an_sdk_that_waits_gets_through(shared: Twin) -> None:
    shared.quotas.requests = {"ssm:DescribeParameters": Rate(1, 1 / 60)}
    credentials = {"aws_access_key_id": "AKIADEPLOYER00000000", "aws_secret_access_key": "twin"}
    patient = Config(retries={"mode": "standard", "total_max_attempts": 6})
    ssm = boto3.client("ssm", region_name=shared.region, endpoint_url=shared.url, config=patient, **credentials)
    ssm.describe_parameters()
    passing = threading.Timer(0.2, lambda: shared.advance(MINUTE))
    passing.start()
    answer = ssm.describe_parameters()
    passing.join()
    assert answer["ResponseMetadata"]["RetryAttempts"] > 0


def test_services_of_aws_have_rates_of_their_own(shared: Twin) -> None:
    shared.quotas.requests = {"cloudwatch:PutMetricData": Rate(1, 0)}
    point = {"Namespace": "AWS/SageMaker", "MetricData": [{"MetricName": "Invocations", "Value": 1.0}]}
    service = shared.client("cloudwatch", principal="sagemaker.amazonaws.com")
    answers = [service.put_metric_data(**point)["ResponseMetadata"]["HTTPStatusCode"] for _ in range(3)]
    assert answers == [200, 200, 200]
    shared.client("cloudwatch").put_metric_data(**{**point, "Namespace": "Own"})
    with pytest.raises(ClientError, match="Rate exceeded"):
        shared.client("cloudwatch").put_metric_data(**{**point, "Namespace": "Own"})


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
def test_documented_rates_are_of_operations_that_there_are(name: str) -> None:
    service, _, operation = name.partition(":")
    assert operation in botocore.session.get_session().get_service_model(service).operation_names
