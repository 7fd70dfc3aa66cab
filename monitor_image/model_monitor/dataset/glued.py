"""Objects that share a line, as some stores and streams write them one after the other without a line break."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Final

BLANKS: Final = re.compile(r"[ \t]*")

_decoder: Final = json.JSONDecoder()


def pieces_of(line: str) -> list[str]:
    """The objects of a line, and behind them the rest that is none; [] where the line holds no object before another."""
    text, found, start = line.strip("\ufeff \t\r\n"), list[str](), 0
    while text.startswith("{", start):
        try:
            _, stop = _decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            break
        found.append(text[start:stop])
        start = BLANKS.match(text, stop).end()  # type: ignore[union-attr]  # it matches nothing, too
    if start < len(text):
        is_start_of_another = bool(found) and text.startswith("{", start)
        return [*found, text[start:]] if is_start_of_another else []
    return found if len(found) > 1 else []


def apart(data: bytes, faulty: Iterable[int]) -> tuple[bytes, Sequence[int]] | None:
    """Whole lines with the objects of each faulty one on lines of their own, and the line on which each of them stood.

    None where no line holds several objects. faulty: lines, from 0, that are no JSON.
    """
    lines = data.split(b"\n")
    split = {number: pieces_of(lines[number].decode("utf-8", "surrogateescape")) for number in faulty}
    if not any(split.values()):
        return None
    found, places = list[bytes](), list[int]()
    for number, line in enumerate(lines):
        pieces = [piece.encode("utf-8", "surrogateescape") for piece in split.get(number, ())] or [line]
        found += pieces
        places += [number] * len(pieces)
    return b"\n".join(found), places
