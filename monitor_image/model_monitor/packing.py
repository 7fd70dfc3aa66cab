"""Files that are compressed, whatever their names say, and what is inside."""

from __future__ import annotations

import bz2
import gzip
import os
import zlib
from collections.abc import Callable, Mapping
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Final, cast

from model_monitor.contract import Variable
from model_monitor.errors import LEAST_LIMIT, SettingsError, UnpacksTooLarge

PACKED_ENDINGS: Final = (".gz", ".bz2")
DAMAGES: Final = (EOFError, gzip.BadGzipFile, zlib.error, OSError, ValueError)  # what a damaged packed file raises
GZIP, BZ2 = b"\x1f\x8b", b"BZh"
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
HEAD_BYTES: Final = 1 << 16
READ_BYTES: Final = 4 << 20
LEAST_ROW_BYTES: Final = 8  # of a table's row, unpacked, however well it is packed
USUAL_TIMES: Final = (
    100  # JSON Lines of one form pack to a tenth or a thirtieth, what is made to fill the memory to a thousandth
)


def plain_name(name: str) -> str:
    """A file's name in lower case, without the ending of its packing."""
    name = name.lower()
    return next((name.removesuffix(ending) for ending in PACKED_ENDINGS if name.endswith(ending)), name)


Packing = type[gzip.GzipFile | bz2.BZ2File]


def is_packed(path: Path) -> bool:
    """Whether a file is compressed: its ending says so, or its first bytes."""
    with path.open("rb") as stream:
        return _packing(path, stream) is not None


def open_plain(path: Path) -> BinaryIO:
    """A file's content, unpacked where it is compressed."""
    return _opened(path, _packing)


def open_by_content(path: Path) -> BinaryIO:
    """Likewise, whatever the file's ending says."""
    return _opened(path, lambda _, stream: _packing_inside(stream))


def _opened(path: Path, packing: Callable[[Path, BufferedReader], Packing | None]) -> BinaryIO:
    stream = path.open("rb")  # once: thousands of small files take as long to open as to read
    try:
        unpack = packing(path, stream)
    except OSError:
        stream.close()
        raise
    if unpack is None:
        return stream
    stream.close()
    return cast(BinaryIO, _Unpacking(path, unpack(path)))


def _packing(path: Path, stream: BufferedReader) -> Packing | None:
    ending = path.suffix.lower()
    if ending == ".gz":
        return gzip.GzipFile
    found = _packing_inside(stream)
    return bz2.BZ2File if ending == ".bz2" and found is None else found


def _packing_inside(stream: BufferedReader) -> Packing | None:
    """By the first bytes, which are left to be read."""
    magic = stream.peek(len(BZ2))[: len(BZ2)]
    if magic.startswith(GZIP):
        return gzip.GzipFile
    return bz2.BZ2File if magic == BZ2 else None


class _Unpacking:
    """A compressed file that is read up to the limit for its size.

    Raises: UnpacksTooLarge beyond it; one of `DAMAGES`.
    """

    def __init__(self, path: Path, stream: gzip.GzipFile | bz2.BZ2File) -> None:
        self._stream, self._allowance = stream, Allowance(path)

    def read(self, size: int = -1) -> bytes:
        """The next bytes; all of them in parts, so that the limit is met before they are held."""
        if size < 0:
            return b"".join(iter(lambda: self.read(READ_BYTES), b""))
        data = self._stream.read(size)
        self._allowance.take(len(data))
        return data

    def __enter__(self) -> _Unpacking:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


class Allowance:
    """How much may be unpacked from a file.

    Raises: SettingsError if the setting is no number.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._times, self._taken = path, most_unpacked(), 0
        self._limit = max(LEAST_LIMIT, self._times * path.stat().st_size)

    def take(self, size_bytes: int) -> None:
        """So much more. Raises: UnpacksTooLarge."""
        self._taken += size_bytes
        if self._taken > self._limit:
            raise UnpacksTooLarge(self._path, self._limit, self._times, Variable.MOST_UNPACKED)


def most_unpacked(environment: Mapping[str, str] = os.environ) -> int:
    """How many times its size a file may unpack to. Raises: SettingsError."""
    given = environment.get(Variable.MOST_UNPACKED, "").strip() or str(USUAL_TIMES)
    if not given.isdecimal() or not int(given):
        raise SettingsError(
            f"environment variable {Variable.MOST_UNPACKED}",
            "should be a whole number of at least 1.",
            "Correct it, or unset it.",
        )
    return int(given)


def unpacked(path: Path) -> bytes:
    """A whole file's content, without a byte order mark.

    Raises: UnpacksTooLarge; one of `DAMAGES`.
    """
    with open_by_content(path) as stream:
        return stream.read().removeprefix(BYTE_ORDER_MARK)


def head_of(path: Path) -> bytes:
    """The beginning of a file's content; what of it there is where the file is damaged."""
    try:
        with open_plain(path) as stream:
            return stream.read(HEAD_BYTES).removeprefix(BYTE_ORDER_MARK)
    except DAMAGES:
        return b""
