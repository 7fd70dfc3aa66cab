"""Files that are compressed, whatever their names say, and what is inside."""

from __future__ import annotations

import bz2
import gzip
import os
import zlib
from collections.abc import Mapping
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


def is_packed(path: Path) -> bool:
    """Whether a file is compressed: its ending says so, or its first bytes."""
    return _unpacker(path) is not None


def open_plain(path: Path) -> BinaryIO:
    """A file's content, unpacked where it is compressed."""
    return _opened(path, _unpacker(path))


def open_by_content(path: Path) -> BinaryIO:
    """Likewise, whatever the file's ending says."""
    with path.open("rb") as stream:
        magic = stream.read(len(BZ2))
    return _opened(path, gzip.GzipFile if magic.startswith(GZIP) else bz2.BZ2File if magic == BZ2 else None)


def _opened(path: Path, unpack: type[gzip.GzipFile | bz2.BZ2File] | None) -> BinaryIO:
    return path.open("rb") if unpack is None else cast(BinaryIO, _Unpacking(path, unpack(path)))


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


def _unpacker(path: Path) -> type[gzip.GzipFile | bz2.BZ2File] | None:
    with path.open("rb") as stream:
        magic, ending = stream.read(len(BZ2)), path.suffix.lower()
    if ending == ".gz" or magic.startswith(GZIP):
        return gzip.GzipFile
    return bz2.BZ2File if ending == ".bz2" or magic == BZ2 else None


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
