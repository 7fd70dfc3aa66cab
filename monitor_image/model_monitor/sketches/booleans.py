"""Values that are true or false in one spelling, so that `True` and `true` are one value.

Only for features of type Boolean: rows keep what was sent, since a model may have to be asked with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

from model_monitor.schema import Column, Kind

TRUE, FALSE = "true", "false"  # as JSON writes them
SPELLINGS = {
    **dict.fromkeys(("true", "True", "TRUE"), TRUE),
    **dict.fromkeys(("false", "False", "FALSE"), FALSE),
}


def boolean_text(text: str) -> str:
    """The one spelling of a Boolean; other texts stay."""
    return SPELLINGS.get(text, text)


def are_booleans(texts: Iterable[str]) -> bool:
    """Whether all texts are spellings of true and false."""
    return all(text in SPELLINGS for text in texts)


def folded(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts by text with the spellings of a Boolean as one."""
    together: Counter[str] = Counter()
    for text, count in counts.items():
        together[boolean_text(text)] += count
    return dict(together)


def folded_kinds(kinds: np.ndarray) -> np.ndarray:
    """Counts by kind of a column whose texts are all spellings of a Boolean: `True` is one, though no literal of JSON's."""
    found = kinds.copy()
    found[Kind.BOOLEAN] += found[Kind.STRING]
    found[Kind.STRING] = 0
    return found


def as_booleans(column: Column, *, takes_digits: bool) -> Column:
    """A column of a Boolean feature: its spellings as `true` and `false`, all else as it is.

    takes_digits: the numbers 0 and 1 are false and true, as a declared type says; else they are numbers.
    """
    kinds, numbers, texts = column.kinds.copy(), column.numbers, column.texts
    if texts is not None:
        texts, spelled = _respelled(texts)
        kinds[Kind.STRING] -= spelled
        kinds[Kind.BOOLEAN] += spelled
    if takes_digits and numbers is not None:
        is_digit = (numbers == 0) | (numbers == 1)
        count = int(np.count_nonzero(is_digit))
        whole = min(count, int(kinds[Kind.INTEGRAL]))
        kinds -= _counts({Kind.INTEGRAL: whole, Kind.FRACTIONAL: count - whole, Kind.BOOLEAN: -count})
        texts = _with_digits(texts, numbers, is_digit) if count else texts
        numbers = _without(numbers, is_digit)
    return Column(kinds, numbers, texts)


def _respelled(texts: pa.DictionaryArray) -> tuple[pa.DictionaryArray, int]:
    """Texts in the one spelling, and how many cells had another one."""
    words = texts.dictionary.to_pylist()
    other = [boolean_text(word) != word for word in words]
    if not any(other):
        return texts, 0
    codes = texts.indices.drop_null().to_numpy(zero_copy_only=False)
    changed = int(np.bincount(codes, minlength=len(words))[other].sum())
    return _dictionary(texts.indices, [boolean_text(word) for word in words]), changed


def _with_digits(texts: pa.DictionaryArray | None, numbers: np.ndarray, is_digit: np.ndarray) -> pa.DictionaryArray:
    words = [FALSE, TRUE, *([] if texts is None else texts.dictionary.to_pylist())]
    codes = np.full(numbers.size, -1, np.int64)
    if texts is not None:
        codes = texts.indices.fill_null(-3).to_numpy(zero_copy_only=False).astype(np.int64) + 2
    codes[is_digit] = numbers[is_digit].astype(np.int64)
    return _dictionary(pa.array(codes.astype(np.int32), mask=codes < 0), words)


def _dictionary(indices: pa.Array, words: list[str]) -> pa.DictionaryArray:
    """Cells by their words, each word once and only those that occur."""
    plain = pa.DictionaryArray.from_arrays(indices, pa.array(words, pa.string())).cast(pa.string())
    return plain.dictionary_encode()


def _without(numbers: np.ndarray, is_digit: np.ndarray) -> np.ndarray | None:
    rest = np.where(is_digit, np.nan, numbers.astype(np.float64))
    return None if np.isnan(rest).all() else rest


def _counts(by_kind: Mapping[Kind, int]) -> np.ndarray:
    counts = np.zeros(len(Kind), np.int64)
    for kind, count in by_kind.items():
        counts[kind] = count
    return counts
