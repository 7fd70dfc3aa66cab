"""CSV text to columns with numpy alone: fields by the places of their separators, numbers eight characters at a time.

Takes what machines write: rows of one width, quotes around whole fields. Of anything else it says None and a slower reader
decides, so that this file never has to. Decimals are exact: a whole number below 2^53 divided by a power of ten that a
double holds is rounded once, as the literal itself is. Source: Clinger (1990); digits by multiplication, Lemire (2021).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from model_monitor.dataset.classify import Cells, Literals, classify_texts
from model_monitor.dataset.fields import Field
from model_monitor.schema import Kind

COMMA, LINE_BREAK, QUOTE, MINUS, DOT = b',\n"-.'
PAD = b" " * 15 + b"\n"  # two words may be read before any field, and the first row follows a line break as others do
LONGEST_NUMBER = 16  # characters in two words
MOST_DIGITS = 15  # below 2^53
MANY_ODD = 8  # above an eighth of a column's cells it is read as text at once
SAMPLE = 1000
REPEATED = 4  # a column is a dictionary when fewer than a quarter of the sampled texts differ
LONGEST_TEXT = 2**31 - 1 - len(PAD)  # arrow's offsets are 32 bits wide
MUCH_QUOTED = 8  # above an eighth of the text, all of it is looked at instead of what is quoted
RUN = 4  # neighbouring columns of one digit that are worth reading together


def _every_byte(value: int) -> np.uint64:
    return np.uint64(value * 0x0101010101010101)


ZEROS, LOW_BITS, HIGH_BITS, ABOVE_NINE, POINTS = map(_every_byte, (ord("0"), 0x7F, 0x80, 0x76, DOT ^ ord("0")))
PAIRS, HUNDREDS, ONES = map(np.uint64, (0x000000FF000000FF, 0x000F424000000064, 0x0000271000000001))
KEPT = np.array([(2**64 - 1) ^ ((1 << 8 * (8 - n)) - 1) for n in range(9)], np.uint64)  # a word's last n characters
_BITS = {
    number: np.uint64(number) for number in (1, 7, 8, 10, 16, 32, 56, 255)
}  # numpy keeps uint64 with its own kind only
DIGIT_KIND = np.full(256, Kind.STRING, np.uint8)
DIGIT_KIND[[COMMA, LINE_BREAK]] = Kind.NULL
DIGIT_KIND[ord("0") : ord("9") + 1] = Kind.INTEGRAL
DIGIT_NUMBER = np.full(256, np.nan)
DIGIT_NUMBER[ord("0") : ord("9") + 1] = np.arange(10)
POWERS = 10.0 ** np.arange(LONGEST_NUMBER + 1)


@dataclass(frozen=True, slots=True)
class Grid:
    """Where each field stands. Field k of the text lies between `bounds[k]` and `bounds[k + 1]`.

    text: uint8, the CSV text behind `PAD`.
    edges: for columns that were asked for, by boundary: the separator of each row before column k, or after column k - 1.
    """

    text: np.ndarray
    bounds: np.ndarray
    rows: int
    width: int
    has_quotes: bool
    edges: dict[int, np.ndarray] = field(default_factory=dict)

    def take_apart(self, positions: Iterable[int]) -> None:
        """Lay the separators of these columns out column by column, in one pass over the text's rows."""
        wanted = sorted({edge for position in positions for edge in (position, position + 1)} - {self.width})
        by_row = self.bounds[:-1].reshape(self.rows, self.width)[:, wanted]
        self.edges.update(zip(wanted, np.ascontiguousarray(by_row.T), strict=True))

    def before(self, position: int) -> np.ndarray:
        """The separator before each field of a column."""
        return self.edges[position] if position in self.edges else self.bounds[position : -1 : self.width]

    def after(self, position: int) -> np.ndarray:
        """The separator after each field of a column."""
        is_known = position + 1 in self.edges
        return self.edges[position + 1] if is_known else np.ascontiguousarray(self.bounds[position + 1 :: self.width])


