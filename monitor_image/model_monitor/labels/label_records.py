"""One ground-truth record, in any of the forms met in the field, as (event, place in its payload, label).

AWS's form: `groundTruthData.data` holds one label, or those of all records of the event in order, as CSV or JSON.
The tabular form: one object with the columns InferenceId, payload_index and groundTruthLabel for each record.
"""

from __future__ import annotations

import base64
import csv
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from model_monitor.contract import ID_BYTES_MAX
from model_monitor.errors import UndecodableRecord
from model_monitor.label_text import normalise
from model_monitor.labels.truth_lines import REVIEW_SOURCE

ID_COLUMNS: Final = ("inferenceid", "eventid")
INDEX_COLUMNS: Final = ("payloadindex",)
LABEL_COLUMNS: Final = ("groundtruthlabel", "groundtruth", "label")
NO_ID: Final = "label without inference id"
ID_TOO_LONG: Final = f"inference id of more than {ID_BYTES_MAX:,} bytes"
NO_LABEL: Final = "label is missing"
BAD_INDEX: Final = "payload_index is no position"
NOT_A_RECORD: Final = "no ground-truth record"

Label = tuple[str, int, str]  # id of the event, place inside its payload, normalised label


def labels_of(record: object) -> Iterator[Label]:
    """The labels of one decoded record.

    Raises: UndecodableRecord with a reason that holds no value of the record.
    """
    if isinstance(record, list):  # a batch of one or more records on one line
        for item in record:
            yield from labels_of(item)
        return
    if not isinstance(record, Mapping):
        raise UndecodableRecord(NOT_A_RECORD)
    if "groundTruthData" in record:
        yield from _of_event(record)
    else:
        columns = by_column(record)
        label = _text(_first(columns, LABEL_COLUMNS))
        yield identify(_first(columns, ID_COLUMNS)), place(_first(columns, INDEX_COLUMNS)), normalise(label)


def is_reviewed(record: object) -> bool:
    """Whether people said so who looked at the prediction, as the review's own lines tell; of a batch, any of them."""
    if isinstance(record, list):
        return any(map(is_reviewed, record))
    event = record.get("eventMetadata") if isinstance(record, Mapping) else None
    return isinstance(event, Mapping) and event.get("source") == REVIEW_SOURCE


def by_column(record: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the name of their column without case and underscores."""
    return {plain(key): value for key, value in record.items()}


def plain(name: str) -> str:
    """`Inference_Id` and `InferenceId` name the same column."""
    return name.strip().replace("_", "").lower()


def identify(value: object) -> str:
    """An id as text: 7 and "7" are the same caller's id."""
    if isinstance(value, str) and value:
        if is_long(value):
            raise UndecodableRecord(ID_TOO_LONG)
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise UndecodableRecord(NO_ID)


def is_long(name: str) -> bool:
    """Whether an id is longer than any that a captured event may have."""
    return len(name) > ID_BYTES_MAX // 4 and len(name.encode("utf-8", "surrogatepass")) > ID_BYTES_MAX


def place(value: object) -> int:
    """A position inside the payload; the first where none is given."""
    if value is None or value == "":
        return 0
    try:
        number = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else math.nan
    except ValueError:
        number = math.nan
    if not number.is_integer() or not 0 <= number < 2**31:
        raise UndecodableRecord(BAD_INDEX)
    return int(number)


def _of_event(record: Mapping[str, Any]) -> Iterator[Label]:
    truth, event = record["groundTruthData"], record.get("eventMetadata")
    if not isinstance(truth, Mapping) or not isinstance(event, Mapping):
        raise UndecodableRecord(NOT_A_RECORD)
    name = identify(event.get("eventId", event.get("inferenceId")))
    given = event.get("payload_index", truth.get("payload_index"))
    labels = list(_labels_in(truth.get("data"), str(truth.get("encoding") or "CSV").upper()))
    if not labels:
        raise UndecodableRecord(NO_LABEL)
    if given is not None and len(labels) > 1:
        raise UndecodableRecord("payload_index with several labels")
    start = place(given)
    for position, label in enumerate(labels):
        if label:
            yield name, start + position, normalise(label)


def _labels_in(data: object, encoding: str) -> Iterator[str]:
    """The labels of an event in order; "" where one of several is not known."""
    if encoding == "BASE64" and isinstance(data, str):
        try:
            data = base64.b64decode(data, validate=True).decode()
        except ValueError:
            raise UndecodableRecord("label is no base64 text") from None
        encoding = "JSON" if data.lstrip().startswith(("{", "[")) else "CSV"
    if not isinstance(data, str):
        yield from _labels_of_value(data)
    elif encoding == "JSON":
        for value in _documents(data):
            yield from _labels_of_value(value)
    else:
        try:
            for row in csv.reader(data.strip().splitlines()):
                yield from (value.strip() for value in row)
        except csv.Error:
            raise UndecodableRecord("label is no CSV") from None


def _documents(text: str) -> list[Any]:
    """One JSON document, or one a line."""
    try:
        return [orjson.loads(text)]
    except orjson.JSONDecodeError:
        lines = [line for line in text.splitlines() if line.strip()]
    try:
        return [orjson.loads(line) for line in lines]
    except orjson.JSONDecodeError:
        raise UndecodableRecord("label is no JSON") from None


def _labels_of_value(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _labels_of_value(item)
    elif isinstance(value, Mapping):
        columns = by_column(value)
        inner = next(iter(value.values())) if len(value) == 1 else _first(columns, LABEL_COLUMNS)
        yield from _labels_of_value(inner)
    else:
        yield "" if value is None else _text(value)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, (Mapping, list)) or not str(value).strip():
        raise UndecodableRecord(NO_LABEL)
    return str(value)


def _first(columns: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((columns[name] for name in names if name in columns), None)
