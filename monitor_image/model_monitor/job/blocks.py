"""Reading JSON objects that people write: what is known is taken, what is left over is a fault, and all faults are told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, Final

DURATION: Final = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")


class Faults(list[str]):
    """What is wrong, each with its path; collected so that a user corrects a file once."""

    def add(self, path: str, problem: str) -> None:
        """One fault at `path`."""
        self.append(f"{path or 'the file'}: {problem}")


class Block:
    """One JSON object being read: takes known keys out, and what is left over at `end` is unknown."""

    def __init__(self, content: object, path: str, faults: Faults) -> None:
        self.path, self.faults = path, faults
        if not isinstance(content, Mapping):
            faults.add(path, f"should be an object, found {kind_of(content)}")
            content = {}
        self.rest = {str(key): value for key, value in content.items()}
        self.known: list[str] = []

    def at(self, key: str) -> str:
        """The path of a key of this object."""
        return f"{self.path}.{key}" if self.path else key

    def take(self, key: str) -> Any:
        """A value as it is; None when absent or null."""
        self.known.append(key)
        return self.rest.pop(key, None)

    def text(self, key: str, default: str | None = None) -> str | None:
        """Text, or the default."""
        value: str | None = self._typed(key, str, "text", default)
        return value

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value: bool = self._typed(key, bool, "true or false", default)
        return value

    def count(self, key: str, default: int, minimum: int = 0) -> int:
        """A whole number of at least `minimum`."""
        value: int = self._typed(key, int, "a whole number", default)
        if value < minimum:
            self.faults.add(self.at(key), f"should be at least {minimum}")
        return value

    def share(self, key: str, default: float) -> float:
        """A number in [0, 1]."""
        value: float = self._typed(key, (int, float), "a number", default)
        if not 0 <= value <= 1:
            self.faults.add(self.at(key), "should be between 0 and 1")
        return float(value)

    def ratio(self, key: str, most: float) -> float | None:
        """A number from 1 to `most`."""
        value: float | None = self._typed(key, (int, float), "a number", None)
        if value is None:
            return None
        if not 1 <= value <= most:
            self.faults.add(self.at(key), f"should be from 1 to {most:,}, found {value:g}")
        return float(value)

    def duration(self, key: str, default: timedelta) -> timedelta:
        """An ISO 8601 duration of weeks, days, hours, minutes: `P7D`, `PT6H`."""
        text = self.text(key)
        if text is None:
            return default
        found = DURATION.fullmatch(text)
        if found is None or not any(found.groups()):
            self.faults.add(self.at(key), "should be a duration such as P7D or PT6H")
            return default
        weeks, days, hours, minutes = (int(part or 0) for part in found.groups())
        return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)

    def choice(self, key: str, choices: Iterable[Any], default: Any) -> Any:
        """One of the values of an enumeration."""
        value = self.text(key)
        if value is None:
            return default
        for choice in choices:
            if value == choice:
                return choice
        self.faults.add(self.at(key), f"should be one of {', '.join(map(str, choices))}")
        return default

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self.take(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.faults.add(self.at(key), f"should be a list of texts, found {kind_of(value)}")
            return ()
        return tuple(value)

    def label(self, key: str) -> str | None:
        """A label, which may be written as a number or as true or false."""
        value = self.take(key)
        if value is not None and _label(value) is None:
            self.faults.add(self.at(key), f"should be a label, found {kind_of(value)}")
        return _label(value)

    def labels(self, key: str) -> tuple[str, ...]:
        """A list of different labels."""
        value = self.take(key)
        found = [_label(item) for item in value] if isinstance(value, list) else []
        labels = tuple(item for item in found if item is not None)
        if value is not None and (not labels or len(labels) != len(found) or len(set(labels)) != len(labels)):
            self.faults.add(self.at(key), "should be a list of different labels")
        return labels

    def selector(self, key: str) -> str | int | None:
        """A JMESPath, key or position."""
        value: str | int | None = self._typed(key, (str, int), "text or a position", None)
        return value

    def selectors(self, key: str) -> str | int | tuple[str | int, ...] | None:
        """A selector, or a list of them."""
        value = self.rest.get(key)
        if not isinstance(value, list):
            return self.selector(key)
        self.take(key)
        if not value or any(isinstance(item, bool) or not isinstance(item, (str, int)) for item in value):
            self.faults.add(self.at(key), "should be text, a position, or a list of such")
            return None
        return tuple(value)

    def end(self, *also: str) -> None:
        """Whatever nobody took is a fault. also: keys that are known here and were taken before."""
        names = sorted({*self.known, *also})
        for key in self.rest:
            meant = "".join(f"; did you mean {each}?" for each in get_close_matches(key, names, n=1))
            known = ", ".join(names)
            self.faults.add(self.at(key), f"is unknown{meant or '.'} Known here: {known}")

    def _typed(self, key: str, types: type | tuple[type, ...], expected: str, default: Any) -> Any:
        value = self.take(key)
        if value is None:
            return default
        allows_bool = types is bool
        if not isinstance(value, types) or (isinstance(value, bool) and not allows_bool):
            self.faults.add(self.at(key), f"should be {expected}, found {kind_of(value)}")
            return default
        return value


def _label(value: object) -> str | None:
    if isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, (bool, int, float)) else None


def kind_of(value: object) -> str:
    """The JSON kind of a value, never the value."""
    if value is None:
        return "null"
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return kinds.get(type(value), type(value).__name__)
