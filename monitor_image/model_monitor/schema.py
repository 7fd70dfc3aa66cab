"""Features, how a payload maps to them, and the typed table (`Rows`) that readers produce and monitors profile.

Imports nothing of ours, so that every room may use it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum, StrEnum
from itertools import islice

import numpy as np
import pyarrow as pa


class FeatureType(StrEnum):
    """Types as AWS's statistics and constraints spell them; Boolean is ours, and String to AWS's files."""

    INTEGRAL = "Integral"
    FRACTIONAL = "Fractional"
    STRING = "String"
    BOOLEAN = "Boolean"
    UNKNOWN = "Unknown"  # every value is missing

    @property
    def is_numeric(self) -> bool:
        return self in (FeatureType.INTEGRAL, FeatureType.FRACTIONAL)

    @property
    def is_categorical(self) -> bool:
        """Values are counted one by one."""
        return self in (FeatureType.STRING, FeatureType.BOOLEAN)


class Kind(IntEnum):
    """Class of one literal, in the order of `Column.kinds`. Source: Deequ 2.0.2 `DataType` (contracts: 37 against 37.0)."""

    NULL = 0
    FRACTIONAL = 1
    INTEGRAL = 2
    BOOLEAN = 3
    STRING = 4


KINDS = len(Kind)


# texts that stand for no number, as numpy, pandas, R, spreadsheets, JSON and Python write it; among texts they may be values:
# `NA` is Namibia, `None` an answer
NO_NUMBERS = ("NaN", "nan", "NA", "N/A", "null", "None")


class Privacy(StrEnum):
    """What may leave the run about a feature's values."""

    OPEN = "open"
    INTERNAL = "internal"
    RESTRICTED = "restricted"


@dataclass(frozen=True, slots=True)
class Feature:
    """One analysed column. `type` is None until it is declared or a baseline gives it (`is_inferred`)."""

    name: str
    type: FeatureType | None = None
    privacy: Privacy = Privacy.OPEN
    path: str | None = None  # JMESPath inside one record; None: the key `name` (JSON) or the position (CSV)
    is_inferred: bool = False

    @property
    def is_text(self) -> bool:
        """Values are read as raw text, so that `00501` keeps its zeros."""
        return self.type is FeatureType.STRING


@dataclass(frozen=True, slots=True)
class OutputMapping:
    """Where a response holds what the model said. Each value is a JMESPath or key inside one record, or a CSV position."""

    records: str | None = None  # JMESPath to the list of records; None: the payload itself
    prediction: str | int | None = None
    score: str | int | None = None
    payload_index: str | int | None = None
    csv_split: str = "auto"  # lines | comma | auto: how one CSV response line of N values is cut
    scores: tuple[str | int, ...] = ()  # one for each class, where they are apart; a list in one place is `score`
    attributions: tuple[str | int, ...] = ()  # of each label the list of what its features contributed, in their order


@dataclass(frozen=True, slots=True)
class PayloadMapping:
    """Declared once by the user: what the model's payload means.

    label, prediction, score, scores: columns of a baseline dataset, which are no features.
    metadata: others that a monitor asks for, kept beside the features (`Rows.metadata`).
    missing: texts that stand for nothing in any feature; None: the usual ones, in columns of numbers alone.
    """

    records: str | None = None  # JMESPath to the list of input records; None: the payload itself
    output: OutputMapping = field(default_factory=OutputMapping)
    label: str | None = None
    prediction: str | None = None  # None: the name in `output`
    score: str | None = None
    scores: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    fields: tuple[
        Feature, ...
    ] = ()  # what JSON records of requests hold beside the features; `metadata` has their names
    missing: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Schema:
    """The features of a run in order, and how payloads map to them.

    `is_positional`: no features were declared, so columns are AWS's [output values, input values], named by position from
    the baseline or `_c0, _c1, …`.
    `outputs`: how many leading features are the response's (positional schemas of capture only).
    """

    features: tuple[Feature, ...] = ()
    payload: PayloadMapping = field(default_factory=PayloadMapping)
    is_positional: bool = False
    outputs: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    def with_types(self, types: dict[str, FeatureType]) -> Schema:
        """The same schema with types filled in where none is declared (a declared type wins)."""
        features = tuple(
            f if f.type else replace(f, type=types.get(f.name), is_inferred=f.name in types) for f in self.features
        )
        return replace(self, features=features)

    def with_missing(self, missing: tuple[str, ...]) -> Schema:
        """The same schema with other texts that stand for nothing."""
        return replace(self, payload=replace(self.payload, missing=missing))


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open interval of inference times, UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Column:
    """One feature over the rows of a chunk.

    kinds: int64 (5,), literals by `Kind`; sums to the number of rows.
    numbers: (rows,), int64 when every cell is an integer that fits, else float64 with NaN where a cell is no number.
        None when no cell is a number.
    texts: (rows,), dictionary<int32, string> with null where a cell is no text. None when no cell is text. Booleans are the
        texts `true` and `false`. For a feature read as text (`Feature.is_text`) every present cell is here and `numbers`
        is None; its kinds are counted all the same. Every word of the dictionary occurs in some cell.
    """

    kinds: np.ndarray
    numbers: np.ndarray | None = None
    texts: pa.DictionaryArray | None = None


