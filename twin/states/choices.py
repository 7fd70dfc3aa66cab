"""Rules of Choice states. Pure."""

from __future__ import annotations

import fnmatch
import operator
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from twin.states.errors import RUNTIME, StatesError
from twin.states.paths import MISSING, BadExpression, Scope, path

COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}
KINDS: Final = ("String", "Numeric", "Boolean", "Timestamp")
COMPARISON: Final = re.compile(rf"({'|'.join(KINDS)})({'|'.join(COMPARISONS)})(Path)?")
TESTS: Final = ("IsNull", "IsPresent", "IsString", "IsNumeric", "IsBoolean", "IsTimestamp")
MATCHES: Final = "StringMatches"


def check(rule: Any, *, is_nested: bool = False) -> None:
    """Refuse a rule that the twin would not decide as the service does. Raises: BadExpression."""
    if not isinstance(rule, Mapping):
        raise BadExpression("a rule is an object")
    kinds = [name for name in rule if name not in ("Next", "Comment", "Variable")]
    if ("Next" in rule) == is_nested:
        raise BadExpression("Next belongs to each rule of Choices, and to no rule inside another")
    if len(kinds) != 1:
        raise BadExpression(f"a rule has one comparison, found {', '.join(kinds) or 'none'}")
    kind, value = kinds[0], rule[kinds[0]]
    if kind in ("And", "Or", "Not"):
        parts = [value] if kind == "Not" else value
        if not isinstance(parts, list) or not parts or "Variable" in rule:
            raise BadExpression(f"{kind} has {'a rule' if kind == 'Not' else 'a list of rules'} and no Variable")
        for part in parts:
            check(part, is_nested=True)
        return
    if "Variable" not in rule:
        raise BadExpression(f"{kind} needs a Variable")
    path(rule["Variable"])
    _check_value(kind, value)


def _check_value(kind: str, value: Any) -> None:
    if kind in TESTS:
        fits = isinstance(value, bool)
    elif kind == MATCHES:
        fits = isinstance(value, str)
    else:
        found = COMPARISON.fullmatch(kind)
        if found is None or (found[1] == "Boolean" and found[2] != "Equals"):
            raise BadExpression(f"{kind} is no comparison of a Choice")
        if found[3]:
            path(value)
            return
        fits = _of_kind(found[1], value) is not MISSING
    if not fits:
        raise BadExpression(f"{kind} does not compare with {type(value).__name__}")


def holds(rule: Mapping[str, Any], scope: Scope) -> bool:
    """Whether a rule holds. Raises: StatesError where its variable leads nowhere."""
    if "And" in rule:
        return all(holds(part, scope) for part in rule["And"])
    if "Or" in rule:
        return any(holds(part, scope) for part in rule["Or"])
    if "Not" in rule:
        return not holds(rule["Not"], scope)
    (kind,) = [name for name in rule if name not in ("Next", "Comment", "Variable")]
    found = path(rule["Variable"]).find(scope)
    if kind == "IsPresent":
        return (found is not MISSING) is rule[kind]
    if found is MISSING:
        text = f"Invalid path '{rule['Variable']}': The choice state's condition path references an invalid value."
        raise StatesError(RUNTIME, text)
    return _holds(kind, found, rule[kind], scope)


def _holds(kind: str, found: Any, wanted: Any, scope: Scope) -> bool:
    if kind in TESTS:
        is_so = found is None if kind == "IsNull" else _of_kind(kind.removeprefix("Is"), found) is not MISSING
        return is_so is wanted
    if kind == MATCHES:
        return isinstance(found, str) and fnmatch.fnmatchcase(found, wanted.replace("[", "[[]").replace("?", "[?]"))
    comparison = COMPARISON.fullmatch(kind)
    assert comparison is not None
    wanted = path(wanted).value(scope) if comparison[3] else wanted
    sides = [_of_kind(comparison[1], side) for side in (found, wanted)]
    return MISSING not in sides and COMPARISONS[comparison[2]](*sides)


def _of_kind(kind: str, value: Any) -> Any:
    """The value to compare; MISSING when it is of another kind."""
    if kind == "Timestamp":
        return timestamp(value) or MISSING
    if kind == "Numeric":
        return value if isinstance(value, int | float) and not isinstance(value, bool) else MISSING
    return value if isinstance(value, str if kind == "String" else bool) else MISSING


def timestamp(value: Any) -> datetime | None:
    """A time as the language writes it (2026-03-02T09:00:00Z); None for anything else."""
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)", value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None
