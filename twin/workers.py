"""Background work: jobs run beside the API that started them, and the clock waits for them before the next minute.

Work runs in parallel; what a job does when it has finished (status, events, metrics) happens in the order in which jobs were
started, so that two runs of the same scenario tell the same story.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from twin.clock import Order
from twin.surroundings import Surroundings

SECONDS_TO_END: Final = 5.0  # between asking a process to end and ending it
LAST_LINES: Final = 20


@dataclass(slots=True)
class Running:
    """A process that can be stopped from another thread."""

    process: subprocess.Popen[bytes] | None = None
    is_stopped: bool = False

    def stop(self) -> None:
        self.is_stopped = True
        if self.process is not None:
            end(self.process)


@dataclass(frozen=True, slots=True)
class Finished:
    """How a process ended. `tail` are its last lines."""

    command: tuple[str, ...]
    exit_code: int
    is_timed_out: bool
    is_stopped: bool
    tail: str


def run(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    directory: Path,
    log: Path,
    seconds: float,
    running: Running,
) -> Finished:
    """Run a program to its end or to its time limit; it gets this environment and nothing of ours."""
    words, is_timed_out = tuple(str(part) for part in command), False
    with log.open("wb") as stream:
        process = subprocess.Popen(
            words,
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        running.process = process
        if running.is_stopped:  # between its creation and now
            end(process)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            is_timed_out = True
            end(process)
    lines = log.read_text("utf-8", "replace").splitlines()
    return Finished(words, process.returncode, is_timed_out, running.is_stopped, "\n".join(lines[-LAST_LINES:]))


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the process and all it started, then SIGKILL, as the service does."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, kind)
        except ProcessLookupError:
            break
        try:
            process.wait(SECONDS_TO_END)
            break
        except subprocess.TimeoutExpired:
            continue


@dataclass(eq=False)
class _Worker:
    name: str
    work: Callable[[], Any]
    finish: Callable[[Any], None]
    previous: _Worker | None
    failed: Callable[[BaseException], None]
    done: threading.Event = field(default_factory=threading.Event)

    def __call__(self) -> None:
        try:
            result = self.work()
            if self.previous is not None:
                self.previous.done.wait()
            self.finish(result)
        except BaseException as error:  # noqa: BLE001  a thread's last frame: handed to whoever waits
            self.failed(error)
        finally:
            self.previous = None
            self.done.set()


class Workers:
    """The jobs that run now."""

    def __init__(self, twin: Surroundings) -> None:
        self._twin = twin
        self._lock = threading.Lock()
        self._last: _Worker | None = None
        self._running: dict[_Worker, threading.Thread] = {}
        self._errors: list[BaseException] = []
        twin.clock.register(self.wait, Order.JOBS)
        twin.on_stop(self._abandon)

    def start(self, name: str, work: Callable[[], Any], finish: Callable[[Any], None]) -> None:
        """Run `work` in a thread and then, in the order of starting, `finish` with its result."""

        def failed(error: BaseException) -> None:
            self._twin.journal.add("internal-error", f"{name}: {type(error).__name__}: {error}")
            self._errors.append(error)

        with self._lock:
            previous = self._last if self._last is not None and not self._last.done.is_set() else None
            worker = _Worker(name, work, finish, previous, failed)
            self._last = worker
            thread = threading.Thread(target=worker, name=name, daemon=True)
            self._running = {w: t for w, t in self._running.items() if not w.done.is_set()}
            self._running[worker] = thread
        thread.start()

    def wait(self, _: datetime | None = None) -> bool:
        """Wait for all jobs, those included that jobs start; True when there were any. Raises what went wrong inside the twin
        itself."""
        was_busy = False
        while True:
            with self._lock:
                running = [worker for worker in self._running if not worker.done.is_set()]
            if not running:
                break
            was_busy = True
            for worker in running:
                worker.done.wait()
        if self._errors:
            errors, self._errors = self._errors, []
            raise errors[0]
        return was_busy

    def _abandon(self) -> None:
        with self._lock:
            threads = list(self._running.values())
        for thread in threads:
            thread.join(SECONDS_TO_END)
