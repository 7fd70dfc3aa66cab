"""Lambda: each call runs the deployed zip in a process of its own, as the function's role, in a clean environment.

Asynchronous calls (from SNS and EventBridge) wait in one queue and are repeated twice when the function fails; the service
waits a minute and two between attempts, the twin does not. Retries, results and logs are in the journal.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import queue
import re
import threading
import time
import uuid
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from moto.backends import get_backend

from model_monitor import contract
from twin.api import ApiError, Call
from twin.clock import Order
from twin.functions import images
from twin.functions.sandboxes import Sandboxes, TimedOut
from twin.sagemaker.processing import IMAGE
from twin.surroundings import Surroundings

PRINCIPAL: Final = "lambda.amazonaws.com"
RETRIES: Final = 2
PATIENCE_SECONDS: Final = 60.0
THROTTLED: Final = "TooManyRequestsException"
FULL: Final = "ConcurrentInvocationLimitExceeded"
IMAGE_TYPE: Final = "Image"
IMAGE_URI: Final = re.compile(
    r"\d{12}\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/[^:@]+(?::[^@]+|@sha256:[0-9a-f]{64})"
)
TEMPORARY: Final = ("TMPDIR", "HOME", "MODEL_MONITOR_TMP")  # the one folder that a function may write to: /tmp
PAYLOAD_BYTES: Final = 6 * 2**20
ASYNCHRONOUS_PAYLOAD_BYTES: Final = 2**20


@dataclass(frozen=True, slots=True)
class Result:
    """What one call of a function gave. `error` is empty when it succeeded."""

    function: str
    request_id: str
    payload: Any
    error: str
    log: str
    seconds: float


@dataclass(frozen=True, slots=True)
class _Waiting:
    name: str
    event: Any
    cause: str


class Functions:
    """Runs the functions that are deployed."""

    def __init__(self, twin: Surroundings) -> None:
        self._twin = twin
        self._queue: queue.Queue[_Waiting | None] = queue.Queue()
        self._worker = threading.Thread(target=self._work, name="twin-functions", daemon=True)
        self._worker.start()
        self._sandboxes = Sandboxes(twin.python)
        self._images = images.Environments()
        self._busy: Counter[str] = Counter()  # how many calls of each function run now
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()
        twin.api.register("lambda", Invoke=self._invoke_api)
        twin.api.gate(_check)
        twin.api.gate(self._check_role)
        twin.api.observe(self._notice)
        twin.clock.register(self._tick, Order.JOBS)
        twin.on_stop(self._stop)

    def _check_role(self, call: Call) -> None:
        """Refuse a role that is not there, or that does not trust Lambda, as the service does. Raises: ApiError."""
        role = call.parameters.get("Role") if call.service == "lambda" else None
        if role is not None and not self._twin.identity.trusts(role, PRINCIPAL):
            raise _bad(f"The role defined for the function cannot be assumed by Lambda. ({role})")

    # --- calling --------------------------------------------------------------------------------------------------------

    def invoke(self, function: str, event: Any, cause: str = "invoke", attempt: int = 1) -> Result:
        """Run a function (name or ARN) now and wait for it. Raises: ApiError when there is no such function."""
        deployed = self._find(function)
        name, request_id = deployed.function_name, str(uuid.uuid4())
        directory = self._directory(name)
        started = time.perf_counter()
        with self._place(deployed):
            run = self._run_image if deployed.package_type == IMAGE_TYPE else self._run
            payload, error, log = run(deployed, event, request_id, directory)
        result = Result(name, request_id, payload, error, log, round(time.perf_counter() - started, 3))
        (directory / "log.txt").write_text(log)
        (directory / "event.json").write_text(json.dumps(event, indent=2, default=str))
        (directory / "result.json").write_text(json.dumps({"payload": payload, "error": error}, indent=2, default=str))
        text = f"{name} ← {cause}: " + (f"failed: {error}" if error else "succeeded")
        self._twin.journal.add(
            "function",
            text if attempt == 1 else f"{text} (attempt {attempt})",
            function=name,
            cause=cause,
            error=error,
            attempt=attempt,
            payload=payload,
            seconds=result.seconds,
            request_id=request_id,
            directory=str(directory),
        )
        return result

    def invoke_later(self, function: str, event: Any, cause: str) -> None:
        """Queue an asynchronous call. Raises: ApiError when there is no such function."""
        self._queue.put(_Waiting(self._find(function).function_name, event, cause))

    def drain(self) -> bool:
        """Wait until no asynchronous call is waiting or running; True when there was one."""
        was_busy = self._queue.unfinished_tasks > 0
        self._queue.join()
        return was_busy

    def _tick(self, minute: datetime) -> None:
        del minute
        self.drain()

    def running(self, name: str) -> int:
        """How many calls of a function run now."""
        with self._lock:
            return self._busy[name]

    def permits(self, function: str, principal: str, source_arn: str) -> bool:
        """Whether the function's resource policy lets a service call it on behalf of a source."""
        for statement in self._find(function).policy.statements:
            source = statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn")
            is_principal = principal in (statement.get("Principal", {}).get("Service"), statement.get("Principal"))
            if statement["Effect"] == "Allow" and is_principal and source in (None, source_arn):
                return True
        return False

    def _work(self) -> None:
        while True:
            waiting = self._queue.get()
            try:
                if waiting is None:
                    return
                for attempt in range(1, self._retries(waiting.name) + 2):
                    if not self._invoke_patiently(waiting, attempt).error:
                        break
            except Exception as error:  # noqa: BLE001  one call may not end the queue; the journal says what happened
                text = f"{waiting.name if waiting else '?'}: not called: {type(error).__name__}: {error}"
                self._twin.journal.add("function", text, error=str(error))
            finally:
                self._queue.task_done()

    def _invoke_patiently(self, waiting: _Waiting, attempt: int) -> Result:
        """Asynchronous calls wait for a place. Raises: ApiError when there is none for long, or there never is one."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self.invoke(waiting.name, waiting.event, waiting.cause, attempt)
            except ApiError as error:
                is_off = self._find(waiting.name).reserved_concurrency == 0
                if error.code != THROTTLED or is_off or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _retries(self, name: str) -> int:
        for config in self._find(name).event_invoke_config:
            if config.config.get("MaximumRetryAttempts") is not None:
                return int(config.config["MaximumRetryAttempts"])
        return RETRIES

    def _stop(self) -> None:
        self._queue.put(None)
        self._worker.join(timeout=10)
        self._sandboxes.stop()
        self._images.stop()

    def _notice(self, call: Call) -> None:
        """A function that is gone leaves no warm process."""
        if (call.service, call.operation) == ("lambda", "DeleteFunction"):
            self._images.end(str(call.parameters["FunctionName"]).rpartition(":")[2])

    # --- running --------------------------------------------------------------------------------------------------------

    @contextmanager
    def _place(self, deployed: Any) -> Iterator[None]:
        """Hold one of the account's and one of the function's places. Raises: ApiError when all are taken."""
        name, reserved = deployed.function_name, deployed.reserved_concurrency
        with self._lock:
            quota, mine = self._twin.quotas.lambda_concurrency, self._busy[name]
            is_full = reserved is not None and mine >= int(reserved)
            if is_full or (quota is not None and self._busy.total() >= quota):
                reason = "ReservedFunctionConcurrentInvocationLimitExceeded" if is_full else FULL
                raise ApiError(THROTTLED, f"Rate Exceeded. (Reason: {reason})")
            self._busy[name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy[name] -= 1

    def _run_image(self, deployed: Any, event: Any, request_id: str, directory: Path) -> tuple[Any, str, str]:
        name, seconds = deployed.function_name, float(deployed.timeout)
        variables = self._image_variables(deployed)
        version = json.dumps([deployed.code_sha_256, seconds, deployed.ephemeral_storage, variables], sort_keys=True)
        folder = directory.parent / f"sandbox-{directory.name.rpartition('-')[2]}"
        body = json.dumps(event, default=str).encode()

        def start() -> images.Environment:
            return images.Environment(self._twin.image_entry, variables, folder, dict.fromkeys(TEMPORARY, ""))

        answer = self._images.run(
            name, version, start, lambda place: place.invoke(request_id, deployed.function_arn, body, seconds)
        )
        (directory / "start.txt").write_text("cold" if answer.is_cold else "warm")
        return answer.payload, answer.error, answer.log

    def _image_variables(self, deployed: Any) -> dict[str, str]:
        """What the process of an image finds, but for what is its own: the runtime's address and its folder."""
        name = deployed.function_name
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "TZ": ":UTC",
            "LANG": "en_US.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(IMAGE),
            **self._twin.identity.environment(deployed.role),
            "AWS_DEFAULT_REGION": self._twin.region,  # Lambda sets both
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(deployed.memory_size),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "twin",
            **{key: str(value) for key, value in (deployed.environment_vars or {}).items()},
        }

    def _run(self, deployed: Any, event: Any, request_id: str, directory: Path) -> tuple[Any, str, str]:
        name, timeout = deployed.function_name, float(deployed.timeout)
        environment = {
            **self._twin.identity.environment(deployed.role),
            "AWS_DEFAULT_REGION": self._twin.region,  # Lambda sets both
            "PATH": os.defpath,
            "TZ": ":UTC",
            "LANG": "en_US.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{deployed.run_time}",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(deployed.memory_size),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": request_id,
            "LAMBDA_TASK_ROOT": str(self._code(deployed)),
            "_HANDLER": deployed.handler,
            "TWIN_FUNCTION_ARN": deployed.function_arn,
            "TWIN_REQUEST_ID": request_id,
            "TWIN_TIMEOUT_SECONDS": str(timeout),
            **{key: str(value) for key, value in (deployed.environment_vars or {}).items()},
        }
        outcome_file = directory / "outcome.json"
        try:
            status, log = self._sandboxes.run(
                environment, json.dumps(event, default=str).encode(), outcome_file, timeout
            )
        except TimedOut as stopped:
            message = f"{request_id} Task timed out after {timeout:.2f} seconds"
            return {"errorType": "Sandbox.Timedout", "errorMessage": message}, message, stopped.log
        if not outcome_file.is_file():
            message = f"RequestId: {request_id} Error: Runtime exited with error: exit status {status}"
            return {"errorType": "Runtime.ExitError", "errorMessage": message}, message, log
        outcome = json.loads(outcome_file.read_text())
        if "error" in outcome:
            found = outcome["error"]
            return found, f"{found['errorType']}: {found['errorMessage']}", log
        return outcome["result"], "", log

    def _find(self, function: str) -> Any:
        backend = get_backend("lambda")[self._twin.account][self._twin.region]
        try:
            return backend.get_function(function)
        except Exception as error:
            raise ApiError("ResourceNotFoundException", f"Function not found: {function}") from error

    def _code(self, deployed: Any) -> Path:
        digest = hashlib.sha256(deployed.code_bytes).hexdigest()[:16]
        name: str = deployed.function_name
        folder = self._twin.directory / "functions" / name / f"code-{digest}"
        with self._lock:
            if not folder.is_dir():
                folder.mkdir(parents=True)
                with zipfile.ZipFile(io.BytesIO(deployed.code_bytes)) as archive:
                    archive.extractall(folder)
        return folder

    def _directory(self, name: str) -> Path:
        with self._lock:
            number = self._numbers[name] = self._numbers.get(name, 0) + 1
        folder = self._twin.directory / "functions" / name / f"call-{number:04d}"
        folder.mkdir(parents=True)
        return folder

    # --- the API --------------------------------------------------------------------------------------------------------

    def _invoke_api(self, asked: dict[str, Any], call: Call) -> dict[str, Any]:
        kind = asked.get("InvocationType") or "RequestResponse"
        name = asked["FunctionName"]
        payload = asked.get("Payload") or b"{}"
        text = payload if isinstance(payload, str) else bytes(payload).decode()
        limit = PAYLOAD_BYTES if kind == "RequestResponse" else ASYNCHRONOUS_PAYLOAD_BYTES
        if len(text.encode()) > limit:
            raise ApiError(
                "RequestTooLargeException", f"{len(text.encode())} byte payload is too large (limit {limit})"
            )
        try:
            event = json.loads(text or "{}")
        except ValueError as error:
            raise ApiError(
                "InvalidRequestContentException", f"Could not parse request body into json: {error}"
            ) from error
        cause = f"call by {self._twin.identity.principal(call.access_key)}"
        if kind == "DryRun":
            self._find(name)
            return {"StatusCode": 204}
        if kind == "Event":
            self.invoke_later(name, event, cause)
            return {"StatusCode": 202}
        result = self.invoke(name, event, cause)
        answer: dict[str, Any] = {
            "StatusCode": 200,
            "ExecutedVersion": "$LATEST",
            "Payload": json.dumps(result.payload),
        }
        if result.error:
            answer["FunctionError"] = "Unhandled"
        if asked.get("LogType") == "Tail":
            answer["LogResult"] = base64.b64encode(result.log.encode()[-4096:]).decode()
        return answer


