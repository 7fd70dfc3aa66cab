"""The features of a run where they are not declared: the baseline's names, else what the first records look like."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, takewhile, zip_longest
from typing import Any

from model_monitor.dataset.batches import batches
from model_monitor.dataset.capture import by_heading, group_by_format
from model_monitor.dataset.discover import DataFile
from model_monitor.dataset.fields import PLAIN_KEY, Field, Side
from model_monitor.dataset.formats.csv import split_rows, split_values
from model_monitor.dataset.formats.json import BadPayload, load, records_of
from model_monitor.dataset.header import check_csv_files
from model_monitor.dataset.headings import Names
from model_monitor.dataset.lines import read_blocks
from model_monitor.dataset.named import roles_of
from model_monitor.dataset.scripted import answers_of_events, answers_of_texts
from model_monitor.dataset.sides import Format
from model_monitor.dataset.tables import first_row
from model_monitor.dataset.units import Segment, open_parquet, plan
from model_monitor.job.job import DatasetKind, Job
from model_monitor.schema import Feature, FeatureType, Schema

PEEKED_EVENTS = 100
PEEKED_BYTES = 1 << 20
NO_FIELDS = Side(())


@dataclass(frozen=True, slots=True)
class Layout:
    """The values of one record: their names (objects), or how many there are (rows: names is None).

    paths: (name, JMESPath) of each value that lies inside another one.
    """

    width: int
    names: tuple[str, ...] | None = None
    paths: tuple[tuple[str, str], ...] = ()


def resolve_schema(job: Job, files: Sequence[DataFile], baseline: Mapping[str, FeatureType] | None = None) -> Schema:
    """The schema to read `files` with.

    Declared features stay as they are and take their types from the baseline. Without declared features the schema is
    positional: the baseline's names in its order, else those found in the first readable records (`_c0`, `_c1`, … where
    values have no names). The result depends on the files and the baseline alone.

    baseline: name → type of each feature of the baseline, in its order.

    Raises: DatasetError, SettingsError when CSV files cannot be what they are taken for.
    """
    schema = job.schema
    if job.scripts.preprocessor is not None:
        return scripted_schema(job, files, baseline or {})
    check_csv_files(files, job)
    if schema.features and not schema.is_positional:
        return schema.with_types(dict(baseline or {}))
    if job.dataset.kind is DatasetKind.CAPTURE:
        outputs, inputs = _peek_capture(job, files, tuple(baseline or ()))
    else:
        outputs, inputs = None, _peek_dataset(job, files)
    found = _names(outputs, inputs)
    paths = {name: path for layout in (inputs, outputs) if layout is not None for name, path in layout.paths}
    if baseline:
        features = tuple(Feature(name, kind, path=paths.get(name)) for name, kind in baseline.items())
    else:
        features = tuple(Feature(name, path=paths.get(name)) for name in found)
    order, count = _placed(tuple(feature.name for feature in features), outputs, inputs)
    features = tuple(sorted(features, key=lambda feature: order.index(feature.name)))
    return replace(schema, features=features, is_positional=True, outputs=count)


def _names(outputs: Layout | None, inputs: Layout | None) -> tuple[str, ...]:
    names: list[str] = []
    for layout in (outputs, inputs):
        if layout is not None:
            names += layout.names or [f"_c{len(names) + i}" for i in range(layout.width)]
    return tuple(dict.fromkeys(names))


def _placed(names: tuple[str, ...], outputs: Layout | None, inputs: Layout | None) -> tuple[tuple[str, ...], int]:
    """The names with those of the response first, and how many these are.

    The side that has a name decides; a response without names takes those before the first that the request has. Where no
    side has any of the names, their places decide, the response's first.
    """
    answered, given = (set(layout.names or ()) if layout else set() for layout in (outputs, inputs))
    if outputs is None or not (answered | given) & set(names):
        return names, _outputs(outputs, names)
    of_response = [name for name in names if name in answered - given]
    if outputs.names is None:
        before = tuple(takewhile(lambda name: name not in given, names))
        of_response = list(before[: outputs.width]) if len(before) >= outputs.width else []
    return (*of_response, *(name for name in names if name not in of_response)), len(of_response)


def _outputs(layout: Layout | None, names: Sequence[str]) -> int:
    """How many leading features are the response's."""
    if layout is None:
        return 0
    if layout.names is None:
        return min(layout.width, len(names))
    count = 0
    while count < len(names) and names[count] in layout.names:
        count += 1
    return count


def scripted_schema(job: Job, files: Sequence[DataFile], baseline: Mapping[str, FeatureType]) -> Schema:
    """The features that a preprocessor's answers have: those declared, else the baseline's, else the keys by name.

    Keys of which the baseline knows none stand for its features in the keys' order, as zero-padded positions do.
    """
    schema = job.schema
    if schema.features and not schema.is_positional:
        return schema.with_types(dict(baseline))
    keys = _peek_answers(job, files)
    if not baseline:
        features = tuple(map(Feature, keys))
    elif set(keys) & set(baseline):
        features = tuple(Feature(name, kind) for name, kind in baseline.items())
    else:
        pairs = zip_longest(baseline.items(), keys[: len(baseline)])
        features = tuple(Feature(name, kind, path=key) for (name, kind), key in pairs)
    return replace(schema, features=features, is_positional=True, outputs=0)


