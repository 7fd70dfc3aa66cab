"""What the first records of a dataset look like: the names of their values, or how many there are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

from model_monitor.dataset.batches import batches
from model_monitor.dataset.capture import by_heading, group_by_format
from model_monitor.dataset.discover import DataFile
from model_monitor.dataset.fields import PLAIN_KEY, Field, Side, output_field
from model_monitor.dataset.formats.csv import split_rows, split_values
from model_monitor.dataset.formats.json import BadPayload, load, records_of, refuse_tensors
from model_monitor.dataset.headings import Names
from model_monitor.dataset.lines import read_blocks
from model_monitor.dataset.named import roles_of
from model_monitor.dataset.sides import Format
from model_monitor.dataset.tables import first_row
from model_monitor.dataset.units import Segment, open_parquet, plan
from model_monitor.job.job import DatasetKind, Job
from model_monitor.schema import Feature

PEEKED_EVENTS = 100
PEEKED_FILES = 100
PEEKED_RECORDS = 1000
PEEKED_BYTES = 1 << 20
PEEKED_DOCUMENT_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Layout:
    """The values of one record: their names (objects), or how many there are (rows: names is None).

    paths: (name, JMESPath) of each value that lies inside another one.
    """

    width: int
    names: tuple[str, ...] | None = None
    paths: tuple[tuple[str, str], ...] = ()


UNREAD = Layout(1)  # of a response that is none of records: there is one, and whoever reads it says what it is

# --- capture -----------------------------------------------------------------------------------------------------------


def layouts_of_capture(
    job: Job, files: Sequence[DataFile], known: tuple[str, ...]
) -> tuple[Layout | None, Layout | None]:
    """Response and request as most of the first readable events have them, with every name that one of these has.

    known: names of the baseline.
    """
    found = list(islice(_layouts(job, files, known), PEEKED_EVENTS))
    if not found:
        return None, None
    read = [pair for pair in found if pair[0] is not UNREAD]
    found = read or found
    forms = Counter((_form(right), _form(left)) for right, left in found)
    usual = max(forms, key=lambda form: forms[form])
    alike = [pair for pair in found if (_form(pair[0]), _form(pair[1])) == usual]
    return united([right for right, _ in alike]), united([left for _, left in alike])


def _form(layout: Layout | None) -> int | None:
    """What layouts must share to be of one kind: names, or a number of values without names."""
    return None if layout is None else -1 if layout.names is not None else layout.width


def united(layouts: Sequence[Layout | None]) -> Layout | None:
    """One layout of several of a kind, with all their names: in order, or sorted where each has them so."""
    some = [layout for layout in dict.fromkeys(layouts) if layout is not None]
    if len(some) < 2 or some[0].names is None:
        return some[0] if some else None
    each = [layout.names or () for layout in some]
    paths = dict(chain.from_iterable(layout.paths for layout in some))
    names = _without_parents(dict.fromkeys(chain.from_iterable(each)), paths)
    names = tuple(sorted(names)) if all(list(one) == sorted(one) for one in each) else names
    return Layout(len(names), names, tuple(paths.items()))


def _without_parents(names: Iterable[str], paths: Iterable[str]) -> Names:
    """Names without those of values that other records hold values inside of: null instead of a list or an object."""
    parents = {name[:i] for name in paths for i, character in enumerate(name) if character in ".["}
    return tuple(name for name in names if name not in parents)


def _layouts(
    job: Job, files: Sequence[DataFile], known: tuple[str, ...]
) -> Iterator[tuple[Layout | None, Layout | None]]:
    payload = job.schema.payload
    schema = replace(job.schema, features=tuple(map(Feature, known)), is_positional=True)
    fields = tuple(Field(name, i) for i, name in enumerate(known))
    given = Side(fields, records=payload.records)
    output = payload.output
    said = (output.prediction, output.score, *output.scores)
    asked = tuple(output_field(name, 0) for name in said if isinstance(name, str) and not name.isdecimal())
    answered = Side((*fields, *asked), records=output.records, split=output.csv_split)
    for unit in plan(files, PEEKED_BYTES):
        for batch in batches(unit, job.window):
            groups, _ = group_by_format(batch, job.dataset.captured)
            groups = [part for group in groups for part in by_heading(group, schema)]
            events = ((n, g, i) for g in groups for i, n in enumerate(g.numbers.tolist()) if batch.inside[n])
            for _, group, i in sorted(events, key=lambda event: event[0]):
                try:
                    left, records = _layout(group.input_format, group.inputs[i], given, group.input_names)
                except (BadPayload, ValueError):
                    continue
                try:
                    right, _ = _layout(group.output_format, group.outputs[i], answered, group.output_names, records)
                except (BadPayload, ValueError):
                    right = UNREAD
                if left or right:
                    yield right, left


def _layout(form: Format, text: str, side: Side, names: Names, expected: int = 0) -> tuple[Layout | None, int]:
    """The layout of a payload's first record, and its number of records; None when the side was not captured.

    names: what the payload calls the values of its rows. expected: records of the request; where it has several, so many
    values side by side are one each.

    Raises: BadPayload, ValueError.
    """
    if form is Format.ABSENT:
        return None, 0
    if form is Format.CSV:
        text = text.strip("\r\n")
        rows = split_rows(text if side.split == "lines" or not expected else split_values(text, side.split, expected))
        found, count = Layout(len(rows[0])), len([row for row in rows if row != [None]])
    else:
        side = replace(side, records=None) if names else side
        value = load(text, is_lines=form is Format.JSON_LINES)[0]
        refuse_tensors(text, value)
        found, count = _layout_of_value(value, side, expected)
    return (Layout(len(names), names) if names else found), count


def _layout_of_value(value: Any, side: Side, expected: int = 0) -> tuple[Layout, int]:
    if side.records is None and isinstance(value, dict) and _is_columns(value):
        return Layout(len(value), tuple(sorted(value))), len(next(iter(value.values())))
    found = records_of(value, side, expected if expected > 1 else None)
    if found.columns is not None:
        names = tuple(sorted({*found.columns, *found.extra}))
        return Layout(len(names), names), found.count
    if found.rows:
        return Layout(len(found.rows[0])), found.count
    if found.objects:
        leaves = dict(sorted(chain.from_iterable(map(flatten, different(found.objects)))))
        paths = {name: path for name, path in leaves.items() if path}
        names = _without_parents(leaves, paths)
        return Layout(len(names), names, tuple(paths.items())), found.count
    raise ValueError("no records")


def different(objects: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The first objects that may have other leaves than those before them."""
    seen: set[tuple[str, ...]] = set()
    for found in islice(objects, PEEKED_RECORDS):
        keys = tuple(found)
        if keys not in seen or any(isinstance(value, (dict, list)) for value in found.values()):
            seen.add(keys)
            yield found


