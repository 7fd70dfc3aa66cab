"""The front of the twin: every HTTP request is named (service, operation, principal), logged, answered by us or by moto.

Operations that moto lacks, or answers unlike the service, are registered here as plain functions of their parameters. Moto's
own parsers and serializers, which read botocore's models, turn HTTP into parameters and results into HTTP. What nobody
answers fails as a client error that names the operation, because SDKs repeat server errors.
"""

from __future__ import annotations

import gzip
import io
import threading
import traceback
import warnings
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from moto.core.exceptions import ServiceException
from moto.core.model import OperationModel, ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import XFormedAttributePicker, get_serializer_class
from moto.core.utils import get_service_model
from moto.moto_server.werkzeug_app import BackendRequest, DomainDispatcherApplication, create_backend_app
from werkzeug.exceptions import NotFound

from twin import coverage

SERVICE_OF_SIGNING_NAME: Final = {"monitoring": "cloudwatch", "states": "stepfunctions", "email": "ses"}
UNSIGNED: Final = "unsigned"

StartResponse = Callable[..., Any]
Environ = dict[str, Any]


class ApiError(ServiceException):
    """An error of the service's own kind: `raise ApiError("ResourceNotFound", "Endpoint x does not exist")`.

    status: of HTTP, where botocore's model of the service does not tell it.
    """

    def __init__(self, code: str, message: str, status: int = 0) -> None:
        super().__init__(code, message)
        self.status = status


@dataclass(slots=True)
class Call:
    """One API call as it arrived. `access_key` tells who called; `error` stays empty when it was answered."""

    service: str
    operation: str
    access_key: str
    region: str
    parameters: dict[str, Any] = field(default_factory=dict)
    path: str = ""
    status: int = 0
    error: str = ""


Operation = Callable[[dict[str, Any], Call], dict[str, Any] | None]
Page = Callable[[str, str, bytes], tuple[int, bytes]]


