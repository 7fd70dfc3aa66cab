"""Processes for functions: one process that has the runtime's packages loaded is forked for each call.

A call costs milliseconds instead of the half second that importing boto3 takes, and still has a process, an environment
and modules of its own. The other side of the sockets is `runtime.py`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

SECONDS_TO_BEGIN = 60.0
NOTHING_OF_THIS_MACHINE = {  # neither a developer's settings of AWS nor a server's own role
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
RUNTIME = Path(__file__).resolve().parent / "runtime.py"


class TimedOut(Exception):
    """The function did not end in time and was stopped; `log` is what it had written."""

    def __init__(self, log: str) -> None:
        super().__init__("the function did not end in time")
        self.log = log


class Sandboxes:
    """Runs one call after another, or several at once, in forks of one prepared process."""

    def __init__(self, python: Path) -> None:
        self._python = python
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def run(self, environment: Mapping[str, str], event: bytes, outcome: Path, timeout: float) -> tuple[int, str]:
        """Run a handler; returns its exit status and its log. Raises: TimedOut."""
        log = outcome.with_name("log.txt")
        event_file = outcome.with_name("event.json")
        event_file.write_bytes(event)
        request = {"environment": dict(environment), "event": str(event_file), "outcome": str(outcome), "log": str(log)}
        connection = self._fork()
        with connection:
            connection.sendall(json.dumps(request).encode())
            connection.shutdown(socket.SHUT_WR)
            answer = _receive(connection, time.monotonic() + SECONDS_TO_BEGIN)  # its number: the packages are loaded
            deadline = time.monotonic() + timeout
            try:
                while chunk := _receive(connection, deadline):
                    answer += chunk
            except TimeoutError:
                _stop(answer)
                raise TimedOut(_text(log)) from None
        _, _, status = answer.decode().partition("\n")
        return int(status or -1), _text(log)

    def stop(self) -> None:
        """End the prepared process; calls that run end on their own."""
        with self._lock:
            if self._control is not None:
                self._control.close()
            if self._process is not None:
                self._process.wait()
            self._process = self._control = None

    def _fork(self) -> socket.socket:
        """A connection to a new fork."""
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            if self._control is None:
                self._control = self._start()
            socket.send_fds(self._control, [b"!"], [theirs.fileno()])
        return ours

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [str(self._python), "-P", str(RUNTIME), str(theirs.fileno())],
                env={"PATH": os.defpath, "LANG": "en_US.UTF-8", **NOTHING_OF_THIS_MACHINE},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                cwd="/",
            )
        return ours


def _receive(connection: socket.socket, deadline: float) -> bytes:
    connection.settimeout(max(deadline - time.monotonic(), 0.001))
    return connection.recv(1024)


def _stop(answer: bytes) -> None:
    """Kill the group of processes whose number was told first."""
    pid = answer.decode().partition("\n")[0]
    with suppress(ProcessLookupError, ValueError):
        os.killpg(int(pid), signal.SIGKILL)


def _text(log: Path) -> str:
    return log.read_text(errors="replace") if log.is_file() else ""
