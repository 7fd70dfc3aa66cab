"""CSV payloads and blocks of CSV files to records. No header is looked for here. RFC 4180: quotes, line breaks in fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from model_monitor.dataset import native
from model_monitor.dataset.classify import Literals, without_surrogates
from model_monitor.dataset.fields import Side
from model_monitor.dataset.formats.csv_fast import read_columns
from model_monitor.dataset.records import EMPTY_PAYLOAD, MALFORMED_CSV, Records
from model_monitor.dataset.texts import Texts

Row = list[str | None]  # None: an empty field without quotes, that is, a missing value

FIELD = re.compile(r'(?:"((?:[^"]++|"")*+)"([^,\r\n]*)|([^,\r\n]*))(,|\r\n|\n|\r|\Z)')
BLANK, DIGIT, EDGE = (1 << i for i in range(3))
BYTE_CLASS = np.zeros(256, np.uint8)
for _characters, _bit in ((" \t", BLANK), ("0123456789-", DIGIT), (',"\r\n', EDGE)):
    BYTE_CLASS[list(_characters.encode())] = _bit

# How each column was last read, by the names of the fields: a matter of speed alone, the result is the same.
_plans: dict[tuple[str, ...], dict[str, pa.DataType]] = {}


def read_csv(payloads: Sequence[str], side: Side, expected: np.ndarray | None = None) -> Records:
    """Records of CSV payloads, one per line; values stay text unless a whole column consists of integers.

    expected: records of the other side, for responses that put all values of a request on one line.
    """
    if native.is_available() and (found := _read_compiled(payloads, side, expected)) is not None:
        return found
    texts = [_unframed(payload) for payload in payloads]
    if side.split != "lines" and expected is not None:
        texts = [split_values(text, side.split, int(n)) for text, n in zip(texts, expected, strict=True)]
    faults = {i: EMPTY_PAYLOAD for i, text in enumerate(texts) if not text}
    records = _read_plainly(texts, side, faults) if len(faults) < len(texts) else None
    return records or _read_carefully(texts, side, faults)


def _unframed(payload: str) -> str:
    """A payload without a byte order mark before it and line breaks around it."""
    return payload.lstrip("\ufeff").strip("\r\n")


def _read_compiled(payloads: Sequence[str], side: Side, expected: np.ndarray | None) -> Records | None:
    """By the compiled reader; None where it does not take the side."""
    texts = payloads if isinstance(payloads, Texts) else Texts.of(payloads)
    if side.split == "lines" or expected is None:
        return native.read_csv(texts, side)
    if side.split == "auto" and texts.data.count(b"\n") + len(texts) == expected.sum():
        found = native.read_csv(texts, side)
        if found is not None and np.array_equal(found.counts, expected):  # each line is a record, as it was expected
            return found
    values = zip(map(_unframed, texts), expected.tolist(), strict=True)
    lines = Texts.of([split_values(text, side.split, count) for text, count in values])
    return native.read_csv(lines, side, is_exact=True)  # a last value that is missing leaves a line break at the end


def split_rows(text: str) -> list[Row]:
    """Rows of one payload by the letter of the format: the slow way, for payloads that need it.

    Raises: ValueError if a quoted field is never closed.
    """
    return [row for row, _ in iterate_rows(text)]


def iterate_rows(text: str) -> Iterator[tuple[Row, int]]:
    """Rows with the place in the text where each ends.

    Raises: ValueError if a quoted field is never closed.
    """
    row: Row = []
    position = 0
    while True:
        match = FIELD.match(text, position)
        if match is None:
            raise ValueError(MALFORMED_CSV)
        quoted, rest, plain, end = match.groups()
        if quoted is None and plain.startswith('"'):
            raise ValueError(MALFORMED_CSV)
        row.append(plain or None if quoted is None else quoted.replace('""', '"') + rest)
        position = match.end()
        if end != ",":
            yield row, position
            row = []
        if not end or (end != "," and position == len(text)):
            return


def lines_of_records(text: str, records: Sequence[int], *, is_single: bool) -> list[int]:
    """Lines, from 0, on which these records (ascending) of a block begin. `is_single`: a blank line is a record."""
    start = len(text) - len(text.lstrip("\r\n"))
    first = text.count("\n", 0, start)
    body = text[start:].rstrip("\r\n")
    if '"' not in body and "\n\n" not in body and "\r" not in body:
        return [first + record for record in records]
    found: list[int] = []
    number = begin = 0
    for row, end in iterate_rows(body):
        if len(found) == len(records):
            break
        if row != [None] or is_single:
            if number == records[len(found)]:
                found.append(first + body.count("\n", 0, begin))
            number += 1
        begin = end
    return found


def split_values(text: str, rule: str, expected: int) -> str:
    """A response whose values all stand on one line, turned into one value a line where the rule says so."""
    if rule == "auto" and (text.count("\n") + 1 == expected or "," not in text):
        return text
    if '"' in text:
        try:
            values = [value for row in split_rows(text) for value in row]
        except ValueError:
            return text  # its fault is found when it is read
        lines = "\n".join(_quote(value) for value in values)
        return lines if rule == "comma" or len(values) == expected else text
    lines = text.replace(",", "\n")
    return lines if rule == "comma" or lines.count("\n") + 1 == expected else text


# --- the quick way: all payloads as one table --------------------------------------------------------------------------


def _read_plainly(texts: list[str], side: Side, faults: dict[int, str]) -> Records | None:
    """All payloads at once; None when a line is not a record somewhere (line breaks in fields, blank lines, bad quotes).

    A line break is the end of a record, or the table has fewer rows than there are lines: equality proves alignment.
    """
    filled = [text for text in texts if text] if faults else texts
    data = _encode("\n".join(filled))
    if b'"' in data and not _is_closed(filled[-1]):
        return None
    counts = np.array([text.count("\n") + 1 if text else 0 for text in texts], np.int64)
    width = side.width if side.width is not None else _width_of_first_line(data)
    if width < side.needed or (b"\r" in data and b"\r" in data.replace(b"\r\n", b"")):
        return None
    columns, widths, rows = _read_table(data, side, width)
    if rows + len(widths) != counts.sum() or (side.width is None and widths):
        return None
    return Records(counts, columns, dict(faults), widths)


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return without_surrogates(text).encode()


def _is_closed(text: str) -> bool:
    try:
        split_rows(text)
    except ValueError:
        return False
    return True


def _width_of_first_line(data: bytes) -> int:
    line = data.partition(b"\n")[0]
    if b'"' not in line:
        return line.count(b",") + 1
    try:
        return len(split_rows(line.decode())[0])
    except ValueError:  # a line break inside quotes
        return 0


def _read_table(data: bytes, side: Side, width: int) -> tuple[list[Literals], dict[int, int], int]:
    """Columns of the fields, refused rows with their widths, and the number of rows read."""
    plain = read_columns(data, side.fields, width)
    if plain is not None:
        return plain[0], {}, plain[1]
    widths: dict[int, int] = {}
    names = [str(field.position) for field in side.fields]
    plan = _plans.setdefault(tuple(field.key for field in side.fields), {})
    types = {name: plan[name] for name in names if name in plan}
    types |= {str(field.position): pa.string() for field in side.fields if field.is_text}
    known = frozenset(types)
    if _has_odd_integers(data):
        types = {name: types.get(name, pa.string()) for name in names}
    table = _parse(data, width, names, types, widths)
    unclear = [name for name in dict.fromkeys(names) if name not in types and not _is_exact(table[name].type)]
    columns = {name: _one_chunk(table[name]) for name in names}
    if unclear:
        again = _parse(data, width, unclear, dict.fromkeys(unclear, pa.string()), {})
        columns |= {name: _one_chunk(again[name]) for name in unclear}
    for name in [*unclear, *known.intersection(names)]:
        plan[name] = _next_type(columns[name])
    return [columns[name] for name in names], widths, table.num_rows


def _parse(
    data: bytes, width: int, names: list[str], types: dict[str, pa.DataType], widths: dict[int, int]
) -> pa.Table:
    def refuse(row: pacsv.InvalidRow) -> str:
        widths[row.number - 1] = row.actual_columns
        return "skip"

    return pacsv.read_csv(
        pa.py_buffer(data + b"\n"),  # without a last line break, arrow takes an empty last field for a quoted one
        read_options=pacsv.ReadOptions(
            use_threads=False,  # a worker is one process, and row numbers are only known this way
            column_names=[str(i) for i in range(width)],
            block_size=max(len(data) + 1, 1 << 20),  # one block: one type per column
        ),
        parse_options=pacsv.ParseOptions(
            newlines_in_values=True,
            ignore_empty_lines=width > 1,  # in a single column an empty line is a missing value
            invalid_row_handler=refuse,
        ),
        convert_options=pacsv.ConvertOptions(
            include_columns=list(dict.fromkeys(names)),
            column_types=types,
            null_values=[""],  # and none of arrow's own: NaN, N/A and null are text
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _is_exact(kind: pa.DataType) -> bool:
    """Types that arrow infers exactly as we classify; a date, a boolean or a double is read again as text."""
    return bool(pa.types.is_int64(kind) or pa.types.is_null(kind))


def _has_odd_integers(data: bytes) -> bool:
    """Whether some field may be an integer to arrow but not to us: hexadecimal, or with blanks around it."""
    if (b"x" in data and b"0x" in data) or (b"X" in data and b"0X" in data):
        return True
    if b" " not in data and b"\t" not in data:
        return False
    text = np.frombuffer(b"\n" + data + b"\n", np.uint8)
    blanks = np.flatnonzero((text == ord(" ")) | (text == ord("\t")))
    before, after = BYTE_CLASS[text[blanks - 1]], BYTE_CLASS[text[blanks + 1]]
    leads = (before == EDGE) & ((after & (DIGIT | BLANK)) != 0)
    trails = (after == EDGE) & ((before & (DIGIT | BLANK)) != 0)
    return bool((leads | trails).any())


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _next_type(column: pa.Array) -> pa.DataType:
    """How to read this column next time: few distinct words are quicker as a dictionary, numbers as plain text."""
    sample = column.slice(0, 1000)
    if pa.types.is_dictionary(column.type):
        is_wordy = len(column.dictionary) < len(column) // 2
    else:
        is_wordy = len(sample.unique()) < len(sample) // 4
    return pa.dictionary(pa.int32(), pa.string()) if is_wordy else pa.string()


# --- the careful way: payload by payload, then the same table --------------------------------------------------------


def _read_carefully(texts: list[str], side: Side, faults: dict[int, str]) -> Records:
    """Each payload is taken apart and written again in one plain form, which the table reader then takes."""
    counts = np.zeros(len(texts), np.int64)
    rows: list[Row] = []
    faults = dict(faults)
    for i, text in enumerate(texts):
        if i in faults:
            continue
        try:
            found = split_rows(text)
        except ValueError as error:
            faults[i] = str(error)
            continue
        if text.endswith("\n"):  # of values on one line the last is missing
            found.append([None])
        is_single = side.width == 1 or (side.width is None and all(len(row) == 1 for row in found))
        kept = found if is_single else [row for row in found if row != [None]]
        counts[i] = len(kept)
        rows += kept
    width = side.width if side.width is not None else side.needed
    widths = {i: len(row) for i, row in enumerate(rows) if not _fits(row, side)}
    good = [row[:width] for i, row in enumerate(rows) if i not in widths]
    if not good:
        nothing: Literals = pa.nulls(0)
        return Records(counts, [nothing] * len(side.fields), faults, widths)
    columns, _, _ = _read_table(_encode("\n".join(",".join(map(_quote, row)) for row in good)), side, width)
    return Records(counts, columns, faults, widths)


def _fits(row: Row, side: Side) -> bool:
    return len(row) == side.width if side.width is not None else len(row) >= side.needed


def _quote(value: str | None) -> str:
    return "" if value is None else '"' + value.replace('"', '""') + '"'
