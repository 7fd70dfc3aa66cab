"""Which labels, observed or predicted, are the positive one: by value and by threshold, both counted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from model_monitor.labels import NUMBER, codes_of
from model_monitor.profiles.distinct import Distinct
from model_monitor.profiles.facets import Traits, Wanted
from model_monitor.schema import Rows

SAID: Final = ("0", "1")  # what a score says below and above its threshold


@dataclass(frozen=True, slots=True)
class _Words:
    """Labels by their place in a list. flags: uint8 (words + 1,), 1 + flag, 0 at the end; numbers: NaN of a text."""

    flags: np.ndarray
    numbers: np.ndarray


def labels_of(codes: np.ndarray, words: tuple[str, ...], wanted: Wanted) -> tuple[np.ndarray, Traits]:
    """Flags of labels as uint8 (rows,), 0 where one is missing, else 1 + its flag; and what kind of labels they are.

    Args:
        codes: int (rows,), position in `words`, -1 missing.
    """
    known = _known(words, wanted)
    counts = np.bincount(codes.astype(np.int64) + 1, minlength=len(words) + 1)[1:]
    used = np.flatnonzero(counts)
    numbers, counts = known.numbers[used], counts[used]
    is_number = ~np.isnan(numbers)
    traits = Traits(
        numbers=int(counts[is_number].sum()),
        fractions=int(counts[is_number & (numbers != np.floor(numbers))].sum()),
        texts=int(counts[~is_number].sum()),
        distinct=Distinct.of_texts([words[i] for i in used.tolist()]),
        maximum=float(numbers[is_number].max()) if is_number.any() else None,
    )
    return known.flags[codes], traits


def predicted_labels(rows: Rows, keep: np.ndarray | None, threshold: float) -> tuple[np.ndarray, tuple[str, ...]]:
    """The predicted label of each row as a position among words, -1 where nothing was said; a score speaks where no label does."""
    codes: np.ndarray = np.full(rows.count, -1, np.int32)
    words: tuple[str, ...] = ()
    if rows.prediction is not None:
        codes, words = codes_of(rows.prediction, rows.count)
    if rows.score is not None and rows.score.numbers is not None and (codes < 0).any():
        scores = rows.score.numbers
        words = (*words, *(word for word in SAID if word not in words))
        places = np.array([words.index(word) for word in SAID], np.int32)
        is_open = (codes < 0) & np.isfinite(scores)
        codes = np.where(is_open, places[(scores > threshold).view(np.int8)], codes)
    return (codes if keep is None else codes[keep]), words


@lru_cache(maxsize=8)
def _known(words: tuple[str, ...], wanted: Wanted) -> _Words:
    numbers = np.array([float(word) if NUMBER.fullmatch(word) else np.nan for word in words], np.float64)
    return _Words(wanted.flags_of_words(words, numbers.tolist()), numbers)
