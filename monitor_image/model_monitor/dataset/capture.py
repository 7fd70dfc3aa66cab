"""Capture files to rows: events decoded, gathered into batches, grouped by format and paired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress

import numpy as np

from model_monitor.contract import OWN_REQUEST_PREFIX
from model_monitor.dataset import scripted
from model_monitor.dataset.classify import to_column
from model_monitor.dataset.formats.capture_json import (
    NO_TIME,
    TOLERATED_EVENT,
    Encoded,
    Event,
    Format,
    Lines,
    declared_format,
    decode_block,
    open_side,
    times_of,
)
from model_monitor.dataset.lines import Block, read_blocks
from model_monitor.dataset.pair import Group, Losses, pair
from model_monitor.dataset.units import UNIT_BYTES, Unit
from model_monitor.job import Job
from model_monitor.schema import LOCATED_REJECTS, Events, Reject, Rejects, Rows, Schema, Window


@dataclass(slots=True)
class Batch:
    """Events of one variant that become rows together: those of one block, or of several small ones.

    origins: (number of the first event, its block, lines of its events inside the block).
    faults: lines that are no events: (block, line, reason).
    """

    variant: str
    events: list[Event] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    inside: list[bool] = field(default_factory=list)
    origins: list[tuple[int, Block, Sequence[int]]] = field(default_factory=list)
    faults: list[tuple[Block, int, str]] = field(default_factory=list)
    tolerated: int = 0
    own_requests: int = 0
    size_bytes: int = 0

    def add(self, block: Block, window: Window | None) -> None:
        """Take in a block's events."""
        self.size_bytes += len(block.data)
        if block.fault:
            self.faults.append((block, 0, block.fault))
            return
        lines = decode_block(block.data)
        keys = [event.metadata.key for event in lines.events]
        if OWN_REQUEST_PREFIX in "\n".join(keys):  # one search: nearly no window has any
            keys = self._leave_out_own(lines, keys, block, window)
        self.origins.append((len(self.events), block, lines.numbers))
        self.events += lines.events
        self.keys += keys
        times = times_of(lines.events)
        self.times += times
        self.inside += _inside(times, block, window)
        self.faults += [(block, number, reason) for number, reason in lines.faults.items()]
        self.tolerated += lines.tolerated

    def _leave_out_own(self, lines: Lines, keys: list[str], block: Block, window: Window | None) -> list[str]:
        """Drop the events that monitoring caused itself; the keys of the others."""
        is_own = [key.startswith(OWN_REQUEST_PREFIX) for key in keys]
        own = times_of(list(compress(lines.events, is_own)))
        self.own_requests += sum(_inside(own, block, window))
        others = [not own for own in is_own]
        lines.events = list(compress(lines.events, others))
        lines.numbers = list(compress(lines.numbers, others))
        return list(compress(keys, others))

    def locate(self, event: int, reason: str) -> Reject:
        """Where an event stands."""
        first, block, numbers = next(origin for origin in reversed(self.origins) if origin[0] <= event)
        return _located(block, numbers[event - first], reason)


def read_capture(unit: Unit, job: Job) -> Iterator[Rows]:
    """Rows of capture files in bounded chunks. A batch's losses come with the first of its chunks."""
    for batch in batches(unit, job.window):
        yield from _rows_of(batch, job)


def batches(unit: Unit, window: Window | None) -> Iterator[Batch]:
    """The events of a unit, a bounded number at a time."""
    batch: Batch | None = None
    for segment in unit:
        for block in read_blocks(segment):
            variant = block.file.variant
            if batch and (batch.variant != variant or batch.size_bytes + len(block.data) > UNIT_BYTES):
                yield batch
                batch = None
            batch = batch or Batch(variant)
            batch.add(block, window)
    if batch:
        yield batch


