"""Captured events gathered into batches of bounded size, from the blocks of a unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise

import numpy as np

from model_monitor.contract import OWN_REQUEST_PREFIX
from model_monitor.dataset.formats.capture_json import NO_TIME, Lines, decode_blocks
from model_monitor.dataset.glued import apart
from model_monitor.dataset.lines import Block, read_blocks
from model_monitor.dataset.records import NOT_JSON
from model_monitor.dataset.units import UNIT_BYTES, Unit
from model_monitor.schema import Events, Reject, Window

MAY_BEGIN_OBJECT = np.zeros(256, np.bool_)  # after blanks or a byte order mark
MAY_BEGIN_OBJECT[list(b"{ \t\n\r\v\f\xef")] = True
UNTIMED_EVENT = "event without a time in a file of no hour"


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of one variant that become rows together: those of one block, or of several small ones.

    starts: int64 (blocks + 1,), number of each block's first event. inside: bool (events,), whether each is in the window.
    untimed: how many of them count in every window, since neither they nor their files' folders say when they were.
    """

    variant: str
    blocks: Sequence[Block]
    lines: Lines
    starts: np.ndarray
    inside: np.ndarray
    own_requests: int
    untimed: int

    @classmethod
    def of(cls, blocks: Sequence[Block], window: Window | None) -> Batch:
        """The events of blocks, without those that monitoring caused itself."""
        lines = decode_blocks([block.data for block in blocks])
        if whole := _taken_apart(blocks, lines):
            blocks, lines = whole, decode_blocks([block.data for block in whole])
        inside = _inside(lines, blocks, window)
        own_requests = 0
        if OWN_REQUEST_PREFIX in "\n".join(lines.keys):  # one search: nearly no window has any
            is_own = np.array([key.startswith(OWN_REQUEST_PREFIX) for key in lines.keys], np.bool_)
            own_requests = int(np.count_nonzero(inside & is_own))
            lines, inside = lines.take(np.flatnonzero(~is_own)), inside[~is_own]
        starts = np.concatenate([[0], np.cumsum(lines.counts)])
        untimed = _untimed(lines, blocks) if window else 0
        return cls(blocks[0].file.variant, blocks, lines, starts, inside, own_requests, untimed)

    @property
    def keys(self) -> list[str]:
        """Of each event: inferenceId, else eventId."""
        return self.lines.keys

    @property
    def times(self) -> np.ndarray:
        """int64 (events,), seconds since 1970 UTC, -1 where unknown."""
        return self.lines.times

    def __len__(self) -> int:
        return len(self.lines.keys)

    def origins(self) -> Iterator[tuple[Block, range, list[int]]]:
        """Each block that could be read, its events, and the line of each of them inside the block."""
        for block, (start, stop) in zip(self.blocks, pairwise(self.starts.tolist()), strict=True):
            if not block.fault:
                yield block, range(start, stop), self.lines.numbers[start:stop].tolist()

    def unread(self) -> list[tuple[Block, str, int]]:
        """What of its blocks is no event: (block, reason, lines); the rest of a file that cannot be read is one."""
        counted = [(place, reason, lines) for (place, reason), lines in self.lines.bad.counts().items()]
        rest = [(place, block.fault, 1) for place, block in enumerate(self.blocks) if block.fault]
        return [(self.blocks[place], reason, lines) for place, reason, lines in sorted(rest + counted)]

    def first_unread(self, is_wanted: Callable[[Block], bool], most: int) -> list[Reject]:
        """Where the first few of these stand, of the blocks that are wanted."""
        wanted = np.array([is_wanted(block) for block in self.blocks], np.bool_)
        bad = self.lines.bad.take(wanted[self.lines.bad.blocks])
        rest = [(place, 0, block.fault) for place, block in enumerate(self.blocks) if block.fault and wanted[place]]
        return [
            located_reject(self.blocks[block], line, reason) for block, line, reason in sorted(rest + bad.first(most))
        ][:most]

    def locate(self, event: int, reason: str) -> Reject:
        """Where an event stands."""
        block = self.blocks[int(np.searchsorted(self.starts, event, side="right")) - 1]
        return located_reject(block, int(self.lines.numbers[event]), reason)

    def events(self, places: np.ndarray, records: np.ndarray) -> Events:
        """Some of its events, as rows know them, with the number of rows of each."""
        keys = self.keys if len(places) == len(self) else [self.keys[place] for place in places.tolist()]
        return Events(tuple(keys), self.times[places], records, self.variant)


def batches(unit: Unit, window: Window | None) -> Iterator[Batch]:
    """The events of a unit, a bounded number at a time."""
    blocks: list[Block] = []
    size_bytes = 0
    for segment in unit:
        for block in read_blocks(segment):
            if blocks and (blocks[0].file.variant != block.file.variant or size_bytes + len(block.data) > UNIT_BYTES):
                yield Batch.of(blocks, window)
                blocks, size_bytes = [], 0
            blocks.append(block)
            size_bytes += len(block.data)
    if blocks:
        yield Batch.of(blocks, window)


def _taken_apart(blocks: Sequence[Block], lines: Lines) -> Sequence[Block] | None:
    """Blocks with one event a line, where some of their lines hold several; None where none does."""
    bad = lines.bad.of(NOT_JSON)
    found = {}
    for place in np.flatnonzero(np.bincount(bad.blocks)).tolist():
        data, own = blocks[place].data, bad.blocks == place
        first = np.frombuffer(data, np.uint8)[bad.starts[own]]
        numbers = bad.numbers[own][MAY_BEGIN_OBJECT[first]].tolist()
        found[place] = apart(data, numbers) if numbers and b"}" in data else None
    changed = {place: whole for place, whole in found.items() if whole is not None}
    if not changed:
        return None
    return [
        replace(block, data=changed[place][0], places=changed[place][1]) if place in changed else block
        for place, block in enumerate(blocks)
    ]


def _inside(lines: Lines, blocks: Sequence[Block], window: Window | None) -> np.ndarray:
    """Whether each event lies in the window; one without a time is judged by the hour of its folder, or kept."""
    if window is None:
        return np.ones(len(lines.times), np.bool_)
    start, end = window.start.timestamp(), window.end.timestamp()
    inside: np.ndarray = (start <= lines.times) & (lines.times < end)
    timeless = lines.times == NO_TIME
    if timeless.any():
        is_near = np.array([is_of_window(block, window) for block in blocks], np.bool_)
        inside = np.where(timeless, np.repeat(is_near, lines.counts), inside)
    return inside


def is_of_window(block: Block, window: Window | None) -> bool:
    """Whether what has no time of its own counts in a window: by the hour of its folder; always where there is none."""
    hour = block.file.hour
    return window is None or hour is None or window.start - timedelta(hours=1) < hour < window.end


def _untimed(lines: Lines, blocks: Sequence[Block]) -> int:
    """Events without a time in files of no hour."""
    has_no_hour = np.array([block.file.hour is None for block in blocks], np.bool_)
    return int(np.count_nonzero((lines.times == NO_TIME) & np.repeat(has_no_hour, lines.counts)))


def located_reject(block: Block, line: int, reason: str) -> Reject:
    return Reject(block.file.relative, block.line_number(line), reason)
