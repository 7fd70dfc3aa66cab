"""Definitions of state machines: what the twin runs as the service does is accepted, everything else is refused by its place.

Only the JSONPath query language, standard workflows, inline maps. Pure, but for the shapes of botocore that tasks look up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from twin.states import choices, tasks
from twin.states.errors import ALL, KNOWN
from twin.states.paths import WAITS_FOR_TOKEN, BadExpression, check_template, path

LARGEST: Final = 2**20
LONGEST_NAME: Final = 80
LONGEST_WAIT: Final = 99_999_999
EVERY: Final = frozenset({"Type", "Comment", "QueryLanguage"})
FLOW: Final = EVERY | {"Next", "End", "InputPath", "OutputPath"}
RESULTS: Final = FLOW | {"Parameters", "ResultSelector", "ResultPath", "Retry", "Catch"}
FIELDS: Final[dict[str, frozenset[str]]] = {
    "Pass": FLOW | {"Parameters", "Result", "ResultPath"},
    "Task": RESULTS | {"Resource", "TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds"},
    "Choice": EVERY | {"InputPath", "OutputPath", "Choices", "Default"},
    "Wait": FLOW | {"Seconds", "Timestamp", "SecondsPath", "TimestampPath"},
    "Succeed": EVERY | {"InputPath", "OutputPath"},
    "Fail": EVERY | {"Error", "Cause", "ErrorPath", "CausePath"},
    "Map": RESULTS | {"ItemsPath", "ItemSelector", "ItemProcessor", "Iterator", "MaxConcurrency"},
    "Parallel": RESULTS | {"Branches"},
}
ENDINGS: Final = ("Choice", "Succeed", "Fail")  # states without Next and End
MACHINE: Final = frozenset({"Comment", "StartAt", "States", "TimeoutSeconds", "Version", "QueryLanguage"})
BRANCH: Final = frozenset({"Comment", "StartAt", "States", "QueryLanguage"})
RETRIER: Final = frozenset(
    {"ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy", "Comment"}
)
CATCHER: Final = frozenset({"ErrorEquals", "Next", "ResultPath", "Comment"})
WAITS: Final = ("Seconds", "Timestamp", "SecondsPath", "TimestampPath")


class InvalidDefinition(ValueError):
    """Why a definition is refused, and where in it."""


def parse(text: str) -> dict[str, Any]:
    """Read and check a definition. Raises: InvalidDefinition."""
    if len(text.encode()) > LARGEST:
        raise InvalidDefinition("the definition is larger than 1 MB")
    try:
        machine = json.loads(text)
    except ValueError as error:
        raise InvalidDefinition(f"INVALID_JSON_DESCRIPTION: {error}") from error
    _check_machine(machine, "", MACHINE)
    names = [name for name, _ in states(machine)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidDefinition(f"DUPLICATE_STATE_NAME: {', '.join(twice)}")
    return dict(machine)


def states(machine: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every state by its name, those of maps and branches included."""
    for name, state in machine["States"].items():
        yield name, state
        for inner in inner_machines(state):
            yield from states(inner)


