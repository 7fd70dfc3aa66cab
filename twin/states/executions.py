"""Executions of state machines: what their generators ask for is done here, on the virtual clock.

Calls run beside us, as many at once as there are processors, and their results arrive in the order in which they were made. A
wait or a retry goes on at the first whole minute that has reached its time. A job that a task waits for tells its own end, and
a task with a token ends when somebody answers it.
"""

from __future__ import annotations

import functools
import hashlib
import heapq
import itertools
import json
import os
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import ClientError

from twin.clock import MINUTE, Order
from twin.sagemaker.jobs import Jobs
from twin.states import tasks
from twin.states.callbacks import Callback, Callbacks
from twin.states.errors import TIMEOUT, StatesError
from twin.states.interpreter import Branches, Call, Effect, Run, Sleep, Steps, execute
from twin.states.paths import compact
from twin.surroundings import Surroundings
from twin.workers import Workers

RUNNING: Final = "RUNNING"
EVENT: Final = "Step Functions Execution Status Change"


@dataclass(frozen=True)
class Machine:
    """A state machine as it stood when an execution began."""

    arn: str
    name: str
    role: str
    definition: Mapping[str, Any]


@dataclass(eq=False)
class Execution:
    """One run of a machine. `input` and `output` are JSON texts."""

    arn: str
    name: str
    machine: Machine
    input: str
    started: datetime
    status: str = RUNNING
    stopped: datetime | None = None
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    jobs: dict[str, tasks.Integration] = field(default_factory=dict)  # that a task waits for, by name
    lock: threading.RLock = field(default_factory=threading.RLock)
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def describe(self) -> dict[str, Any]:
        """As DescribeExecution shows it."""
        shown = {**self.summary(), "input": self.input, "output": self.output, "error": self.error, "cause": self.cause}
        about = {"inputDetails": {"included": True}, "outputDetails": {"included": True} if self.output else None}
        return {key: value for key, value in {**shown, **about}.items() if value is not None}

    def summary(self) -> dict[str, Any]:
        """As ListExecutions shows it."""
        shown = {
            "executionArn": self.arn,
            "stateMachineArn": self.machine.arn,
            "name": self.name,
            "status": self.status,
            "startDate": self.started,
            "stopDate": self.stopped,
            "redriveCount": 0,
        }
        return {key: value for key, value in shown.items() if value is not None}

    def detail(self) -> dict[str, Any]:
        """As its events show it: times in milliseconds, nothing left out."""
        names = ("executionArn", "stateMachineArn", "name", "status", "startDate", "stopDate", "input", "output")
        shown = {**dict.fromkeys((*names, "error", "cause")), **self.describe()}
        return {"inputDetails": None, "outputDetails": None, **tasks.plain(shown)}

    def seeded(self) -> bytes:
        """The next of the execution's own bytes: what is left to chance is the same in every run of a scenario."""
        return hashlib.sha256(f"{self.arn}/{next(self.numbers)}".encode()).digest()


@dataclass(eq=False)
class _Strand:
    """A generator that is on its way, and who is told its end: (result, error)."""

    steps: Steps
    done: Callable[[Any, StatesError | None], None]
    parent: _Strand | None = None
    is_over: bool = False

    @property
    def is_cut(self) -> bool:
        """Whether it, or what it is a branch of, has ended."""
        return self.is_over or (self.parent is not None and self.parent.is_cut)


@dataclass(order=True)
class _Waiting:
    due: datetime
    number: int
    go: Callable[[], None] = field(compare=False)


