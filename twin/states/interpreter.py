"""The Amazon States Language, one generator per execution and per branch of it: it yields what must happen in the world (a call,
a wait, branches) and is sent what came of it. It knows no clock, no thread and no service.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from twin.states import choices
from twin.states.errors import DATA_LIMIT, NO_CHOICE, RUNTIME, StatesError, is_meant
from twin.states.paths import WAITS_FOR_TOKEN, Scope, compact, fill, path, put

MOST_BYTES: Final = 256 * 2**10
ATTEMPTS: Final = 3
BACKOFF: Final = 2.0

State = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """Have a task's resource called. Sent back: its result, or what is answered to its token."""

    resource: str
    parameters: Any
    timeout: float | None
    heartbeat: float | None = None
    token: str = ""


@dataclass(frozen=True, slots=True)
class Sleep:
    """Go on at a time. Sent back: nothing."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Branches:
    """Run other generators beside each other, so many at once (0: all). Sent back: their results in order."""

    steps: list[Steps]
    at_once: int


Effect = Call | Sleep | Branches
Steps = Generator[Effect, Any, Any]


@dataclass(frozen=True)
class Run:
    """What an execution needs from the world while it decides what to do next."""

    context: Mapping[str, Any]
    region: str
    now: Callable[[], datetime]
    chance: Callable[[], float]  # within [0, 1): jitter
    unique: Callable[[], str]
    note: Callable[..., None]  # (type of event, **details) into the history


def execute(machine: State, data: Any, run: Run) -> Steps:
    """Run a machine, or a part of one, to its end. Returns its output. Raises: StatesError."""
    name: str | None = machine["StartAt"]
    while name is not None:
        data, name = yield from _live(name, machine["States"][name], data, run)
    return data


def _live(name: str, state: State, data: Any, run: Run) -> Generator[Effect, Any, tuple[Any, str | None]]:
    """One state, with what is tried again and what is caught."""
    entered = f"{run.now():%Y-%m-%dT%H:%M:%S.000Z}"
    run.note(f"{state['Type']}StateEntered", stateEnteredEventDetails={"name": name, "input": compact(data)})
    tries: Counter[int] = Counter()
    while True:
        about = {"Name": name, "EnteredTime": entered, "RetryCount": tries.total()}
        scope = Scope(data, {**run.context, "State": about}, run.unique)
        try:
            output, following = yield from KINDS[state["Type"]](state, scope, run)
            _check_size(output)
            break
        except StatesError as error:
            delay = _delay(state, error, tries, run)
            if delay is not None:
                yield Sleep(run.now() + delay)
                continue
            catcher = _catcher(state, error)
            if catcher is None:
                raise
            output, following = put(data, catcher.get("ResultPath", "$"), error.output()), catcher["Next"]
            break
    details = {"name": name, "output": compact(output)}
    run.note(f"{state['Type']}StateExited", stateExitedEventDetails=details)
    return output, following


def _check_size(output: Any) -> None:
    size = len(compact(output).encode())
    if size > MOST_BYTES:
        raise StatesError(DATA_LIMIT, f"The state returned a result of {size} bytes, more than {MOST_BYTES}")


def _delay(state: State, error: StatesError, tries: Counter[int], run: Run) -> timedelta | None:
    """How long to wait before a state is tried again; None when it is not."""
    for number, retrier in enumerate(state.get("Retry") or ()):
        if not is_meant(retrier["ErrorEquals"], error.error):
            continue
        if tries[number] >= retrier.get("MaxAttempts", ATTEMPTS):
            return None
        seconds = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", BACKOFF) ** tries[number]
        seconds = min(seconds, retrier.get("MaxDelaySeconds", seconds))
        tries[number] += 1
        return timedelta(seconds=seconds * (run.chance() if retrier.get("JitterStrategy") == "FULL" else 1))
    return None


def _catcher(state: State, error: StatesError) -> State | None:
    return next((c for c in state.get("Catch") or () if is_meant(c["ErrorEquals"], error.error)), None)


# --- what all states do with data -----------------------------------------------------------------------------------------


def _at(state: State, field: str, scope: Scope) -> Any:
    """What InputPath or OutputPath leaves; null leaves an empty object."""
    place = state.get(field, "$")
    return {} if place is None else path(place).value(scope)


def _effective(state: State, scope: Scope) -> Scope:
    return replace(scope, data=_at(state, "InputPath", scope))


def _parameters(state: State, scope: Scope) -> Any:
    return fill(state["Parameters"], scope) if "Parameters" in state else scope.data


def _leave(state: State, result: Any, scope: Scope) -> tuple[Any, str | None]:
    """From a result to the state's output and the next state; `scope` holds the state's raw input."""
    if "ResultSelector" in state:
        result = fill(state["ResultSelector"], replace(scope, data=result))
    data = put(scope.data, state.get("ResultPath", "$"), result)
    return _at(state, "OutputPath", replace(scope, data=data)), state.get("Next")


# --- each type of state ---------------------------------------------------------------------------------------------------

Outcome = Generator[Effect, Any, tuple[Any, str | None]]


def _pass(state: State, scope: Scope, _: Run) -> Outcome:
    inside = _effective(state, scope)
    yield from ()
    return _leave(state, state["Result"] if "Result" in state else _parameters(state, inside), scope)


def _task(state: State, scope: Scope, run: Run) -> Outcome:
    token = run.unique() if state["Resource"].endswith(WAITS_FOR_TOKEN) else ""
    inside = _effective(state, scope)
    if token:
        inside = replace(inside, context={**inside.context, "Task": {"Token": token}})
    parameters = _parameters(state, inside)
    _check_size(parameters)
    kind, resource = state["Resource"].split(":", 5)[5].split(":", 1)
    run.note(
        "TaskScheduled",
        taskScheduledEventDetails={
            "resourceType": kind,
            "resource": resource,
            "region": run.region,
            "parameters": compact(parameters),
        },
    )
    try:
        limits = _seconds(state, "TimeoutSeconds", scope), state.get("HeartbeatSeconds")
        result = yield Call(state["Resource"], parameters, *limits, token)
    except StatesError as error:
        details = {"resourceType": kind, "resource": resource, "error": error.error, "cause": error.cause}
        run.note("TaskFailed", taskFailedEventDetails=details)
        raise
    details = {"resourceType": kind, "resource": resource, "output": compact(result)}
    run.note("TaskSucceeded", taskSucceededEventDetails=details)
    return _leave(state, result, scope)


def _seconds(state: State, field: str, scope: Scope) -> int | None:
    """A limit of a task, or what its path leads to. Raises: StatesError."""
    if f"{field}Path" not in state:
        given: int | None = state.get(field)
        return given
    found = path(state[f"{field}Path"]).value(_effective(state, scope))
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise StatesError(RUNTIME, f"{field}Path '{state[f'{field}Path']}' must lead to a whole number from 1")
    return found


def _choice(state: State, scope: Scope, _: Run) -> Outcome:
    inside = _effective(state, scope)
    yield from ()
    following = next((r["Next"] for r in state["Choices"] if choices.holds(r, inside)), state.get("Default"))
    if following is None:
        raise StatesError(NO_CHOICE, "no rule of the Choice holds, and there is no Default")
    return _at(state, "OutputPath", inside), following


def _wait(state: State, scope: Scope, run: Run) -> Outcome:
    inside = _effective(state, scope)
    seconds, moment = state.get("Seconds"), state.get("Timestamp")
    if "SecondsPath" in state:
        seconds = path(state["SecondsPath"]).value(inside)
        if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 0:
            raise StatesError(RUNTIME, f"SecondsPath '{state['SecondsPath']}' must lead to a whole number from 0")
    if "TimestampPath" in state:
        moment = path(state["TimestampPath"]).value(inside)
    until = run.now() + timedelta(seconds=seconds) if seconds is not None else choices.timestamp(moment)
    if until is None:
        raise StatesError(RUNTIME, f"TimestampPath '{state.get('TimestampPath')}' must lead to a time")
    yield Sleep(until)
    return _at(state, "OutputPath", inside), state.get("Next")


def _succeed(state: State, scope: Scope, _: Run) -> Outcome:
    yield from ()
    return _at(state, "OutputPath", _effective(state, scope)), None


def _fail(state: State, scope: Scope, _: Run) -> Outcome:
    yield from ()
    words = [
        str(path(state[f"{field}Path"]).value(scope)) if f"{field}Path" in state else state.get(field, "")
        for field in ("Error", "Cause")
    ]
    raise StatesError(*words)


def _map(state: State, scope: Scope, run: Run) -> Outcome:
    inside = _effective(state, scope)
    items = path(state.get("ItemsPath", "$")).value(inside)
    if not isinstance(items, list):
        raise StatesError(RUNTIME, f"ItemsPath '{state.get('ItemsPath', '$')}' must lead to an array")
    selector = state.get("ItemSelector", state.get("Parameters"))
    steps = []
    for index, item in enumerate(items):
        context = {**inside.context, "Map": {"Item": {"Index": index, "Value": item}}}
        given = item if selector is None else fill(selector, replace(inside, context=context))
        steps.append(execute(state.get("ItemProcessor") or state["Iterator"], given, replace(run, context=context)))
    result = yield Branches(steps, state.get("MaxConcurrency", 0))
    return _leave(state, result, scope)


def _parallel(state: State, scope: Scope, run: Run) -> Outcome:
    given = _parameters(state, _effective(state, scope))
    result = yield Branches([execute(branch, given, run) for branch in state["Branches"]], 0)
    return _leave(state, result, scope)


KINDS: Final[dict[str, Callable[[State, Scope, Run], Outcome]]] = {
    "Pass": _pass,
    "Task": _task,
    "Choice": _choice,
    "Wait": _wait,
    "Succeed": _succeed,
    "Fail": _fail,
    "Map": _map,
    "Parallel": _parallel,
}
