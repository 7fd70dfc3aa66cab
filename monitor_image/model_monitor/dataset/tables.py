"""Datasets that are no capture: CSV files, JSON Lines and JSON documents to rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge, nsmallest
from itertools import islice, repeat
from operator import itemgetter

import numpy as np

from model_monitor.dataset.fields import Side
from model_monitor.dataset.formats.csv import Row, iterate_rows, lines_of_records, read_csv
from model_monitor.dataset.formats.json import read_json
from model_monitor.dataset.glued import apart
from model_monitor.dataset.lines import Block, read_blocks
from model_monitor.dataset.named import named_rows, named_side, side_of_header, side_of_positions
from model_monitor.dataset.records import EMPTY_PAYLOAD, MALFORMED_JSON, WRONG_WIDTH, Records
from model_monitor.dataset.texts import Texts
from model_monitor.dataset.unclaimed import counts_of
from model_monitor.dataset.units import Segment, Unit
from model_monitor.job.job import Job
from model_monitor.schema import LOCATED_REJECTS, Reject, Rejects, Rows, Schema, first_rejects

FIRST_ROW_BYTES = 1 << 20


_Loss = tuple[int, str]  # a line of a block, or a record on it, that cannot be read, and why


def read_csv_files(unit: Unit, job: Job) -> Iterator[Rows]:
    """Rows of CSV files, with a header in each or without."""
    for segment in unit:
        for block, side, unclaimed, body, before in csv_blocks(segment, job):
            yield _rows_of_csv(block, side, unclaimed, job.schema, body, before)


def csv_blocks(segment: Segment, job: Job) -> Iterator[tuple[Block, Side, set[str], str, int]]:
    """Blocks of a CSV file with its fields, columns that no field claims, the text without the header, lines before it."""
    first = first_row(segment)
    if first is None:
        return
    header = [value or "" for value in first] if job.dataset.has_header else [*job.dataset.columns] or None
    places = [f"_c{i}" for i in range(len(first))]  # AWS's names, where features and roles have them
    asked = {*job.schema.names, job.schema.payload.label or places[0]}
    named = header or (places if asked <= {*places} else None)
    side = side_of_header(job.schema, named) if named else side_of_positions(job.schema, len(first))
    unclaimed = set(header or ()) - {field.key for field in side.fields}
    for block in read_blocks(segment, has_quotes=True):
        text = block.data.decode("utf-8", "replace")
        is_head = job.dataset.has_header and segment.start == 0 and block.skipped == 0
        head = _split_first_row(text)[1] if is_head else 0
        yield block, side, unclaimed, text[head:], text.count("\n", 0, head)


def read_json_lines_files(unit: Unit, job: Job) -> Iterator[Rows]:
    """Rows of files with one JSON record a line."""
    for segment in unit:
        for block in read_blocks(segment):
            records, numbers = read_json_lines(block.data, named_side(job.schema))
            yield _rows_of_json(block, records, numbers, job.schema)


def read_json_lines(data: bytes, side: Side) -> tuple[Records, Sequence[int]]:
    """Records of whole lines, also of such that hold several objects, and the line of each payload."""
    texts, numbers = filled_lines(data)
    records = read_json(texts, side)
    faulty = [numbers[i] for i, reason in records.faults.items() if reason == MALFORMED_JSON]
    whole = apart(data, faulty) if faulty else None
    if whole is None:
        return records, numbers
    texts, numbers = filled_lines(whole[0])
    return read_json(texts, side), [whole[1][number] for number in numbers]


def read_json_files(unit: Unit, job: Job) -> Iterator[Rows]:
    """Rows of JSON documents; each file is one, and is held in memory as a whole."""
    for segment in unit:
        blocks = list(read_blocks(segment))
        text = b"".join(block.data for block in blocks).decode("utf-8", "replace")
        if blocks:
            records = read_json([text], named_side(job.schema))
            yield _rows_of_json(Block(segment.file, 0, 0, b"", blocks[-1].fault), records, [0], job.schema)


def filled_lines(data: bytes) -> tuple[Sequence[str], Sequence[int]]:
    """The lines that are not blank, perhaps with the blank ones that follow them, and the number of each, from 0."""
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError:
            lines = {i: line for i, line in enumerate(data.decode("utf-8", "replace").split("\n")) if line.strip()}
            return list(lines.values()), list(lines)
    octets = np.frombuffer(data, np.uint8)
    starts = np.concatenate([[0], np.flatnonzero(octets == ord("\n")) + 1])
    starts = starts[: np.searchsorted(starts, len(data))]  # nothing begins behind the last line break
    first = octets[starts]
    is_filled = np.ones(len(starts), np.bool_)
    for i in np.flatnonzero((first <= ord(" ")) | (first >= 0x80)).tolist():  # what may be blank to Python
        end = data.find(b"\n", starts[i])
        is_filled[i] = bool(data[starts[i] : end if end >= 0 else None].decode().strip())
    bounds = np.append(starts[is_filled], len(data)).astype(np.int64)
    return Texts(data, bounds), np.flatnonzero(is_filled).data


def first_row(segment: Segment) -> Row | None:
    """The first row of the segment's file that is not blank."""
    whole = Segment(segment.file, 0, segment.file.size_bytes)
    for block in read_blocks(whole, has_quotes=True, block_bytes=FIRST_ROW_BYTES):
        row, _ = _split_first_row(block.data.decode("utf-8", "replace"))
        if row is not None:
            return row
    return None


