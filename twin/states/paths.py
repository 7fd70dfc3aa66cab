"""JSONPath as states use it: paths into data and context, templates that fill from them, intrinsic functions. Pure.

Paths name one thing: `$`, `$.a.b`, `$.a[0]`, `$['a b']`, and `$$` for the context. Expressions that find many (`..`, `*`,
filters, slices) are refused when a definition is made. So is every intrinsic function that is not one of INTRINSICS.
"""

from __future__ import annotations

import copy
import functools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from twin.states.errors import INTRINSIC, RESULT_PATH, RUNTIME, StatesError

STEP: Final = re.compile(r"\.([^.\[\]()*?'\"$@,:\s]+)|\['([^'\[\]]+)'\]|\[\"([^\"\[\]]+)\"\]|\[(\d+)\]")
CALL: Final = re.compile(r"(States\.\w+)\(")
TEXT: Final = re.compile(r"'((?:[^'\\]|\\.)*)'")
BARE: Final = re.compile(r"[^,()'\s]+")
NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
LITERALS: Final = {"true": True, "false": False, "null": None}
MISSING: Final = object()
WAITS_FOR_TOKEN: Final = ".waitForTaskToken"  # how the resource of a task ends that waits until its token comes back
TOKEN: Final = "$$.Task.Token"  # where such a task finds it


class BadExpression(ValueError):
    """A path or a function that the twin does not evaluate; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What expressions of a state see. `unique` makes the next UUID."""

    data: Any
    context: Mapping[str, Any]
    unique: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Path:
    """One place in the data, or in the context."""

    text: str
    of_context: bool
    steps: tuple[str | int, ...]

    def find(self, scope: Scope) -> Any:
        """What lies there; MISSING where nothing does."""
        found: Any = scope.context if self.of_context else scope.data
        for step in self.steps:
            if isinstance(step, int):
                inside = isinstance(found, list) and step < len(found)
            else:
                inside = isinstance(found, Mapping) and step in found
            if not inside:
                return MISSING
            found = found[step]
        return found

    def value(self, scope: Scope) -> Any:
        """What lies there. Raises: StatesError."""
        found = self.find(scope)
        if found is MISSING:
            raise StatesError(RUNTIME, f"The JSONPath '{self.text}' could not be found in the input")
        return found


@dataclass(frozen=True, slots=True)
class Function:
    """A call of an intrinsic function; an argument is a path, another call, or a literal."""

    name: str
    arguments: tuple[Any, ...]

    def value(self, scope: Scope) -> Any:
        values = [a.value(scope) if isinstance(a, Path | Function) else a for a in self.arguments]
        return INTRINSICS[self.name](scope, *values)


@functools.lru_cache(maxsize=1024)
def path(text: str) -> Path:
    """Read a path. Raises: BadExpression."""
    of_context = text.startswith("$$")
    position, steps = 2 if of_context else 1, []
    if not text.startswith("$"):
        raise BadExpression(f"'{text}' is no JSONPath: it must begin with $")
    while position < len(text):
        found = STEP.match(text, position)
        if found is None:
            raise BadExpression(f"'{text}': the twin reads paths to one place only ($.a.b, $.a[0], $['a b'])")
        name, index = found[1] or found[2] or found[3], found[4]
        steps.append(int(index) if index is not None else name)
        position = found.end()
    return Path(text, of_context, tuple(steps))


@functools.lru_cache(maxsize=1024)
def expression(text: str) -> Path | Function:
    """Read what stands for the value of a field whose name ends in `.$`. Raises: BadExpression."""
    if text.startswith("$"):
        return path(text)
    parsed, end = _argument(text, 0)
    if not isinstance(parsed, Function) or text[end:].strip():
        raise BadExpression(f"'{text}' is neither a JSONPath nor a call of an intrinsic function")
    return parsed


def _argument(text: str, position: int) -> tuple[Any, int]:
    call, quoted = CALL.match(text, position), TEXT.match(text, position)
    if call is not None:
        if call[1] not in INTRINSICS:
            raise BadExpression(f"{call[1]} is not in the twin; functions: {', '.join(INTRINSICS)}")
        return _call(text, call[1], call.end())
    if quoted is not None:
        return quoted[1], quoted.end()  # escapes are read by the function
    bare = BARE.match(text, position)
    if bare is None:
        raise BadExpression(f"'{text}' cannot be read at character {position}")
    if bare[0].startswith("$"):
        return path(bare[0]), bare.end()
    if bare[0] in LITERALS:
        return LITERALS[bare[0]], bare.end()
    if not NUMBER.fullmatch(bare[0]):
        raise BadExpression(f"'{text}': {bare[0]} is no path, number or text in single quotes")
    return json.loads(bare[0]), bare.end()


