"""What a format reader makes of payloads: records side by side with their faults, before types are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import compress

import numpy as np
import pyarrow as pa

from model_monitor.contract import ID_BYTES_MAX
from model_monitor.dataset.classify import Cells, Literals
from model_monitor.dataset.unclaimed import Unclaimed

# reasons of rejects: the reader's whole vocabulary
NOT_JSON = "not valid JSON"
NOT_A_CAPTURE_EVENT = "not a capture event"
ID_TOO_LONG = f"inference id of more than {ID_BYTES_MAX:,} bytes"
NO_INPUT = "input was not captured"
NO_OUTPUT = "output was not captured"
NOT_TEXT = "payload is not text"
EMPTY_PAYLOAD = "empty payload"
MALFORMED_CSV = "malformed CSV payload"
MALFORMED_JSON = "malformed JSON payload"
NO_RECORDS_FOUND = "no records at the declared path"
UNEVEN_COLUMNS = "columns of different lengths"
COUNTS_DIFFER = "input and output hold different numbers of records"
UNKNOWN_FILE = "file of unknown kind"
HEADER_LINE = "header line"
WRONG_WIDTH = "unexpected number of values"
WRONG_OUTPUT_WIDTH = "unexpected number of values in the response"
MIXED_RECORDS = "records of different shapes in one payload"

# what was wrong with a payload that could be read all the same
UNSTANDARD_JSON = "JSON with NaN, Infinity or half a surrogate pair"


class Shape(Enum):
    """How the records of a JSON payload are laid out."""

    OBJECTS = "objects"
    ROWS = "rows"
    COLUMNS = "columns"


@dataclass(slots=True)
class Records:
    """The records of a group of payloads.

    counts: int64 (payloads,), records in each, unreadable ones included; 0 for a faulty payload.
    columns: one per field, over the readable records of all payloads in order.
    faults: payload → why none of it could be read.
    widths: record (its position among all of `counts`) → its number of values, where that is not the expected one.
    unclaimed: the keys of readable records that no field claims.
    tolerated: payload → what was wrong with it and could be read all the same.
    """

    counts: np.ndarray
    columns: list[Literals]
    faults: dict[int, str] = field(default_factory=dict)
    widths: dict[int, int] = field(default_factory=dict)
    unclaimed: tuple[Unclaimed, ...] = ()
    tolerated: dict[int, str] = field(default_factory=dict)

    @property
    def readable(self) -> np.ndarray:
        """bool (all records,): False for those of a wrong width."""
        mask = np.ones(int(self.counts.sum()), np.bool_)
        mask[list(self.widths)] = False
        return mask


def keep(literals: Literals, mask: np.ndarray) -> Literals:
    """The cells where `mask` is set."""
    if isinstance(literals, pa.DictionaryArray):  # without the words that no cell has any more
        return literals.filter(pa.array(mask)).cast(literals.type.value_type).dictionary_encode()
    if isinstance(literals, pa.Array):
        return literals.filter(pa.array(mask))
    if isinstance(literals, Cells):
        return literals.keep(mask)
    return list(compress(literals, mask))


def no_records(payloads: int, fields: int) -> Records:
    """Payloads that were not captured: nothing to read, nothing wrong."""
    empty: Sequence[object] = ()
    return Records(np.zeros(payloads, np.int64), [empty] * fields)
