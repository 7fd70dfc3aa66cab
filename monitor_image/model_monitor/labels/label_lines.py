"""Labels in the common forms of JSON, many at a time: next to no Python code runs for a single label.

What is in any way unusual is left to `label_records`, which knows every form and every fault; both give the same labels.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import UNSET, UnsetType

from model_monitor.contract import ID_BYTES_MAX
from model_monitor.labels.keys import hashes, keys_of

LINE_BREAK: Final = ord("\n")
FIRST_PRINTABLE: Final = 32
PLACES: Final = 2**31
LARGEST: Final = 2**63  # whole numbers beyond are read as fractions elsewhere
OWN_READING: Final = frozenset({"BASE64", "JSON"})  # encodings whose data is no plain text
AWS_FORM: Final = b'"groundTruthData"'
LABEL_KINDS: Final = frozenset({str, int, float, type(None)})
NOT_GIVEN: Final = frozenset({UnsetType, type(None)})
UNUSUAL: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
ODD: Final = ('"', "\n\n", "\n ", " \n")  # quotes, and where a text may be empty once it is stripped


class _Truth(msgspec.Struct, gc=False):
    data: str
    encoding: str | None = None
    payload_index: int | UnsetType | None = UNSET


class _Metadata(msgspec.Struct, gc=False):
    event_id: str = msgspec.field(name="eventId")
    payload_index: int | UnsetType | None = UNSET


class _Event(msgspec.Struct, gc=False):
    """AWS's form: one label, or those of all records of the event."""

    truth: _Truth = msgspec.field(name="groundTruthData")
    metadata: _Metadata = msgspec.field(name="eventMetadata")


class _Row(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The tabular form."""

    event_id: str = msgspec.field(name="InferenceId")
    label: str | int | float = msgspec.field(name="groundTruthLabel")
    place: int = msgspec.field(name="payload_index", default=0)


_events = msgspec.json.Decoder(_Event)
_rows = msgspec.json.Decoder(_Row)
_values = msgspec.json.Decoder(list[Any] | dict[str, Any] | str | int | float)
_row_lists = msgspec.json.Decoder(list[_Row])


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels in order. keys: uint64 (labels,); codes: (labels,), position in `words`, which are as written.

    first_id: of the first record, as text.
    """

    keys: np.ndarray
    codes: np.ndarray
    words: list[str]
    first_id: str = ""


def read_lines(lines: bytes) -> Labels | None:
    """The labels of whole lines; None when a line is unusual."""
    try:
        if AWS_FORM in lines.partition(b"\n")[0]:
            events = _events.decode_lines(lines)
            return _of_events(events) if len(events) == _count(lines) else None
        rows = _rows.decode_lines(lines)
        return _of_rows(rows) if len(rows) == _count(lines) else None
    except UNUSUAL:
        return None


def read_document(content: bytes) -> Labels | None:
    """The labels of one JSON list of the tabular form; None when it is unusual."""
    try:
        return _of_rows(_row_lists.decode(content))
    except UNUSUAL:
        return None


def count_breaks(lines: bytes) -> int:
    """Line breaks; `bytes.count` takes four times as long."""
    return int(np.count_nonzero(np.frombuffer(lines, np.uint8) == LINE_BREAK))


def _count(lines: bytes) -> int:
    return count_breaks(lines) + (not lines.endswith(b"\n"))


def _of_events(events: Sequence[_Event]) -> Labels | None:
    ids = [event.metadata.event_id for event in events]
    encodings = {(event.truth.encoding or "").upper() for event in events}
    if _is_odd(ids) or (encodings & OWN_READING and encodings != {"JSON"}):
        return None
    datas = [event.truth.data for event in events]
    cut = _unwrap(datas) if encodings == {"JSON"} else _cut(datas)
    if cut is None:
        return None
    words, counts = cut
    starts = np.cumsum(counts) - counts  # number of each event's first label
    places = np.arange(len(words)) - np.repeat(starts, counts)
    given = [
        event.truth.payload_index if event.metadata.payload_index is UNSET else event.metadata.payload_index
        for event in events
    ]
    if not set(map(type, given)) <= NOT_GIVEN:
        found = _places(given)
        if found is None or len(words) > len(events):
            return None
        places = found
    return _known(keys_of(np.repeat(hashes(ids), counts), places), words, ids[0])


def _of_rows(rows: Sequence[_Row]) -> Labels | None:
    ids, labels = [row.event_id for row in rows], [row.label for row in rows]
    places = _places([row.place for row in rows])
    if not rows or _is_odd(ids) or places is None:
        return None
    numbers = [label for label in labels if not isinstance(label, str)]
    if numbers and (len(numbers) < len(labels) or max(numbers) >= LARGEST or min(numbers) <= -LARGEST):
        return None
    words = pa.array(list(map(str, labels)) if numbers else labels, pa.large_string())
    found = _known(keys_of(hashes(ids), places), words, ids[0])
    return found if len(found.keys) == len(rows) else None  # an empty label of its own is a fault


def _is_odd(ids: Sequence[str]) -> bool:
    """Whether one is empty, or perhaps longer than ids may be."""
    return "" in ids or max(map(len, ids), default=0) > ID_BYTES_MAX // 4


def _places(given: Sequence[object]) -> np.ndarray | None:
    if set(map(type, given)) != {int}:
        return None
    try:
        places = np.array(given, np.int64)
    except OverflowError:
        return None
    return places if places.min() >= 0 and places.max() < PLACES else None


def _cut(datas: Sequence[str]) -> tuple[pa.StringArray, np.ndarray] | None:
    """The values of simple CSV texts, and how many are of each; None when one needs a CSV reader, or has no value."""
    text = "\n".join(datas)
    if not text.isascii() or text.strip() != text or not text or any(odd in text for odd in ODD):
        return None
    content = np.frombuffer(text.replace(",", "\n").encode() + b"\n", np.uint8)
    ends = np.flatnonzero(content < FIRST_PRINTABLE)
    if (content[ends] != LINE_BREAK).any():
        return None
    offsets = np.concatenate([[0], ends + 1]).astype(np.int32)  # each word with its line break, which is stripped later
    if np.diff(offsets).max() > csv.field_size_limit():
        return None
    words = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(content))
    lengths = np.fromiter(map(len, datas), np.int64, len(datas))
    last = np.searchsorted(ends, np.cumsum(lengths + 1) - 1)
    return words, np.diff(last, prepend=-1)


