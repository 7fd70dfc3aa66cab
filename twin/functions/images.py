"""Functions that are images: the image's entry point runs as a process and asks for its events over Lambda's runtime API.

A process stays warm between events, handles one at a time, and is ended when the function changes, fails to answer in time,
or the twin stops. Events that arrive together get a process each. `twin.image_entry` is what stands for the entry point.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from twin.workers import end

VERSION: Final = "/2018-06-01/runtime"
INIT_SECONDS: Final = 10.0  # what the service gives an initialization
LARGEST_ANSWER: Final = 6 * 2**20


@dataclass(frozen=True, slots=True)
class Invocation:
    """One event for a process. `deadline` is in milliseconds of the epoch."""

    identity: str
    arn: str
    body: bytes
    deadline: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an event. `error` is empty when the function answered; `is_over`: the process must not be used again."""

    payload: Any
    error: str = ""
    is_over: bool = False
    log: str = ""
    is_cold: bool = False


def failed(kind: str, message: str) -> Answer:
    """An answer in the function's place, whose process has ended or must."""
    return Answer({"errorType": kind, "errorMessage": message}, message, is_over=True)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A process that was ended hears no answer."""


class Environment:
    """One process and the runtime API that it sees."""

    def __init__(
        self, command: Sequence[str], variables: Mapping[str, str], folder: Path, temporary: Mapping[str, str]
    ) -> None:
        self._folder, self._log = folder, folder.with_suffix(".log")
        folder.mkdir(parents=True)
        self._changed = threading.Condition()
        self._is_asking, self._is_new, self._is_closed = False, True, False
        self._waiting: Invocation | None = None
        self._current: Invocation | None = None
        self._answer: Answer | None = None
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        address = f"127.0.0.1:{self._server.server_port}"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                list(command),
                env={
                    **variables,
                    **dict.fromkeys(temporary, str(folder)),
                    "AWS_LAMBDA_RUNTIME_API": address,
                },
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        threading.Thread(target=self._watch, daemon=True).start()

    # --- the twin's side ------------------------------------------------------------------------------------------------

    def invoke(self, identity: str, arn: str, body: bytes, seconds: float) -> Answer:
        """Hand the process an event and wait for its answer."""
        is_cold, self._is_new = self._is_new, False
        began = 0 if is_cold else self._log.stat().st_size
        answer = self._invoke(identity, arn, body, seconds)
        with self._log.open("rb") as log:
            log.seek(began)
            text = log.read().decode("utf-8", "replace")
        return Answer(answer.payload, answer.error, answer.is_over, text, is_cold)

    def _invoke(self, identity: str, arn: str, body: bytes, seconds: float) -> Answer:
        patience = max(seconds, INIT_SECONDS)
        with self._changed:
            self._changed.wait_for(lambda: self._is_asking or self._answer or self._is_dead, patience)
            if self._answer is not None:  # initialization failed
                return self._answer
            if self._is_dead:
                return self._exited(identity)
            if not self._is_asking:
                return failed(
                    "Runtime.InitError",
                    f"RequestId: {identity} Error: the image's process did not ask for an event within {patience:.0f} seconds "
                    f"(GET {VERSION}/invocation/next): does its entry point run as a function where AWS_LAMBDA_RUNTIME_API is set?",
                )
            self._waiting = Invocation(identity, arn, body, int((time.time() + seconds) * 1000))
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._answer or self._is_dead, seconds)
            answer, self._answer = self._answer, None
        if answer is not None:
            return answer
        if self._is_dead:
            return self._exited(identity)
        return failed("Sandbox.Timedout", f"{identity} Task timed out after {seconds:.2f} seconds")

    @property
    def _is_dead(self) -> bool:
        return self._process.poll() is not None

    def _exited(self, identity: str) -> Answer:
        status = self._process.returncode
        how = f"signal: {-status}" if status < 0 else f"exit status {status}"
        return failed("Runtime.ExitError", f"RequestId: {identity} Error: Runtime exited with error: {how}")

    def _watch(self) -> None:
        self._process.wait()
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """End the process and remove its folder; its log stays."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if not self._is_dead:
            end(self._process)
        self._server.shutdown()
        self._server.server_close()
        shutil.rmtree(self._folder, ignore_errors=True)

    # --- the process's side ---------------------------------------------------------------------------------------------

    def next(self) -> Invocation | None:
        """The next event; None when there will be none."""
        with self._changed:
            self._is_asking = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            self._is_asking = False
            self._current, self._waiting = self._waiting, None
            return self._current

    def answer(self, identity: str, answer: Answer) -> bool:
        """Take the answer to an event; False when the process is not at that event."""
        with self._changed:
            if self._current is None or self._current.identity != identity:
                return False
            self._answer, self._current = answer, None
            self._changed.notify_all()
            return True

    def fail(self, answer: Answer) -> None:
        """Initialization failed."""
        with self._changed:
            self._answer = answer
            self._changed.notify_all()


