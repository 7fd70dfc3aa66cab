"""Payloads that the compiled reader left to Python, put back between those that it read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from model_monitor.dataset.classify import EXACT, Cells, cells_of_values
from model_monitor.dataset.fields import Side
from model_monitor.dataset.records import Records
from model_monitor.schema import Kind

Part = tuple[Cells, np.ndarray]  # cells, and where each stands in the whole column


def splice(records: Records, odd: Records, places: np.ndarray, side: Side) -> Records | None:
    """Records of all payloads; None where a column would not be exactly what it is when it is read at once.

    Args:
        records: typed, of all payloads but those at `places`, which count none.
        odd: of the payloads at `places`, as values.
    """
    counts = records.counts.copy()
    counts[places] = odd.counts
    starts = np.cumsum(counts) - counts
    seen = [_places(starts, records.counts), _places(starts[places], odd.counts)]
    widths = [
        {int(where[i]): width for i, width in part.widths.items()}
        for part, where in zip((records, odd), seen, strict=True)
    ]
    whole = Records(
        counts,
        records.columns,
        _moved(odd.faults, places),
        widths[0] | widths[1],
        tolerated=records.tolerated | _moved(odd.tolerated, places),
    )
    order = np.cumsum(whole.readable) - 1  # of a record, among the readable ones
    rows = [order[where[part.readable]] for part, where in zip((records, odd), seen, strict=True)]
    whole.unclaimed = tuple(
        unclaimed.among(where) for part, where in zip((records, odd), rows, strict=True) for unclaimed in part.unclaimed
    )
    if len(rows[1]):
        columns = [
            _joined(cells, values, rows, is_text=field.is_text)
            for cells, values, field in zip(records.columns, odd.columns, side.fields, strict=True)
        ]
        whole.columns = [column for column in columns if column is not None]
        if len(whole.columns) < len(columns):
            return None
    return whole


def _places(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Where each record of these payloads stands among all."""
    own = np.cumsum(counts) - counts
    places: np.ndarray = np.arange(int(counts.sum())) + np.repeat(starts - own, counts)
    return places


def _moved(reasons: dict[int, str], places: np.ndarray) -> dict[int, str]:
    return {int(places[payload]): reason for payload, reason in reasons.items()}


def _joined(cells: object, values: object, rows: list[np.ndarray], *, is_text: bool) -> Cells | None:
    if not isinstance(cells, Cells) or not isinstance(values, list):
        return None
    return join([(cells, rows[0]), (cells_of_values(values, is_text=is_text), rows[1])])


def join(parts: Sequence[Part]) -> Cells | None:
    """One column of several parts; None where a whole number is too large to stand among doubles."""
    parts = [part for part in parts if len(part[0])]
    count = sum(len(cells) for cells, _ in parts)
    kinds = np.empty(count, np.uint8)
    absent = np.zeros(count, np.bool_)
    for cells, where in parts:
        kinds[where] = cells.kinds
        absent[where] = False if cells.absent is None else cells.absent
    numbers: np.ndarray | None = None
    if any(cells.numbers is not None for cells, _ in parts):
        is_whole = all(cells.numbers is not None and cells.numbers.dtype == np.int64 for cells, _ in parts)
        if not is_whole and not all(_is_exact(cells) for cells, _ in parts):
            return None
        numbers = np.zeros(count, np.int64) if is_whole else np.full(count, np.nan)
        for cells, where in parts:
            if cells.numbers is not None:
                numbers[where] = cells.numbers
    return Cells(kinds, numbers, _join_texts(parts, count), absent=absent if absent.any() else None)


def _is_exact(cells: Cells) -> bool:
    """Whether doubles hold each whole number for certain."""
    whole = cells.numbers[cells.kinds == Kind.INTEGRAL] if cells.numbers is not None else np.empty(0)
    return not whole.size or bool(whole.max() < EXACT and whole.min() > -EXACT)


def _join_texts(parts: Sequence[Part], count: int) -> pa.DictionaryArray | None:
    if all(cells.texts is None for cells, _ in parts):
        return None
    texts = [
        pa.nulls(len(cells), pa.string()) if cells.texts is None else cells.texts.cast(pa.string())
        for cells, _ in parts
    ]
    order = np.empty(count, np.int64)
    order[np.concatenate([where for _, where in parts])] = np.arange(count)
    return pa.concat_arrays(texts).take(pa.array(order)).dictionary_encode()
