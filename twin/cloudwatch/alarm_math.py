"""Metric math: CloudWatch's expressions over time series, evaluated on a fixed row of periods.

A value is a number, a series (one value or None per period) or an array of series. Arithmetic and comparisons work period by
period; a period that one side lacks is missing in the result, and so is a division by zero. An expression is parsed once, when
the alarm is put: whatever is not supported here is refused there and then, by name.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

Series = tuple[float | None, ...]
Value = float | Series | list[Series]
Node = Callable[["Scope"], Value]


class MathError(ValueError):
    """The expression is wrong or uses something that is not supported here."""


@dataclass(frozen=True)
class Scope:
    """What an expression may name. `metrics` are the ids of queries that are metrics rather than expressions, in order."""

    values: Mapping[str, Value]
    metrics: tuple[str, ...]
    labels: Mapping[str, str]
    periods: int
    period_seconds: int = 60

    def series_of(self, value: Value) -> Series:
        """A number stands for itself in every period."""
        if isinstance(value, list):
            raise MathError("an array of series was given where one series is expected")
        return value if isinstance(value, tuple) else (value,) * self.periods


@dataclass(frozen=True)
class Expression:
    """A parsed expression; `names` are the ids it refers to."""

    text: str
    names: frozenset[str]
    evaluate: Node


_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<operator>==|!=|<=|>=|&&|\|\||[-+*/^<>(),\[\]!]))"
)


def parse(text: str) -> Expression:
    """Raises: MathError with the expression and the place."""
    tokens: list[tuple[str, str]] = []
    position = 0
    while text[position:].strip():
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            raise MathError(f"metric math '{text}': unexpected character at position {position + 1}")
        tokens.append((found.lastgroup, found.group(found.lastgroup)))
        position = found.end()
    parser = _Parser(text, tokens)
    node = parser.expression()
    if parser.peek() is not None:
        raise MathError(f"metric math '{text}': unexpected '{parser.peek()}'")
    return Expression(text, frozenset(parser.names), node)


# --- one value from two ------------------------------------------------------------------------------------------------


def _divide(left: float, right: float) -> float | None:
    return left / right if right else None


def _power(left: float, right: float) -> float | None:
    try:
        result = left**right
    except (OverflowError, ZeroDivisionError):
        return None
    return None if isinstance(result, complex) else result


Combine = Callable[[float, float], float | None]
_BINARY: Final[list[dict[str, Combine]]] = [  # loosest first
    {"OR": lambda a, b: float(bool(a or b)), "||": lambda a, b: float(bool(a or b))},
    {"AND": lambda a, b: float(bool(a and b)), "&&": lambda a, b: float(bool(a and b))},
    {
        "==": lambda a, b: float(a == b),
        "!=": lambda a, b: float(a != b),
        "<=": lambda a, b: float(a <= b),
        ">=": lambda a, b: float(a >= b),
        "<": lambda a, b: float(a < b),
        ">": lambda a, b: float(a > b),
    },
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul, "/": _divide},
    {"^": _power},
]
_COMPARISONS: Final = 2  # the level that the word NOT stands before: NOT a > b is NOT (a > b)


def _combine(left: Value, right: Value, combine: Combine, scope: Scope) -> Value:
    if isinstance(left, list) or isinstance(right, list):
        return _combine_arrays(left, right, combine, scope)
    if not isinstance(left, tuple) and not isinstance(right, tuple):
        result = combine(left, right)
        return math.nan if result is None else result
    pairs = zip(scope.series_of(left), scope.series_of(right), strict=True)
    return tuple(None if a is None or b is None else combine(a, b) for a, b in pairs)


def _combine_arrays(left: Value, right: Value, combine: Combine, scope: Scope) -> list[Series]:
    if isinstance(left, list) and isinstance(right, list):
        raise MathError("an operator takes at most one array of series")
    several, other, swapped = (left, right, False) if isinstance(left, list) else (right, left, True)
    if not isinstance(several, list):
        raise MathError("an operator was given no array of series")
    results = [
        _combine(other, one, combine, scope) if swapped else _combine(one, other, combine, scope) for one in several
    ]
    return [scope.series_of(result) for result in results]


def _each(value: Value, change: Callable[[float], float]) -> Value:
    if isinstance(value, list):
        return [tuple(None if x is None else change(x) for x in one) for one in value]
    if isinstance(value, tuple):
        return tuple(None if x is None else change(x) for x in value)
    return change(value)


# --- functions ---------------------------------------------------------------------------------------------------------


def _reduce(reduce: Callable[[list[float]], float]) -> Callable[[Scope, list[Value]], Value]:
    """Of one series a number, of several the series of what each period has."""

    def function(scope: Scope, arguments: list[Value]) -> Value:
        (value,) = arguments
        if isinstance(value, list):
            columns = ([x for x in column if x is not None] for column in zip(*value, strict=True))
            reduced = tuple(reduce(column) if column else None for column in columns)
            return reduced or (None,) * scope.periods
        present = [x for x in scope.series_of(value) if x is not None]
        return reduce(present) if present else math.nan

    return function


def _if(scope: Scope, arguments: list[Value]) -> Value:
    condition = scope.series_of(arguments[0])
    then = scope.series_of(arguments[1])
    otherwise = scope.series_of(arguments[2]) if len(arguments) > 2 else (None,) * scope.periods
    return tuple(
        None if test is None else (yes if test else no)
        for test, yes, no in zip(condition, then, otherwise, strict=True)
    )


def _fill(scope: Scope, arguments: list[Value]) -> Value:
    value, filler = arguments
    if isinstance(value, list):
        return [scope.series_of(_fill(scope, [one, filler])) for one in value]
    return tuple(y if x is None else x for x, y in zip(scope.series_of(value), scope.series_of(filler), strict=True))


def _running_sum(scope: Scope, arguments: list[Value]) -> Value:
    total, result = 0.0, []
    for x in scope.series_of(arguments[0]):
        total += x or 0.0
        result.append(None if x is None else total)
    return tuple(result)


def _datapoint_count(scope: Scope, arguments: list[Value]) -> Value:
    return float(sum(x is not None for x in scope.series_of(arguments[0])))


Function = Callable[[Scope, list[Value]], Value]
_FUNCTIONS: Final[dict[str, tuple[Function, tuple[int, ...]]]] = {
    "ABS": (lambda _, a: _each(a[0], abs), (1,)),
    "CEIL": (lambda _, a: _each(a[0], math.ceil), (1,)),
    "FLOOR": (lambda _, a: _each(a[0], math.floor), (1,)),
    "SUM": (_reduce(math.fsum), (1,)),
    "MAX": (_reduce(max), (1,)),
    "MIN": (_reduce(min), (1,)),
    "AVG": (_reduce(lambda values: math.fsum(values) / len(values)), (1,)),
    "IF": (_if, (2, 3)),
    "FILL": (_fill, (2,)),
    "RUNNING_SUM": (_running_sum, (1,)),
    "METRIC_COUNT": (lambda _, a: float(len(a[0])) if isinstance(a[0], list) else 1.0, (1,)),
    "DATAPOINT_COUNT": (_datapoint_count, (1,)),
    "TIME_SERIES": (lambda scope, a: scope.series_of(a[0]), (1,)),
    "PERIOD": (lambda scope, _: float(scope.period_seconds), (1,)),
}


class _Parser:
    """Recursive descent; each level of `_BINARY` binds tighter than the one before."""

    def __init__(self, text: str, tokens: list[tuple[str, str]]) -> None:
        self.text, self.tokens, self.at = text, tokens, 0
        self.names: set[str] = set()

    def peek(self) -> str | None:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else None

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if token is None or (expected is not None and token != expected):
            raise MathError(
                f"metric math '{self.text}': expected '{expected or 'a value'}', found '{token or 'the end'}'"
            )
        self.at += 1
        return token

    def expression(self, level: int = 0) -> Node:
        if level == len(_BINARY):
            return self.unary()
        if level == _COMPARISONS and self.peek() == "NOT":
            self.take()
            inner = self.expression(level)
            return lambda scope: _each(inner(scope), lambda x: float(not x))
        node = self.expression(level + 1)
        while (token := self.peek()) in _BINARY[level]:
            self.take()
            node = self._binary(node, self.expression(level + 1), _BINARY[level][str(token)])
        return node

    @staticmethod
    def _binary(left: Node, right: Node, combine: Combine) -> Node:
        return lambda scope: _combine(left(scope), right(scope), combine, scope)

    def unary(self) -> Node:
        token = self.peek()
        if token in ("-", "!"):
            self.take()
            inner = self.unary()
            change: Callable[[float], float] = operator.neg if token == "-" else lambda x: float(not x)
            return lambda scope: _each(inner(scope), change)
        return self.atom()

    def atom(self) -> Node:
        kind = self.tokens[self.at][0] if self.at < len(self.tokens) else ""
        token = self.take()
        if kind == "number":
            number = float(token)
            return lambda _: number
        if kind == "name":
            return self.call(token) if self.peek() == "(" else self.reference(token)
        if token == "(":
            node = self.expression()
            self.take(")")
            return node
        if token == "[":
            items = self.listed("]")
            return lambda scope: [scope.series_of(item(scope)) for item in items]
        raise MathError(f"metric math '{self.text}': unexpected '{token}'")

    def reference(self, name: str) -> Node:
        if name == "REPEAT" or name == "LINEAR":
            raise MathError(f"metric math '{self.text}': FILL with {name} is not supported here, give a number")
        self.names.add(name)
        return lambda scope: scope.values[name]

    def listed(self, end: str) -> list[Node]:
        items: list[Node] = []
        while self.peek() != end:
            items.append(self.expression())
            if self.peek() != end:
                self.take(",")
        self.take(end)
        return items

    def call(self, name: str) -> Node:
        self.take("(")
        if name == "METRICS":
            return self.metrics()
        if name not in _FUNCTIONS:
            raise MathError(
                f"metric math '{self.text}': function {name} is not supported here; there are {', '.join(_FUNCTIONS)}"
            )
        function, counts = _FUNCTIONS[name]
        arguments = self.listed(")")
        if len(arguments) not in counts:
            raise MathError(f"metric math '{self.text}': {name} takes {' or '.join(map(str, counts))} arguments")
        return lambda scope: function(scope, [argument(scope) for argument in arguments])

    def metrics(self) -> Node:
        part = ""
        if self.peek() != ")":
            part = self.take()[1:-1]
        self.take(")")
        return lambda scope: [
            scope.series_of(scope.values[name]) for name in scope.metrics if part in scope.labels.get(name, name)
        ]