def _handler(environment: Environment) -> type[BaseHTTPRequestHandler]:
    """The runtime API of one process."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing goes to stderr."""

        def do_GET(self) -> None:
            if self.path != f"{VERSION}/invocation/next":
                self._reply(404, {"errorType": "NotFound", "errorMessage": self.path})
                return
            invocation = environment.next()
            if invocation is None:
                self.close_connection = True
                return
            headers = {
                "Lambda-Runtime-Aws-Request-Id": invocation.identity,
                "Lambda-Runtime-Deadline-Ms": str(invocation.deadline),
                "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
            }
            self._send(200, invocation.body, headers)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path == f"{VERSION}/init/error":
                environment.fail(_read_error(body, is_over=True))
                self._reply(202, {"status": "OK"})
                return
            identity, _, kind = self.path.removeprefix(f"{VERSION}/invocation/").partition("/")
            if kind not in ("response", "error"):
                self._reply(404, {"errorType": "NotFound", "errorMessage": self.path})
                return
            answer = _read_error(body) if kind == "error" else _read_answer(identity, body)
            if environment.answer(identity, answer):
                self._reply(202, {"status": "OK"})
            else:
                self._reply(400, {"errorType": "InvalidRequestID", "errorMessage": "Invalid request ID"})

        def _reply(self, status: int, answer: Mapping[str, str]) -> None:
            self._send(status, json.dumps(answer).encode(), {})

        def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _read_error(body: bytes, *, is_over: bool = False) -> Answer:
    try:
        payload = json.loads(body or b"{}")
    except ValueError:
        payload = {"errorType": "Runtime.Unknown", "errorMessage": body.decode("utf-8", "replace")}
    kind, message = payload.get("errorType", "Unknown"), payload.get("errorMessage", "")
    return Answer(payload, f"{kind}: {message}", is_over)


def _read_answer(identity: str, body: bytes) -> Answer:
    if len(body) > LARGEST_ANSWER:
        message = f"Response payload size exceeded maximum allowed payload size ({LARGEST_ANSWER} bytes)."
        return Answer({"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message}, message)
    try:
        return Answer(json.loads(body) if body else None)
    except ValueError:
        return failed("Runtime.InvalidResponse", f"RequestId: {identity} Error: the response is no JSON")


@dataclass
class Environments:
    """The warm processes of all functions that are images, by function and by what it was deployed with."""

    idle: dict[str, list[tuple[str, Environment]]] = field(default_factory=dict)
    all: list[Environment] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(
        self, function: str, deployed: str, start: Callable[[], Environment], invoke: Callable[[Environment], Answer]
    ) -> Answer:
        """Answer an event in a warm process of this deployment, or in a new one."""
        environment = self._take(function, deployed) or self._started(start)
        answer = invoke(environment)
        if answer.is_over:
            self._close(environment)
        else:
            with self.lock:
                self.idle.setdefault(function, []).append((deployed, environment))
        return answer

    def _take(self, function: str, deployed: str) -> Environment | None:
        with self.lock:
            waiting = self.idle.pop(function, [])
            current = [pair for pair in waiting if pair[0] == deployed]
            found = current.pop()[1] if current else None
            self.idle[function] = current
        for version, environment in waiting:
            if version != deployed:
                self._close(environment)
        return found

    def _started(self, start: Callable[[], Environment]) -> Environment:
        environment = start()
        with self.lock:
            self.all.append(environment)
        return environment

    def _close(self, environment: Environment) -> None:
        environment.close()
        with self.lock:
            self.all.remove(environment)

    def end(self, function: str) -> None:
        """End the warm processes of a function."""
        with self.lock:
            waiting = self.idle.pop(function, [])
        for _, environment in waiting:
            self._close(environment)

    def stop(self) -> None:
        """End all processes."""
        with self.lock:
            everything, self.all, self.idle = self.all, [], {}
        for environment in everything:
            environment.close()
