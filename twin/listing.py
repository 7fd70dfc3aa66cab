"""Lists as AWS's operations answer them: what matches, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from twin.api import ApiError
from twin.clock import aware


def has(item: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether an item has all values that are asked for; None asks for nothing."""
    return all(value is None or item.get(name) == value for name, value in wanted.items())


def is_between(time: datetime, first: datetime | None, last: datetime | None) -> bool:
    """Whether a time lies within bounds, themselves included; None is no bound."""
    return (first is None or time >= aware(first)) and (last is None or time <= aware(last))


def page(result: str, found: Sequence[Any], token: str | None, size: int) -> dict[str, Any]:
    """The items from where a token points under the key `result`, and the next page's token if there is one."""
    if token is not None and not token.isdecimal():
        raise ApiError("ValidationException", "NextToken is not one that was handed out")
    start = int(token or 0)
    end = start + size
    return {result: found[start:end], **({"NextToken": str(end)} if end < len(found) else {})}
