"""Record i of the request with record i of the response: events of one pair of formats become a typed table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial

import numpy as np

from model_monitor.dataset import foreign
from model_monitor.dataset.classify import Literals, to_column
from model_monitor.dataset.fields import Side, input_side, output_side
from model_monitor.dataset.formats.csv import read_csv
from model_monitor.dataset.formats.json import read_json
from model_monitor.dataset.headings import Names, as_declared, side_by_name, without_first_lines, words_above_numbers
from model_monitor.dataset.missing import answer, type_features
from model_monitor.dataset.records import (
    COUNTS_DIFFER,
    HEADER_LINE,
    NO_INPUT,
    NO_OUTPUT,
    WRONG_OUTPUT_WIDTH,
    WRONG_WIDTH,
    Records,
    keep,
    no_records,
)
from model_monitor.dataset.sides import Format
from model_monitor.dataset.unclaimed import counts_of
from model_monitor.schema import Column, Events, Rows, Schema

POSITIONAL_ROLES = ("prediction", "score", "payload_index")


@dataclass(slots=True)
class Group:
    """Events whose inputs have one format and whose outputs have one.

    numbers: int64, their places in the batch.
    input_names, output_names: what the payloads themselves call the values of a row; empty where they do not say.
    """

    input_format: Format
    output_format: Format
    numbers: np.ndarray
    inputs: Sequence[str]
    outputs: Sequence[str]
    input_names: Names = ()
    output_names: Names = ()


@dataclass(slots=True)
class Losses:
    """What does not become rows. `found`: (place of the event in the batch, reason, records).

    unsized: events in `found` of which nobody knows how many records they held; they stand there with one.
    """

    found: list[tuple[int, str, int]] = field(default_factory=list)
    unsized: int = 0
    widths: Counter[int] = field(default_factory=Counter)
    outside: int = 0

    def add(self, number: int, reason: str, records: int, *, is_inside: bool) -> None:
        """Count records that cannot be read (0: an unknown number); what lies outside the window is not judged."""
        if is_inside:
            self.found.append((number, reason, max(1, records)))
            self.unsized += not records
        else:
            self.outside += max(1, records)


@dataclass(slots=True)
class _Pairs:
    """Both sides, aligned. Masks over all records of a side; `kept` over events."""

    left: Records
    right: Records | None
    kept: np.ndarray
    rows: np.ndarray  # records of the events in `good` that become rows
    good: np.ndarray


def read_side(
    form: Format, texts: Sequence[str], side: Side, expected: np.ndarray | None = None, names: Names = ()
) -> Records:
    """Records of payloads that all have one format and call their values the same."""
    if names:
        by_name = side_by_name(side, names)
        return as_declared(read_side(form, texts, by_name, expected), side, names)
    if form is Format.ABSENT:
        return no_records(len(texts), len(side.fields))
    if form is Format.CSV:
        return read_csv(texts, side, expected)
    return read_json(texts, side, expected, is_lines=form is Format.JSON_LINES)


def pair(group: Group, schema: Schema, inside: np.ndarray, losses: Losses) -> tuple[Rows, np.ndarray]:
    """The rows of a group's events that lie `inside` the window, and which of its events they come from.

    The rows' `events` hold only the number of records of each event.
    """
    has_names = group.input_format in (Format.JSON, Format.JSON_LINES)
    left_side, right_side = input_side(schema, has_names), output_side(schema)
    has_right = right_side is not None and group.output_format is not Format.ABSENT
    left = read_side(group.input_format, group.inputs, left_side, names=group.input_names)
    faults = dict(left.faults)
    if group.input_format is Format.ABSENT and left_side.fields:
        faults |= dict.fromkeys(range(len(group.numbers)), NO_INPUT)
    right: Records | None = None
    if has_right and right_side is not None:
        known = None if group.input_format is Format.ABSENT else left.counts
        right = read_side(group.output_format, group.outputs, right_side, known, group.output_names)
        if group.input_format is Format.ABSENT and not left_side.fields:
            left = Records(right.counts, [])
        faults |= {i: reason for i, reason in right.faults.items() if i not in faults}
        bare, loose = _without_loose_headers(group, left, right)
        if bare is not group:
            return pair(bare, schema, inside, losses)
        faults |= {i: HEADER_LINE for i in loose if i not in faults}
    elif right_side is not None and schema.is_positional:
        right = no_records(len(group.numbers), len(right_side.fields))  # the columns of no row
        faults |= {i: NO_OUTPUT for i in range(len(group.numbers)) if i not in faults}
    return _join(group, schema, inside, losses, left, right, faults)


def _without_loose_headers(group: Group, left: Records, right: Records) -> tuple[Group, set[int]]:
    """The group without first lines that are headers by their looks, on the side that has one record more than the other.

    Also the events of which nobody can tell.
    """
    texts, unclear = [group.inputs, group.outputs], set[int]()
    for place, (form, more) in enumerate(
        ((group.input_format, left.counts - right.counts), (group.output_format, right.counts - left.counts))
    ):
        one_more = np.flatnonzero(more == 1).tolist() if form is Format.CSV else ()
        looks = {i: words_above_numbers(texts[place][i]) for i in one_more}
        unclear |= {i for i, is_header in looks.items() if is_header is None}
        if headers := [i for i, is_header in looks.items() if is_header]:
            texts[place] = without_first_lines(texts[place], headers)
    is_same = texts[0] is group.inputs and texts[1] is group.outputs
    return group if is_same else replace(group, inputs=texts[0], outputs=texts[1]), unclear


def _join(
    group: Group,
    schema: Schema,
    inside: np.ndarray,
    losses: Losses,
    left: Records,
    right: Records | None,
    faults: dict[int, str],
) -> tuple[Rows, np.ndarray]:
    if right is not None:
        differ = np.flatnonzero(left.counts != right.counts).tolist()
        faults |= {i: COUNTS_DIFFER for i in differ if i not in faults}
    good = np.ones(len(group.numbers), np.bool_)
    good[list(faults)] = False
    for i, reason in faults.items():
        losses.add(int(group.numbers[i]), reason, int(left.counts[i]), is_inside=bool(inside[i]))
    event = np.repeat(np.arange(len(good)), left.counts)
    left_rows = good[event]
    right_rows = good[np.repeat(np.arange(len(good)), right.counts)] if right is not None else left_rows
    is_readable = left.readable[left_rows]
    if right is not None:
        is_readable &= right.readable[right_rows]
    event = event[left_rows]
    kept = is_readable & inside[event]
    losses.outside += int((~inside[event]).sum())
    _count_widths(group, schema, losses, left, right, (left_rows, right_rows), event, inside[event] & ~is_readable)
    starts = np.cumsum(left.counts) - left.counts
    position = (np.arange(int(left.counts.sum())) - np.repeat(starts, left.counts))[left_rows][kept]
    events = Events(records=np.bincount(event[kept], minlength=len(good))[good & inside].astype(np.int64))
    left_columns, extra = _columns(left, left_rows, kept)
    right_columns, more = _columns(right, right_rows, kept) if right is not None else ([], Counter())
    rows = _typed(schema, left_columns, right_columns, position, events)
    tolerated = Counter(reason for side in (left, right) if side for reason in side.tolerated.values())
    return _with(rows, extra + more, tolerated), good & inside


def _with(rows: Rows, extra: Counter[str], tolerated: Counter[str]) -> Rows:
    rows.extra.update(extra)
    rows.tolerated.update(tolerated)
    return rows


def _columns(records: Records, good_rows: np.ndarray, kept: np.ndarray) -> tuple[list[Literals], Counter[str]]:
    """The cells that become rows, and how many of these have each unclaimed key."""
    if kept.all() and len(kept) == len(good_rows) and not records.widths:
        return records.columns, counts_of(records.unclaimed)
    mask = np.zeros(len(good_rows), np.bool_)
    mask[good_rows] = kept
    mask = mask[records.readable]
    return [keep(column, mask) for column in records.columns], counts_of(records.unclaimed, mask)


def _count_widths(
    group: Group,
    schema: Schema,
    losses: Losses,
    left: Records,
    right: Records | None,
    sides: tuple[np.ndarray, np.ndarray],
    event: np.ndarray,
    bad: np.ndarray,
) -> None:
    """Rejects of single records for their number of values; in positional schemas the two sides count as one row."""
    if not bad.any():
        return
    places = (*(np.flatnonzero(side)[bad] for side in sides), event[bad])
    reasons, why = Counter[tuple[int, str]](), cache(partial(_why_one_value, group))
    for i, j, owner in zip(*(place.data for place in places), strict=True):  # whole numbers of Python, one at a time
        found = left.widths.get(i), right.widths.get(j) if right else None
        if reason := why(owner, found[0] == 1, found[1] == 1):
            reasons[owner, reason] += 1
            continue
        if schema.is_positional:
            wrong = left.widths.get(i, len(schema.features) - schema.outputs)
            wrong += right.widths.get(j, schema.outputs) if right else 0
        elif i in left.widths:
            wrong = left.widths[i]
        else:
            reasons[owner, WRONG_OUTPUT_WIDTH] += 1
            continue
        reasons[owner, WRONG_WIDTH] += 1
        losses.widths[wrong] += 1
    for (owner, reason), count in reasons.items():
        losses.add(int(group.numbers[owner]), reason, count, is_inside=True)


def _why_one_value(group: Group, place: int, *is_one: bool) -> str:
    """Why records of an event have one value on a side in the place of several; "" where its payloads do not show it."""
    sides = ((group.input_format, group.inputs), (group.output_format, group.outputs))
    found = (
        foreign.why_one_value(texts[place], is_csv=form is Format.CSV)
        for is_asked, (form, texts) in zip(is_one, sides, strict=True)
        if is_asked
    )
    return next(filter(None, found), "")


def _typed(schema: Schema, left: list[Literals], right: list[Literals], position: np.ndarray, events: Events) -> Rows:
    literals = right + left if schema.is_positional else left[: len(schema.features)]
    named = zip(schema.payload.fields, left[len(schema.features) :], strict=False)  # no such values in CSV
    features, absences, tolerated = type_features(schema, literals)
    absent = {name: count for name, count in zip(schema.names, absences, strict=True) if count}
    roles: dict[str, Column] = {}
    beside: tuple[Column, ...] = ()  # scores of each class, then attributions
    scores = len(schema.payload.output.scores)
    if not schema.is_positional and right:
        output = schema.payload.output
        wanted = {"prediction": output.prediction, "score": output.score, "payload_index": output.payload_index}
        names = [name for name, value in wanted.items() if value is not None]
        roles = {name: to_column(column) for name, column in zip(names, right, strict=False)}
        beside = tuple(map(to_column, right[len(names) :]))
    elif right:
        roles, beside = _roles_of_outputs(schema, features), _class_scores(schema, features)
        scores = len(beside)
    return Rows(
        schema,
        len(position),
        features,
        events,
        _payload_index(roles.get("payload_index"), position),
        None if "prediction" not in roles else answer(roles["prediction"]),
        roles.get("score"),
        attributions=beside[scores:],
        class_scores=beside[:scores],
        metadata={field.name: to_column(column) for field, column in named},
        absent=Counter(absent),
        tolerated=tolerated,
    )


def _roles_of_outputs(schema: Schema, columns: Sequence[Column]) -> dict[str, Column]:
    """What the response's columns mean, where it was said though the features were not declared."""
    found = {role: _place(schema, getattr(schema.payload.output, role)) for role in POSITIONAL_ROLES}
    return {role: columns[place] for role, place in found.items() if place is not None}


def _class_scores(schema: Schema, columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns of a score for each class: those that are named, or the values of the list that is."""
    output, names = schema.payload.output, schema.names[: schema.outputs]
    if output.scores:
        places = [_place(schema, wanted) for wanted in output.scores]
    else:
        places = [i for i, name in enumerate(names) if name in {f"{output.score}[{k}]" for k in range(len(names))}]
    return tuple(columns[place] for place in places if place is not None) if None not in places else ()


def _place(schema: Schema, wanted: str | int | None) -> int | None:
    """Where among a positional schema's columns a value of the response is; None where it is not."""
    names = schema.names[: schema.outputs]
    if isinstance(wanted, int) or (wanted or "").isdecimal():
        place = int(wanted or 0)
        return place if place < schema.outputs else None
    return names.index(wanted) if wanted in names else None


def _payload_index(column: Column | None, position: np.ndarray) -> np.ndarray:
    """The response's own index where it gives one, else the record's place in the payload."""
    if column is None or column.numbers is None:
        return position
    if column.numbers.dtype == np.int64:
        return column.numbers
    is_index = (column.numbers >= 0) & (column.numbers < 2**53)
    return np.where(is_index, np.where(is_index, column.numbers, 0).astype(np.int64), position)