def _peek_answers(job: Job, files: Sequence[DataFile]) -> list[str]:
    """The keys of the first records that the script does not drop, in order, without the label."""
    keys: set[str] = set()
    units = plan(files, PEEKED_BYTES)
    if job.dataset.kind is DatasetKind.CAPTURE:
        batched = (batch for unit in units for batch in batches(unit, job.window))
        answers = (found for batch in batched for _, found in answers_of_events(batch, job))
    else:
        answers = (found for unit in units for segment in unit for found in answers_of_texts(segment, job))
    for records in islice(filter(None, answers), PEEKED_EVENTS):
        keys.update(*records)
    return sorted(keys - {job.schema.payload.label}, key=_order)


def _order(key: str) -> tuple[bool, int, str]:
    """Positions by number, also where they are not padded with zeros; then names."""
    is_position = key.isascii() and key.isdecimal()
    return not is_position, int(key) if is_position else 0, key


# --- capture -----------------------------------------------------------------------------------------------------------


def _peek_capture(job: Job, files: Sequence[DataFile], known: tuple[str, ...]) -> tuple[Layout | None, Layout | None]:
    """The layout that most of the first readable events have; known: names of the baseline."""
    layouts: Counter[tuple[Layout | None, Layout | None]] = Counter()
    for pair in islice(_layouts(job, files, known), PEEKED_EVENTS):
        layouts[pair] += 1
    return max(layouts, key=lambda pair: layouts[pair]) if layouts else (None, None)


def _layouts(
    job: Job, files: Sequence[DataFile], known: tuple[str, ...]
) -> Iterator[tuple[Layout | None, Layout | None]]:
    payload = job.schema.payload
    schema = replace(job.schema, features=tuple(map(Feature, known)), is_positional=True)
    fields = tuple(Field(name, i) for i, name in enumerate(known))
    given = Side(fields, records=payload.records)
    answered = Side(fields, records=payload.output.records, split=payload.output.csv_split)
    for unit in plan(files, PEEKED_BYTES):
        for batch in batches(unit, job.window):
            groups, _ = group_by_format(batch, job.dataset.captured)
            groups = [part for group in groups for part in by_heading(group, schema)]
            events = ((n, g, i) for g in groups for i, n in enumerate(g.numbers.tolist()) if batch.inside[n])
            for _, group, i in sorted(events, key=lambda event: event[0]):
                try:
                    left, records = _layout(group.input_format, group.inputs[i], given, group.input_names)
                    right, _ = _layout(group.output_format, group.outputs[i], answered, group.output_names, records)
                except (BadPayload, ValueError):
                    continue
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
        found, count = _layout_of_value(load(text, is_lines=form is Format.JSON_LINES)[0], side, expected)
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
        leaves = dict(sorted(flatten(found.objects[0])))
        paths = tuple((name, path) for name, path in leaves.items() if path)
        return Layout(len(leaves), tuple(leaves), paths), found.count
    raise ValueError("no records")


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


def _peek_dataset(job: Job, files: Sequence[DataFile]) -> Layout | None:
    """Columns of the first file that has any, without those that hold the truth or what the model said."""
    roles = set(roles_of(job.schema).values())
    for file in files:
        layout = _layout_of_file(file, job)
        if layout is not None and layout.width:
            names = tuple(name for name in layout.names or _positions(layout.width) if name not in roles)
            return Layout(len(names), names, layout.paths)
    return None


def _layout_of_file(file: DataFile, job: Job) -> Layout | None:
    if file.kind is DatasetKind.PARQUET:
        names = tuple(open_parquet(file.path).schema_arrow.names)
        return Layout(len(names), names)
    segment = Segment(file, 0, file.size_bytes)
    if file.kind is DatasetKind.CSV:
        row = first_row(segment) or []
        return Layout(len(row), tuple(value or "" for value in row) if job.dataset.has_header else None)
    for text in _documents(segment):
        try:
            return _layout_of_value(load(text)[0], replace(NO_FIELDS, records=job.schema.payload.records))[0]
        except (BadPayload, ValueError):
            continue
    return None


def _positions(width: int) -> tuple[str, ...]:
    """AWS's names of values without names."""
    return tuple(f"_c{i}" for i in range(width))


def _documents(segment: Segment) -> Iterator[str]:
    if segment.file.kind is DatasetKind.JSON:
        yield b"".join(block.data for block in read_blocks(segment)).decode("utf-8", "replace")
        return
    for block in read_blocks(segment, block_bytes=PEEKED_BYTES):
        yield from (line for line in block.data.decode("utf-8", "replace").split("\n") if line.strip())
