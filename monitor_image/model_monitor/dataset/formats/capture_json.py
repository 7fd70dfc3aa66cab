"""Data-capture files: lines to events, as columns.

The compiled reader takes the usual lines, where it is installed. Without it, a clean block is decoded in one go. When that
fails, each line is tried alone, so that a bad one costs only itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from model_monitor.contract import ID_BYTES_MAX
from model_monitor.dataset import native
from model_monitor.dataset.records import ID_TOO_LONG, NOT_A_CAPTURE_EVENT, NOT_JSON
from model_monitor.dataset.sides import Declared, Sides
from model_monitor.dataset.texts import Texts

NO_TIME = -1
LONGEST_CHARACTER = 4  # bytes of UTF-8
FEW_BYTES = 1 << 15  # that are searched faster than numpy starts
BREAK, RETURN, OPEN, CLOSE = b"\n\r{}"
REASONS = (NOT_JSON, NOT_A_CAPTURE_EVENT, ID_TOO_LONG)
NO_FAULT = len(REASONS)
SHORT_LINE, SHORT_LINES = 64, 4096  # bytes of a line that may occur often, and how many such are remembered
MAY_BEGIN_JSON = np.zeros(256, np.bool_)  # blanks and what a byte order mark begins with among them
MAY_BEGIN_JSON[list(b'{["-0123456789tfnNI \t\n\r\v\f\xef')] = True
TOLERATED_EVENT = "event with NaN, Infinity, half a surrogate pair or bytes that are no UTF-8"

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # a line that msgspec does not take


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


@dataclass(frozen=True, slots=True)
class BadLines:
    """Lines that are no events: the block of each and its number there, int64, and its reason's place in `REASONS`, uint8.

    starts: int64, where each begins in its block.
    """

    blocks: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    numbers: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    starts: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    reasons: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint8))

    def __len__(self) -> int:
        return len(self.reasons)

    def of(self, reason: str) -> BadLines:
        """Those of one reason."""
        return self.take(self.reasons == REASONS.index(reason))

    def take(self, chosen: np.ndarray) -> BadLines:
        """Some of them."""
        return BadLines(self.blocks[chosen], self.numbers[chosen], self.starts[chosen], self.reasons[chosen])

    @classmethod
    def join(cls, parts: Sequence[BadLines]) -> BadLines:
        """All of them, in order."""
        columns = ([getattr(part, name) for part in parts] for name in ("blocks", "numbers", "starts", "reasons"))
        whole = cls(*map(np.concatenate, columns)) if parts else cls()
        return whole.take(np.lexsort((whole.numbers, whole.blocks))) if len(parts) > 1 else whole

    def counts(self) -> dict[tuple[int, str], int]:
        """How many each block has of each reason."""
        found = np.bincount(self.blocks * len(REASONS) + self.reasons)
        places = np.flatnonzero(found).tolist()
        return {(place // len(REASONS), REASONS[place % len(REASONS)]): int(found[place]) for place in places}

    def first(self, most: int) -> list[tuple[int, int, str]]:
        """Block, number and reason of the first few."""
        columns = (self.blocks[:most].tolist(), self.numbers[:most].tolist(), self.reasons[:most].tolist())
        return [(block, number, REASONS[reason]) for block, number, reason in zip(*columns, strict=True)]


@dataclass(frozen=True, slots=True)
class Lines:
    """The events of some blocks, in order.

    keys: what ground truth refers to. times: int64 (events,), seconds since 1970 UTC, -1 where unknown.
    numbers: int64 (events,), the line of each inside its block, from 0. counts: int64 (blocks,), the events of each block.
    bad: lines that are no events.
    """

    keys: list[str]
    times: np.ndarray
    inputs: Sides
    outputs: Sides
    numbers: np.ndarray
    counts: np.ndarray
    bad: BadLines = field(default_factory=BadLines)
    tolerated: int = 0

    def take(self, places: np.ndarray) -> Lines:
        """Only some of the events; the lines that are none stay."""
        blocks = np.repeat(np.arange(len(self.counts)), self.counts)[places]
        return Lines(
            [self.keys[place] for place in places.tolist()],
            self.times[places],
            self.inputs.take(places),
            self.outputs.take(places),
            self.numbers[places],
            np.bincount(blocks, minlength=len(self.counts)),
            self.bad,
            self.tolerated,
        )


_decoder = msgspec.json.Decoder(Event)


def decode_blocks(blocks: Sequence[bytes]) -> Lines:
    """Events of blocks of whole lines. Blank lines are skipped; a line that is no event is a fault."""
    return _without_long_ids(_read_compiled(list(blocks)) or _read_decoded(blocks))


def _without_long_ids(lines: Lines) -> Lines:
    """The events whose ids may be kept, compared and told; one with a longer id is a fault."""
    if max(map(len, lines.keys), default=0) <= ID_BYTES_MAX // LONGEST_CHARACTER:
        return lines
    sizes = np.fromiter((len(key.encode("utf-8", "surrogatepass")) for key in lines.keys), np.int64, len(lines.keys))
    is_long = sizes > ID_BYTES_MAX
    blocks = np.repeat(np.arange(len(lines.counts)), lines.counts)
    count = int(is_long.sum())
    reasons = np.full(count, REASONS.index(ID_TOO_LONG), np.uint8)
    long = BadLines(blocks[is_long], lines.numbers[is_long], np.zeros(count, np.int64), reasons)
    return replace(lines.take(np.flatnonzero(~is_long)), bad=BadLines.join([lines.bad, long]))


def _read_compiled(blocks: list[bytes]) -> Lines | None:
    """By the compiled reader; None where a line that it does not take turns out to be an event."""
    found = native.read_envelopes(blocks)
    if found is None:
        return None
    inputs, outputs, keys, time_codes, times, numbers, counts, odd = found
    left = np.frombuffer(odd, np.int64).reshape(-1, 4)
    bad: list[BadLines] = []
    for block in np.flatnonzero(np.bincount(left[:, 0])).tolist():
        _, lines, starts, stops = left[left[:, 0] == block].T
        judged, events = _judged(blocks[block], starts, stops)
        if events:
            return None
        bad.append(_bad_lines(block, lines, starts, judged))
    seconds = np.array([*map(_seconds.__getitem__, times), NO_TIME], np.int64)
    times = seconds[np.frombuffer(time_codes, np.int32)]  # code -1, no time: the last one
    numbers, counts = np.frombuffer(numbers, np.int64), np.frombuffer(counts, np.int64)
    return Lines(keys, times, _compiled_sides(*inputs), _compiled_sides(*outputs), numbers, counts, BadLines.join(bad))


def _compiled_sides(data: bytearray, bounds: bytes, codes: bytes, declared: Sequence[Declared | None]) -> Sides:
    which = np.frombuffer(codes, np.int32) if len(declared) > 1 else None
    return Sides(Texts(data, np.frombuffer(bounds, np.int64)), tuple(declared) or (None,), which)


# --- without the compiled reader -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Decoded:
    events: list[Event] = field(default_factory=list)
    numbers: list[np.ndarray] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    bad: list[BadLines] = field(default_factory=list)
    tolerated: int = 0


def _read_decoded(blocks: Sequence[bytes]) -> Lines:
    found = _Decoded()
    for data in blocks:
        before = len(found.events)
        numbers = _decode_at_once(data, found)
        found.numbers.append(_decode_each(data, found) if numbers is None else numbers)
        found.counts.append(len(found.events) - before)
    return Lines(
        [event.metadata.key for event in found.events],
        np.array([_seconds[event.metadata.inference_time] for event in found.events], np.int64),
        _sides_of([event.captured.input for event in found.events]),
        _sides_of([event.captured.output for event in found.events]),
        np.concatenate([np.empty(0, np.int64), *found.numbers]),
        np.array(found.counts, np.int64),
        BadLines.join(found.bad),
        found.tolerated,
    )


def _sides_of(sides: Sequence[Encoded | None]) -> Sides:
    texts = [side.data if side else "" for side in sides]
    different = {
        (side.encoding, side.observed_content_type) if side else None: 0 for side in sides
    }  # nearly always one
    if len(different) <= 1:
        return Sides(texts, tuple(different) or (None,))
    places = {declared: place for place, declared in enumerate(different)}
    codes = [places[(side.encoding, side.observed_content_type) if side else None] for side in sides]
    return Sides(texts, tuple(different), np.array(codes, np.int32))


def _decode_at_once(data: bytes, found: _Decoded) -> np.ndarray | None:
    """The lines of the events of a block each of whose lines is one event; None where it is not so."""
    try:
        events = _decoder.decode_lines(data)
    except UNREADABLE:
        return None
    if not _is_one_a_line(data, len(events)):
        return None
    found.events += events
    return np.arange(len(events))


def _is_one_a_line(data: bytes, events: int) -> bool:
    """Whether each line is one event: as many lines as events, and each break between two objects."""
    if len(data) < FEW_BYTES:
        lines = data.count(b"\n") + (not data.endswith(b"\n"))
        return lines == events and (lines == 1 or data.count(b"}\n{") + data.count(b"}\r\n{") == lines - 1)
    breaks: list[int] = []
    end = data.find(b"\n")
    while end >= 0:
        breaks.append(end)
        end = data.find(b"\n", end + 1)
    lines = len(breaks) + (not data.endswith(b"\n"))
    content, inner = np.frombuffer(data, np.uint8), np.array(breaks[: lines - 1], np.int64)
    if lines != events or content[0] != OPEN:
        return False
    before = inner - 1 - (content[inner - 1] == RETURN)
    return bool((content[before] == CLOSE).all() and (content[inner + 1] == OPEN).all())


def _decode_each(data: bytes, found: _Decoded) -> np.ndarray:
    """The lines of the events of any block. Blank lines are left out together: there may be millions."""
    if not data.strip():
        return np.empty(0, np.int64)
    breaks = np.flatnonzero(np.frombuffer(data, np.uint8) == BREAK)  # str.splitlines would also cut at U+2028
    starts, stops = np.append(0, breaks + 1), np.append(breaks, len(data))
    numbers = np.flatnonzero(stops > starts)
    starts, stops = starts[numbers], stops[numbers]
    judged, events = _judged(data, starts, stops)
    found.bad.append(_bad_lines(len(found.counts), numbers, starts, judged))
    found.events += [event for event, _ in events.values()]
    found.tolerated += sum(is_tolerated for _, is_tolerated in events.values())
    return numbers[list(events)]


# --- lines that may be no events -------------------------------------------------------------------------------------------


def _judged(data: bytes, starts: np.ndarray, stops: np.ndarray) -> tuple[np.ndarray, dict[int, tuple[Event, bool]]]:
    """What is wrong with each of some lines, none of them empty, as its place in `REASONS`; NO_FAULT for events and blank lines.

    Also the events, by their line. A line that nobody could take for JSON costs no step of its own, a short one that occurs
    often is read once.
    """
    judged = np.full(len(starts), REASONS.index(NOT_JSON), np.uint8)
    events: dict[int, tuple[Event, bool]] = {}
    known: dict[bytes, int] = {}
    near = np.flatnonzero(MAY_BEGIN_JSON[np.frombuffer(data, np.uint8)[starts]])
    for place, start, stop in zip(near.tolist(), starts[near].tolist(), stops[near].tolist(), strict=True):
        line = data[start:stop]
        fault = known.get(line)
        if fault is None:
            found = _decode_line(line)
            if isinstance(found, tuple):
                events[place] = found
            fault = REASONS.index(found) if isinstance(found, str) else NO_FAULT
            if len(line) <= SHORT_LINE and len(known) < SHORT_LINES and place not in events:
                known[line] = fault
        judged[place] = fault
    return judged, events


def _bad_lines(block: int, numbers: np.ndarray, starts: np.ndarray, judged: np.ndarray) -> BadLines:
    is_bad = judged != NO_FAULT
    return BadLines(np.full(int(is_bad.sum()), block), numbers[is_bad], starts[is_bad], judged[is_bad])


def _decode_line(line: bytes) -> tuple[Event, bool] | str | None:
    """An event and whether it is only tolerated; else why the line is none; None for a blank line."""
    line = line.removeprefix(b"\xef\xbb\xbf").strip()
    if not line:
        return None
    try:
        return _decoder.decode(line), False
    except UNREADABLE:  # more tolerantly below
        pass
    try:
        return msgspec.convert(json.loads(line.decode("utf-8", "replace")), Event), True
    except msgspec.ValidationError:  # a ValueError too
        return NOT_A_CAPTURE_EVENT
    except (ValueError, RecursionError):
        return NOT_JSON


# --- time --------------------------------------------------------------------------------------------------------------


LONGEST_TIME = 64  # characters of a time that is worth remembering


class _Seconds(dict[Any, int]):
    """Times as seconds since 1970, each distinct text parsed once."""

    def __missing__(self, text: str | None) -> int:
        value = parse_time(text)
        if len(self) < 1_000_000 and len(text or "") <= LONGEST_TIME:
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
