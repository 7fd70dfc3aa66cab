"""Columns as small whole numbers, so that counting many of them together is one pass over the records."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from model_monitor.label_text import NARROW, NUMBER, normalise
from model_monitor.monitors.model_bias.facets import Traits, Wanted
from model_monitor.schema import Column
from model_monitor.sketches.distinct import Distinct

WHOLE: Final = re.compile(r"[+-]?\d{1,18}")  # texts that become 64-bit integers
NONE: Final = np.empty(0, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """Cells of one column.

    codes: int (rows,): 0 a missing cell, then the values that are numbers, then texts.
    numbers: float64, the numbers by their code, from 1 on; not all of them occur.
    words: the texts, in the order of their codes. is_label: a text that spells a number is one.
    """

    codes: np.ndarray
    numbers: np.ndarray
    words: tuple[str, ...] = ()
    is_label: bool = False

    @classmethod
    def of(cls, column: Column | None, keep: np.ndarray | None, count: int, *, is_label: bool = False) -> Coded:
        """keep: places of the rows that count; None: all `count` of them."""
        if column is None:
            return cls(np.zeros(count, np.int64), NONE, (), is_label)
        if column.numbers is None:
            codes, numbers = np.zeros(count, np.int64), NONE
        else:
            codes, numbers = _of_numbers(column.numbers if keep is None else column.numbers[keep])
        if column.texts is None:
            return cls(codes, numbers, (), is_label)
        indices = column.texts.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        indices = indices if keep is None else indices[keep]
        is_text = indices >= 0
        codes = np.where(is_text, indices + np.int64(1 + len(numbers)), codes)
        return cls(codes, numbers, tuple(column.texts.dictionary.to_pylist()), is_label)

    @classmethod
    def of_words(cls, codes: np.ndarray, words: tuple[str, ...]) -> Coded:
        """Labels, of which -1 is a missing one."""
        return cls(codes + np.int64(1), NONE, words, is_label=True)

    @property
    def size(self) -> int:
        """How many codes there are, the missing cell's included."""
        return 1 + len(self.numbers) + len(self.words)

    def counts(self) -> np.ndarray:
        """How often each code occurs."""
        return np.bincount(self.codes, minlength=self.size)

    def traits(self, counts: np.ndarray) -> Traits:
        """What kinds of values there are, from how often each code occurs."""
        of_numbers, of_words = counts[1 : 1 + len(self.numbers)], counts[1 + len(self.numbers) :]
        used = of_numbers > 0
        found = self.numbers[used]
        is_fraction = found != np.floor(found)
        traits = Traits(
            int(of_numbers.sum()),
            int(of_numbers[used][is_fraction].sum()),
            distinct=Distinct.of_numbers(found + 0.0),
            maximum=float(found.max()) if found.size else None,
        )
        return traits.merge(self._traits_of_words(of_words)) if self.words else traits

    def _traits_of_words(self, counts: np.ndarray) -> Traits:
        used = np.flatnonzero(counts)
        numbers, counts = _worth(self.words, self.is_label)[used], counts[used]
        is_number = ~np.isnan(numbers)
        whole = numbers[is_number]
        maximum = float(whole.max()) if whole.size else None
        if not self.is_label:
            castable = int(counts[is_number].sum())
            distinct = Distinct.of_texts([self.words[place] for place in used.tolist()])
            return Traits(texts=int(counts.sum()), castable=castable, distinct=distinct, maximum=maximum)
        texts = Distinct.of_texts([self.words[place] for place in used[~is_number].tolist()])
        is_fraction = is_number & (numbers != np.floor(numbers))
        return Traits(
            int(counts[is_number].sum()),
            int(counts[is_fraction].sum()),
            int(counts[~is_number].sum()),
            distinct=Distinct.of_numbers(np.unique(whole) + 0.0).merge(texts),
            maximum=maximum,
        )

    def flags(self, wanted: Wanted) -> np.ndarray:
        """uint8 by code: 0 of a missing cell, else 1 + the flag of the value."""
        found = np.zeros(self.size, np.uint8)
        found[1 : 1 + len(self.numbers)] = wanted.flags_of_numbers(self.numbers) + 1
        if self.words:
            found[1 + len(self.numbers) :] = _flags(self.words, self.is_label, wanted)
        return found

    def values(self, counts: np.ndarray, most: int) -> tuple[np.ndarray, tuple[str, ...]] | None:
        """Place of each code among the different values that occur, sorted, and these; None when there are more than `most`.

        0 is the place of a missing cell, and of what does not occur.
        """
        used = np.flatnonzero(counts[1:]) + 1
        if len(used) > most:
            return None
        spelled = [self._spelled(code) for code in used.tolist()]
        words = tuple(sorted(set(spelled)))
        place = {word: i for i, word in enumerate(words, 1)}
        places = np.zeros(self.size, np.int64)
        places[used] = [place[word] for word in spelled]
        return places, words

    def _spelled(self, code: int) -> str:
        is_number = code <= len(self.numbers)
        return normalise(repr(float(self.numbers[code - 1])) if is_number else self.words[code - 1 - len(self.numbers)])


def _of_numbers(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes from 1 on, and the numbers they stand for; whole numbers close together are their own codes."""
    if numbers.dtype.kind == "i" and numbers.size:
        low, high = int(numbers.min()), int(numbers.max())
        if high - low <= NARROW:
            return numbers - (low - 1), np.arange(low, high + 1, dtype=np.float64)
    is_number = np.isfinite(numbers)
    found, places = np.unique(numbers[is_number], return_inverse=True)
    codes = np.zeros(len(numbers), np.int64)
    codes[is_number] = places + 1
    return codes, found.astype(np.float64)


@lru_cache(maxsize=64)
def _worth(words: tuple[str, ...], is_label: bool) -> np.ndarray:
    """The number that each text spells, NaN if none: of labels any number, of other texts whole ones alone."""
    spells = NUMBER if is_label else WHOLE
    return np.array([float(word) if spells.fullmatch(word) else math.nan for word in words], np.float64)


@lru_cache(maxsize=64)
def _flags(words: tuple[str, ...], is_label: bool, wanted: Wanted) -> np.ndarray:
    return wanted.flags_of_words(map(normalise, words), _worth(words, is_label).tolist())