def _split_first_row(text: str) -> tuple[Row | None, int]:
    """The first row that is not blank, and where it ends."""
    try:
        return next(((row, end) for row, end in iterate_rows(text) if row != [None]), (None, len(text)))
    except ValueError:  # a quote that is never closed: the line as it stands
        end = text.find("\n") + 1 or len(text)
        return list(text[:end].rstrip("\r\n").split(",")), end


def _rows_of_csv(block: Block, side: Side, unclaimed: set[str], schema: Schema, body: str, before: int) -> Rows:
    records = read_csv([body], side)
    losses: Iterable[_Loss] = ()
    if records.faults.get(0) == EMPTY_PAYLOAD:  # no rows are no loss
        records.faults.clear()
    elif records.faults:  # an open quote: line by line, so that it costs one line
        lines = {i: line for i, line in enumerate(body.split("\n")) if line.strip("\r")}
        records = read_csv(list(lines.values()), side)
        losses = _losses(records, list(lines))
    elif records.widths:
        wrong = lines_of_records(body, nsmallest(LOCATED_REJECTS, records.widths), is_single=side.width == 1)
        losses = zip(wrong, repeat(WRONG_WIDTH), strict=False)
    columns = dict(zip([field.key for field in side.fields], records.columns, strict=True))
    count = int(records.counts.sum()) - len(records.widths)
    extra = Counter(dict.fromkeys(unclaimed, count)) if count else Counter()
    return named_rows(schema, count, columns, extra, _rejects(block, records, losses, before))


def _rows_of_json(block: Block, records: Records, lines: Sequence[int], schema: Schema) -> Rows:
    columns = dict(zip([field.key for field in named_side(schema).fields], records.columns, strict=True))
    count = int(records.counts.sum()) - len(records.widths)
    extra = counts_of(records.unclaimed)
    rows = named_rows(schema, count, columns, extra, _rejects(block, records, _losses(records, lines), 0))
    rows.tolerated.update(records.tolerated.values())
    return rows


def _losses(records: Records, lines: Sequence[int]) -> Iterable[_Loss]:
    """Faults of payloads and records where each payload is one line, in the order of the lines; made as they are asked for."""
    ends = np.cumsum(records.counts)
    faults = ((lines[i], records.faults[i]) for i in sorted(records.faults))
    wrong = ((lines[int(np.searchsorted(ends, i, side="right"))], WRONG_WIDTH) for i in sorted(records.widths))
    return merge(faults, wrong, key=itemgetter(0))


def _rejects(block: Block, records: Records, losses: Iterable[_Loss], lines_before: int) -> Rejects:
    """losses: the first of them, or all."""
    by_reason = Counter(records.faults.values())
    by_reason[WRONG_WIDTH] += len(records.widths)
    located = [
        Reject(block.file.relative, block.line_number(lines_before + line), reason)
        for line, reason in islice(_different(losses), LOCATED_REJECTS)
    ]
    if block.fault:
        by_reason[block.fault] += 1
        located.append(Reject(block.file.relative, block.line_number(0), block.fault))
    return Rejects(+by_reason, first_rejects(located), Counter(records.widths.values()))


def _different(losses: Iterable[_Loss]) -> Iterator[_Loss]:
    """Each once."""
    known = set[_Loss]()
    for loss in losses:
        if loss not in known:
            known.add(loss)
            yield loss
