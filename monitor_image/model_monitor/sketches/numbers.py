"""Everything about the numbers of one feature, from one look at a chunk of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model_monitor import reader
from model_monitor.sketches.distinct import Distinct
from model_monitor.sketches.moments import Moments
from model_monitor.sketches.quantiles import Quantiles

RANGE_PER_VALUE = 2  # counting by position pays while the range is no wider than this many times the values
SMALL_RANGE = 65_536
WHOLE_NUMBERS = 2**53  # doubles hold every whole number up to here

_native = reader.load()


@dataclass(frozen=True, slots=True)
class Numbers:
    """Moments, ranks and distinct values. `hashes` is empty while the quantiles are exact: they know the values."""

    moments: Moments = field(default_factory=Moments)
    quantiles: Quantiles = field(default_factory=Quantiles)
    hashes: Distinct = field(default_factory=Distinct)

    @classmethod
    def of(cls, numbers: np.ndarray, present: int) -> Numbers:
        """From int64, or float64 with NaN where a cell is no number; `present` of the cells are numbers."""
        if not present:
            return cls()
        if (numbers.dtype.kind == "i" or present != numbers.size) and _native is not None:
            counted = _native.count_whole(numbers, numbers.dtype.kind == "f")
            if counted is not None:
                values, counts = counted
                return cls._of_counts(np.frombuffer(values, np.float64), np.frombuffer(counts, np.int64))
        if numbers.dtype.kind == "i":
            low, high = int(numbers.min()), int(numbers.max())
            spread = high - low
            if spread <= max(SMALL_RANGE, RANGE_PER_VALUE * numbers.size) and max(abs(low), abs(high)) < WHOLE_NUMBERS:
                return cls._of_whole_numbers(numbers, low)
            numbers = numbers.astype(np.float64)
        elif present != numbers.size:
            numbers = numbers[~np.isnan(numbers)]
            if numbers.min() > -SMALL_RANGE and numbers.max() < SMALL_RANGE:  # whole numbers beside nulls
                whole = numbers.astype(np.int64)
                if np.array_equal(whole, numbers):
                    return cls._of_whole_numbers(whole, int(whole.min()))
        return cls._of_doubles(numbers + 0.0)  # no negative zero

    @classmethod
    def _of_whole_numbers(cls, numbers: np.ndarray, low: int) -> Numbers:
        counts = np.bincount(numbers if not low else numbers - low)
        seen = np.flatnonzero(counts)
        return cls._of_counts((seen + low).astype(np.float64), counts[seen])

    @classmethod
    def _of_doubles(cls, numbers: np.ndarray) -> Numbers:
        ordered = np.sort(numbers)
        starts = np.append(0, np.flatnonzero(ordered[1:] != ordered[:-1]) + 1)
        values, counts = ordered[starts], np.diff(starts, append=ordered.size)
        moments = Moments.of(ordered, float(ordered[0]), float(ordered[-1]))
        return cls._of_counts(values, counts, moments)

    @classmethod
    def _of_counts(cls, values: np.ndarray, counts: np.ndarray, moments: Moments | None = None) -> Numbers:
        quantiles = Quantiles.of_counts(values, counts)
        return cls(
            moments or Moments.of_counts(values, counts),
            quantiles,
            Distinct() if quantiles.is_exact else Distinct.of_numbers(values),
        )

    def merge(self, other: Numbers) -> Numbers:
        """Combine two disjoint parts."""
        quantiles = self.quantiles.merge(other.quantiles)
        hashes = Distinct() if quantiles.is_exact else self.distinct.merge(other.distinct)
        return Numbers(self.moments.merge(other.moments), quantiles, hashes)

    @property
    def distinct(self) -> Distinct:
        """The hashes of the values seen."""
        return Distinct.of_numbers(self.quantiles.values) if self.quantiles.is_exact else self.hashes

    @property
    def distinct_count(self) -> float:
        """How many different numbers; exact while the quantiles are."""
        return float(self.quantiles.values.size) if self.quantiles.is_exact else self.hashes.estimate

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        return {
            "moments": self.moments.to_json(),
            "quantiles": self.quantiles.to_json(),
            "hashes": self.hashes.to_json(),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Numbers:
        """The inverse of `to_json`."""
        return cls(
            Moments.from_json(content["moments"]),
            Quantiles.from_json(content["quantiles"]),
            Distinct.from_json(content["hashes"]),
        )