def read_columns(data: bytes, fields: Sequence[Field], width: int) -> tuple[list[Literals], int] | None:
    """The columns of these fields and the number of rows; None when the text is not as plain as this reader needs it.

    data: whole rows, the last without its line break.
    """
    grid = find_fields(data, width)
    if grid is None:
        return None
    positions = {one.position for one in fields if not one.is_text}
    columns: dict[tuple[int, bool], Literals] = {}
    for first, last in _runs(grid, positions):
        columns |= {(position, False): column for position, column in _digits(grid, first, last).items()}
    grid.take_apart(one.position for one in fields if (one.position, one.is_text) not in columns)
    for one in fields:
        place = (one.position, one.is_text)
        if place not in columns:
            columns[place] = _texts(grid, one.position, is_text=True) if one.is_text else _numbers(grid, one.position)
    return [columns[one.position, one.is_text] for one in fields], grid.rows


def find_fields(data: bytes, width: int) -> Grid | None:
    """The fields of a text whose rows all have `width` of them."""
    if b"\r" in data or len(data) > LONGEST_TEXT:
        return None
    text = np.frombuffer(b"".join((PAD, data, b"\n")), np.uint8)
    is_end = text == LINE_BREAK
    lines = int(np.count_nonzero(is_end)) - 1
    np.logical_or(is_end, text == COMMA, out=is_end)
    has_quotes = b'"' in data
    if has_quotes and not _clear_quoted(text, is_end):
        return None
    bounds = np.flatnonzero(is_end)
    if has_quotes:
        lines = int(np.count_nonzero(text[bounds] == LINE_BREAK)) - 1
    if bounds.size != lines * width + 1 or not (text[bounds[::width]] == LINE_BREAK).all():
        return None
    return Grid(text, bounds, lines, width, has_quotes)


def _clear_quoted(text: np.ndarray, is_end: np.ndarray) -> bool:
    """Take separators inside quotes away; False unless each quoted field is quoted as a whole, with quotes in it doubled."""
    quotes = np.flatnonzero(text == QUOTE)
    if quotes.size % 2:
        return False
    opening, closing = quotes[0::2], quotes[1::2]
    for neighbour in (text[opening - 1], text[closing + 1]):
        if not ((neighbour == COMMA) | (neighbour == LINE_BREAK) | (neighbour == QUOTE)).all():
            return False
    sizes = closing - opening
    if sizes.sum() > text.size // MUCH_QUOTED:
        is_end &= ~np.bitwise_xor.accumulate(text == QUOTE)
    else:
        is_end[np.repeat(opening - (np.cumsum(sizes) - sizes), sizes) + np.arange(sizes.sum())] = False
    return True


# --- columns of single digits, such as one-hot codes -------------------------------------------------------------------


def _runs(grid: Grid, wanted: set[int]) -> list[tuple[int, int]]:
    """[first, last) of neighbouring columns that hold at most one character each in the first rows."""
    rows = min(grid.rows, SAMPLE)
    sizes = np.diff(grid.bounds[: rows * grid.width + 1]).reshape(rows, grid.width).max(axis=0, initial=0)
    short = [position in wanted and bool(size <= 2) for position, size in enumerate(sizes.tolist())]
    edges = np.flatnonzero(np.diff([False, *short, False])).reshape(-1, 2).tolist()
    return [(first, last) for first, last in edges if last - first >= RUN]


