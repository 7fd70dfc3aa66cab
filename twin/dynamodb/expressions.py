"""Expressions of DynamoDB's calls: reserved words and placeholders, which moto checks in some places only. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

EXPRESSIONS: Final = (
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
)
OPERATORS: Final = frozenset({"AND", "OR", "NOT", "IN", "BETWEEN"})
CLAUSES: Final = frozenset({"SET", "REMOVE", "ADD", "DELETE"})
WORD: Final = re.compile(r"([#:]?[A-Za-z_]\w*)\s*(\()?|[#:]?\w+")
PLACEHOLDERS: Final = {"#": "ExpressionAttributeNames", ":": "ExpressionAttributeValues"}


class BadExpression(ValueError):
    """What the service says of an expression that it refuses."""


def parts(parameters: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What of a call has expressions: the call itself, the steps of a transaction, the tables of a batch."""
    yield parameters
    for item in parameters.get("TransactItems") or ():
        yield from item.values()
    requests = parameters.get("RequestItems") or {}
    yield from (asked for asked in requests.values() if isinstance(asked, Mapping))


def check(part: Mapping[str, Any]) -> None:
    """Refuse reserved words that stand for themselves, and placeholders without a use or a meaning. Raises: BadExpression."""
    used: set[str] = set()
    for name in EXPRESSIONS:
        used |= _placeholders(name, str(part.get(name) or ""))
    for sign, name in PLACEHOLDERS.items():
        given = set(part.get(name) or {})
        unused = sorted(given - used)
        if unused:
            raise BadExpression(f"Value provided in {name} unused in expressions: keys: {{{', '.join(unused)}}}")
        unknown = sorted(word for word in used - given if word.startswith(sign))
        if unknown:
            raise BadExpression(f"{unknown[0]} is used in an expression and is not defined in {name}")


def _placeholders(name: str, expression: str) -> set[str]:
    """The placeholders of an expression. Raises: BadExpression for a reserved word."""
    found = set()
    for match in WORD.finditer(expression):
        word, is_function = match[0].rstrip("( \n\t"), bool(match[2])
        if word[0] in PLACEHOLDERS:
            found.add(word)
        elif not is_function and _is_reserved(word.upper(), name):
            reason = f"Attribute name is a reserved keyword; reserved keyword: {word}"
            raise BadExpression(f"Invalid {name}: {reason}")
    return found


def _is_reserved(word: str, name: str) -> bool:
    meant = OPERATORS | CLAUSES if name == "UpdateExpression" else OPERATORS
    return word not in meant and word in ReservedKeywords.get_reserved_keywords()
