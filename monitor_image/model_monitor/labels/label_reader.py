"""Labels out of files of any form in use.

Common forms are read many at a time (`label_lines.py`), all others one by one (`label_records.py`).
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from model_monitor.contract import ID_BYTES_MAX
from model_monitor.dataset.glued import pieces_of
from model_monitor.dataset.records import UNKNOWN_FILE
from model_monitor.errors import UndecodableRecord
from model_monitor.label_text import normalise_all
from model_monitor.labels.ground_truth import GroundTruth
from model_monitor.labels.keys import hashes, keys_of
from model_monitor.labels.label_files import has_known_ending
from model_monitor.labels.label_lines import Labels, count_breaks, read_document, read_lines
from model_monitor.labels.label_records import (
    ID_COLUMNS,
    INDEX_COLUMNS,
    LABEL_COLUMNS,
    NOT_A_RECORD,
    Label,
    is_reviewed,
    labels_of,
    plain,
)
from model_monitor.packing import (
    BYTE_ORDER_MARK,
    DAMAGES,
    HEAD_BYTES,
    LEAST_ROW_BYTES,
    Allowance,
    open_by_content,
)
from model_monitor.schema import LOCATED_REJECTS, Reject, Rejects
from model_monitor.words import form_of

BATCH = 1 << 16
PIECE_BYTES, PART_BYTES = 4 << 20, 1 << 16  # lines that are read together; smaller parts where one of them is unusual
TABLE_COLUMNS = (ID_COLUMNS, INDEX_COLUMNS, LABEL_COLUMNS)
SOURCE = b'"source"'  # lines that may say where their label is from are read one by one
NOT_JSON = "line is no JSON"
WRONG_WIDTH = "unexpected number of values"
UNREADABLE = "file cannot be read"
OTHER_SEPARATORS = {";": "a semicolon", "\t": "a tab", "|": "a vertical bar"}
TWO_COLUMNS = "two columns that may hold the same"
MOST_COLUMNS = 10_000
TOO_MANY_COLUMNS = f"table of more than {MOST_COLUMNS:,} columns"


def read_ground_truth(files: Iterable[tuple[str, Path]]) -> GroundTruth:
    """Labels of all files in their order; of two labels with one key the last counts."""
    builder = _Builder()
    for relative, path in files:
        try:
            _read_file(builder, relative, path)
        except (*DAMAGES, pa.ArrowException, csv.Error):
            builder.reject(relative, 0, UNREADABLE if has_known_ending(relative) else UNKNOWN_FILE)
    return builder.build()


class _Builder:
    """Labels as arrays, in the order of reading."""

    def __init__(self) -> None:
        self.keys: list[np.ndarray] = []
        self.codes: list[np.ndarray] = []
        self.words: dict[str, int] = {}
        self.pending: list[Label] = []
        self.of_review: list[bool] = []  # of each pending label
        self.are_reviewed: list[np.ndarray] = []  # beside the keys
        self.reasons: Counter[str] = Counter()
        self.located: list[Reject] = []
        self.first_id = ""

    def add(self, labels: Sequence[Label], *, of_review: bool) -> None:
        self.pending.extend(labels)
        self.of_review.extend([of_review] * len(labels))
        if len(self.pending) >= BATCH:
            self.flush()

    def reject(self, relative: str, line: int, reason: str) -> None:
        self.reasons[reason] += 1
        if len(self.located) < LOCATED_REJECTS:
            self.located.append(Reject(relative, line, reason))

    def flush(self) -> None:
        if not self.pending:
            return
        ids, places, labels = zip(*self.pending, strict=True)
        self.are_reviewed.append(np.array(self.of_review, np.bool_))
        self.pending, self.of_review = [], []
        self.first_id = self.first_id or ids[0]
        self.keys.append(keys_of(hashes(ids), np.array(places, np.int64)))
        self.codes.append(
            np.fromiter((self.words.setdefault(label, len(self.words)) for label in labels), np.int32, len(labels))
        )

    def add_arrays(self, labels: Labels) -> None:
        """Labels whose words are not normalised yet."""
        self.flush()  # what came before stays before
        self.first_id = self.first_id or labels.first_id
        own = [self.words.setdefault(word, len(self.words)) for word in normalise_all(labels.words)]
        self.keys.append(labels.keys)
        self.codes.append(np.array(own, np.int32)[labels.codes])
        self.are_reviewed.append(np.zeros(len(labels.keys), np.bool_))

    def build(self) -> GroundTruth:
        self.flush()
        rejects = Rejects(self.reasons, tuple(self.located))
        if not any(map(len, self.keys)):
            return GroundTruth(rejects=rejects)
        arrays = (np.concatenate(parts) for parts in (self.keys, self.codes, self.are_reviewed))
        keys, codes, are_reviewed = arrays
        found = GroundTruth.of(keys, codes, tuple(self.words), are_reviewed)
        return replace(found, rejects=rejects, id_form=form_of(self.first_id))


def _read_file(builder: _Builder, relative: str, path: Path) -> None:
    """A file of any form: lines and tables a bounded part at a time, a document and CSV as a whole."""
    with open_by_content(path) as stream:
        head = stream.read(HEAD_BYTES).removeprefix(BYTE_ORDER_MARK)
        if head[:64].lstrip().startswith(b"{"):
            for number, piece in _pieces_of_stream(head, stream):
                _read_piece(builder, relative, number, piece)
            return
        content = head + stream.read()
    start = content[:64].lstrip()[:1]
    if content[:4] == b"PAR1":
        _read_parquet(builder, relative, path, content)
    elif start == b"[":
        _read_json(builder, relative, content)
    elif start and not has_known_ending(relative) and not _is_label_table(_header(content)):
        builder.reject(relative, 0, UNKNOWN_FILE)
    elif start and (fault := _header_fault(_header(content))):
        builder.reject(relative, 1, fault)
    elif start:
        _read_csv(builder, relative, content)


def _read_parquet(builder: _Builder, relative: str, path: Path, content: bytes) -> None:
    """Some rows at a time, and no more of them than a file of its size may hold."""
    allowance = Allowance(path)
    file = pyarrow.parquet.ParquetFile(pa.BufferReader(content))
    allowance.take(file.metadata.num_rows * LEAST_ROW_BYTES)
    allowance = Allowance(path)
    wanted = _wanted(builder, relative, file.schema_arrow.names)
    if wanted is None:
        return

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in file.iter_batches(BATCH, columns=wanted, use_threads=False):
            allowance.take(batch.nbytes)
            yield batch

    _read_batches(builder, relative, batches(), first_line=1)


def _header(content: bytes) -> str:
    return content.lstrip().split(b"\n", 1)[0].decode().rstrip("\r")


def _header_fault(header: str) -> str:
    """That another separator than a comma stands between the columns; "" where none is known to.

    The header is told only when it names columns of ours: without a header a file begins with a record.
    """
    for separator, name in OTHER_SEPARATORS.items():
        named = {plain(column.strip('"')) for column in header.split(separator)}
        if named & {*ID_COLUMNS} and named & {*LABEL_COLUMNS}:
            return f"a comma is expected between the columns, found {name} in the header {header!r}"
    return ""


def _is_label_table(header: str) -> bool:
    """Whether a CSV header names an id and a label, between whatever separators."""
    named = {plain(column) for column in re.split(r'[",;|\t]', header)}
    return bool(named & {*ID_COLUMNS} and named & {*LABEL_COLUMNS})


def _read_csv(builder: _Builder, relative: str, content: bytes) -> None:
    """A table of texts: ids keep their zeros, and labels are normalised by us. Columns that are none of ours cost nothing."""

    def refuse(row: pyarrow.csv.InvalidRow) -> str:
        builder.reject(relative, row.number or 0, WRONG_WIDTH)
        return "skip"

    names = next(
        csv.reader(line.decode() for line in io.BytesIO(content.lstrip()))
    )  # with their blanks, as pyarrow has them
    wanted = _wanted(builder, relative, names)
    if wanted is None:
        return
    convert = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=True, include_columns=wanted
    )
    table = pyarrow.csv.read_csv(
        pa.BufferReader(content),
        read_options=pyarrow.csv.ReadOptions(use_threads=False),  # rows are numbered only so
        parse_options=pyarrow.csv.ParseOptions(invalid_row_handler=refuse),
        convert_options=convert,
    )
    _read_batches(builder, relative, table.to_batches(max_chunksize=BATCH), first_line=2)


def _wanted(builder: _Builder, relative: str, names: Sequence[str]) -> list[str] | None:
    """The columns of a table that labels are made of, at least one column; None where it is a reject."""
    if len(names) > MOST_COLUMNS:
        builder.reject(relative, 0, TOO_MANY_COLUMNS)
        return None
    known = {name: plain(name) for name in names}
    ours = [name for name in names if any(known[name] in wanted for wanted in TABLE_COLUMNS)]
    if len({known[name] for name in ours}) < len(ours):
        builder.reject(relative, 0, TWO_COLUMNS)
        return None
    return ours or list(names[:1])


def _read_batches(builder: _Builder, relative: str, batches: Iterable[pa.RecordBatch], first_line: int) -> None:
    line = first_line
    for read in batches:
        batch = read.rename_columns([plain(name) for name in read.schema.names])
        if not _add_batch(builder, batch):
            for number, record in enumerate(batch.to_pylist(), line):
                _add(builder, relative, number, record)
        line += len(batch)


def _add_batch(builder: _Builder, batch: pa.RecordBatch) -> bool:
    """A batch in which nothing is missing or odd, column by column; False for any other, of which nothing is taken."""
    names = [next((name for name in known if name in batch.schema.names), "") for known in TABLE_COLUMNS]
    if not all(names):
        return False
    ids, places, labels = (batch.column(name) for name in names)
    if batch.num_rows == 0 or ids.null_count or places.null_count or labels.null_count:
        return False
    try:
        places = places.cast(pa.int32()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return False
    if not (pa.types.is_string(ids.type) or pa.types.is_integer(ids.type)) or places.min() < 0:
        return False
    if pa.types.is_nested(labels.type):
        return False
    words = labels.cast(pa.string()).dictionary_encode()
    texts, texts_of_words = ids.cast(pa.string()), words.dictionary.to_pylist()
    lengths = pc.min_max(pc.binary_length(texts)).as_py()
    if not lengths["min"] or lengths["max"] > ID_BYTES_MAX or not all(word.strip() for word in texts_of_words):
        return False
    keys = keys_of(hashes(texts), places)
    builder.add_arrays(Labels(keys, words.indices.to_numpy(), texts_of_words, texts[0].as_py()))
    return True


def _read_json(builder: _Builder, relative: str, content: bytes) -> None:
    """One document that is a list of records, or one record a line."""
    if content.lstrip().startswith(b"["):
        labels = read_document(content)
        if labels is not None:
            builder.add_arrays(labels)
            return
        try:
            records = orjson.loads(content)
        except orjson.JSONDecodeError:
            records = None
        if isinstance(records, list):
            for number, record in enumerate(records, 1):
                _add(builder, relative, number, record)
            return
    for number, piece in _pieces(content, PIECE_BYTES):
        _read_piece(builder, relative, number, piece)


def _read_piece(builder: _Builder, relative: str, number: int, piece: bytes) -> None:
    """Whole lines after the number of those before them."""
    labels = read_lines(piece) if piece.strip() and SOURCE not in piece else None
    if labels is not None:
        builder.add_arrays(labels)
        return
    for first, part in _pieces(piece, PART_BYTES):
        _read_lines(builder, relative, number + first, part)


def _pieces_of_stream(head: bytes, stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """As `_pieces`, of a file whose beginning is read."""
    held, before = bytearray(head), 0
    while chunk := stream.read(PIECE_BYTES):
        end = chunk.rfind(b"\n") + 1
        held += chunk
        if end:
            whole = len(held) - len(chunk) + end
            piece = bytes(memoryview(held)[:whole])
            yield before, piece
            before += count_breaks(piece)
            held = bytearray(memoryview(held)[whole:])
    if held:
        yield before, bytes(held)


def _read_lines(builder: _Builder, relative: str, first: int, lines: bytes) -> None:
    """A part of a file with something unusual in it, or near it."""
    if not lines.strip():
        return
    labels = None if SOURCE in lines else read_lines(lines)
    if labels is not None:
        builder.add_arrays(labels)
        return
    for number, line in enumerate(lines.split(b"\n"), first + 1):
        if not line.strip():
            continue
        _read_line(builder, relative, number, line)


def _read_line(builder: _Builder, relative: str, number: int, line: bytes | str) -> None:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        pieces = pieces_of(line.decode("utf-8", "replace")) if isinstance(line, bytes) else ()
        for piece in pieces:
            _read_line(builder, relative, number, piece)
        if not pieces:
            builder.reject(relative, number, NOT_JSON)
        return
    _add(builder, relative, number, record)


def _pieces(content: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    """Whole lines of at least `size` bytes together, after the number of lines before them."""
    start = before = 0
    while start < len(content):
        stop = content.find(b"\n", start + size) + 1 or len(content)
        piece = content[start:stop]
        yield before, piece
        start, before = stop, before + count_breaks(piece)


def _add(builder: _Builder, relative: str, line: int, record: object) -> None:
    try:
        builder.add(list(labels_of(record)), of_review=is_reviewed(record))
    except UndecodableRecord as error:
        builder.reject(relative, line, error.reason)
    except RecursionError:  # nested as deep as no label is
        builder.reject(relative, line, NOT_A_RECORD)
