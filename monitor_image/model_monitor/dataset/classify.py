"""Literals to typed columns: which kind each value is, exactly, without a loop over the cells.

The rules are those of Deequ's `DataType`, on the literal's text: `37` is Integral, `37.0` Fractional, `1.` text. A
number too large for a double is text. Whether a column came as text, as integers or as JSON values, the result is one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model_monitor.schema import KINDS, Column, Kind

Values: TypeAlias = Sequence[Any]  # JSON values; msgspec.UNSET where the record has no such key
Literals: TypeAlias = (
    "pa.Array | Cells | Values"  # a column before typing; arrow: null, int64, double, text or dictionary of text
)

INTEGRAL = re.compile(r"[-+]? ?\d+", re.ASCII)
FRACTIONAL = re.compile(r"[-+]? ?\d+(?:\.\d+|(?:\.\d+)?[eE][-+]?\d+)", re.ASCII)
EXACT = 2.0**53  # doubles hold every whole number below
INT64 = range(-(2**63), 2**63)

# classes of bytes in a literal, one bit each
DIGIT, DOT, MINUS, PLUS, EXPONENT, SPACE, OTHER = (1 << i for i in range(7))
BYTE_CLASS = np.full(256, OTHER, np.uint8)
BYTE_CLASS[ord("0") : ord("9") + 1] = DIGIT
for _characters, _bit in ((".", DOT), ("-", MINUS), ("+", PLUS), ("eE", EXPONENT), (" ", SPACE)):
    for _character in _characters:
        BYTE_CLASS[ord(_character)] = _bit


@dataclass(slots=True)
class Cells:
    """A classified column: the kind of each cell, numbers where it is one, its text where it is one.

    numbers: int64 when every cell is an integer that fits, else float64 with NaN; None when no cell is a number.
    texts: strings or a dictionary of them, null where the cell has no text of its own; None when no cell has. Of a column
        read as text every present cell has one, and none a number.
    counts: int64 (5,), how many cells are of each kind, where that is known already.
    absent: bool, whether the cell's record did not have the key at all; None when each had it.
    """

    kinds: np.ndarray
    numbers: np.ndarray | None
    texts: pa.StringArray | pa.DictionaryArray | None
    counts: np.ndarray | None = None
    absent: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.kinds)

    def keep(self, mask: np.ndarray) -> Cells:
        """The cells where `mask` is set."""
        kinds = self.kinds[mask]
        is_number = (kinds == Kind.INTEGRAL) | (kinds == Kind.FRACTIONAL)
        numbers = self.numbers[mask] if self.numbers is not None and is_number.any() else None
        if numbers is not None and numbers.dtype.kind == "f" and (kinds == Kind.INTEGRAL).all():
            is_exact = np.abs(numbers).max() < EXACT
            numbers = numbers.astype(np.int64) if is_exact else numbers
        texts = self.texts.filter(pa.array(mask)) if self.texts is not None else None
        if texts is not None and pa.types.is_dictionary(texts.type):
            texts = texts.cast(texts.type.value_type)  # without the words that no cell has any more
        has_texts = texts is not None and texts.null_count < len(texts)
        absent = self.absent[mask] if self.absent is not None else None
        return Cells(kinds, numbers, texts if has_texts else None, absent=absent)


def to_column(literals: Literals, *, is_text: bool = False) -> Column:
    """Type one column. `is_text`: keep every present value as text (its kinds are counted all the same)."""
    return type_column(literals, is_text=is_text)[0]


def type_column(literals: Literals, *, is_text: bool = False) -> tuple[Column, int]:
    """A column, and in how many records its key was absent."""
    column, absent = _typed(literals, is_text=is_text)
    if column.numbers is not None and column.numbers.dtype.kind == "f":
        column = replace(column, numbers=column.numbers + 0.0)  # `-0.0` is 0, whichever way its column was read
    return column, absent


def _typed(literals: Literals, *, is_text: bool) -> tuple[Column, int]:
    if isinstance(literals, pa.Array):
        return _column_of_array(literals, is_text), 0
    if isinstance(literals, Cells):
        absent = 0 if literals.absent is None else int(np.count_nonzero(literals.absent))
        return _column(literals, None, is_text=False), absent  # which was read as text where it should be
    types = set(map(type, literals))
    absent = sum(value is msgspec.UNSET for value in literals) if msgspec.UnsetType in types else 0
    cells = _classify_values(literals, types)
    return _column(cells, _texts_of_values(literals) if is_text else None, is_text), absent


def cells_of_values(values: Values, *, is_text: bool) -> Cells:
    """JSON values as cells, of a column read as text or of another."""
    types = set(map(type, values))
    cells = _classify_values(values, types)
    if is_text:
        texts = _texts_of_values(values)
        cells = Cells(cells.kinds, None, texts if texts.null_count < len(texts) else None)
    if msgspec.UnsetType in types:
        cells.absent = np.array([value is msgspec.UNSET for value in values], np.bool_)
    return cells


def _column_of_array(literals: pa.Array, is_text: bool) -> Column:
    if pa.types.is_null(literals.type):
        return Column(_count(np.full(len(literals), Kind.NULL, np.uint8)))
    if pa.types.is_int64(literals.type):
        return _integers(literals)
    if pa.types.is_floating(literals.type):
        return _doubles(literals, is_text)
    if pa.types.is_dictionary(literals.type):
        return _dictionary(literals, is_text)
    return _column(classify_texts(literals), literals if is_text else None, is_text)


def _count(kinds: np.ndarray) -> np.ndarray:
    return np.array([np.count_nonzero(kinds == kind) for kind in range(KINDS)], np.int64)


def _column(cells: Cells, raw: pa.StringArray | None, is_text: bool) -> Column:
    if is_text:
        texts = None if raw is None or raw.null_count == len(raw) else raw.dictionary_encode()
        return Column(_count(cells.kinds), None, texts)
    texts = cells.texts
    if texts is not None and not pa.types.is_dictionary(texts.type):
        texts = texts.dictionary_encode()
    return Column(_count(cells.kinds) if cells.counts is None else cells.counts, cells.numbers, texts)


def _integers(literals: pa.Int64Array) -> Column:
    count, nulls = len(literals), literals.null_count
    kinds = np.array([nulls, 0, count - nulls, 0, 0], np.int64)
    if nulls == count:
        return Column(kinds)
    if nulls:
        literals = literals.cast(pa.float64(), safe=False)
    return Column(kinds, literals.to_numpy(zero_copy_only=False))


def _doubles(literals: pa.DoubleArray, is_text: bool) -> Column:
    """A column of doubles (Parquet): each is Fractional, even 37.0; NaN is missing, infinity is text."""
    numbers = literals.cast(pa.float64()).to_numpy(zero_copy_only=False)
    if (missing := np.isnan(numbers)).any():  # as a DataFrame holds what is missing
        literals = pc.if_else(pa.array(missing), pa.scalar(None, literals.type), literals)
    present = len(literals) - literals.null_count
    if is_text or not present or np.isfinite(numbers).sum() != present:
        return to_column(literals.to_pylist(), is_text=is_text)
    return Column(np.array([literals.null_count, present, 0, 0, 0], np.int64), numbers)


def _dictionary(literals: pa.DictionaryArray, is_text: bool) -> Column:
    """A column of few distinct texts: only those are classified. Each of them occurs in some cell."""
    cells = classify_texts(literals.dictionary)
    present = np.asarray(literals.indices.is_valid())
    where = literals.indices.fill_null(0).to_numpy(zero_copy_only=False)
    kinds = np.zeros(len(literals), np.uint8)
    kinds[present] = cells.kinds[where[present]]
    if is_text or cells.numbers is None:
        return Column(_count(kinds), None, literals if present.any() else None)
    is_whole = cells.numbers.dtype == np.int64 and present.all()
    numbers = cells.numbers[where] if is_whole else np.where(present, cells.numbers.astype(np.float64)[where], np.nan)
    return Column(_count(kinds), numbers, _words(literals, cells.kinds, kinds, where))


def _words(
    literals: pa.DictionaryArray, distinct: np.ndarray, kinds: np.ndarray, where: np.ndarray
) -> pa.DictionaryArray | None:
    """The cells of a dictionary column that are no numbers, in a dictionary without the numbers."""
    is_word = distinct >= Kind.BOOLEAN
    if not is_word.any():
        return None
    place = (np.cumsum(is_word) - 1).astype(np.int32)[where]
    return pa.DictionaryArray.from_arrays(
        pa.array(place, pa.int32(), mask=kinds < Kind.BOOLEAN), literals.dictionary.filter(pa.array(is_word))
    )


# --- text ----------------------------------------------------------------------------------------------------------


def classify_texts(texts: pa.StringArray) -> Cells:
    """Kinds and numbers of literals given as text; null is missing."""
    kinds, odd = _plain_kinds(texts)
    plain = (kinds == Kind.INTEGRAL) | (kinds == Kind.FRACTIONAL)
    try:
        chosen = texts if plain.all() else texts.filter(pa.array(plain))
        floats = pc.cast(chosen, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:  # `1-2`, `1.2.3`: looked like numbers to the test by classes of bytes
        odd, plain = odd | plain, np.zeros(len(texts), np.bool_)
        floats = np.empty(0, np.float64)
    numbers = np.full(len(texts), np.nan)
    numbers[plain] = floats
    if odd.any():
        _classify_odd(texts, np.flatnonzero(odd), kinds, numbers)
    kinds[np.isinf(numbers)] = Kind.STRING  # too large for a double
    is_number = (kinds == Kind.INTEGRAL) | (kinds == Kind.FRACTIONAL)
    return Cells(kinds, _narrow(texts, kinds, numbers, is_number), _where(texts, kinds))


def _plain_kinds(texts: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
    """Kinds by the bytes that occur in each literal, and which literals need a closer look.

    Right for every literal without signs inside; for the others arrow's cast to double is the second witness.
    """
    kinds = np.zeros(len(texts), np.uint8)
    _, offsets_buffer, data_buffer = texts.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    present = np.asarray(texts.is_valid())
    filled = np.flatnonzero(np.diff(offsets) > 0)
    kinds[present] = Kind.STRING  # the empty text stays one
    if not len(filled):
        return kinds, np.zeros(len(texts), np.bool_)
    first, last = offsets[filled], offsets[filled + 1] - 1
    data = np.frombuffer(data_buffer, np.uint8)[: offsets[-1]]
    classes = BYTE_CLASS[data]
    bits = np.bitwise_or.reduceat(classes[first[0] :], first - first[0])
    signed = (classes[first] == MINUS) & (last > first)
    leads = classes[first + signed] == DIGIT
    is_plain = leads & (classes[last] == DIGIT) & ((bits & (OTHER | SPACE)) == 0)
    is_plain &= ((bits & PLUS) == 0) | ((bits & EXPONENT) != 0)
    has_both = (bits & (DOT | EXPONENT)) == (DOT | EXPONENT)
    if has_both.any() and _has_bare_point(data, first[0]):  # `1.e5`, which the cast would take
        is_plain &= ~has_both
    has_fraction = (bits & (DOT | EXPONENT)) != 0
    kinds[filled[is_plain]] = np.where(has_fraction, Kind.FRACTIONAL, Kind.INTEGRAL)[is_plain]
    odd = np.zeros(len(texts), np.bool_)
    odd[filled[~is_plain]] = True
    wordy = filled[(bits & OTHER) != 0]  # no number, perhaps a boolean
    odd[wordy] = False
    is_boolean = pc.is_in(texts.take(pa.array(wordy)), pa.array(["true", "false"]))
    kinds[wordy[np.asarray(is_boolean)]] = Kind.BOOLEAN
    return kinds, odd


def _has_bare_point(data: np.ndarray, start: int) -> bool:
    blob = data[start:].tobytes()
    return b".e" in blob or b".E" in blob


def _classify_odd(texts: pa.StringArray, where: np.ndarray, kinds: np.ndarray, numbers: np.ndarray) -> None:
    """Literals such as ` 7`, `+5`, `1.`: by the rule itself, once for each distinct one."""
    encoded = texts.take(pa.array(where)).dictionary_encode()
    found = [_classify_literal(text) for text in encoded.dictionary.to_pylist()]
    indices = encoded.indices.to_numpy()
    kinds[where] = np.array([kind for kind, _ in found], np.uint8)[indices]
    numbers[where] = np.array([number for _, number in found])[indices]


def _classify_literal(text: str) -> tuple[Kind, float]:
    if INTEGRAL.fullmatch(text):
        return Kind.INTEGRAL, float(text.replace(" ", ""))
    if FRACTIONAL.fullmatch(text):
        return Kind.FRACTIONAL, float(text.replace(" ", ""))
    return Kind.STRING, np.nan


def _narrow(texts: pa.StringArray, kinds: np.ndarray, numbers: np.ndarray, is_number: np.ndarray) -> np.ndarray | None:
    """The numbers as int64 when every cell is an integer that fits; None when there is no number."""
    if not is_number.any():
        return None
    if (kinds == Kind.INTEGRAL).all():
        try:
            integers: np.ndarray = pc.cast(texts, pa.int64()).to_numpy(zero_copy_only=False)
            return integers
        except pa.ArrowInvalid:
            exact = [int(text.replace(" ", "")) for text in texts.to_pylist()]
            if all(value in INT64 for value in exact):
                return np.array(exact, np.int64)
    numbers[~is_number] = np.nan
    return numbers


def _where(texts: pa.StringArray, kinds: np.ndarray) -> pa.StringArray | None:
    """The texts that are no numbers."""
    is_word = kinds >= Kind.BOOLEAN
    if not is_word.any():
        return None
    if is_word.sum() + texts.null_count == len(texts):
        return texts
    return pc.if_else(pa.array(is_word), texts, pa.scalar(None, pa.string()))


# --- JSON values ---------------------------------------------------------------------------------------------------


class _TypeCodes(dict[type, int]):
    def __missing__(self, _: type) -> int:
        return 5


NOTHING, FLOAT, INT, BOOL, STR, NESTED = range(6)
TYPE_CODE = _TypeCodes({type(None): NOTHING, msgspec.UnsetType: NOTHING, float: FLOAT, int: INT, bool: BOOL, str: STR})


def _classify_values(values: Values, types: set[type]) -> Cells:
    if types == {int}:
        try:
            return Cells(np.full(len(values), Kind.INTEGRAL, np.uint8), np.array(values, np.int64), None)
        except OverflowError:
            pass
    elif types == {float}:
        floats = np.array(values, np.float64)
        if np.isfinite(floats).all():
            return Cells(np.full(len(values), Kind.FRACTIONAL, np.uint8), floats, None)
    elif types == {str}:
        return classify_texts(text_array(values))
    return _classify_mixed(values)


def _classify_mixed(values: Values) -> Cells:
    codes = np.fromiter(map(TYPE_CODE.__getitem__, map(type, values)), np.uint8, len(values))
    kinds = np.zeros(len(values), np.uint8)
    numbers = np.full(len(values), np.nan)
    kinds[codes == FLOAT] = Kind.FRACTIONAL
    numbers[codes == FLOAT] = list(compress(values, codes == FLOAT))
    kinds[codes == INT] = Kind.INTEGRAL
    numbers[codes == INT] = [_float(value) for value in compress(values, codes == INT)]
    kinds[codes == BOOL] = Kind.BOOLEAN
    kinds[codes == NESTED] = Kind.STRING
    strings = codes == STR
    if strings.any():
        cells = classify_texts(text_array(list(compress(values, strings))))
        kinds[strings] = cells.kinds
        if cells.numbers is not None:
            numbers[strings] = cells.numbers
    kinds[~np.isfinite(numbers) & ((kinds == Kind.INTEGRAL) | (kinds == Kind.FRACTIONAL))] = Kind.STRING
    is_number = (kinds == Kind.INTEGRAL) | (kinds == Kind.FRACTIONAL)
    numbers[~is_number] = np.nan
    narrow: np.ndarray | None = numbers if is_number.any() else None
    if (kinds == Kind.INTEGRAL).all() and len(values):
        exact = [int(value.replace(" ", "")) if isinstance(value, str) else value for value in values]
        if all(value in INT64 for value in exact):
            narrow = np.array(exact, np.int64)
    is_word = kinds >= Kind.BOOLEAN
    if not is_word.any():
        return Cells(kinds, narrow, None)
    words = [text_of(value) if word else None for value, word in zip(values, is_word.tolist(), strict=True)]
    return Cells(kinds, narrow, text_array(words))


def _float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf


def _texts_of_values(values: Values) -> pa.StringArray:
    return text_array([text_of(value) for value in values])


def text_of(value: object) -> str | None:
    """A JSON value as text: strings as they are, the rest as JSON writes it; None when there is nothing."""
    if value is None or value is msgspec.UNSET:
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if np.isfinite(value) else {"nan": "NaN", "inf": "Infinity"}.get(str(value), "-Infinity")
    if isinstance(value, int):
        return str(value)
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # half of a surrogate pair inside
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def text_array(texts: Sequence[str | None]) -> pa.StringArray:
    """Arrow strings; half of a surrogate pair, which no encoding can hold, becomes the replacement character."""
    try:
        return pa.array(texts, pa.string())
    except (UnicodeEncodeError, pa.ArrowException):
        return pa.array([None if text is None else without_surrogates(text) for text in texts], pa.string())


def without_surrogates(text: str) -> str:
    """The text with lone surrogates replaced by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