class Executions:
    """Drives all executions of the account."""

    def __init__(self, twin: Surroundings, workers: Workers, jobs: Mapping[str, Jobs[Any, Any]]) -> None:
        self._twin, self._workers, self._jobs = twin, workers, jobs
        self._waiting: list[_Waiting] = []
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._callbacks = Callbacks(twin, self._later)
        self._places = threading.BoundedSemaphore(os.cpu_count() or 1)
        twin.clock.register(self._tick, Order.EXECUTIONS)

    # --- beginnings and ends --------------------------------------------------------------------------------------------

    def prepare(self, machine: Machine, name: str, given: str) -> Execution:
        """An execution that has not begun."""
        arn = f"{machine.arn.replace(':stateMachine:', ':execution:')}:{name}"
        return Execution(arn, name, machine, given, self._twin.clock.now())

    def start(self, execution: Execution) -> None:
        """Begin an execution; it runs as far as it can without waiting for anything."""
        machine, given = execution.machine, execution.input
        details = {"input": given, "roleArn": machine.role}
        self._note(execution, "ExecutionStarted", executionStartedEventDetails=details)
        self._tell(execution)
        if "TimeoutSeconds" in machine.definition:
            limit = timedelta(seconds=machine.definition["TimeoutSeconds"])
            self._later(execution.started + limit, lambda: self._end(execution, "TIMED_OUT", TIMEOUT))
        steps = execute(machine.definition, json.loads(given), self._run(execution))

        def done(result: Any, error: StatesError | None) -> None:
            if error is None:
                execution.output = compact(result)
                self._end(execution, "SUCCEEDED")
            else:
                self._end(execution, "FAILED", error.error, error.cause)

        self._go(execution, _Strand(steps, done))

    def stop(self, execution: Execution, error: str | None, cause: str | None) -> None:
        """End an execution before its time; the jobs that it waits for are stopped."""
        self._end(execution, "ABORTED", error, cause)

    def _run(self, execution: Execution) -> Run:
        machine = execution.machine
        context = {
            "Execution": {
                "Id": execution.arn,
                "Input": json.loads(execution.input),
                "Name": execution.name,
                "RoleArn": machine.role,
                "StartTime": f"{execution.started:%Y-%m-%dT%H:%M:%S.000Z}",
                "RedriveCount": 0,
            },
            "StateMachine": {"Id": machine.arn, "Name": machine.name},
        }
        return Run(
            context,
            self._twin.region,
            self._twin.clock.now,
            chance=lambda: int.from_bytes(execution.seeded()[:4], "big") / 2**32,
            unique=lambda: str(uuid.UUID(bytes=execution.seeded()[:16], version=4)),
            note=lambda kind, **details: self._note(execution, kind, **details),
        )

    def _end(self, execution: Execution, status: str, error: str | None = None, cause: str | None = None) -> None:
        with execution.lock:
            if execution.status != RUNNING:
                return
            execution.status, execution.stopped = status, self._twin.clock.now()
            execution.error, execution.cause = error or None, cause or None
            jobs, execution.jobs = execution.jobs, {}
        word = status.title().replace("_", "")
        details: dict[str, Any] = {"output": execution.output} if status == "SUCCEEDED" else {}
        details |= {key: value for key, value in (("error", execution.error), ("cause", execution.cause)) if value}
        self._note(execution, f"Execution{word}", **{f"execution{word}EventDetails": details})
        for name, chosen in jobs.items():
            self._stop_job(execution, chosen, name)
        self._tell(execution)

    def _tell(self, execution: Execution) -> None:
        why = (
            f": {execution.error or ''} {execution.cause or ''}".rstrip() if execution.error or execution.cause else ""
        )
        self._twin.journal.add(
            "workflow",
            f"{execution.machine.name} {execution.name} {execution.status}{why}"[:600],
            machine=execution.machine.name,
            execution=execution.arn,
            status=execution.status,
            error=execution.error,
        )
        self._twin.events.emit("aws.states", EVENT, execution.detail(), [execution.arn])

    def _note(self, execution: Execution, kind: str, **details: Any) -> None:
        number = len(execution.history) + 1
        event = {"timestamp": self._twin.clock.now(), "type": kind, "id": number, "previousEventId": number - 1}
        execution.history.append({**event, **details})

    # --- steps ----------------------------------------------------------------------------------------------------------

    def _go(self, execution: Execution, strand: _Strand, value: Any = None, error: StatesError | None = None) -> None:
        """Hand a strand what it waited for, and do what it asks for next."""
        with execution.lock:
            if execution.status != RUNNING or strand.is_cut:
                strand.steps.close()
                return
            try:
                effect = strand.steps.send(value) if error is None else strand.steps.throw(error)
            except StopIteration as end:
                strand.is_over = True
                strand.done(end.value, None)
            except StatesError as failed:
                strand.is_over = True
                strand.done(None, failed)
            else:
                self._begin(execution, strand, effect)

    def _begin(self, execution: Execution, strand: _Strand, effect: Effect) -> None:
        if isinstance(effect, Sleep):
            if effect.until <= self._twin.clock.now():
                self._go(execution, strand)
            else:
                self._later(effect.until, lambda: self._go(execution, strand))
        elif isinstance(effect, Branches):
            _Fork(lambda branch: self._go(execution, branch), strand, effect).begin(
                lambda result, error: self._go(execution, strand, result, error)
            )
        else:
            self._call(execution, strand, effect)

    def _later(self, due: datetime, go: Callable[[], None]) -> None:
        with self._lock:
            heapq.heappush(self._waiting, _Waiting(due, next(self._numbers), go))

    def _tick(self, minute: datetime) -> None:
        """Go on with everything whose time has come, in the order of its times."""
        while True:
            with self._lock:
                if not self._waiting or self._waiting[0].due > minute:
                    return
                waiting = heapq.heappop(self._waiting)
            waiting.go()

    # --- calls ----------------------------------------------------------------------------------------------------------

    def _call(self, execution: Execution, strand: _Strand, asked: Call) -> None:
        chosen = tasks.integration(asked.resource)
        callback = self._expect(execution, strand, asked) if chosen.is_answered else None

        def work() -> Any:
            client = self._twin.client(chosen.service, execution.machine.role)
            with self._places:
                began = time.monotonic()
                try:
                    answer = tasks.call(chosen, client, asked.parameters)
                except StatesError as error:
                    answer = error
            is_late = asked.timeout is not None and time.monotonic() - began > asked.timeout
            return StatesError(TIMEOUT) if is_late and not chosen.job and callback is None else answer

        def finish(answer: Any) -> None:
            if callback is not None:
                if isinstance(answer, StatesError):
                    self._callbacks.end(callback, error=answer)
            elif isinstance(answer, StatesError):
                self._go(execution, strand, error=answer)
            elif chosen.job:
                self._await_job(execution, strand, chosen, asked)
            else:
                self._go(execution, strand, answer)

        self._workers.start(f"{execution.name}: {asked.resource}", work, finish)

    def _expect(self, execution: Execution, strand: _Strand, asked: Call) -> Callback:
        """Go on when the task's token comes back, not when its call has returned."""
        callback = Callback(
            lambda value, error: self._go(execution, strand, value, error),
            lambda: execution.status == RUNNING and not strand.is_cut,
            asked.heartbeat,
            self._twin.clock.now(),
        )
        self._callbacks.expect(asked.token, callback, asked.timeout)
        return callback

    def _await_job(self, execution: Execution, strand: _Strand, chosen: tasks.Integration, asked: Call) -> None:
        """Go on when a job has ended; one that takes longer than its task may is stopped."""
        name = asked.parameters[f"{chosen.job}JobName"]
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._stop_job(execution, chosen, name)

        timer = threading.Timer(asked.timeout, stop) if asked.timeout is not None else None
        if timer is not None:
            timer.daemon = True
            timer.start()

        def ended() -> None:
            if timer is not None:
                timer.cancel()
            execution.jobs.pop(name, None)
            client = self._twin.client(chosen.service, execution.machine.role)
            try:
                result = tasks.ended(chosen, client, name)
            except tasks.NotYet:
                self._later(self._twin.clock.now() + MINUTE, ended)
            except StatesError as error:
                self._go(execution, strand, error=StatesError(TIMEOUT) if late.is_set() else error)
            else:
                self._go(execution, strand, result)

        with execution.lock:
            is_wanted = execution.status == RUNNING and not strand.is_cut
            if is_wanted:
                execution.jobs[name] = chosen
        if not is_wanted:
            self._stop_job(execution, chosen, name)
        self._jobs[chosen.job].when_ended(name, ended)

    def _stop_job(self, execution: Execution, chosen: tasks.Integration, name: str) -> None:
        client = self._twin.client(chosen.service, execution.machine.role)
        try:
            getattr(client, f"stop_{chosen.job.lower()}_job")(**{f"{chosen.job}JobName": name})
        except ClientError as error:
            self._twin.journal.add("workflow", f"{execution.name}: {name} not stopped: {error}", error=str(error))