def inner_machines(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The machines within a state."""
    if state["Type"] == "Map":
        return [state.get("ItemProcessor") or state["Iterator"]]
    return list(state.get("Branches") or ())


def _fail(where: str, problem: str) -> InvalidDefinition:
    return InvalidDefinition(f"SCHEMA_VALIDATION_FAILED: {problem} at {where or '/'}")


def _only(given: Any, allowed: frozenset[str], where: str) -> None:
    if not isinstance(given, Mapping):
        raise _fail(where, "expected an object")
    surplus = sorted(set(given) - allowed)
    if surplus:
        raise _fail(where, f"the twin does not know the field {', '.join(surplus)}")
    if given.get("QueryLanguage", "JSONPath") != "JSONPath":
        raise _fail(where, "the twin evaluates QueryLanguage JSONPath only")


def _check_machine(machine: Any, where: str, fields: frozenset[str]) -> None:
    _only(machine, fields, where)
    named = machine.get("States")
    if not isinstance(named, Mapping) or not named:
        raise _fail(f"{where}/States", "a machine has states")
    if machine.get("StartAt") not in named:
        raise _fail(f"{where}/StartAt", f"MISSING_TRANSITION_TARGET: no state {machine.get('StartAt')}")
    if machine.get("Version", "1.0") != "1.0":
        raise _fail(f"{where}/Version", "expected 1.0")
    if "TimeoutSeconds" in machine:
        _number(machine, "TimeoutSeconds", where, 1, LONGEST_WAIT)
    for name, state in named.items():
        if len(name) > LONGEST_NAME:
            raise _fail(f"{where}/States/{name}", f"a name has at most {LONGEST_NAME} characters")
        _check_state(state, f"{where}/States/{name}")
        for target in _targets(state):
            if target not in named:
                raise _fail(f"{where}/States/{name}", f"MISSING_TRANSITION_TARGET: no state {target}")
    _check_reach(machine, where)


def _check_reach(machine: Mapping[str, Any], where: str) -> None:
    found, waiting = set(), [machine["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _targets(machine["States"][name])
    lost = sorted(set(machine["States"]) - found)
    if lost:
        raise _fail(f"{where}/States/{lost[0]}", f'MISSING_TRANSITION_TARGET: State "{lost[0]}" is not reachable.')


def _targets(state: Mapping[str, Any]) -> list[str]:
    catchers, rules = state.get("Catch") or (), state.get("Choices") or ()
    direct = [state[field] for field in ("Next", "Default") if field in state]
    return [*direct, *(catcher["Next"] for catcher in catchers), *(rule["Next"] for rule in rules)]


def _check_state(state: Any, where: str) -> None:
    kind = state.get("Type") if isinstance(state, Mapping) else None
    if kind not in FIELDS:
        raise _fail(where, f"the twin does not know the state type {kind}; types: {', '.join(FIELDS)}")
    _only(state, FIELDS[kind], where)
    if kind not in ENDINGS and ("Next" in state) == (state.get("End") is True):
        raise _fail(where, "a state has either Next or End: true")
    try:
        for field in ("InputPath", "OutputPath", "ResultPath", "ItemsPath", "ErrorPath", "CausePath"):
            _check_path(state, field)
        for field in ("Parameters", "ResultSelector", "ItemSelector"):
            check_template(state.get(field), field)
        if kind in KINDS:
            KINDS[kind](state, where)
        _check_errors(state, where)
    except BadExpression as error:
        raise _fail(where, str(error)) from error


def _check_path(state: Mapping[str, Any], field: str) -> None:
    value = state.get(field, "$")
    if value is None:
        return
    if not isinstance(value, str):
        raise BadExpression(f"{field} must be a JSONPath")
    found = path(value)
    if field == "ResultPath" and (found.of_context or any(isinstance(step, int) for step in found.steps)):
        raise BadExpression(f"ResultPath {value} must name fields of the state's input")


def _check_task(state: Mapping[str, Any], where: str) -> None:
    if "TimeoutSeconds" in state:
        _number(state, "TimeoutSeconds", where, 1, LONGEST_WAIT)
    if "TimeoutSecondsPath" in state:
        if "TimeoutSeconds" in state:
            raise _fail(where, "either TimeoutSeconds or TimeoutSecondsPath")
        path(state["TimeoutSecondsPath"])
    tasks.check(state.get("Resource"), state.get("Parameters") or {})
    if "HeartbeatSeconds" in state:
        if not state["Resource"].endswith(WAITS_FOR_TOKEN):
            raise _fail(where, f"the twin has HeartbeatSeconds for tasks of the form {WAITS_FOR_TOKEN} only")
        _number(state, "HeartbeatSeconds", where, 1, state.get("TimeoutSeconds", LONGEST_WAIT) - 1)


def _check_choice(state: Mapping[str, Any], where: str) -> None:
    rules = state.get("Choices")
    if not isinstance(rules, list) or not rules:
        raise _fail(where, "Choices is a list of rules")
    for rule in rules:
        choices.check(rule)


def _check_wait(state: Mapping[str, Any], where: str) -> None:
    given = [field for field in WAITS if field in state]
    if len(given) != 1:
        raise _fail(where, f"a Wait has one of {', '.join(WAITS)}")
    field = given[0]
    if field == "Seconds":
        _number(state, field, where, 0, LONGEST_WAIT)
    elif field == "Timestamp" and choices.timestamp(state[field]) is None:
        raise _fail(where, f"Timestamp {state[field]} is no time such as 2026-03-02T09:00:00Z")
    elif field.endswith("Path"):
        path(state[field])


def _check_fail(state: Mapping[str, Any], where: str) -> None:
    for field in ("Error", "Cause"):
        if field in state and f"{field}Path" in state:
            raise _fail(where, f"either {field} or {field}Path")


def _check_map(state: Mapping[str, Any], where: str) -> None:
    if ("ItemProcessor" in state) == ("Iterator" in state):
        raise _fail(where, "a Map has an ItemProcessor (or, of old, an Iterator)")
    if "ItemSelector" in state and "Parameters" in state:
        raise _fail(where, "either ItemSelector or Parameters")
    if "MaxConcurrency" in state:
        _number(state, "MaxConcurrency", where, 0, LONGEST_WAIT)
    inner = state.get("ItemProcessor") or state["Iterator"]
    mode = inner.get("ProcessorConfig", {}) if isinstance(inner, Mapping) else {}
    if set(mode) - {"Mode"} or mode.get("Mode", "INLINE") != "INLINE":
        raise _fail(where, "the twin runs maps in mode INLINE only")
    _check_machine(inner, f"{where}/ItemProcessor", BRANCH | {"ProcessorConfig"})


def _check_parallel(state: Mapping[str, Any], where: str) -> None:
    if not isinstance(state.get("Branches"), list) or not state["Branches"]:
        raise _fail(where, "Branches is a list of machines")
    for number, branch in enumerate(state["Branches"]):
        _check_machine(branch, f"{where}/Branches[{number}]", BRANCH)


KINDS: Final[dict[str, Callable[[Mapping[str, Any], str], None]]] = {
    "Task": _check_task,
    "Choice": _check_choice,
    "Wait": _check_wait,
    "Fail": _check_fail,
    "Map": _check_map,
    "Parallel": _check_parallel,
}


def _check_errors(state: Mapping[str, Any], where: str) -> None:
    for field, fields in (("Retry", RETRIER), ("Catch", CATCHER)):
        handlers = state.get(field, [])
        if not isinstance(handlers, list):
            raise _fail(where, f"{field} is a list")
        for number, handler in enumerate(handlers):
            place = f"{where}/{field}[{number}]"
            _only(handler, fields, place)
            _check_names(handler.get("ErrorEquals"), place, is_last=number == len(handlers) - 1)
            _check_path(handler, "ResultPath")
            if field == "Catch" and "Next" not in handler:
                raise _fail(place, "a catcher has a Next")
            _check_retrier(handler, place)


def _check_names(names: Any, where: str, *, is_last: bool) -> None:
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise _fail(where, "ErrorEquals is a list of names of errors")
    if ALL in names and (len(names) > 1 or not is_last):
        raise _fail(where, f"{ALL} stands alone and in the last place")
    unknown = [name for name in names if name.startswith("States.") and name not in KNOWN]
    if unknown:
        raise _fail(where, f"no error of the language is called {', '.join(unknown)}")


def _check_retrier(retrier: Mapping[str, Any], where: str) -> None:
    limits = {
        "IntervalSeconds": (1, LONGEST_WAIT),
        "MaxAttempts": (0, LONGEST_WAIT),
        "MaxDelaySeconds": (1, 31_622_399),
    }
    for field, (least, most) in limits.items():
        if field in retrier:
            _number(retrier, field, where, least, most)
    if retrier.get("MaxDelaySeconds", LONGEST_WAIT) <= retrier.get("IntervalSeconds", 1):
        raise _fail(where, "MaxDelaySeconds must be greater than IntervalSeconds")
    rate = retrier.get("BackoffRate", 2.0)
    if isinstance(rate, bool) or not isinstance(rate, int | float) or rate < 1:
        raise _fail(where, "BackoffRate is a number from 1.0")
    if retrier.get("JitterStrategy", "NONE") not in ("NONE", "FULL"):
        raise _fail(where, "JitterStrategy is NONE or FULL")


def _number(given: Mapping[str, Any], field: str, where: str, least: int, most: int) -> None:
    value = given[field]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _fail(where, f"{field} is a whole number from {least} to {most}, found {value!r}")