def _digits(grid: Grid, first: int, last: int) -> dict[int, Literals]:
    """Columns of a run by position, those of them that hold digits and nulls alone.

    A run of n fields that is 2n - 1 characters long and holds a digit at every other place holds a separator between.
    """
    count = last - first
    begin = grid.before(first) + 1
    if (grid.after(last - 1) - begin == 2 * count - 1).all():
        shape = (grid.text.size - 2 * count + 2, count)
        windows = np.lib.stride_tricks.as_strided(grid.text, shape, (1, 2), writeable=False)
        digits = windows[begin] - np.uint8(ord("0"))
        if digits.max(initial=0) <= 9:
            whole = np.ascontiguousarray(digits.T).astype(np.int64)
            return {first + i: pa.array(column) for i, column in enumerate(whole)}
    before = grid.bounds[:-1].reshape(grid.rows, grid.width)[:, first:last]
    characters = np.ascontiguousarray(grid.text[1:][before].T)  # of an empty field: the separator after it
    kinds = DIGIT_KIND[characters]
    is_good = kinds.max(axis=1, initial=0) <= Kind.INTEGRAL
    filled = (characters >= ord("0")).sum(axis=0, dtype=np.uint8 if count < 256 else np.int64)  # bytes add up fast
    if not (grid.after(last - 1) - begin + 1 - count == filled).all():  # somewhere a second character
        sizes = grid.bounds[1:].reshape(grid.rows, grid.width)[:, first:last] - before
        is_good &= sizes.max(axis=0, initial=0) <= 2
    return {first + i: _digit_column(characters[i], kinds[i]) for i in np.flatnonzero(is_good).tolist()}


def _digit_column(characters: np.ndarray, kinds: np.ndarray) -> Literals:
    if kinds.all():
        return pa.array((characters - np.uint8(ord("0"))).astype(np.int64))
    return Cells(kinds, DIGIT_NUMBER[characters] if kinds.any() else None, None)


# --- numbers -----------------------------------------------------------------------------------------------------------


def _numbers(grid: Grid, position: int) -> Literals:
    """A column of numbers; cells that are none, or are written in an unusual way, are looked at one by one."""
    before, after = grid.before(position), grid.after(position)
    sizes = after - before - 1
    is_null = sizes == 0
    if grid.has_quotes and (is_quoted := grid.text[before + 1] == QUOTE).any():
        whole, decimals, is_plain = _read_decimals(grid.text, after - is_quoted, sizes - 2 * is_quoted)
    else:
        whole, decimals, is_plain = _read_decimals(grid.text, after, sizes)
    if is_plain.all() and not decimals.any():
        return pa.array(whole)
    odd = np.flatnonzero(~(is_plain | is_null))
    if odd.size * MANY_ODD > grid.rows:
        return _texts(grid, position, is_text=False)
    kinds = np.where(decimals > 0, np.uint8(Kind.FRACTIONAL), np.uint8(Kind.INTEGRAL))
    kinds[is_null] = Kind.NULL
    numbers = whole / POWERS[decimals]
    numbers[is_null] = np.nan
    if not odd.size:
        return Cells(kinds, None if is_null.all() else numbers, None)
    cells = classify_texts(_unquoted(grid, _slices(grid, before[odd] + 1, after[odd])).cast(pa.string()))
    kinds[odd] = cells.kinds
    if (kinds == Kind.INTEGRAL).all():  # `+5` among whole numbers, which stay whole
        return _texts(grid, position, is_text=False)
    numbers[odd] = np.nan if cells.numbers is None else cells.numbers
    if cells.texts is None:
        return Cells(kinds, numbers, None)
    place = np.full(grid.rows, -1, np.int32)
    place[odd] = np.arange(odd.size)
    return Cells(kinds, None if np.isnan(numbers).all() else numbers, cells.texts.take(pa.array(place, mask=place < 0)))


