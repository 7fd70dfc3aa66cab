"""The same counts once more for each value of a feature or a metadata field."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np

from model_monitor.label_text import codes_of
from model_monitor.monitors.model_quality.agreement import Agreement
from model_monitor.schema import Column, Rows, Truth
from model_monitor.sketches.answers import Answers, Problem

VALUES_KEPT: Final = 100  # different values of one field; more are no groups that anybody reads
SCORES_KEPT: Final = 4096  # of each value
VARIANT: Final = "variant"  # the production variant, where no feature has that name
MISSING: Final = "(missing)"
NO_NUMBER: Final = "(no number)"  # of a field that is cut at edges


@dataclass(frozen=True, slots=True)
class Slice:
    """One field. values: by value in one spelling, or by interval; nothing once there were more than `VALUES_KEPT` of them."""

    values: dict[str, Agreement] = field(default_factory=dict)
    has_many_values: bool = False

    @classmethod
    def of(
        cls,
        name: str,
        rows: Rows,
        answers: Answers,
        truth: Truth,
        problem: Problem,
        subsamples: tuple[np.ndarray, ...] = (),
        edges: tuple[float, ...] = (),
    ) -> Slice:
        """One chunk, of the records that can be compared with a label.

        Args:
            edges: ascending, finite; the values are then numbers, and the groups the intervals between the edges.
        """
        codes, words = intervals_of(name, rows, edges) if edges else values_of(name, rows)
        counts = np.bincount(codes[(truth.codes >= 0) & answers.is_given], minlength=len(words))
        seen = np.flatnonzero(counts)
        if seen.size > VALUES_KEPT:
            return cls(has_many_values=True)
        parts = {
            words[code]: Agreement.of(answers, truth, problem, codes == code, subsamples, SCORES_KEPT)
            for code in seen.tolist()
        }
        return cls(parts)

    def merge(self, other: Slice) -> Slice:
        """Combine two disjoint parts."""
        words = dict.fromkeys((*self.values, *other.values))
        if self.has_many_values or other.has_many_values or len(words) > VALUES_KEPT:
            return Slice(has_many_values=True)
        nothing = Agreement()
        return Slice({w: self.values.get(w, nothing).merge(other.values.get(w, nothing)) for w in words})

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        values = {word: part.to_json() for word, part in sorted(self.values.items())}
        return {"values": values, "has_many_values": self.has_many_values}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Slice:
        """The inverse of `to_json`."""
        values = {word: Agreement.from_json(part) for word, part in content["values"].items()}
        return cls(values, content["has_many_values"])


def values_of(name: str, rows: Rows) -> tuple[np.ndarray, tuple[str, ...]]:
    """The value of each row, as a position in the words; the last word stands for a missing one."""
    column = _column(name, rows)
    if column is not None:
        codes, words = codes_of(column, rows.count)
    elif name == VARIANT and rows.events.variant:
        codes, words = np.zeros(rows.count, np.int32), (rows.events.variant,)
    else:
        codes, words = np.full(rows.count, -1, np.int32), ()
    return np.where(codes < 0, len(words), codes), (*words, MISSING)


def intervals_of(name: str, rows: Rows, edges: tuple[float, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The interval of each row's number, as a position in the words; an edge belongs to the interval that it ends."""
    told = ["-Infinity", *map(_told, edges), "Infinity"]
    words = (*(f"({low}, {high}]" for low, high in pairwise(told)), NO_NUMBER, MISSING)
    column = _column(name, rows)
    codes = np.full(rows.count, len(words) - 1)
    if column is not None and column.texts is not None:
        codes[np.asarray(column.texts.is_valid())] = len(words) - 2
    if column is not None and column.numbers is not None:
        numbers = column.numbers.astype(np.float64)
        is_number = ~np.isnan(numbers)
        codes[is_number] = np.searchsorted(np.array(edges), numbers[is_number])
    return codes, words


def _told(edge: float) -> str:
    return str(int(edge)) if edge.is_integer() else repr(edge)


def _column(name: str, rows: Rows) -> Column | None:
    if name in rows.schema.names:
        return rows.features[rows.schema.names.index(name)]
    return rows.metadata.get(name)
