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
import threading
import time
import uuid
import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from moto.backends import get_backend

from twin.api import ApiError, Call
from twin.clock import Order
from twin.functions.sandboxes import Sandboxes, TimedOut
from twin.surroundings import Surroundings

RETRIES: Final = 2
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
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()
        twin.api.register("lambda", Invoke=self._invoke_api)
        twin.api.gate(_check)
        twin.clock.register(self._tick, Order.JOBS)
        twin.on_stop(self._stop)

    # --- calling --------------------------------------------------------------------------------------------------------

    def invoke(self, function: str, event: Any, cause: str = "invoke", attempt: int = 1) -> Result:
        """Run a function (name or ARN) now and wait for it. Raises: ApiError when there is no such function."""
        deployed = self._find(function)
        name, request_id = deployed.function_name, str(uuid.uuid4())
        directory = self._directory(name)
        started = time.perf_counter()
        payload, error, log = self._run(deployed, event, request_id, directory)
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
                    if not self.invoke(waiting.name, waiting.event, waiting.cause, attempt).error:
                        break
            except Exception as error:  # noqa: BLE001  one call may not end the queue; the journal says what happened
                text = f"{waiting.name if waiting else '?'}: not called: {type(error).__name__}: {error}"
                self._twin.journal.add("function", text, error=str(error))
            finally:
                self._queue.task_done()

    def _retries(self, name: str) -> int:
        for config in self._find(name).event_invoke_config:
            if config.config.get("MaximumRetryAttempts") is not None:
                return int(config.config["MaximumRetryAttempts"])
        return RETRIES

    def _stop(self) -> None:
        self._queue.put(None)
        self._worker.join(timeout=10)
        self._sandboxes.stop()

    # --- running --------------------------------------------------------------------------------------------------------

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
            return {"errorMessage": message}, message, stopped.log
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
    if asked.get("PackageType") == "Image" or asked.get("Layers"):
        reason = "the twin runs functions from a zip file only, without layers"
    elif runtime and not str(runtime).startswith("python"):
        reason = f"the twin runs Python functions only, not {runtime}"
    elif call.operation == "PutFunctionEventInvokeConfig" and asked.get("DestinationConfig"):
        reason = "the twin has no destinations for asynchronous calls"
    if reason:
        raise ApiError("NotImplementedByTwin", f"lambda:{call.operation}: {reason}")
