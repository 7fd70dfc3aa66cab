"""The room that knows SageMaker's endpoints: a question to one, and shadow endpoints made, looked at and removed.

A question is asked once: who asks decides about trying again, since a budget counts every call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from model_monitor.aws import clients
from model_monitor.errors import EndpointRefused

BODY_MAX_BYTES: Final = 6 * 1024 * 1024  # of InvokeEndpoint
CONNECT_SECONDS: Final = 10
ANSWER_SECONDS: Final = 70  # the service gives a model 60
VARIANT: Final = "AllTraffic"
ENDED: Final = ("Completed", "Failed", "Stopped")  # of processing jobs
NOT_THERE: Final = "Could not find"  # begins the service's text about what does not exist
DENIED: Final = ("AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "ExpiredTokenException")

# worth another try: the service is busy, or something between us and the model broke
TEMPORARY: Final = (
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "InternalFailure",
    "InternalServerException",
    "InternalDependencyException",
    "ModelNotReadyException",
)
ON_THE_WAY: Final = (
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ConnectionClosedError",
    "ProxyConnectionError",
    "ResponseStreamingError",
    "IncompleteReadError",
    "HTTPClientError",
)
MODEL_IS_BUSY: Final = (408, 429, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Question:
    """One InvokeEndpoint. `inference_id` tells the reader of captures whose request it was."""

    endpoint: str
    body: bytes
    content_type: str
    accept: str
    inference_id: str
    options: Mapping[str, str] = field(default_factory=dict)  # TargetVariant, TargetModel, CustomAttributes


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said."""

    body: bytes
    content_type: str | None


@dataclass(frozen=True, slots=True)
class Shadow:
    """An endpoint to be made of a model, without capture. The configuration has the endpoint's name."""

    name: str
    model: str
    instance_type: str
    instance_count: int
    tags: Mapping[str, str] = field(default_factory=dict)
    volume_key: str | None = None  # KMS key of its instances' volumes


@dataclass(frozen=True, slots=True)
class State:
    """Of an endpoint: the service's word (`Creating`, `InService`, `Failed`, …) and why."""

    status: str
    reason: str = ""


class Runtime:
    """Asks endpoints; for many threads at a time."""

    def __init__(self, connections: int) -> None:
        self._client = _client("sagemaker-runtime", {"total_max_attempts": 1}, connections)

    def ask(self, question: Question) -> Answer:
        """Raises: EndpointRefused."""
        try:
            answer = self._client.invoke_endpoint(
                EndpointName=question.endpoint,
                Body=question.body,
                ContentType=question.content_type,
                Accept=question.accept,
                InferenceId=question.inference_id,
                **question.options,
            )
            return Answer(answer["Body"].read(), answer.get("ContentType"))
        except _errors() as error:
            raise refused(question.endpoint, "InvokeEndpoint", error, "sagemaker:InvokeEndpoint") from None


