"""The rule of a composite alarm: ALARM("a") AND NOT (OK(b) OR INSUFFICIENT_DATA("arn…")), TRUE, FALSE."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

_STATES: Final = ("ALARM", "OK", "INSUFFICIENT_DATA")
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<call>(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:\"(?P<double>[^\"]+)\"|'(?P<single>[^']+)'|(?P<bare>[^\s()\"']+))\s*\))"
    r"|(?P<word>AND|OR|NOT|TRUE|FALSE)\b|(?P<bracket>[()]))"
)
Test = Callable[[Mapping[str, str]], bool]


class RuleError(ValueError):
    """The rule cannot be read."""


@dataclass(frozen=True)
class Rule:
    """A parsed rule. `alarms` are the names it mentions; `holds` takes the state of each."""

    text: str
    alarms: tuple[str, ...]
    holds: Test


def parse(text: str) -> Rule:
    """Raises: RuleError."""
    tokens: list[str | tuple[str, str]] = []
    position = 0
    while text[position:].strip():
        found = _TOKEN.match(text, position)
        if found is None:
            raise RuleError(f"AlarmRule: cannot read '{text[position : position + 40].strip()}'")
        if found["call"]:
            name = found["double"] or found["single"] or found["bare"]
            tokens.append((found["call"].split("(")[0].strip(), name.rsplit(":alarm:", 1)[-1]))
        else:
            tokens.append(found["word"] or found["bracket"])
        position = found.end()
    parser = _Parser(tokens)
    test = parser.either()
    if parser.peek() is not None:
        raise RuleError(f"AlarmRule: unexpected {parser.peek()} in '{text}'")
    names = dict.fromkeys(token[1] for token in tokens if isinstance(token, tuple))
    return Rule(text, tuple(names), test)


class _Parser:
    """NOT binds tighter than AND, AND tighter than OR."""

    def __init__(self, tokens: list[str | tuple[str, str]]) -> None:
        self.tokens, self.at = tokens, 0

    def peek(self) -> str | tuple[str, str] | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def either(self) -> Test:
        tests = [self.both()]
        while self.peek() == "OR":
            self.at += 1
            tests.append(self.both())
        return lambda states: any(test(states) for test in tests)

    def both(self) -> Test:
        tests = [self.one()]
        while self.peek() == "AND":
            self.at += 1
            tests.append(self.one())
        return lambda states: all(test(states) for test in tests)

    def one(self) -> Test:
        token = self.peek()
        self.at += 1
        if isinstance(token, tuple):
            state, name = token
            return lambda states: states.get(name) == state
        if token in ("TRUE", "FALSE"):
            return lambda _: token == "TRUE"
        if token == "NOT":
            inner = self.one()
            return lambda states: not inner(states)
        if token == "(":
            test = self.either()
            if self.peek() != ")":
                raise RuleError("AlarmRule: a bracket is not closed")
            self.at += 1
            return test
        raise RuleError(
            f"AlarmRule: expected ALARM(…), OK(…), INSUFFICIENT_DATA(…), TRUE, FALSE, NOT or (, found {token or 'the end'}"
        )