def _unwrap(datas: Sequence[str]) -> tuple[pa.StringArray, np.ndarray] | None:
    """The labels in simple JSON texts, `1`, `[1, 0]`, `{"label": 1}`, `{"instances": [{"label": 1}, …]}`; as `_cut`."""
    values = _values.decode_lines("\n".join(datas))
    if len(values) != len(datas) or any("\n" in data for data in datas):
        return None
    found: list[object] = []
    counts: list[int] = []
    for value in values:
        inner = _only(value) if isinstance(value, dict) else value
        if isinstance(inner, list):
            found += [_only(item) if isinstance(item, dict) else item for item in inner]
            counts.append(len(inner))
        else:
            found.append(inner)
            counts.append(1)
    kinds = set(map(type, found))
    numbers = [label for label in found if isinstance(label, (int, float))]
    if not kinds <= LABEL_KINDS or not all(counts) or (numbers and max(map(abs, numbers)) >= LARGEST):
        return None
    if any(isinstance(label, str) and not label.strip() for label in found):
        return None
    words = pa.array(["" if label is None else str(label) for label in found], pa.large_string())
    return words, np.array(counts, np.int64)


def _only(value: dict[str, Any]) -> object:
    """The value of an object that has one; `dict` where it has more, which no label is."""
    return next(iter(value.values())) if len(value) == 1 else dict


def _known(keys: np.ndarray, words: pa.StringArray, first_id: str) -> Labels:
    """Labels as codes; without those that are empty: one of several labels of an event that is not known yet."""
    encoded = words.dictionary_encode()
    codes, different = encoded.indices.to_numpy(), [word.strip() for word in encoded.dictionary.to_pylist()]
    is_known = np.array(list(map(bool, different)), np.bool_)
    if is_known.all():
        return Labels(keys, codes, different, first_id)
    chosen = is_known[codes]
    ranks = np.cumsum(is_known) - 1
    return Labels(keys[chosen], ranks[codes[chosen]], list(compress(different, is_known.tolist())), first_id)