@dataclass(frozen=True, slots=True)
class Events:
    """The capture events of a chunk; row i belongs to event `np.repeat(arange(events), records)[i]`.

    An event all of whose records were refused stays, with no rows. Datasets that are no capture have no events.

    ids: inferenceId, else eventId, as text; length (events,).
    times: seconds since 1970 UTC, int64 (events,); -1 when the event has none.
    records: rows of each event, int64 (events,); sums to the rows of the chunk.
    variant: the production variant of the file, "" when unknown.
    """

    ids: tuple[str, ...] = ()
    times: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    records: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    variant: str = ""


@dataclass(frozen=True, slots=True)
class Truth:
    """The labels of the rows of a chunk, in their one spelling (`labels.normalise`).

    codes: int32 (rows,), position in `words`; -1 where a row has no label.
    places: int64 (rows,), which of all labels it is; -1 likewise. `total`: how many labels there are in all.
    keys: uint64 (rows,), of event and place, whatever the cuts; None where the label is a column of the dataset.
    displaced: events of which only other places have labels; looked for where no row has one.
    """

    codes: np.ndarray
    words: tuple[str, ...]
    places: np.ndarray
    total: int
    keys: np.ndarray | None = None
    displaced: int = 0


@dataclass(frozen=True, slots=True)
class Reject:
    """Where a record could not be read, and why; never its values."""

    path: str
    line: int
    reason: str


LOCATED_REJECTS = 10


def first_rejects(located: Iterable[Reject]) -> tuple[Reject, ...]:
    """The first few that differ; a payload may hold many records refused for one reason."""
    return tuple(islice(dict.fromkeys(located), LOCATED_REJECTS))


@dataclass(frozen=True, slots=True)
class Rejects:
    """Records that could not be read: all of them by reason, the first few located, once for each line and reason.

    widths: for records refused because of their number of values, that number → records; a window whose records all have
    one wrong width is a column violation, not a reject.
    unsized: capture events of which nobody knows how many records they held; each counts as one in `by_reason`.
    """

    by_reason: Counter[str] = field(default_factory=Counter)
    located: tuple[Reject, ...] = ()
    widths: Counter[int] = field(default_factory=Counter)
    unsized: int = 0

    @property
    def count(self) -> int:
        return self.by_reason.total()

    @property
    def sized(self) -> int:
        """Records known as such, without the events of unknown size."""
        return self.count - self.unsized

    def merge(self, other: Rejects) -> Rejects:
        """Combine two disjoint parts; `self` comes first in file order."""
        return Rejects(
            self.by_reason + other.by_reason,
            first_rejects(self.located + other.located),
            self.widths + other.widths,
            self.unsized + other.unsized,
        )


@dataclass(frozen=True, slots=True)
class Rows:
    """A chunk of records as a typed table.

    features: one `Column` for each of `schema.features`, in that order, row-aligned.
    prediction, score, label: columns too, None when the mapping or the data has none.
    class_scores: one column for each class, where the response has them apart.
    payload_index: int64 (rows,), from the response where present, else the position inside the event.
    attributions: what the response says of each label and feature: features of the first label, then of the next.
    truth: what is known of the rows' labels, from ground truth or the label column; None when no monitor asks for it.
    absent: feature → records whose JSON object did not have its key (they also count as null in its column).
    extra: keys seen in records that no feature claims → records that had them.
    outside_window: records of events outside the window; they are not rows.
    dropped: records that a user's preprocessor left out; they are not rows.
    own_requests: events of the window that monitoring itself caused by asking the endpoint; left out.
    tolerated: payloads, events and cells by what was wrong with them, which could be read all the same (they are rows).
    """

    schema: Schema
    count: int
    features: tuple[Column, ...]
    events: Events = field(default_factory=Events)
    payload_index: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    prediction: Column | None = None
    score: Column | None = None
    label: Column | None = None
    truth: Truth | None = None
    attributions: tuple[Column, ...] = ()
    class_scores: tuple[Column, ...] = ()
    metadata: dict[str, Column] = field(default_factory=dict)
    absent: Counter[str] = field(default_factory=Counter)
    extra: Counter[str] = field(default_factory=Counter)
    rejects: Rejects = field(default_factory=Rejects)
    outside_window: int = 0
    dropped: int = 0
    own_requests: int = 0
    tolerated: Counter[str] = field(default_factory=Counter)
