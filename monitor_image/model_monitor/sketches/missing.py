"""Features of unknown type whose texts are nothing but missing numbers: seen once all of them are counted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from model_monitor.schema import NO_NUMBERS, Kind


def stand_for_nothing(counts: Mapping[str, int] | None, kinds: np.ndarray) -> bool:
    """Whether a feature holds numbers, and beside them only what usually stands for none."""
    is_number = bool(kinds[Kind.INTEGRAL] or kinds[Kind.FRACTIONAL])
    return bool(counts) and is_number and set(counts or ()) <= set(NO_NUMBERS)


def texts_as_missing(kinds: np.ndarray) -> np.ndarray:
    """Counts by kind of such a feature."""
    found = kinds.copy()
    found[Kind.NULL] += found[Kind.STRING]
    found[Kind.STRING] = 0
    return found
