"""Ground truth as an application should write it: one call whenever labels have been collected.

    write_labels([("9f1c…", 0, "1"), ("9f1c…", 1, "0")], "s3://bucket/covertype/ground-truth")

Each label names the event it belongs to (the `InferenceId` that the request carried, else the event id of its capture)
and the place of its record inside that request. Files go to the hour in which the labels were collected:
`yyyy/mm/dd/hh/mm-ss-ffffff-{digest}.jsonl`. The same call writes the same bytes to the same names, so it may be repeated.
Importing this module costs nothing: libraries are loaded when something is written.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from model_monitor.aws.s3 import is_s3, join, write_object
from model_monitor.errors import LabelsRefused, SettingsError
from model_monitor.labels.truth_lines import truth_line

LONGEST_ID: Final = 64  # characters of an InferenceId
LARGEST_INDEX: Final = 2**31 - 1
LINES_PER_FILE: Final = 100_000
LISTED_FAULTS: Final = 10

Events = dict[str, dict[int, str]]  # id of the event → place of a record in it → label


@dataclass(frozen=True, slots=True)
class Written:
    """What a call wrote. `files`: paths or S3 URIs."""

    files: tuple[str, ...]
    labels: int
    events: int


def write_labels(
    labels: Iterable[tuple[object, object, object]], destination: str | Path, collected: datetime | None = None
) -> Written:
    """Write labels as ground truth that Model Monitor joins to the captured predictions.

    Args:
        labels: (inference id, place of the record in its request from 0, label); a label is text, a number or a boolean.
        destination: folder or S3 prefix; of one endpoint, since ids are all that a label says of its prediction.
        collected: when the labels became known, with its time zone; None: now. Of two labels of one record that with the
            later time counts.
    Raises: LabelsRefused with every fault by its position; nothing is written then.
    """
    events = group(labels)
    content = file_contents(events, collected or datetime.now(UTC))
    written = tuple(_write(destination, relative, lines) for relative, lines in content.items())
    return Written(written, sum(map(len, events.values())), len(events))


def group(labels: Iterable[tuple[object, object, object]]) -> Events:
    """Labels by event and place, each checked.

    Raises: LabelsRefused if an id, a place or a label cannot be used, or if two labels are for one record.
    """
    events: Events = {}
    faults: list[str] = []
    for position, (event, place, label) in enumerate(labels):
        try:
            places = events.setdefault(_id(event), {})
            index, text = _index(place), _text(label)
            if index in places:
                raise ValueError("is a second label of one record")
            places[index] = text
        except ValueError as fault:
            faults.append(f"label {position} {fault}")
    if faults:
        raise LabelsRefused(faults, LISTED_FAULTS)
    return events


def file_contents(events: Events, collected: datetime) -> dict[str, bytes]:
    """Content by path below the destination; events by id, so that the order of labels changes nothing.

    Raises: SettingsError if the time has no zone: its hour would depend on where it is read.
    """
    if collected.tzinfo is None or collected.utcoffset() is None:
        raise SettingsError(
            "time of collection", "has no time zone.", "Give one, such as datetime.now(UTC) or 2026-01-31T04:10:00Z."
        )
    moment = collected.astimezone(UTC)
    lines = [line for event in sorted(events) for line in _lines(event, events[event])]
    contents = {}
    for start in range(0, len(lines), LINES_PER_FILE):
        content = "".join(f"{line}\n" for line in lines[start : start + LINES_PER_FILE]).encode()
        digest = hashlib.sha256(content).hexdigest()[:16]
        contents[f"{moment:%Y/%m/%d/%H/%M-%S-%f}-{digest}.jsonl"] = content
    return contents


def _lines(event: str, places: Mapping[int, str]) -> list[str]:
    """One line with the labels of all records, where all are there from the first on; else one for each."""
    if sorted(places) == list(range(len(places))):
        return [truth_line({"eventId": event}, [places[place] for place in range(len(places))])]
    return [truth_line({"eventId": event, "payload_index": place}, [places[place]]) for place in sorted(places)]


def _id(value: object) -> str:
    value = _plain(value)
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    if not 1 <= len(text) <= LONGEST_ID or not text.isprintable():
        raise ValueError(f"has no id of 1 to {LONGEST_ID} printable characters")
    return text


def _index(value: object) -> int:
    value = _plain(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_INDEX:
        raise ValueError("has no whole number from 0 as its place in the request")
    return value


def _text(value: object) -> str:
    value = _plain(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("is no finite number")
    text = str(value).strip() if isinstance(value, (str, int, float)) else ""
    if not text:
        raise ValueError("is empty, or neither text, a number nor a boolean")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is no text: it holds half a surrogate pair") from None
    return text


def _plain(value: object) -> object:
    """A scalar of numpy or pandas as Python's own."""
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "ndim", None) == 0 else value


def _write(destination: str | Path, relative: str, content: bytes) -> str:
    if is_s3(str(destination)):
        uri = join(str(destination), relative)
        write_object(uri, content)
        return uri
    from model_monitor.outputs.files import write_bytes

    return str(write_bytes(Path(destination) / relative, content))