def _is_columns(value: dict[str, Any]) -> bool:
    """{"a": [1, 2], "b": [3, 4]} or {"a": {"0": 1}, "b": {"0": 3}}; a single list is more likely a list of records."""
    columns = list(value.values())
    if len(columns) > 1 and all(isinstance(column, list) for column in columns):
        is_flat = not any(isinstance(item, (list, dict)) for column in columns for item in column)
        return is_flat and len(set(map(len, columns))) == 1
    is_indexed = columns and all(isinstance(column, dict) and "0" in column for column in columns)
    return bool(is_indexed) and len({tuple(column) for column in columns}) == 1


def flatten(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The plain values of an object as (name, JMESPath): names are `a`, `b.c`, `d[0]`; a key of the object has no path."""
    for key, value in record.items():
        for steps in _leaves(value):
            name = key + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
            path = _quoted(key) + "".join(f"[{s}]" if isinstance(s, int) else f".{_quoted(s)}" for s in steps)
            yield name, path if steps else ""


def _leaves(value: Any) -> Iterator[tuple[str | int, ...]]:
    """The steps to each plain value inside a value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not inside:
        yield ()
    for step, item in inside:
        yield from ((step, *rest) for rest in _leaves(item))


def _quoted(key: str) -> str:
    """A key as JMESPath writes it."""
    return key if PLAIN_KEY.fullmatch(key) else json.dumps(key)


# --- other datasets ----------------------------------------------------------------------------------------------------


def layout_of_dataset(job: Job, files: Sequence[DataFile]) -> Layout | None:
    """All columns of the first files, without those that hold the truth or what the model said."""
    roles = set(roles_of(job.schema).values())
    most = max(PEEKED_EVENTS, PEEKED_RECORDS // max(len(files), 1))
    found = [layout for file in _first(files) for layout in islice(_layouts_of_file(file, job), most)]
    layout = united([each for each in found if each.width and _form(each) == _form(found[0])])
    if layout is None:
        return None
    names = tuple(name for name in layout.names or _positions(layout.width) if name not in roles)
    return Layout(len(names), names, layout.paths)


def columns_of(job: Job, files: Sequence[DataFile]) -> tuple[str, ...]:
    """The columns of a table's first file by their names, or by AWS's where it has no header."""
    layout = next((layout for file in files[:1] for layout in _layouts_of_file(file, job)), Layout(0))
    return layout.names or _positions(layout.width)


def _first(files: Sequence[DataFile]) -> Iterator[DataFile]:
    """The first files; of JSON documents, which are read as a whole, no more than a few together are large."""
    read_bytes = 0
    for file in files[:PEEKED_FILES]:
        yield file
        read_bytes += file.size_bytes if file.kind is DatasetKind.JSON else 0
        if read_bytes > PEEKED_DOCUMENT_BYTES:
            return


def _layouts_of_file(file: DataFile, job: Job) -> Iterator[Layout]:
    if file.kind is DatasetKind.PARQUET:
        names = tuple(open_parquet(file.path).schema_arrow.names)
        yield Layout(len(names), names)
        return
    segment = Segment(file, 0, file.size_bytes)
    if file.kind is DatasetKind.CSV:
        row = first_row(segment)
        if row is not None:
            yield Layout(len(row), tuple(value or "" for value in row) if job.dataset.has_header else None)
        return
    side = Side((), records=job.schema.payload.records)
    for text in documents(segment):
        try:
            yield _layout_of_value(load(text)[0], side)[0]
        except (BadPayload, ValueError):
            continue


def _positions(width: int) -> tuple[str, ...]:
    """AWS's names of values without names."""
    return tuple(f"_c{i}" for i in range(width))


def documents(segment: Segment) -> Iterator[str]:
    """The JSON texts of a file: the whole of a document, else its lines."""
    if segment.file.kind is DatasetKind.JSON:
        yield b"".join(block.data for block in read_blocks(segment)).decode("utf-8", "replace")
        return
    for block in read_blocks(segment, block_bytes=PEEKED_BYTES):
        yield from (line for line in block.data.decode("utf-8", "replace").split("\n") if line.strip())