class Control:
    """Makes and removes endpoints."""

    def __init__(self) -> None:
        self._client = _client("sagemaker", {"mode": "standard", "total_max_attempts": 6})

    def create(self, shadow: Shadow) -> None:
        """Configuration and endpoint; returns while the endpoint is still starting. Raises: EndpointRefused."""
        tags = [{"Key": key, "Value": value} for key, value in shadow.tags.items()]
        variant = {
            "VariantName": VARIANT,
            "ModelName": shadow.model,
            "InstanceType": shadow.instance_type,
            "InitialInstanceCount": shadow.instance_count,
        }
        encrypted: dict[str, Any] = {"KmsKeyId": shadow.volume_key} if shadow.volume_key else {}
        self._call(
            shadow.name,
            "create_endpoint_config",
            EndpointConfigName=shadow.name,
            ProductionVariants=[variant],
            Tags=tags,
            **encrypted,
        )
        self._call(shadow.name, "create_endpoint", EndpointName=shadow.name, EndpointConfigName=shadow.name, Tags=tags)

    def state(self, name: str) -> State | None:
        """None when there is no such endpoint. Raises: EndpointRefused."""
        found = self._call(name, "describe_endpoint", is_absent_fine=True, EndpointName=name)
        return None if found is None else State(found["EndpointStatus"], found.get("FailureReason") or "")

    def has_ended(self, job: str) -> bool:
        """Whether a processing job is over; of one that nobody knows, no. Raises: EndpointRefused."""
        found = self._call(job, "describe_processing_job", is_absent_fine=True, ProcessingJobName=job)
        return found is not None and found["ProcessingJobStatus"] in ENDED

    def remove(self, name: str) -> None:
        """The endpoint and its configuration; what is not there is removed already. Raises: EndpointRefused."""
        self._call(name, "delete_endpoint", is_absent_fine=True, EndpointName=name)
        self._call(name, "delete_endpoint_config", is_absent_fine=True, EndpointConfigName=name)

    def tagged(self, prefix: str) -> Iterator[tuple[str, dict[str, str]]]:
        """(name, tags) of every configuration whose name begins so: an endpoint never comes without. Raises: EndpointRefused."""
        request: dict[str, Any] = {"NameContains": prefix, "MaxResults": 100}
        while True:
            page = self._call(prefix, "list_endpoint_configs", **request)
            for found in page["EndpointConfigs"]:
                name = found["EndpointConfigName"]
                if name.startswith(prefix):
                    tags = self._call(name, "list_tags", is_absent_fine=True, ResourceArn=found["EndpointConfigArn"])
                    yield name, {tag["Key"]: tag["Value"] for tag in (tags or {}).get("Tags", ())}
            if not page.get("NextToken"):
                return
            request["NextToken"] = page["NextToken"]

    def _call(self, name: str, operation: str, *, is_absent_fine: bool = False, **parameters: Any) -> Any:
        try:
            return getattr(self._client, operation)(**parameters)
        except _errors() as error:
            if is_absent_fine and _is_absent(error):
                return None
            action = "".join(word.title() for word in operation.split("_"))
            raise refused(name, action, error, f"sagemaker:{action}") from None


def is_temporary(error: EndpointRefused) -> bool:
    """Whether the same call may be answered a little later."""
    if error.code == "ModelError":
        return error.model_status in MODEL_IS_BUSY
    return error.code in TEMPORARY + ON_THE_WAY or error.status >= 500


def is_models_fault(error: EndpointRefused) -> bool:
    """Whether the model's container broke: a second try tells a crash from a fault of the program."""
    return error.code == "ModelError" and (error.model_status or 0) >= 500


def refused(where: str, action: str, error: Exception, permission: str) -> EndpointRefused:
    """An error of boto3 in our words."""
    response: dict[str, Any] = getattr(error, "response", None) or {}
    code: str = response.get("Error", {}).get("Code", type(error).__name__)
    status: int = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    model_status: int | None = response.get("OriginalStatusCode")
    return EndpointRefused(f"endpoint {where}", action, code, status, model_status, _remedy(code, status, permission))


def _remedy(code: str, status: int, permission: str) -> str:
    if code in DENIED:
        return f"The run's role needs {permission}."
    if code == "ModelError":
        return "Its log group, /aws/sagemaker/Endpoints, says why; check predictor.content_type and the templates."
    if code in ON_THE_WAY:
        return "Check the network: a private subnet needs an interface endpoint for it."
    if status == 400:
        return "Check that it exists, is in service and of this region, and the predictor's settings."
    return ""


def _is_absent(error: Exception) -> bool:
    response: dict[str, Any] = getattr(error, "response", None) or {}
    found = response.get("Error", {})
    return NOT_THERE in found.get("Message", "") or found.get("Code") in (
        "ResourceNotFound",
        "ResourceNotFoundException",
    )


def _client(service: str, retries: Mapping[str, Any], connections: int = 1) -> Any:
    from botocore.config import Config

    config = Config(
        retries=dict(retries),
        max_pool_connections=connections,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=ANSWER_SECONDS,
    )
    return clients.client(service, config)


def _errors() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError

    return (BotoCoreError, ClientError)
