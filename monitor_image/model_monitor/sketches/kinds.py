"""Classes of literals: completeness and the type of a feature follow from how often each occurs."""

from __future__ import annotations

import re

import numpy as np

from model_monitor.schema import KINDS, FeatureType, Kind

WHOLE_NUMBER_DIGITS = 1e16  # doubles print whole numbers with an exponent from here on
MOSTLY = 0.99  # share of numbers from which on a feature of a baseline is one of numbers
LONGEST_NUMBER = 1024  # characters; no longer text is taken for a number's: Python refuses to convert very long ones

# what contracts with AWS's analyzer call Fractional and Integral (Deequ 2.0.2 `DataType`)
_FRACTIONAL = re.compile(r"[+-]? ?\d+(?:\.\d+|(?:\.\d+)?[eE][+-]?\d+)", re.ASCII)
_INTEGRAL = re.compile(r"[+-]? ?\d+", re.ASCII)


def no_kinds() -> np.ndarray:
    """Counts of nothing."""
    return np.zeros(KINDS, np.int64)


def inferred_type(kinds: np.ndarray) -> FeatureType:
    """The type that all literals of a feature share. Source: Deequ 2.0.2 `DataType` (booleans beside numbers are texts)."""
    is_number = bool(kinds[Kind.FRACTIONAL] or kinds[Kind.INTEGRAL])
    if kinds[Kind.STRING] or (kinds[Kind.BOOLEAN] and is_number):
        return FeatureType.STRING
    if kinds[Kind.BOOLEAN]:
        return FeatureType.BOOLEAN
    if kinds[Kind.FRACTIONAL]:
        return FeatureType.FRACTIONAL
    return FeatureType.INTEGRAL if kinds[Kind.INTEGRAL] else FeatureType.UNKNOWN


def number_share(kinds: np.ndarray) -> float:
    """Share of numbers among the literals that are not null, in [0, 1]; 0 of nothing."""
    numbers, count = int(kinds[Kind.INTEGRAL] + kinds[Kind.FRACTIONAL]), present(kinds)
    return numbers / count if count else 0.0


def settled_type(kinds: np.ndarray) -> FeatureType:
    """The type of a baseline's feature: a few odd literals among numbers make no text of them."""
    if number_share(kinds) < MOSTLY:
        return inferred_type(kinds)
    return FeatureType.FRACTIONAL if kinds[Kind.FRACTIONAL] else FeatureType.INTEGRAL


def matching(kinds: np.ndarray, expected: FeatureType) -> int:
    """Literals that satisfy a type: whole numbers are Fractional too, and everything is text."""
    if expected is FeatureType.INTEGRAL:
        return int(kinds[Kind.INTEGRAL])
    if expected is FeatureType.FRACTIONAL:
        return int(kinds[Kind.INTEGRAL] + kinds[Kind.FRACTIONAL])
    if expected is FeatureType.BOOLEAN:
        return int(kinds[Kind.BOOLEAN])
    return present(kinds)


def present(kinds: np.ndarray) -> int:
    """Literals that are not null."""
    return int(kinds.sum() - kinds[Kind.NULL])


def accepts(declared: FeatureType, found: FeatureType) -> bool:
    """Whether data of one type may be declared as another."""
    if FeatureType.UNKNOWN in (declared, found) or declared in (found, FeatureType.STRING):
        return True
    return declared is FeatureType.FRACTIONAL and found is FeatureType.INTEGRAL


def canonical_number(number: float) -> str:
    """The one text of a number: `37` for 37 and 37.0."""
    if number.is_integer() and abs(number) < WHOLE_NUMBER_DIGITS:
        return str(int(number))
    return repr(number)


def canonical_text(text: str) -> str:
    """Literals of one number become one text, so that 37, 37.0 and +37 are one category; other texts stay."""
    if len(text) > LONGEST_NUMBER:
        return text
    if _INTEGRAL.fullmatch(text):
        return str(int(text.replace(" ", "")))
    if _FRACTIONAL.fullmatch(text):
        number = float(text.replace(" ", ""))
        return canonical_number(number) if np.isfinite(number) else text
    return text