def _check(call: Call) -> None:
    """Refuse what the twin would not honour, when it is asked for."""
    asked = call.parameters
    if call.service != "lambda":
        return
    runtime = asked.get("Runtime")
    reason = ""
    if asked.get("Layers"):
        reason = "the twin runs functions without layers"
    elif runtime and not str(runtime).startswith("python"):
        reason = f"the twin runs Python functions only, not {runtime}"
    elif call.operation == "PutFunctionEventInvokeConfig" and asked.get("DestinationConfig"):
        reason = "the twin has no destinations for asynchronous calls"
    reason = reason or _other_image(asked.get("ImageConfig") or {})
    if reason:
        raise ApiError("NotImplementedByTwin", f"lambda:{call.operation}: {reason}")
    _check_image(call)


def _other_image(config: Mapping[str, Any]) -> str:
    """Why the image would not be started as the monitor image's entry point; empty when it would be."""
    entry = config.get("EntryPoint")
    if entry and tuple(entry) != contract.CONTAINER_ENTRYPOINT:
        return f"the twin runs the monitor image only: EntryPoint {list(contract.CONTAINER_ENTRYPOINT)}, found {entry}"
    surplus = sorted(name for name in ("Command", "WorkingDirectory") if config.get(name))
    return f"the twin starts images without {', '.join(surplus)}" if surplus else ""


def _check_image(call: Call) -> None:
    """Refuse an image as the service does. Raises: ApiError."""
    asked = call.parameters
    uri = (asked.get("Code") or asked).get("ImageUri")
    is_image = asked.get("PackageType") == IMAGE_TYPE
    if call.operation == "CreateFunction" and is_image != (uri is not None):
        raise _bad("PackageType Image goes with Code.ImageUri, and Zip with a zip file")
    if is_image and any(asked.get(name) for name in ("Handler", "Runtime", "Layers")):
        raise _bad(
            "Please don't provide Handler or Runtime or Layer when the intent is to create a function packaged as a "
            "container image."
        )
    found = IMAGE_URI.fullmatch(uri) if uri is not None else None
    if uri is not None and found is None:
        raise _bad(f"Source image {uri} is not valid. Provide a valid source image.")
    if found is not None and found[1] != call.region:
        raise _bad(f"Source image {uri} is not valid: it must lie in Amazon ECR in {call.region}.")


def _bad(message: str) -> ApiError:
    return ApiError("InvalidParameterValueException", message)