def _read_decimals(text: np.ndarray, after: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fields as `whole / 10^decimals`, and which of them are literals of that form: `-?\\d+(\\.\\d+)?`, not too long."""
    words = np.ndarray((text.size - 7,), "<u8", text, strides=(1,))
    longest = int(sizes.max(initial=0))
    is_plain = sizes > 0
    low = (words[after - 8] ^ ZEROS) & KEPT[np.minimum(sizes, 8) if longest > 8 else sizes]
    if longest <= 8 and _are_digits(low).all():
        return _value(low), np.zeros(sizes.size, np.int64), is_plain
    is_negative = (text[after - np.maximum(sizes, 1)] == MINUS) & (sizes > 1)
    is_signed = bool(is_negative.any())
    if is_signed:
        sizes = sizes - is_negative
        low &= KEPT[np.minimum(sizes, 8)]
    low, decimals = _without_point(low)
    is_plain &= _are_digits(low)
    whole = _value(low)
    if longest > 8:
        high = (words[after - 16] ^ ZEROS) & KEPT[np.clip(sizes - 8, 0, 8)]
        has_point = decimals >= 0
        other, more_decimals = _without_point(high)
        is_plain &= _are_digits(np.where(has_point, high, other))
        decimals = np.where(has_point | (more_decimals < 0), decimals, more_decimals + 8)
        moved = (high >> _BITS[56]).astype(np.int64)  # the digit that comes to stand in the place of a point
        whole += np.where(has_point, moved * 10**7 + _value(high << _BITS[8]) * 10**8, _value(other) * 10**8)
        is_plain &= (sizes <= LONGEST_NUMBER) & (sizes - (decimals >= 0) <= MOST_DIGITS)
    is_plain &= (decimals < 0) | ((decimals > 0) & (decimals + 1 < sizes))  # digits on both sides of a point
    whole = np.where(is_negative, -whole, whole) if is_signed else whole
    return whole, np.where(is_plain, np.maximum(decimals, 0), 0), is_plain


def _without_point(word: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eight digits with a point taken out and a zero put before them; digits behind the point, -1 without one."""
    other = word ^ POINTS
    is_point = ~(((other & LOW_BITS) + LOW_BITS) | other | LOW_BITS) >> _BITS[7]  # 1 in each byte that is a point
    has_point = is_point != 0
    if not has_point.any():
        return word, np.full(word.size, -1)
    one = is_point & (~is_point + _BITS[1])
    below = one - _BITS[1]
    above = ~(below | (one * _BITS[255]))
    taken = np.where(has_point, (word & above) | ((word & below) << _BITS[8]), word)
    return taken, np.where(has_point, 7 - (np.bitwise_count(below) >> 3).astype(np.int64), -1)


def _are_digits(word: np.ndarray) -> np.ndarray:
    """Whether all eight bytes are at most 9."""
    is_digits: np.ndarray = (((word + ABOVE_NINE) | word) & HIGH_BITS) == 0
    return is_digits


def _value(word: np.ndarray) -> np.ndarray:
    """The number of eight digits, the first in the lowest byte."""
    word = word * _BITS[10] + (word >> _BITS[8])
    word = (word & PAIRS) * HUNDREDS + ((word >> _BITS[16]) & PAIRS) * ONES
    return (word >> _BITS[32]).view(np.int64)


# --- text --------------------------------------------------------------------------------------------------------------


def _texts(grid: Grid, position: int, *, is_text: bool) -> pa.Array:
    """A column as text, as a dictionary when it has few different words; null where a field is empty without quotes."""
    texts = _slices(grid, grid.before(position) + 1, grid.after(position))
    sample = texts.slice(0, SAMPLE)
    if is_text or len(sample.unique()) < len(sample) // REPEATED:
        texts = texts.dictionary_encode()
    return _unquoted(grid, texts)


def _slices(grid: Grid, starts: np.ndarray, stops: np.ndarray) -> pa.StringArray:
    """Pieces of the text: every other string between all starts and stops."""
    offsets = np.empty(2 * starts.size, np.int32)
    offsets[0::2], offsets[1::2] = starts, stops
    pieces = pa.StringArray.from_buffers(max(offsets.size - 1, 0), pa.py_buffer(offsets), pa.py_buffer(grid.text))
    return pieces.take(pa.array(np.arange(0, offsets.size, 2), mask=starts == stops))


def _unquoted(grid: Grid, texts: pa.Array) -> pa.Array:
    """Fields without their quotes."""
    if not grid.has_quotes:
        return texts
    encoded = texts if pa.types.is_dictionary(texts.type) else texts.dictionary_encode()
    raw = encoded.dictionary.to_pylist()
    words = [word[1:-1].replace('""', '"') if word.startswith('"') else word for word in raw]
    if words == raw:
        return texts
    plain = pa.DictionaryArray.from_arrays(encoded.indices, pa.array(words, pa.string()))
    is_repeated = len(set(words)) < len(words)  # `a` and `"a"`
    if texts is encoded and not is_repeated:
        return plain
    decoded = plain.cast(pa.string())
    return decoded.dictionary_encode() if texts is encoded else decoded
