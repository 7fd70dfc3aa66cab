"""What texts look like, not what they say: their pattern class, their case and their length."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model_monitor.schema import Kind

EXACT_LENGTHS: Final = 128  # characters up to which every length is counted alone; longer ones by powers of two
LENGTHS: Final = EXACT_LENGTHS + 32
UUID_LENGTH: Final = 36
_FRACTIONAL: Final = r"^[+-]? ?[0-9]+(\.[0-9]+|(\.[0-9]+)?[eE][+-]?[0-9]+)$"  # as `kinds` reads numbers
_SIGNED: Final = r"^[+-]? ?[0-9]+$"
_UUID: Final = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
_DATE: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}.*)?$"
_WORDS: Final = r"^[\pL\pM\pN]+([ .,'’/-]+[\pL\pM\pN]+)*\.?$"


class Form(IntEnum):
    """Pattern class of a text; the first that fits. The order is that of `Forms.classes`."""

    EMPTY = 0  # nothing, or blanks only
    DIGITS = 1  # a whole number
    NUMBER = 2  # a number with a fraction or an exponent
    LETTERS = 3
    UUID = 4
    DATE = 5  # year-month-day, with or without a time
    ALPHANUMERIC = 6  # letters and digits without anything between
    WORDS = 7  # several of these, with blanks, hyphens and the like between
    OTHER = 8


class Case(IntEnum):
    """Case of a text's letters. The order is that of `Forms.cases`."""

    UPPER = 0  # capitals alone
    LOWER = 1  # small letters alone
    MIXED = 2  # both, or no letters that have a case


def _no_classes() -> np.ndarray:
    return np.zeros(len(Form), np.int64)


def _no_cases() -> np.ndarray:
    return np.zeros(len(Case), np.int64)


def _no_lengths() -> np.ndarray:
    return np.zeros(LENGTHS, np.int64)


@dataclass(frozen=True, slots=True)
class Forms:
    """Records by pattern class, int64 (9,), length in characters, int64 (160,), and case, int64 (3,): exact under merges."""

    classes: np.ndarray = field(default_factory=_no_classes)
    lengths: np.ndarray = field(default_factory=_no_lengths)
    cases: np.ndarray = field(default_factory=_no_cases)

    @classmethod
    def of(cls, texts: pa.Array, counts: np.ndarray) -> Forms:
        """From different texts and how often each occurs."""
        if not len(texts):
            return cls()
        weights = counts.astype(np.float64)
        characters = pc.utf8_length(texts).to_numpy(zero_copy_only=False).astype(np.int64)
        places = (
            (classes_of(texts, characters), Form),
            (length_class(characters), range(LENGTHS)),
            (cases_of(texts), Case),
        )
        return cls(*(np.bincount(place, weights, len(kinds)).astype(np.int64) for place, kinds in places))

    def merge(self, other: Forms) -> Forms:
        """Combine two disjoint parts."""
        return Forms(self.classes + other.classes, self.lengths + other.lengths, self.cases + other.cases)

    def with_numbers(self, kinds: np.ndarray) -> Forms:
        """With the cells that were read as numbers, by the kinds of all cells; nobody knows how long they were written."""
        classes, cases = self.classes.copy(), self.cases.copy()
        classes[Form.DIGITS] += kinds[Kind.INTEGRAL]
        classes[Form.NUMBER] += kinds[Kind.FRACTIONAL]
        cases[Case.MIXED] += kinds[Kind.INTEGRAL] + kinds[Kind.FRACTIONAL]
        return Forms(classes, self.lengths, cases)

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        lengths = np.flatnonzero(self.lengths)
        return {
            "classes": self.classes.tolist(),
            "lengths": [[int(each), int(self.lengths[each])] for each in lengths],
            "cases": self.cases.tolist(),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Forms:
        """The inverse of `to_json`."""
        lengths = _no_lengths()
        for length, count in content["lengths"]:
            lengths[length] = count
        return cls(np.array(content["classes"], np.int64), lengths, np.array(content["cases"], np.int64))


def classes_of(texts: pa.Array, characters: np.ndarray) -> np.ndarray:
    """The form of each text; most are settled by cheap questions, the rest by patterns."""
    classes = np.full(len(texts), Form.OTHER, np.int64)
    classes[_mask(pc.utf8_is_alpha(texts))] = Form.LETTERS
    classes[_mask(pc.ascii_is_decimal(texts))] = Form.DIGITS
    classes[(characters == 0) | _mask(pc.utf8_is_space(texts))] = Form.EMPTY
    rest = np.flatnonzero(classes == Form.OTHER)
    if rest.size:
        classes[rest] = _patterns(texts.take(pa.array(rest)), characters[rest])
    return classes


def _patterns(texts: pa.Array, characters: np.ndarray) -> np.ndarray:
    """Of texts that are neither letters nor digits alone."""
    classes = np.full(len(texts), Form.OTHER, np.int64)
    classes[_mask(pc.utf8_is_alnum(texts))] = Form.ALPHANUMERIC
    if (characters == UUID_LENGTH).any():
        _match(texts, classes, _UUID, Form.UUID, classes == Form.OTHER)
    _match(texts, classes, _FRACTIONAL, Form.NUMBER, classes != Form.UUID)
    for pattern, form in ((_SIGNED, Form.DIGITS), (_DATE, Form.DATE), (_WORDS, Form.WORDS)):
        _match(texts, classes, pattern, form, classes == Form.OTHER)
    return classes


def _match(texts: pa.Array, classes: np.ndarray, pattern: str, form: Form, among: np.ndarray) -> None:
    """Give those of some texts that match a pattern its class."""
    places = np.flatnonzero(among)
    if places.size:
        some = texts if places.size == among.size else texts.take(pa.array(places))
        classes[places[_mask(pc.match_substring_regex(some, pattern))]] = form


def cases_of(texts: pa.Array) -> np.ndarray:
    """The case of each text."""
    is_upper, is_lower = _mask(pc.utf8_is_upper(texts)), _mask(pc.utf8_is_lower(texts))
    return np.select([is_upper, is_lower], [Case.UPPER, Case.LOWER], Case.MIXED)


def length_class(characters: np.ndarray) -> np.ndarray:
    """The place of each length in `Forms.lengths`."""
    powers = np.floor(np.log2(np.maximum(characters, 1))).astype(np.int64) - 7
    return np.where(characters < EXACT_LENGTHS, characters, np.minimum(EXACT_LENGTHS + powers, LENGTHS - 1))


def shortest(place: int) -> int:
    """The smallest length of a place in `Forms.lengths`, in characters."""
    return place if place < EXACT_LENGTHS else 1 << (place - EXACT_LENGTHS + 7)


def _mask(found: pa.BooleanArray) -> np.ndarray:
    return np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)
