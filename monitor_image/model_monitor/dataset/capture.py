"""Capture files to rows: events decoded, gathered into batches, grouped by format and paired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise

import numpy as np

from model_monitor.contract import OWN_REQUEST_PREFIX
from model_monitor.dataset import scripted
from model_monitor.dataset.classify import to_column
from model_monitor.dataset.formats.capture_json import NO_TIME, TOLERATED_EVENT, Lines, decode_blocks
from model_monitor.dataset.lines import Block, read_blocks
from model_monitor.dataset.pair import Group, Losses, pair
from model_monitor.dataset.sides import FORMATS, Sides, open_sides, taken
from model_monitor.dataset.units import UNIT_BYTES, Unit
from model_monitor.job.job import Job
from model_monitor.schema import LOCATED_REJECTS, Events, Reject, Rejects, Rows, Schema, Window, first_rejects

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

    def faults(self) -> list[tuple[Block, int, str]]:
        """Lines that are no events, in order."""
        unread = [(place, 0, block.fault) for place, block in enumerate(self.blocks) if block.fault]
        return [(self.blocks[place], line, reason) for place, line, reason in sorted(unread + self.lines.faults)]

    def locate(self, event: int, reason: str) -> Reject:
        """Where an event stands."""
        block = self.blocks[int(np.searchsorted(self.starts, event, side="right")) - 1]
        return _located(block, int(self.lines.numbers[event]), reason)

    def events(self, places: np.ndarray, records: np.ndarray) -> Events:
        """Some of its events, as rows know them, with the number of rows of each."""
        keys = self.keys if len(places) == len(self) else [self.keys[place] for place in places.tolist()]
        return Events(tuple(keys), self.times[places], records, self.variant)


def read_capture(unit: Unit, job: Job) -> Iterator[Rows]:
    """Rows of capture files in bounded chunks. A batch's losses come with the first of its chunks."""
    for batch in batches(unit, job.window):
        yield from _rows_of(batch, job)


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


def group_by_format(batch: Batch, captured: Sequence[str]) -> tuple[list[Group], dict[int, str]]:
    """Events whose two sides have the same formats, together; and events one of whose sides is no text."""
    absent = Sides.absent(len(batch))
    left = open_sides(batch.lines.inputs if "endpointInput" in captured else absent)
    right = open_sides(batch.lines.outputs if "endpointOutput" in captured else absent)
    faults = dict(sorted((right.faults | left.faults).items()))
    if isinstance(left.forms, int) and isinstance(right.forms, int):  # the rule: one endpoint, one client
        everything = np.arange(len(batch))
        group = Group(FORMATS[left.forms], FORMATS[right.forms], everything, left.texts, right.texts)
        return [group] if len(batch) else [], {}
    pairs = np.zeros(len(batch), np.int64) + left.forms * len(FORMATS) + right.forms
    pairs[list(faults)] = -1
    different, firsts = np.unique(pairs, return_index=True)
    groups: list[Group] = []
    for both in different[np.argsort(firsts)].tolist():  # in the order in which they occur
        if both >= 0:
            numbers = np.flatnonzero(pairs == both)
            inputs, outputs = (
                opened.texts if len(numbers) == len(batch) else taken(opened.texts, numbers) for opened in (left, right)
            )
            given, answer = divmod(both, len(FORMATS))
            groups.append(Group(FORMATS[given], FORMATS[answer], numbers, inputs, outputs))
    return groups, faults


def located_rows(batch: Batch, job: Job, losses: Losses) -> Iterator[tuple[np.ndarray, Rows]]:
    """The rows of each format's events, and which of the batch's events these are; what is lost goes to `losses`."""
    if job.scripts.preprocessor is not None:
        yield scripted.rows_of_events(batch, job, losses)
        return
    groups, faults = group_by_format(batch, job.dataset.captured)
    for number, reason in faults.items():
        losses.add(number, reason, 0, is_inside=bool(batch.inside[number]))
    for group in groups:
        rows, kept = pair(group, job.schema, batch.inside[group.numbers], losses)
        numbers = group.numbers[kept]
        yield numbers, replace(rows, events=batch.events(numbers, rows.events.records))


def _rows_of(batch: Batch, job: Job) -> list[Rows]:
    losses = Losses()
    chunks = [rows for _, rows in located_rows(batch, job, losses)]
    chunks = chunks or [empty_rows(job.schema)]
    tolerated = +Counter({TOLERATED_EVENT: batch.lines.tolerated, UNTIMED_EVENT: batch.untimed})
    chunks[0] = replace(
        chunks[0],
        rejects=_rejects(batch, losses),
        outside_window=losses.outside,
        own_requests=batch.own_requests,
        tolerated=chunks[0].tolerated + tolerated,
    )
    return chunks


def empty_rows(schema: Schema) -> Rows:
    """A chunk without records, to carry what was lost."""
    return Rows(schema, 0, tuple(to_column(()) for _ in schema.features))


def _rejects(batch: Batch, losses: Losses) -> Rejects:
    faults = batch.faults()
    by_reason = Counter(reason for _, _, reason in faults)
    for _, reason, records in losses.found:
        by_reason[reason] += records
    lines = [_located(*fault) for fault in faults[:LOCATED_REJECTS]]
    different = dict.fromkeys((event, reason) for event, reason, _ in sorted(losses.found))
    events = [batch.locate(event, reason) for event, reason in islice(different, LOCATED_REJECTS)]
    located = sorted(lines + events, key=lambda reject: (reject.path, reject.line))
    unsized = len(faults) + losses.unsized
    return Rejects(by_reason, first_rejects(located), losses.widths, unsized)


def _located(block: Block, line: int, reason: str) -> Reject:
    return Reject(block.file.relative, block.line_number(line), reason)


def _inside(lines: Lines, blocks: Sequence[Block], window: Window | None) -> np.ndarray:
    """Whether each event lies in the window; one without a time is judged by the hour of its folder, or kept."""
    if window is None:
        return np.ones(len(lines.times), np.bool_)
    start, end = window.start.timestamp(), window.end.timestamp()
    inside: np.ndarray = (start <= lines.times) & (lines.times < end)
    timeless = lines.times == NO_TIME
    if timeless.any():
        hours = [block.file.hour for block in blocks]
        is_near = np.array([hour is None or start - 3600 < hour.timestamp() < end for hour in hours], np.bool_)
        inside = np.where(timeless, np.repeat(is_near, lines.counts), inside)
    return inside


def _untimed(lines: Lines, blocks: Sequence[Block]) -> int:
    """Events without a time in files of no hour."""
    has_no_hour = np.array([block.file.hour is None for block in blocks], np.bool_)
    return int(np.count_nonzero((lines.times == NO_TIME) & np.repeat(has_no_hour, lines.counts)))
