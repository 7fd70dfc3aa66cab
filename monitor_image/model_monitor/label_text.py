"""Labels as text in one spelling, so that what a model said and what came true can be compared in any of their forms."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model_monitor.schema import Column

NUMBER: Final = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d*)?([eE][+-]?\d+)?")
LEADING_ZEROS: Final = re.compile(r"([+-]?)0+(?=[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?$)")
NARROW: Final = 1 << 16  # a range of whole numbers that is counted faster than sorted
FRACTION: Final = r"^-?(0|[1-9][0-9]{0,14})\.[0-9]*[1-9]$"  # no sign, exponent or digit that is not needed
SMALLEST_PLAIN: Final = 1e-4  # Python spells smaller ones with an exponent
MANY_WORDS: Final = 1 << 12
LARGEST_WHOLE: Final = 2**53  # above, a double no longer tells neighbours apart


@lru_cache(maxsize=65536)
def normalise(text: str) -> str:
    """The one spelling of a label: `1`, `1.0` and `1e0` are equal; `007` is a code and stays."""
    text = text.strip()
    if not NUMBER.fullmatch(text):
        return text
    number = float(text)
    if not math.isfinite(number):
        return text
    if number.is_integer():
        return str(int(number)) if abs(number) < LARGEST_WHOLE else text
    return repr(number)


def without_zeros(text: str) -> str:
    """A label as the number that a CSV payload gives for it: `01` is read as 1 there, so it has to equal its label."""
    return normalise(LEADING_ZEROS.sub(r"\1", text)) if LEADING_ZEROS.match(text) else text


def normalise_all(words: Sequence[str]) -> list[str]:
    """`normalise` of each. Of millions of fractions nearly all are spelled so already, which is seen without calling it."""
    if len(words) < MANY_WORDS:
        return [normalise(word) for word in words]
    texts = pa.array(words, pa.large_string())
    is_fraction = pc.match_substring_regex(texts, FRACTION)
    fractions = texts.filter(is_fraction)
    numbers = fractions.cast(pa.float64())
    is_plain = pc.and_(
        pc.equal(numbers.cast(pa.large_string()), fractions), pc.greater_equal(pc.abs(numbers), SMALLEST_PLAIN)
    )
    is_same = np.asarray(is_fraction).astype(np.bool_)
    is_same[is_same] = np.asarray(is_plain)
    spelled = list(words)
    for place in np.flatnonzero(~is_same).tolist():
        spelled[place] = normalise.__wrapped__(spelled[place])  # more words than its memory holds
    return spelled


def codes_of(column: Column, rows: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """The cells of a column as labels.

    Returns: int32 (rows,), position among the words, -1 where a cell is missing; and the words, sorted.
    """
    codes = np.full(rows, -1, np.int32)
    words: dict[str, int] = {}
    if column.numbers is not None:
        is_number = np.isfinite(column.numbers)
        values, inverse = different(column.numbers[is_number])
        codes[is_number] = _positions([normalise(str(value)) for value in values.tolist()], words)[inverse]
    if column.texts is not None:
        is_text = np.asarray(column.texts.is_valid())
        places = _positions([normalise(word) for word in column.texts.dictionary.to_pylist()], words)
        codes[is_text] = places[column.texts.indices.drop_null().to_numpy()]
    order = sorted(words)
    ranks = np.empty(len(words), np.int32)
    ranks[[words[word] for word in order]] = np.arange(len(words), dtype=np.int32)
    codes[codes >= 0] = ranks[codes[codes >= 0]]
    return codes, tuple(order)


def different(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Different values, ascending, and which of them each is; whole numbers close together are counted, not sorted."""
    if numbers.dtype.kind != "i" or not numbers.size or int(numbers.max()) - int(numbers.min()) > NARROW:
        return np.unique(numbers, return_inverse=True)
    low = numbers.min()
    shifted = numbers - low
    found = np.flatnonzero(np.bincount(shifted))
    places = np.empty(int(found[-1]) + 1, np.int32)
    places[found] = np.arange(len(found), dtype=np.int32)
    return found + low, places[shifted]


def _positions(names: list[str], words: dict[str, int]) -> np.ndarray:
    return np.array([words.setdefault(name, len(words)) for name in names], np.int32)
