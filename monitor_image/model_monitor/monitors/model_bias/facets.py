"""Which records belong to a group or have the positive label: values of a column, or what lies above a threshold.

Which of the two is meant can depend on the whole column (Clarify's rule), so both are counted and the choice is made at the end.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

import numpy as np

from model_monitor.label_text import NUMBER, normalise
from model_monitor.sketches.distinct import Distinct

Value = str | int | float | bool
CONTINUOUS_SHARE: Final = 0.05  # distinct values per record from which whole numbers are read as continuous
TWO: Final = 2
FEW_LABELS: Final = 20
EQUAL, ABOVE = 1, 2  # bits of a flag
FLAGS: Final = 4
BOOLEANS: Final = {
    "true": ("1", "True"),
    "True": ("1", "true"),
    "false": ("0", "False"),
    "False": ("0", "false"),
}


class ReadAs(StrEnum):
    """How configured values are meant. `auto`: by Clarify's rule, from the column's type and number of values."""

    AUTO = "auto"
    VALUES = "values"
    THRESHOLD = "threshold"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for in a column: these values, or what lies above the smallest of them. No values: each in turn.

    few: so many different whole numbers are never a scale, however few records there are.
    """

    values: tuple[Value, ...] = ()
    read_as: ReadAs = ReadAs.AUTO
    few: int = TWO

    @property
    def words(self) -> frozenset[str]:
        """The values in their one spelling; true and false are also 1 and 0, as datasets have them."""
        words = {normalise(text_of(value)) for value in self.values}
        return frozenset(words.union(*(BOOLEANS.get(word, ()) for word in words)))

    @property
    def numbers(self) -> tuple[float, ...]:
        """Those that are numbers."""
        return tuple(float(word) for word in sorted(self.words) if NUMBER.fullmatch(word))

    def flags_of_words(self, words: Iterable[str], numbers: Iterable[float]) -> np.ndarray:
        """uint8: 1 + the flag of each text.

        Args:
            words: in their one spelling. numbers: what each is worth, NaN if nothing.
        """
        known, lowest = self.words, min(self.numbers, default=math.inf)
        flags = []
        for word, number in zip(words, numbers, strict=True):
            is_equal = word in known or any(other in known for other in BOOLEANS.get(word, ()))
            flags.append(1 + EQUAL * is_equal + ABOVE * (number > lowest))
        return np.array(flags, np.uint8)

    def flags_of_numbers(self, numbers: np.ndarray) -> np.ndarray:
        """uint8; NaN has no flag."""
        flags = np.zeros(len(numbers), np.uint8)
        for number in self.numbers:
            flags |= (numbers == number).view(np.uint8)
        if self.numbers:
            flags |= (numbers > min(self.numbers)).view(np.uint8) << 1
        return flags


def text_of(value: Value) -> str:
    """A configured value as reports spell it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Traits:
    """What decides how a column is read: counts of its cells by kind, how many are different, and the largest number.

    texts: cells that are text, of which `castable` are whole numbers written as text.
    """

    numbers: int = 0
    fractions: int = 0
    texts: int = 0
    castable: int = 0
    distinct: Distinct = field(default_factory=Distinct)
    maximum: float | None = None

    def merge(self, other: Self) -> Self:
        """Combine two disjoint parts."""
        known = [part.maximum for part in (self, other) if part.maximum is not None]
        return type(self)(
            self.numbers + other.numbers,
            self.fractions + other.fractions,
            self.texts + other.texts,
            self.castable + other.castable,
            self.distinct.merge(other.distinct),
            max(known, default=None),
        )

    def is_continuous(self, wanted: Wanted) -> bool:
        """Whether values are thresholds, by Clarify's rule but for a few different values."""
        if wanted.read_as is not ReadAs.AUTO:
            return wanted.read_as is ReadAs.THRESHOLD
        is_whole = not self.fractions or self.distinct.estimate <= TWO
        if len(wanted.values) != 1 or (is_whole and self.distinct.estimate <= wanted.few):
            return False
        count = self.numbers + self.texts
        has_many = bool(count) and self.distinct.estimate / count >= CONTINUOUS_SHARE
        if self.texts:
            return self.castable == self.texts and has_many
        return bool(self.fractions) or has_many

    def describe(self, wanted: Wanted, *, is_open: bool = False) -> str:
        """What is looked for as Clarify's reports write it: `0`, `a,b`, or intervals such as `(100, 225]`.

        is_open: write `Infinity` for the column's maximum, which is some record's value.
        """
        if not self.is_continuous(wanted):
            return ",".join(text_of(value) for value in wanted.values)
        breaks = sorted(wanted.numbers)
        if is_open:
            ends = [self._number(value) for value in breaks] + ["Infinity"]
        else:
            top = self.maximum
            if top is not None and abs(top) not in breaks:
                breaks = sorted({*breaks, top})
            ends = [self._number(value) for value in breaks]
        return ",".join(f"({low}, {high}]" for low, high in itertools.pairwise(ends))

    def _number(self, value: float) -> str:
        return repr(float(value)) if self.fractions or value != int(value) else str(int(value))

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        counts = [self.numbers, self.fractions, self.texts, self.castable]
        return {"counts": counts, "distinct": self.distinct.to_json(), "maximum": self.maximum}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        numbers, fractions, texts, castable = content["counts"]
        distinct = Distinct.from_json(content["distinct"])
        return cls(numbers, fractions, texts, castable, distinct, content["maximum"])
