"""The features of a run where they are not declared: the baseline's names, else what the first records look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice, takewhile, zip_longest
from typing import Any

from model_monitor.dataset.batches import batches
from model_monitor.dataset.discover import DataFile
from model_monitor.dataset.fields import Side
from model_monitor.dataset.formats.json import BadPayload, load, records_of
from model_monitor.dataset.header import check_csv_files
from model_monitor.dataset.layouts import (
    PEEKED_BYTES,
    PEEKED_EVENTS,
    Layout,
    columns_of,
    documents,
    layout_of_dataset,
    layouts_of_capture,
)
from model_monitor.dataset.scripted import answers_of_events, answers_of_texts
from model_monitor.dataset.units import Segment, plan
from model_monitor.job.attributes import column_of
from model_monitor.job.job import DatasetKind, Job
from model_monitor.schema import Feature, FeatureType, Schema

TABLES = (DatasetKind.CSV, DatasetKind.PARQUET)


def resolve_schema(job: Job, files: Sequence[DataFile], baseline: Mapping[str, FeatureType] | None = None) -> Schema:
    """The schema to read `files` with.

    Declared features stay as they are and take their types from the baseline. Without declared features the schema is
    positional: the baseline's names in its order, else those found in the first readable records (`_c0`, `_c1`, … where
    values have no names). The result depends on the files and the baseline alone.

    A dataset of JSON whose first lines hold no list of records where requests do is one of records, one a line.

    baseline: name → type of each feature of the baseline, in its order.

    Raises: DatasetError, SettingsError when CSV files cannot be what they are taken for.
    """
    files = [file for file in files if not file.is_unknown]
    job = replace(job, schema=_of_dataset(job, files))
    job = replace(job, schema=_with_named_columns(job, files))
    schema = job.schema
    if job.scripts.preprocessor is not None:
        return scripted_schema(job, files, baseline or {})
    check_csv_files(files, job)
    if schema.features and not schema.is_positional:
        return schema.with_types(dict(baseline or {}))
    if job.dataset.kind is DatasetKind.CAPTURE:
        outputs, inputs = layouts_of_capture(job, files, tuple(baseline or ()))
    else:
        outputs, inputs = None, layout_of_dataset(job, files)
    found = _names(outputs, inputs)
    paths = {name: path for layout in (inputs, outputs) if layout is not None for name, path in layout.paths}
    if baseline:
        features = tuple(Feature(name, kind, path=paths.get(name), is_inferred=True) for name, kind in baseline.items())
    else:
        features = tuple(Feature(name, path=paths.get(name)) for name in found)
    by_name = {feature.name: feature for feature in features}
    if baseline and _are_answers_apart(schema, tuple(by_name), outputs, inputs):
        return replace(schema, features=features, is_positional=False)
    order, count = _placed(tuple(by_name), outputs, inputs)
    return replace(schema, features=tuple(by_name[name] for name in order), is_positional=True, outputs=count)


def _of_dataset(job: Job, files: Sequence[DataFile]) -> Schema:
    """The schema without the path of a request's records, where a dataset holds a record a line and not requests."""
    schema = job.schema
    if schema.payload.records is None or job.dataset.kind not in (DatasetKind.JSON, DatasetKind.JSON_LINES):
        return schema
    side = Side((), records=schema.payload.records)
    is_read = False
    for text in islice(
        (text for file in files for text in documents(Segment(file, 0, file.size_bytes))), PEEKED_EVENTS
    ):
        try:
            value, _ = load(text)
        except BadPayload:
            continue
        is_read = True
        try:
            records_of(value, side)
        except BadPayload:
            continue
        return schema
    return replace(schema, payload=replace(schema.payload, records=None)) if is_read else schema


def _with_named_columns(job: Job, files: Sequence[DataFile]) -> Schema:
    """The schema of a table whose roles are named by their columns' numbers (`3`, `_c3`): with the names of these."""
    payload, output = job.schema.payload, job.schema.payload.output
    given = {
        "label": payload.label,
        "prediction": payload.prediction or output.prediction,
        "score": payload.score or output.score,
    }
    numbers = {role: column_of(str(value)) for role, value in given.items() if value is not None}
    if job.dataset.kind not in TABLES or not any(number is not None for number in numbers.values()):
        return job.schema
    columns = columns_of(job, files)
    names: dict[str, Any] = {
        role: columns[number]
        for role, number in numbers.items()
        if number is not None and str(given[role]) not in columns and number < len(columns)
    }
    return replace(job.schema, payload=replace(payload, **names))


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
        return names, _outputs(outputs, names, inputs)
    of_response = [name for name in names if name in answered - given]
    if outputs.names is None:
        before = tuple(takewhile(lambda name: name not in given, names))
        of_response = list(before[: outputs.width]) if len(before) >= outputs.width else []
    return (*of_response, *(name for name in names if name not in of_response)), len(of_response)


def _are_answers_apart(schema: Schema, names: tuple[str, ...], outputs: Layout | None, inputs: Layout | None) -> bool:
    """Whether a baseline's features are the request's alone and what the response means is said: they are as declared then."""
    output = schema.payload.output
    is_said = any(value is not None for value in (output.prediction, output.score, *output.scores))
    if not is_said or outputs is None or inputs is None:
        return False
    return set(names) <= set(inputs.names) if inputs.names else inputs.width == len(names)


def _outputs(layout: Layout | None, names: Sequence[str], inputs: Layout | None) -> int:
    """How many leading features are the response's; where it has none of the names, those that the request leaves over."""
    if layout is None:
        return 0
    if layout.names is None:
        return min(layout.width, len(names))
    count = 0
    while count < len(names) and names[count] in layout.names:
        count += 1
    is_apart = not count and inputs is not None and inputs.names is None
    return max(len(names) - inputs.width, 0) if is_apart and inputs is not None else count


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
        features = tuple(Feature(name, kind, is_inferred=True) for name, kind in baseline.items())
    else:
        pairs = zip_longest(baseline.items(), keys[: len(baseline)])
        features = tuple(Feature(name, kind, path=key, is_inferred=True) for (name, kind), key in pairs)
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
