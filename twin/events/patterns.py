"""Event patterns of EventBridge, and SNS's filter policies, which share their matchers. Pure."""

from __future__ import annotations

import fnmatch
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

_MISSING: Final = object()
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class PatternError(Exception):
    """A pattern that the service would refuse, or that uses a matcher the twin does not have."""


def check(pattern: Any, path: str = "pattern") -> None:
    """Raises: PatternError naming the place of what is wrong."""
    if not isinstance(pattern, Mapping):
        raise PatternError(f"{path} should be an object, found {type(pattern).__name__}")
    for key, expected in pattern.items():
        place = f"{path}.{key}"
        if key == "$or":
            for index, alternative in enumerate(expected):
                check(alternative, f"{place}[{index}]")
        elif isinstance(expected, Mapping):
            check(expected, place)
        elif not isinstance(expected, list) or not expected:
            raise PatternError(f"{place} should be a list of values or matchers, or an object")
        else:
            for matcher in expected:
                if isinstance(matcher, Mapping) and (len(matcher) != 1 or next(iter(matcher)) not in _MATCHERS):
                    known = ", ".join(_MATCHERS)
                    raise PatternError(f"{place}: unknown matcher {', '.join(matcher)}; the twin knows: {known}")


def matches(pattern: Mapping[str, Any], event: Any) -> bool:
    """Whether an event has every field of the pattern with one of its values."""
    for key, expected in pattern.items():
        if key == "$or":
            if not any(matches(alternative, event) for alternative in expected):
                return False
            continue
        value = event.get(key, _MISSING) if isinstance(event, Mapping) else _MISSING
        if isinstance(expected, Mapping):
            parts = value if isinstance(value, list) else [value]
            if not any(matches(expected, {} if part is _MISSING else part) for part in parts):
                return False
        elif not any(_holds(matcher, value) for matcher in expected):
            return False
    return True


def _holds(matcher: Any, value: Any) -> bool:
    if isinstance(matcher, Mapping):
        ((name, argument),) = matcher.items()
        if name == "exists":
            return (value is not _MISSING) == bool(argument)
        if value is _MISSING:
            return False
        values = value if isinstance(value, list) else [value]
        if name == "anything-but":
            return not any(_MATCHERS[name](part, argument) for part in values)
        return any(_MATCHERS[name](part, argument) for part in values)
    if isinstance(value, list):
        return any(_equal(part, matcher) for part in value)
    return value is not _MISSING and _equal(value, matcher)


def _equal(value: Any, expected: Any) -> bool:
    return bool(value == expected) and isinstance(value, bool) == isinstance(expected, bool)


def _is_numeric(value: Any, argument: list[Any]) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return all(_COMPARE[argument[i]](value, argument[i + 1]) for i in range(0, len(argument), 2))


def _is_one_of(value: Any, argument: Any) -> bool:
    """The inner part of anything-but: the values or matchers that must not hold."""
    if isinstance(argument, Mapping):
        return _holds(argument, value)
    return any(_equal(value, part) for part in (argument if isinstance(argument, list) else [argument]))


def _text(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    def holds(value: Any, argument: Any) -> bool:
        choices = argument if isinstance(argument, list) else [argument]
        return isinstance(value, str) and any(test(value, choice) for choice in choices)

    return holds


_MATCHERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "exists": lambda value, argument: (value is not _MISSING) == bool(argument),
    "prefix": _text(str.startswith),
    "suffix": _text(str.endswith),
    "equals-ignore-case": _text(lambda value, choice: value.lower() == choice.lower()),
    "wildcard": _text(lambda value, choice: fnmatch.fnmatchcase(value, choice.replace("[", "[[]").replace("?", "[?]"))),
    "anything-but": _is_one_of,
    "numeric": _is_numeric,
}
