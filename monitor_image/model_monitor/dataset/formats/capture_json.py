"""Data-capture files: lines to events, each with the text and the format of its two sides.

A clean block is decoded in one go. When that fails, each line is tried alone, so that a bad one costs only itself.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np

from model_monitor.dataset.records import NOT_A_CAPTURE_EVENT, NOT_JSON, NOT_TEXT

NO_TIME = -1
LINE_BREAK = ord("\n")
JSON_LINES_TYPES = {"jsonlines", "jsonl", "x-jsonlines", "x-ndjson", "ndjson", "json-lines", "x-jsonl"}
TOLERATED_EVENT = "event with NaN, Infinity or half a surrogate pair"


class Encoded(msgspec.Struct, gc=False):
    """One side of an event as captured."""

    data: str
    encoding: str | None = None
    observed_content_type: str | None = msgspec.field(default=None, name="observedContentType")


class Captured(msgspec.Struct, gc=False):
    """Both sides; either may be missing."""

    input: Encoded | None = msgspec.field(default=None, name="endpointInput")
    output: Encoded | None = msgspec.field(default=None, name="endpointOutput")


class Metadata(msgspec.Struct, gc=False):
    """What the service says of an event."""

    event_id: str | int | None = msgspec.field(default=None, name="eventId")
    inference_id: str | int | float | None = msgspec.field(default=None, name="inferenceId")
    inference_time: str | None = msgspec.field(default=None, name="inferenceTime")

    @property
    def key(self) -> str:
        """What ground truth refers to: the caller's id, else the service's."""
        found = self.event_id if self.inference_id is None else self.inference_id
        return "" if found is None else str(found)


class Event(msgspec.Struct, gc=False):
    """One line of a capture file; unknown keys are ignored."""

    captured: Captured = msgspec.field(name="captureData")
    metadata: Metadata = msgspec.field(default_factory=Metadata, name="eventMetadata")


@dataclass(slots=True)
class Lines:
    """The events of a block. `numbers[i]`: line of event i inside the block, from 0."""

    events: list[Event]
    numbers: Sequence[int]
    faults: dict[int, str] = field(default_factory=dict)  # line → reason
    tolerated: int = 0


_decoder = msgspec.json.Decoder(Event)


def decode_block(data: bytes) -> Lines:
    """Events of whole lines. Blank lines are skipped; a line that is no event is a fault."""
    try:
        events = _decoder.decode_lines(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _decode_each(data)
    breaks = int(np.count_nonzero(np.frombuffer(data, np.uint8) == LINE_BREAK))  # bytes.count is four times slower
    lines = breaks + (not data.endswith(b"\n"))
    return Lines(events, range(lines)) if len(events) == lines else _decode_each(data)


def _decode_each(data: bytes) -> Lines:
    found = Lines([], [])
    numbers: list[int] = []
    for number, line in enumerate(data.split(b"\n")):  # bytes: str.splitlines would also cut at U+2028
        line = line.removeprefix(b"\xef\xbb\xbf").strip()
        if not line:
            continue
        event = _decode_tolerantly(line, found)
        if isinstance(event, str):
            found.faults[number] = event
        else:
            found.events.append(event)
            numbers.append(number)
    found.numbers = numbers
    return found


def _decode_tolerantly(line: bytes, found: Lines) -> Event | str:
    """An event, or why there is none."""
    try:
        return _decoder.decode(line)
    except msgspec.DecodeError:
        pass
    try:
        event = msgspec.convert(json.loads(line.decode("utf-8", "replace")), Event)
    except msgspec.ValidationError:  # a ValueError too
        return NOT_A_CAPTURE_EVENT
    except (ValueError, RecursionError):
        return NOT_JSON
    found.tolerated += 1
    return event


# --- the sides of an event -------------------------------------------------------------------------------------------


class Format(StrEnum):
    """How a payload's text is to be read."""

    ABSENT = "absent"
    CSV = "csv"
    JSON = "json"
    JSON_LINES = "json_lines"


def open_side(side: Encoded | None) -> tuple[Format, str]:
    """Format and text of one side.

    Raises: ValueError with the reason if the payload is no text.
    """
    if side is None:
        return Format.ABSENT, ""
    kind, is_binary = _format(side.encoding, side.observed_content_type)
    text = _decode_base64(side.data) if is_binary else side.data
    return kind or _sniff(text), text


def declared_format(side: tuple[str | None, str | None] | None) -> Format | None:
    """The format of a side with this encoding and content type; None when its data must be looked at."""
    if side is None:
        return Format.ABSENT
    kind, is_binary = _format(*side)
    return None if is_binary else kind


@lru_cache(maxsize=256)
def _format(encoding: str | None, content_type: str | None) -> tuple[Format | None, bool]:
    """What the envelope says of a payload: its format (None: see the text), and whether it is in base 64."""
    name = (encoding or "").strip().upper()
    mime = (content_type or "").partition(";")[0].strip().lower()
    subtype = mime.rpartition("/")[2]
    is_lines = subtype in JSON_LINES_TYPES
    if name == "CSV":
        return Format.CSV, False
    if name == "JSON":
        return Format.JSON_LINES if is_lines else Format.JSON, False
    is_binary = name == "BASE64"
    if is_lines:
        return Format.JSON_LINES, is_binary
    if subtype == "json" or subtype.endswith("+json"):
        return Format.JSON, is_binary
    return (Format.CSV if subtype == "csv" else None), is_binary


def _decode_base64(data: str) -> str:
    try:
        return binascii.a2b_base64(data).decode()
    except (binascii.Error, ValueError):
        raise ValueError(NOT_TEXT) from None


def _sniff(text: str) -> Format:
    return Format.JSON if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[") else Format.CSV


# --- time --------------------------------------------------------------------------------------------------------------


class _Seconds(dict[Any, int]):
    """Times as seconds since 1970, each distinct text parsed once."""

    def __missing__(self, text: str | None) -> int:
        value = parse_time(text)
        if len(self) < 1_000_000:
            self[text] = value
        return value


def parse_time(text: str | None) -> int:
    """Seconds since 1970, UTC, of an ISO 8601 time; -1 when there is none."""
    try:
        time = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return NO_TIME
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() // 1)


_seconds = _Seconds()


def times_of(events: Sequence[Event]) -> list[int]:
    """Inference times of events, -1 where unknown."""
    return [_seconds[event.metadata.inference_time] for event in events]