class Api:
    """Dispatches requests; a WSGI application around moto's."""

    def __init__(self) -> None:
        self._operations: dict[tuple[str, str], Operation] = {}
        self._refusals: dict[tuple[str, str], str] = {}
        self._pages: dict[str, Page] = {}
        self._observers: list[Callable[[Call], None]] = []
        self._gates: list[Callable[[Call], None]] = []
        self._turns: dict[str, threading.Lock] = {}
        self._moto = DomainDispatcherApplication(create_backend_app)

    def register(self, service: str, /, **operations: Operation) -> None:
        """Answer operations ourselves. `service` is boto3's name; an operation takes (parameters, call) and returns the
        result as boto3 shows it (None: empty), or raises ApiError."""
        self._operations |= {(service, name): operation for name, operation in operations.items()}

    def refuse(self, service: str, reason: str, *operations: str) -> None:
        """Fail operations that moto would answer without doing what the service does."""
        self._refusals |= dict.fromkeys(((service, name) for name in operations), reason)

    def page(self, prefix: str, handler: Page) -> None:
        """Serve a path that is no AWS API (a sink for responses): (method, path, body) → (status, body)."""
        self._pages[prefix] = handler

    def observe(self, observer: Callable[[Call], None]) -> None:
        """Hand every finished call to a function."""
        self._observers.append(observer)

    def gate(self, gate: Callable[[Call], None]) -> None:
        """Hand every call to a function before it is answered; it may raise ApiError."""
        self._gates.append(gate)

    def in_turn(self, service: str) -> None:
        """Have moto answer the calls of a service one after another."""
        self._turns[service] = threading.Lock()

    def moto(self, call: Call, environ: Environ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Let moto answer. Its missing operations and crashes become client errors that name the operation."""
        answer: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            del exc_info
            answer.update(status=int(status.split()[0]), headers=headers)

        try:
            with self._turns.get(call.service, nullcontext()):
                chunks = self._moto(environ, start_response)
                body = b"".join(chunks)
                if hasattr(chunks, "close"):
                    chunks.close()
        except NotImplementedError as error:
            raise ApiError(
                "NotImplementedByTwin", f"{call.service}:{call.operation} is not in the twin: {error}"
            ) from error
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{place.filename.rpartition('/moto/')[2]}:{place.lineno}"
            message = (
                f"{call.service}:{call.operation} failed inside the twin: {type(error).__name__}: {error} ({where})"
            )
            raise ApiError("InternalFailureInTwin", message) from error
        return answer["status"], answer["headers"], body

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        for prefix, page in self._pages.items():
            if path.startswith(prefix):
                length = int(environ.get("CONTENT_LENGTH") or 0)
                status, content = page(environ["REQUEST_METHOD"], path, environ["wsgi.input"].read(length))
                start_response(f"{status} Page", [("Content-Length", str(len(content)))])
                return [content]
        call = _identify(environ)
        model = _model(call.service)
        try:
            status, headers, body = self._answer(call, model, environ)
        except ServiceException as error:
            call.error = error.code
            status, headers, body = _serialize(error, call, model, environ)
        call.status = status
        if status >= 400 and not call.error:
            call.error = str(status)
        for observer in tuple(self._observers):
            observer(call)
        start_response(f"{status} Answer", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(
        self, call: Call, model: ServiceModel | None, environ: Environ
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        if model is not None:
            _decompress(call, environ)
            request = BackendRequest(environ)
            request.get_data(cache=True)
            environ["wsgi.input"] = io.BytesIO(request.get_data())
            operation, labels = _operation(call, request)
            if operation is not None:
                call.operation = operation.name
                is_content = call.service == "s3" and operation.name != "DeleteObjects"  # bodies of S3 are objects
                call.parameters = dict(labels) if is_content else _parse(operation, model, request, labels)
                if call.service == "s3" and operation.name in ("ListObjects", "ListObjectsV2"):
                    call.parameters["Prefix"] = request.args.get("prefix", "")
        for gate in tuple(self._gates):
            gate(call)
        key = (call.service, call.operation)
        handler = self._operations.get(key)
        reason = self._refusals.get(key) or (coverage.refusal(*key) if handler is None else "")
        if reason:
            raise ApiError("NotImplementedByTwin", f"{call.service}:{call.operation}: {reason}")
        if handler is None:
            return self.moto(call, environ)
        assert model is not None
        try:
            return _serialize(handler(call.parameters, call) or {}, call, model, environ)
        except ServiceException:
            raise
        except Exception as error:
            raise _crashed(call, error) from error


def _decompress(call: Call, environ: Environ) -> None:
    """Clients compress long requests of some operations, such as PutMetricData; what S3 is sent is an object as it is."""
    if environ.get("HTTP_CONTENT_ENCODING") == "gzip" and call.service != "s3":
        content = gzip.decompress(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(content), str(len(content))
        del environ["HTTP_CONTENT_ENCODING"]


def _crashed(call: Call, error: Exception) -> ApiError:
    """A fault of the twin or of moto, as a client error: SDKs would repeat a server error, and hide the first."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).parent.name}/{Path(place.filename).name}:{place.lineno}"
    message = f"{call.service}:{call.operation} failed inside the twin: {type(error).__name__}: {error} ({where})"
    return ApiError("InternalFailureInTwin", message)


def _identify(environ: Environ) -> Call:
    """Who calls what, from the signature's scope `key/date/region/service/aws4_request`."""
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split(",")[0]
    if not scope and "X-Amz-Credential=" in environ.get("QUERY_STRING", ""):  # a presigned URL
        scope = unquote(environ["QUERY_STRING"].partition("X-Amz-Credential=")[2].split("&")[0])
    parts = scope.split("/")
    path = environ.get("PATH_INFO", "")
    if len(parts) != 5:
        return Call("s3", "", UNSIGNED, "us-east-1", path=path)
    access_key, _, region, signing_name, _ = parts
    service = SERVICE_OF_SIGNING_NAME.get(signing_name, signing_name)
    if service == "sagemaker" and path.endswith(("/invocations", "/invocations-response-stream")):
        service = "sagemaker-runtime"
    if service == "sagemaker" and path.startswith("/human-loops"):
        service = "sagemaker-a2i-runtime"
    return Call(service, "", access_key, region, path=path)


def _model(service: str) -> ServiceModel | None:
    try:
        return get_service_model(service)
    except Exception:  # noqa: BLE001  botocore knows no such service; moto decides what to say
        return None


def _operation(call: Call, request: BackendRequest) -> tuple[OperationModel | None, dict[str, Any]]:
    try:
        return get_service_router(call.service).match(request)
    except (NotFound, NotImplementedError):
        target = request.headers.get("X-Amz-Target") or request.values.get("Action") or ""
        call.operation = target.rpartition(".")[2]
        return None, {}


def _parse(
    operation: OperationModel, model: ServiceModel, request: BackendRequest, labels: dict[str, Any]
) -> dict[str, Any]:
    parser = PROTOCOL_PARSERS[determine_request_protocol(model, request.content_type)](operation, map_type=dict)
    parsed: dict[str, Any] = parser.parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.data,
            "url_path": request.path,
            "url_params": labels,
        }
    )
    return {**labels, **parsed}


def _serialize(
    result: Any, call: Call, model: ServiceModel | None, environ: Environ
) -> tuple[int, list[tuple[str, str]], bytes]:
    if model is None:
        return 400, [("Content-Type", "text/plain")], str(result).encode()
    protocol = determine_request_protocol(model, environ.get("CONTENT_TYPE"))
    known = call.operation in model.operation_names
    operation = model.operation_model(call.operation) if known else OperationModel({}, model)
    serializer = get_serializer_class(model.service_name, protocol)(
        operation_model=operation, value_picker=XFormedAttributePicker()
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # moto tells of error codes that botocore's model does not list
        answer = serializer.serialize(result)
    body = answer["body"] or b""
    content = body.encode() if isinstance(body, str) else body
    own = _content_type(operation, result)
    headers = [(str(name), str(value)) for name, value in {**answer["headers"], **own}.items()]
    headers.append(("Content-Length", str(len(content))))
    return _status(operation, result) or int(answer["status_code"]), headers, content


def _content_type(operation: OperationModel, result: Any) -> dict[str, str]:
    """The content type where a member of the result is one (a model's answer); moto writes its protocol's over it."""
    if isinstance(result, dict) and operation.output_shape is not None:
        for name, member in operation.output_shape.members.items():
            if member.serialization.get("name") == "Content-Type" and result.get(name):
                return {"Content-Type": str(result[name])}
    return {}


def _status(operation: OperationModel, result: Any) -> int:
    """The HTTP status where an error says it, or a member of the result is one (Lambda's Invoke); else 0."""
    if isinstance(result, ApiError):
        return result.status
    if isinstance(result, dict) and operation.output_shape is not None:
        for name, member in operation.output_shape.members.items():
            if member.serialization.get("location") == "statusCode" and name in result:
                return int(result[name])
    return 0
