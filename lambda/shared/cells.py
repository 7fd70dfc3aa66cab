"""Cells of CSV as JSON has them, and records of JSON made of rows. Pure: no AWS calls."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")  # 007 is a code, and digits beyond a double's are no count
NUMBER = re.compile(r"-?(0|[1-9]\d*)?(\.\d+)?([eE][+-]?\d+)?")
Steps = Sequence[str | int]  # keys, and places in lists, from a record down to a value
TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def value(text: str) -> Any:
    """A cell of CSV as JSON has it: whole numbers, numbers, texts; nothing for an empty one."""
    if not text:
        return None
    if WHOLE.fullmatch(text):
        return int(text)
    return float(text) if NUMBER.fullmatch(text) and any(map(str.isdigit, text)) else text


def typed(text: str, kind: str) -> Any:
    """A cell of a feature whose type is declared; "" is none."""
    if kind == "String":
        return text or None
    if kind == "Boolean":
        return TRUTHS.get(text.lower(), value(text))
    return value(text)


def record(cells: Sequence[str], places: Sequence[tuple[Steps, str]]) -> dict[str, Any]:
    """The features of one row as a record of JSON. places: where each is and its declared type, in the order of the cells."""
    made: dict[str, Any] = {}
    for text, (steps, kind) in zip(cells, places, strict=True):
        _put(made, steps, typed(text, kind))
    return made


def requests(lines: Iterable[str], places: Sequence[tuple[Steps, str]], container: Steps) -> Iterator[bytes]:
    """Each row, label first, as a line that a model is asked with. container: where the list of records is; empty: the record is
    all that is asked."""
    for _, *cells in csv.reader(lines):
        asked = record(cells, places)
        if container:
            asked = _put({}, container, [asked])
        yield json.dumps(asked).encode() + b"\n"


def _put(whole: dict[str, Any], steps: Steps, given: Any) -> dict[str, Any]:
    """Write a value, with the objects and lists above it."""
    here: Any = whole
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        below: Any = given if following is None else [] if isinstance(following, int) else {}
        if isinstance(step, int):
            here.extend([None] * (step + 1 - len(here)))
            here[step] = below if here[step] is None else here[step]
        else:
            here.setdefault(step, below)
        here = here[step]
    return whole
