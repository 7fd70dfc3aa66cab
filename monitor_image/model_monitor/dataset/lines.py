"""Segments of files as blocks of whole lines, plain or compressed, in bounded memory."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from model_monitor.dataset.discover import DataFile
from model_monitor.dataset.units import UNIT_BYTES, Segment
from model_monitor.job.job import DatasetKind
from model_monitor.packing import BYTE_ORDER_MARK, DAMAGES, open_plain

LONGEST_LINE = 4 * UNIT_BYTES  # several times the largest request with its response, so that memory stays bounded
SEARCHED_BYTES = 1 << 16
DAMAGED = "compressed file is damaged"
TOO_LONG = "line is too long"
LONGEST_QUOTED_FIELD = 4  # blocks; a quote still open after that many is a stray one


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of one file.

    skipped: line breaks between the start of the segment and the block.
    fault: why the file cannot be read any further, or the line is not read; such a block has no data.
    places: the line on which each line of `data` stands in the file, where several stand on one; else they are the same.
    """

    file: DataFile
    segment_start: int
    skipped: int
    data: bytes
    fault: str = ""
    places: Sequence[int] = ()

    def line_number(self, index: int) -> int:
        """Number in the file, from 1, of the block's line `index` (from 0). Costs a pass over what lies before it."""
        line = self.places[index] if self.places else index
        return 1 + _lines_before(self.file, self.segment_start) + self.skipped + line


def read_blocks(segment: Segment, *, has_quotes: bool = False, block_bytes: int = UNIT_BYTES) -> Iterator[Block]:
    """The lines that begin inside the segment.

    has_quotes: a line break inside double quotes does not end a line (CSV).
    """
    skipped = 0
    fault = ""
    is_too_long = False  # inside a line that is not read
    longest = sys.maxsize if segment.file.kind is DatasetKind.JSON else LONGEST_LINE  # a document may be one line
    done = carry = b""
    with open_plain(segment.file.path) as stream:
        is_whole = not isinstance(stream, io.BufferedReader)  # unpacked, which cannot be cut
        chunks = _chunks(stream, segment, block_bytes)
        while True:
            try:
                chunk = next(chunks, b"")
            except DAMAGES as problem:
                if not is_whole or getattr(problem, "errno", None) is not None:  # the disk's fault, not the file's
                    raise
                chunk, fault = b"", DAMAGED
            if is_too_long and chunk:
                end = chunk.find(b"\n") + 1
                is_too_long, carry = not end, chunk[end:] if end else b""
                skipped += bool(end)
                continue
            data = carry + chunk
            end = _last_line_end(data, has_quotes, block_bytes) if chunk else len(data)
            if not end and len(data) > longest:
                skipped += count_breaks(done)
                yield Block(segment.file, segment.start, skipped, b"", TOO_LONG)
                is_too_long, done, carry = True, b"", b""
                continue
            data, carry = data[:end], data[end:]
            if data:
                skipped += count_breaks(done)
                yield Block(segment.file, segment.start, skipped, _without_mark(data, segment, skipped))
                done = data
            if not chunk:
                break
    if fault:
        yield Block(segment.file, segment.start, skipped + count_breaks(done), b"", fault)


def _chunks(stream: BinaryIO, segment: Segment, block_bytes: int) -> Iterator[bytes]:
    if not isinstance(stream, io.BufferedReader):
        while chunk := stream.read(block_bytes):
            yield chunk
        return
    size = segment.file.size_bytes
    start = _next_line(stream, segment.start, segment.stop)
    if start >= segment.stop:  # a line that begins before the segment fills it
        return
    stop = _next_line(stream, segment.stop, size) if segment.stop < size else segment.stop
    stream.seek(start)
    left = stop - start
    while left > 0 and (chunk := stream.read(left if left < 2 * block_bytes else block_bytes)):
        left -= len(chunk)
        yield chunk


def _next_line(stream: BinaryIO, position: int, limit: int) -> int:
    """Where the first line begins that begins at `position` or after it; `limit` when that is not before it."""
    if not position:
        return 0
    place = position - 1
    stream.seek(place)
    while place < limit and (piece := stream.read(SEARCHED_BYTES)):
        end = piece.find(b"\n") + 1
        if end:
            return min(place + end, limit)
        place += len(piece)
    return limit


def _last_line_end(data: bytes, has_quotes: bool, block_bytes: int) -> int:
    """Where the last complete line ends; 0 when there is none yet."""
    end = data.rfind(b"\n") + 1
    if not has_quotes or b'"' not in data or len(data) > LONGEST_QUOTED_FIELD * block_bytes:
        return end
    quotes = data.count(b'"', 0, end)
    while end and quotes % 2:
        earlier = data.rfind(b"\n", 0, end - 1) + 1
        quotes -= data.count(b'"', earlier, end)
        end = earlier
    return end


def _without_mark(data: bytes, segment: Segment, skipped: int) -> bytes:
    is_first = segment.start == 0 and skipped == 0
    return data.removeprefix(BYTE_ORDER_MARK) if is_first else data


def count_breaks(data: bytes) -> int:
    """Line breaks; `bytes.count` takes four times as long where there are many."""
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == ord("\n"))) if data else 0


def _lines_before(file: DataFile, start: int) -> int:
    """Lines of the file that begin before the segment that starts at byte `start`."""
    if start == 0:
        return 0
    left, count = start - 1, 1
    with file.path.open("rb") as stream:
        while left > 0 and (block := stream.read(min(left, 1 << 20))):
            count += count_breaks(block)
            left -= len(block)
    return count