def group_by_format(batch: Batch, captured: Sequence[str]) -> tuple[list[Group], dict[int, str]]:
    """Events whose two sides have the same formats, together; and events one of whose sides is no text."""
    inputs = [event.captured.input for event in batch.events] if "endpointInput" in captured else []
    outputs = [event.captured.output for event in batch.events] if "endpointOutput" in captured else []
    sides = [(side or [None] * len(batch.events)) for side in (inputs, outputs)]
    uniform = [_uniform_format(side) for side in sides]
    if uniform[0] and uniform[1]:  # the rule: one endpoint, one client
        texts = [[side.data if side else "" for side in column] for column in sides]
        return [Group(uniform[0], uniform[1], list(range(len(batch.events))), *texts)] if batch.events else [], {}
    groups: dict[tuple[Format, Format], Group] = {}
    faults: dict[int, str] = {}
    for number, (given, answer) in enumerate(zip(*sides, strict=True)):
        try:
            left, input_text = open_side(given)
            right, output_text = open_side(answer)
        except ValueError as fault:
            faults[number] = str(fault)
            continue
        group = groups.get((left, right))
        if group is None:
            group = groups[left, right] = Group(left, right)
        group.numbers.append(number)
        group.inputs.append(input_text)
        group.outputs.append(output_text)
    return list(groups.values()), faults


def _uniform_format(sides: Sequence[Encoded | None]) -> Format | None:
    """The format that all of these declare; None when they differ or have to be decoded first."""
    declared = {(side.encoding, side.observed_content_type) if side else None for side in sides}
    formats = {declared_format(one) for one in declared}
    return formats.pop() if len(formats) == 1 else None


def located_rows(batch: Batch, job: Job, losses: Losses) -> Iterator[tuple[list[int], Rows]]:
    """The rows of each format's events, and which of the batch's events these are; what is lost goes to `losses`."""
    if job.scripts.preprocessor is not None:
        yield scripted.rows_of_events(batch, job, losses)
        return
    groups, faults = group_by_format(batch, job.dataset.captured)
    for number, reason in faults.items():
        losses.add(number, reason, 0, is_inside=batch.inside[number])
    for group in groups:
        inside = np.array([batch.inside[number] for number in group.numbers], np.bool_)
        rows, kept = pair(group, job.schema, inside, losses)
        numbers = list(compress(group.numbers, kept.tolist()))
        events = Events(
            tuple([batch.keys[number] for number in numbers]),
            np.array([batch.times[number] for number in numbers], np.int64),
            rows.events.records,
            batch.variant,
        )
        yield numbers, replace(rows, events=events)


def _rows_of(batch: Batch, job: Job) -> list[Rows]:
    losses = Losses()
    chunks = [rows for _, rows in located_rows(batch, job, losses)]
    chunks = chunks or [empty_rows(job.schema)]
    tolerated = Counter({TOLERATED_EVENT: batch.tolerated}) if batch.tolerated else Counter()
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
    by_reason = Counter(reason for _, _, reason in batch.faults)
    for _, reason, records in losses.found:
        by_reason[reason] += records
    lines = [_located(*fault) for fault in batch.faults[:LOCATED_REJECTS]]
    events = [batch.locate(event, reason) for event, reason, _ in sorted(losses.found)[:LOCATED_REJECTS]]
    located = sorted(lines + events, key=lambda reject: (reject.path, reject.line))
    unsized = len(batch.faults) + losses.unsized
    return Rejects(by_reason, tuple(located[:LOCATED_REJECTS]), losses.widths, unsized)


def _located(block: Block, line: int, reason: str) -> Reject:
    return Reject(block.file.relative, block.line_number(line), reason)


def _inside(times: list[int], block: Block, window: Window | None) -> list[bool]:
    """Whether each event lies in the window; one without a time is judged by the hour of its folder, or kept."""
    if window is None:
        return [True] * len(times)
    start, end = window.start.timestamp(), window.end.timestamp()
    hour = block.file.hour
    timeless = hour is None or start - 3600 < hour.timestamp() < end
    return [start <= time < end if time != NO_TIME else timeless for time in times]