class _Fork:
    """The branches of a strand: so many at once, all cut when one fails."""

    def __init__(self, go: Callable[[_Strand], None], parent: _Strand, branches: Branches) -> None:
        self._go = go
        self._parent = _Strand(parent.steps, parent.done, parent)  # cut without ending what the branches belong to
        self._waiting = deque(enumerate(branches.steps))
        self._at_once = branches.at_once or len(branches.steps)
        self._results: list[Any] = [None] * len(branches.steps)
        self._left, self._running, self._is_starting = len(branches.steps), 0, False

    def begin(self, done: Callable[[Any, StatesError | None], None]) -> None:
        """Start as many as may run; `done` is told the results, or the first error."""
        self._done = done
        if not self._left:
            done([], None)
            return
        self._fill()

    def _fill(self) -> None:
        if self._is_starting:
            return
        self._is_starting = True
        while self._waiting and self._running < self._at_once and not self._parent.is_over:
            number, steps = self._waiting.popleft()
            self._running += 1
            self._go(_Strand(steps, functools.partial(self._ended, number), self._parent))
        self._is_starting = False

    def _ended(self, number: int, result: Any, error: StatesError | None) -> None:
        if self._parent.is_over:
            return
        self._running, self._left = self._running - 1, self._left - 1
        self._results[number] = result
        if error is not None or not self._left:
            self._parent.is_over = True
            self._done(self._results, error)
        else:
            self._fill()