def _call(text: str, name: str, position: int) -> tuple[Function, int]:
    arguments: list[Any] = []
    position = _skip(text, position)
    while text[position : position + 1] != ")":
        argument, position = _argument(text, position)
        if isinstance(argument, str) and (name != "States.Format" or arguments):  # its template keeps \\{ for later
            argument = _unescape(argument)
        arguments.append(argument)
        position = _skip(text, position)
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
        elif text[position : position + 1] != ")":
            raise BadExpression(f"'{text}': expected , or ) at character {position}")
    function = Function(name, tuple(arguments))
    _check_count(text, function)
    return function, position + 1


def _skip(text: str, position: int) -> int:
    while text[position : position + 1].isspace():
        position += 1
    return position


def _check_count(text: str, function: Function) -> None:
    given = function.arguments
    expected = {"States.UUID": 0, "States.JsonToString": 1, "States.StringToJson": 1}.get(function.name)
    if expected is not None and len(given) != expected:
        raise BadExpression(f"'{text}': {function.name} takes {expected} arguments, found {len(given)}")
    if function.name == "States.Format":
        holes = len(_pieces(given[0])) - 1 if given and isinstance(given[0], str) else len(given) - 1
        if not given or holes != len(given) - 1:
            raise BadExpression(f"'{text}': States.Format has {holes} places for {len(given) - 1} values")


# --- intrinsic functions ------------------------------------------------------------------------------------------------


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _pieces(template: str) -> list[str]:
    """The text around each `{}` that is not escaped."""
    return [_unescape(piece) for piece in re.split(r"(?<!\\)\{\}", template)]


def _format(_: Scope, template: Any, *values: Any) -> str:
    if not isinstance(template, str) or any(isinstance(value, dict | list) for value in values):
        raise StatesError(INTRINSIC, "States.Format takes a text, and texts, numbers, booleans or null to fill in")
    pieces = _pieces(template)
    if len(pieces) - 1 != len(values):
        raise StatesError(INTRINSIC, f"States.Format: {len(pieces) - 1} places for {len(values)} values")
    filled = [value if isinstance(value, str) else json.dumps(value) for value in values]
    return pieces[0] + "".join(f + p for f, p in zip(filled, pieces[1:], strict=True))


def _to_json(_: Scope, text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError) as error:
        raise StatesError(INTRINSIC, "States.StringToJson: the value is no JSON text") from error


INTRINSICS: Final[dict[str, Callable[..., Any]]] = {
    "States.Format": _format,
    "States.StringToJson": _to_json,
    "States.JsonToString": lambda _, value: compact(value),
    "States.Array": lambda _, *values: list(values),
    "States.UUID": lambda scope: scope.unique(),
}


# --- templates and results ----------------------------------------------------------------------------------------------


def compact(value: Any) -> str:
    """JSON without blanks, as states hand it on."""
    return json.dumps(value, separators=(",", ":"))


def fill(template: Any, scope: Scope) -> Any:
    """A template with every field that ends in `.$` replaced by what it stands for. Raises: StatesError."""
    if isinstance(template, Mapping):
        return {
            name.removesuffix(".$"): expression(part).value(scope) if name.endswith(".$") else fill(part, scope)
            for name, part in template.items()
        }
    if isinstance(template, list):
        return [fill(part, scope) for part in template]
    return template


def check_template(template: Any, where: str) -> None:
    """Read every expression of a template. Raises: BadExpression."""
    if isinstance(template, Mapping):
        for name, part in template.items():
            if not name.endswith(".$"):
                check_template(part, f"{where}.{name}")
            elif isinstance(part, str):
                expression(part)
            else:
                raise BadExpression(f"{where}.{name} must be a JSONPath or an intrinsic function")
    elif isinstance(template, list):
        for part in template:
            check_template(part, where)


def put(data: Any, place: str | None, result: Any) -> Any:
    """The data with a result at a place (ResultPath); without a place the result is dropped. Raises: StatesError."""
    if place is None:
        return data
    steps = path(place).steps
    if not steps:
        return result
    changed = copy.deepcopy(data)
    holder = changed
    for step in steps[:-1]:
        if not isinstance(holder, dict):
            break
        holder = holder.setdefault(step, {})
    if not isinstance(holder, dict):
        raise StatesError(RESULT_PATH, f"Unable to apply ResultPath '{place}': there is no object to put it into")
    holder[steps[-1]] = result
    return changed
