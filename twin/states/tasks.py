"""What Task states call, as the state machine's role, and under which names errors of the services come back.

An error that a service's model lists keeps its name there; every other (throttling, refused access, bad values) has the name
of the service's general exception, as the SDK that Step Functions calls with has it.
"""

from __future__ import annotations

import functools
import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import botocore.session
from botocore.exceptions import ClientError, ParamValidationError

from twin.states.errors import RUNTIME, TASK_FAILED, StatesError
from twin.states.paths import TOKEN, WAITS_FOR_TOKEN, BadExpression, compact

RESOURCE: Final = re.compile(r"arn:aws(?:-cn|-us-gov)?:states:::(.+)")
UNKNOWN: Final = "Lambda.Unknown"
THROTTLED: Final = "ThrottlingException"  # of SageMaker
OF_THE_TWIN: Final = ("NotImplementedByTwin", "InternalFailureInTwin")


class NotYet(Exception):
    """A job's end was asked for too often: the service goes on asking, and so does the twin."""


class Refused(Exception):
    """The twin itself cannot do what a task asks: no execution may swallow that."""


@dataclass(frozen=True, slots=True)
class Integration:
    """How one resource is called. `job` is set where the task waits for a job's end, `is_answered` where for its token."""

    service: str
    operation: str
    name: str  # of the service in names of errors
    general: str  # its general exception
    prepare: Callable[[dict[str, Any]], dict[str, Any]] = lambda parameters: parameters
    read: Callable[[dict[str, Any]], Any] = lambda answer: answer
    job: str = ""
    is_answered: bool = False

    @property
    def method(self) -> str:
        return re.sub(r"(?<!^)(?=[A-Z])", "_", self.operation).lower()


def _invoke(parameters: dict[str, Any]) -> dict[str, Any]:
    payload = {"Payload": compact(parameters["Payload"]).encode()} if "Payload" in parameters else {}
    return {**parameters, **payload}


def _invoked(answer: dict[str, Any]) -> Any:
    """The function's answer beside the call's. Raises: StatesError with the function's own error."""
    text = answer["Payload"].read().decode()
    payload = json.loads(text) if text else None
    if answer.get("FunctionError"):
        kind = payload.get("errorType") if isinstance(payload, dict) else None
        raise StatesError(str(kind or UNKNOWN), text)
    shown = {key: answer[key] for key in ("ExecutedVersion", "StatusCode") if key in answer}
    return {**shown, "Payload": payload, "SdkHttpMetadata": {"HttpStatusCode": answer["StatusCode"]}}


def _put_events(parameters: dict[str, Any]) -> dict[str, Any]:
    entries = [{**entry, "Detail": _text(entry.get("Detail", {}))} for entry in parameters["Entries"]]
    return {**parameters, "Entries": entries}


def _put(answer: dict[str, Any]) -> Any:
    if answer["FailedEntryCount"]:
        raise StatesError("EventBridge.FailedEntry", compact(answer["Entries"]))
    return answer


def _publish(parameters: dict[str, Any]) -> dict[str, Any]:
    return {**parameters, "Message": _text(parameters["Message"])}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else compact(value)


CALLS: Final = {
    "lambda:invoke": Integration("lambda", "Invoke", "Lambda", "AWSLambdaException", _invoke, _invoked),
    "events:putEvents": Integration(
        "events", "PutEvents", "EventBridge", "AmazonEventBridgeException", _put_events, _put
    ),
    "sns:publish": Integration("sns", "Publish", "SNS", "AmazonSNSException", _publish),
}
INTEGRATIONS: Final = {
    **CALLS,
    **{f"{name}{WAITS_FOR_TOKEN}": replace(called, is_answered=True) for name, called in CALLS.items()},
    **{
        f"dynamodb:{verb}Item": Integration("dynamodb", f"{verb.title()}Item", "DynamoDB", "AmazonDynamoDBException")
        for verb in ("get", "put", "update", "delete")
    },
    **{
        f"sagemaker:create{kind}Job.sync": Integration(
            "sagemaker", f"Create{kind}Job", "SageMaker", "AmazonSageMakerException", job=kind
        )
        for kind in ("Processing", "Training", "Transform")
    },
}


