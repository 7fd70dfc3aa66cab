"""SageMaker's calls: what is sent, what an error becomes, and endpoints that are made and removed in an account."""

from __future__ import annotations

import io

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from model_monitor.aws import endpoints
from model_monitor.errors import EndpointRefused, MonitorError

pytestmark = pytest.mark.xdist_group("moto")

QUESTION = endpoints.Question("e", b"1,2", "text/csv", "text/csv", "id-1", {"TargetVariant": "blue"})
SHADOW = endpoints.Shadow("sm-clarify-1", "m", "ml.m5.large", 2, {"model-monitor:job": "j"}, "arn:key")


class Stub:
    """Answers InvokeEndpoint, or raises."""

    def __init__(self, outcome):
        self.outcome, self.calls = outcome, []

    def invoke_endpoint(self, **call):
        self.calls.append(call)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return {"Body": io.BytesIO(self.outcome), "ContentType": "text/csv; charset=utf-8"}


def asking(monkeypatch, outcome):
    stub = Stub(outcome)
    monkeypatch.setattr(endpoints, "_client", lambda *_: stub)
    return endpoints.Runtime(1), stub


def client_error(code, status=400, **more):
    content = {"Error": {"Code": code, "Message": "secret 42"}, "ResponseMetadata": {"HTTPStatusCode": status}, **more}
    return ClientError(content, "InvokeEndpoint")


def test_a_question_says_everything_and_its_answer_comes_back(monkeypatch):
    runtime, stub = asking(monkeypatch, b"0.5")
    assert runtime.ask(QUESTION) == endpoints.Answer(b"0.5", "text/csv; charset=utf-8")
    assert stub.calls == [
        {
            "EndpointName": "e",
            "Body": b"1,2",
            "ContentType": "text/csv",
            "Accept": "text/csv",
            "InferenceId": "id-1",
            "TargetVariant": "blue",
        }
    ]


@pytest.mark.parametrize(
    ("raised", "told", "temporary", "broken"),
    [
        (client_error("ThrottlingException"), "ThrottlingException", True, False),
        (client_error("ServiceUnavailable", 503), "ServiceUnavailable", True, False),
        (client_error("Strange", 500), "Strange", True, False),
        (client_error("ModelError", 424, OriginalStatusCode=500), "the model answered 500", False, True),
        (client_error("ModelError", 424, OriginalStatusCode=504), "the model answered 504", True, True),
        (client_error("ModelError", 424, OriginalStatusCode=400), "the model answered 400", False, False),
        (client_error("ValidationError"), "exists, is in service", False, False),
        (client_error("AccessDeniedException", 403), "needs sagemaker:InvokeEndpoint", False, False),
        (EndpointConnectionError(endpoint_url="https://x"), "interface endpoint", True, False),
        (ReadTimeoutError(endpoint_url="https://x"), "ReadTimeoutError", True, False),
    ],
)
def test_an_error_says_what_it_is_and_never_what_the_service_repeated(monkeypatch, raised, told, temporary, broken):
    runtime, _ = asking(monkeypatch, raised)
    with pytest.raises(EndpointRefused, match=told) as caught:
        runtime.ask(QUESTION)
    assert "secret" not in str(caught.value)
    assert endpoints.is_temporary(caught.value) is temporary
    assert endpoints.is_models_fault(caught.value) is broken


def test_a_question_is_asked_once_and_other_calls_are_repeated_when_throttled(aws):
    assert endpoints.Runtime(3)._client.meta.config.retries["total_max_attempts"] == 1
    assert endpoints.Control()._client.meta.config.retries["total_max_attempts"] > 1


def model(name="m"):
    client = boto3.client("sagemaker")
    client.create_model(
        ModelName=name, PrimaryContainer={"Image": "i"}, ExecutionRoleArn="arn:aws:iam::123456789012:role/r"
    )
    return client


def test_an_endpoint_is_made_without_capture_and_tagged(aws):
    client, control = model(), endpoints.Control()
    control.create(SHADOW)
    config = client.describe_endpoint_config(EndpointConfigName=SHADOW.name)
    assert not config.get("DataCaptureConfig")
    assert config["KmsKeyId"] == "arn:key"
    assert [(v["ModelName"], v["InstanceType"], v["InitialInstanceCount"]) for v in config["ProductionVariants"]] == [
        ("m", "ml.m5.large", 2)
    ]
    endpoint = client.describe_endpoint(EndpointName=SHADOW.name)
    assert client.list_tags(ResourceArn=endpoint["EndpointArn"])["Tags"] == [{"Key": "model-monitor:job", "Value": "j"}]
    assert control.state(SHADOW.name) == endpoints.State("InService")
    assert list(control.tagged("sm-clarify-")) == [(SHADOW.name, {"model-monitor:job": "j"})]
    assert list(control.tagged("other-")) == []


def test_removing_is_complete_and_may_be_repeated(aws):
    client, control = model(), endpoints.Control()
    control.create(SHADOW)
    for _ in range(2):
        control.remove(SHADOW.name)
    assert control.state(SHADOW.name) is None
    assert client.list_endpoints()["Endpoints"] == client.list_endpoint_configs()["EndpointConfigs"] == []


def test_a_job_that_nobody_knows_has_not_ended(aws):
    assert endpoints.Control().has_ended("nobody") is False


def test_a_refusal_names_the_call_and_the_permission(monkeypatch):
    class Refusing:
        def create_endpoint_config(self, **_):
            raise client_error("AccessDeniedException", 403)

    monkeypatch.setattr(endpoints, "_client", lambda *_: Refusing())
    with pytest.raises(EndpointRefused, match=r"CreateEndpointConfig failed.*needs sagemaker:CreateEndpointConfig"):
        endpoints.Control().create(SHADOW)


def test_no_region_is_said_in_plain_words(monkeypatch):
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(MonitorError, match="AWS_REGION"):
        endpoints.Runtime(1)
