"""Capture files to rows: events decoded, gathered into batches, grouped by format and paired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice

import numpy as np

from model_monitor.dataset import scripted
from model_monitor.dataset.batches import Batch, batches, is_of_window
from model_monitor.dataset.classify import to_column
from model_monitor.dataset.fields import output_side
from model_monitor.dataset.formats.capture_json import TOLERATED_EVENT
from model_monitor.dataset.headings import Names, without_headings
from model_monitor.dataset.pair import Group, Losses, pair
from model_monitor.dataset.sides import FORMATS, Sides, open_sides, taken
from model_monitor.dataset.units import Unit
from model_monitor.job.job import Job
from model_monitor.schema import LOCATED_REJECTS, Reject, Rejects, Rows, Schema, first_rejects

UNTIMED_EVENT = "event without a time in a file of no hour"


def read_capture(unit: Unit, job: Job) -> Iterator[Rows]:
    """Rows of capture files in bounded chunks. A batch's losses come with the first of its chunks."""
    for batch in batches(unit, job.window):
        yield from _rows_of(batch, job)


def group_by_format(
    batch: Batch, captured: Sequence[str], *, needs_answers: bool = True
) -> tuple[list[Group], dict[int, str]]:
    """Events whose two sides have the same formats, together; and events one of whose sides, where it is needed, is no text."""
    absent = Sides.absent(len(batch))
    left = open_sides(batch.lines.inputs if "endpointInput" in captured else absent)
    right = open_sides(batch.lines.outputs if "endpointOutput" in captured else absent)
    faults = dict(sorted(((right.faults if needs_answers else {}) | left.faults).items()))
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


def by_heading(group: Group, schema: Schema) -> list[Group]:
    """A group's events without headings, apart by what their payloads call their values; schema: the names that are known."""
    payload = schema.payload
    answers = (payload.output.prediction, payload.output.score, payload.output.payload_index, *payload.output.scores)
    given = (*schema.names, *(feature.name for feature in payload.fields))
    answered = schema.names if schema.is_positional else [each for each in answers if isinstance(each, str)]
    left = without_headings(group.input_format, group.inputs, given, payload.records)
    right = without_headings(group.output_format, group.outputs, answered, payload.output.records)
    group = replace(group, input_format=left.form, output_format=right.form, inputs=left.texts, outputs=right.texts)
    if not left.names and not right.names:
        return [group]
    events: dict[tuple[Names, Names], list[int]] = {}
    for i in range(len(group.numbers)):
        events.setdefault((left.names.get(i, ()), right.names.get(i, ())), []).append(i)
    return [_part(group, np.array(places), *names) for names, places in events.items()]


def _part(group: Group, places: np.ndarray, input_names: Names, output_names: Names) -> Group:
    inputs, outputs = taken(group.inputs, places), taken(group.outputs, places)
    return Group(
        group.input_format, group.output_format, group.numbers[places], inputs, outputs, input_names, output_names
    )


def located_rows(batch: Batch, job: Job, losses: Losses) -> Iterator[tuple[np.ndarray, Rows]]:
    """The rows of each format's events, and which of the batch's events these are; what is lost goes to `losses`."""
    if job.scripts.preprocessor is not None:
        yield scripted.rows_of_events(batch, job, losses)
        return
    groups, faults = group_by_format(
        batch, job.dataset.captured, needs_answers=output_side(job.schema) is not None or not job.schema.features
    )
    for number, reason in faults.items():
        losses.add(number, reason, 0, is_inside=bool(batch.inside[number]))
    for group in chain.from_iterable(by_heading(each, job.schema) for each in groups):
        rows, kept = pair(group, job.schema, batch.inside[group.numbers], losses)
        numbers = group.numbers[kept]
        yield numbers, replace(rows, events=batch.events(numbers, rows.events.records))


def _rows_of(batch: Batch, job: Job) -> list[Rows]:
    losses = Losses()
    chunks = [rows for _, rows in located_rows(batch, job, losses)]
    chunks = chunks or [empty_rows(job.schema)]
    unread, outside = Counter[str](), losses.outside
    for block, reason, count in batch.unread():
        if is_of_window(block, job.window):
            unread[reason] += count
        else:
            outside += count
    lines = batch.first_unread(lambda block: is_of_window(block, job.window), LOCATED_REJECTS)
    tolerated = +Counter({TOLERATED_EVENT: batch.lines.tolerated, UNTIMED_EVENT: batch.untimed})
    chunks[0] = replace(
        chunks[0],
        rejects=_rejects(batch, losses, unread, lines),
        outside_window=outside,
        own_requests=batch.own_requests,
        tolerated=chunks[0].tolerated + tolerated,
    )
    return chunks


def empty_rows(schema: Schema) -> Rows:
    """A chunk without records, to carry what was lost."""
    return Rows(schema, 0, tuple(to_column(()) for _ in schema.features))


def _rejects(batch: Batch, losses: Losses, unread: Counter[str], lines: Sequence[Reject]) -> Rejects:
    """unread: lines that are no events, by reason; lines: the first of them."""
    by_reason = unread.copy()
    for _, reason, records in losses.found:
        by_reason[reason] += records
    different = dict.fromkeys((event, reason) for event, reason, _ in sorted(losses.found))
    events = [batch.locate(event, reason) for event, reason in islice(different, LOCATED_REJECTS)]
    located = sorted([*lines, *events], key=lambda reject: (reject.path, reject.line))
    return Rejects(by_reason, first_rejects(located), losses.widths, unread.total() + losses.unsized)