def integration(resource: str) -> Integration:
    """Of a resource that was checked."""
    found = RESOURCE.fullmatch(resource)
    assert found is not None
    return INTEGRATIONS[found[1]]


def check(resource: Any, parameters: Mapping[str, Any]) -> None:
    """Refuse a resource that the twin does not call, and parameters that its operation lacks. Raises: BadExpression."""
    found = RESOURCE.fullmatch(resource) if isinstance(resource, str) else None
    if found is None or found[1] not in INTEGRATIONS:
        known = ", ".join(f"arn:aws:states:::{name}" for name in INTEGRATIONS)
        raise BadExpression(f"the twin does not call the resource {resource}; it calls {known}")
    chosen = INTEGRATIONS[found[1]]
    shape = _shape(chosen.service, chosen.operation)
    given = {name.removesuffix(".$") for name in parameters}
    surplus, missing = sorted(given - set(shape.members)), sorted(set(shape.required_members) - given)
    if surplus:
        raise BadExpression(f"The field {', '.join(surplus)} is not supported by {chosen.service}:{chosen.operation}")
    if missing:
        raise BadExpression(f"The field {', '.join(missing)} is required by {chosen.service}:{chosen.operation}")
    if chosen.is_answered and TOKEN not in json.dumps(parameters):
        raise BadExpression(f"a task that waits for its token must hand it on: {TOKEN} in Parameters")


@functools.cache
def _shape(service: str, operation: str) -> Any:
    return botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape


def call(chosen: Integration, client: Any, parameters: Any) -> Any:
    """Make the call. Returns its answer as states see it. Raises: StatesError, Refused."""
    try:
        answer = getattr(client, chosen.method)(**chosen.prepare(dict(parameters)))
    except ParamValidationError as error:
        raise StatesError(RUNTIME, f"{chosen.service}:{chosen.operation}: {error}") from error
    except (TypeError, KeyError) as error:
        raise StatesError(RUNTIME, f"{chosen.service}:{chosen.operation}: the parameters do not fit") from error
    except ClientError as error:
        raise named(chosen, client, error) from error
    return plain(chosen.read({key: value for key, value in answer.items() if key != "ResponseMetadata"}))


def named(chosen: Integration, client: Any, error: ClientError) -> StatesError:
    """A service's error under the name that states know it by. Raises: Refused for one of the twin's own."""
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    if code in OF_THE_TWIN:
        raise Refused(f"{chosen.service}:{chosen.operation}: {message}") from error
    modelled = client.exceptions.from_code(code)
    name = chosen.general if modelled is ClientError else modelled.__name__
    name = name if name.endswith("Exception") else f"{name}Exception"
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    service = f"Service: {chosen.name}; Status Code: {status}; Error Code: {code}"
    return StatesError(f"{chosen.name}.{name}", f"{message} ({service}; Request ID: {uuid.uuid4()}; Proxy: null)")


def ended(chosen: Integration, client: Any, job: str) -> Any:
    """The description of a job that has ended. Raises: StatesError when it did not complete, NotYet."""
    try:
        described = getattr(client, f"describe_{chosen.job.lower()}_job")(**{f"{chosen.job}JobName": job})
    except ClientError as error:
        if error.response["Error"]["Code"] == THROTTLED:
            raise NotYet from error
        raise named(chosen, client, error) from error
    shown = plain({key: value for key, value in described.items() if key != "ResponseMetadata"})
    if described[f"{chosen.job}JobStatus"] != "Completed":
        raise StatesError(TASK_FAILED, compact(shown))
    return shown


def plain(value: Any) -> Any:
    """As JSON has it: times are milliseconds."""
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value
