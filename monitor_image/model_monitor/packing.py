"""Files that are compressed, whatever their names say, and what is inside."""

from __future__ import annotations

import bz2
import gzip
import zlib
from pathlib import Path
from typing import BinaryIO, Final, cast

PACKED_ENDINGS: Final = (".gz", ".bz2")
DAMAGES: Final = (EOFError, gzip.BadGzipFile, zlib.error, OSError, ValueError)  # what a damaged packed file raises
GZIP, BZ2 = b"\x1f\x8b", b"BZh"
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
HEAD_BYTES: Final = 1 << 16


def plain_name(name: str) -> str:
    """A file's name in lower case, without the ending of its packing."""
    name = name.lower()
    return next((name.removesuffix(ending) for ending in PACKED_ENDINGS if name.endswith(ending)), name)


def is_packed(path: Path) -> bool:
    """Whether a file is compressed: its ending says so, or its first bytes."""
    return _unpacker(path) is not None


def open_plain(path: Path) -> BinaryIO:
    """A file's content, unpacked where it is compressed."""
    unpack = _unpacker(path)
    return path.open("rb") if unpack is None else cast(BinaryIO, unpack(path))


def _unpacker(path: Path) -> type[gzip.GzipFile | bz2.BZ2File] | None:
    with path.open("rb") as stream:
        magic, ending = stream.read(len(BZ2)), path.suffix.lower()
    if ending == ".gz" or magic.startswith(GZIP):
        return gzip.GzipFile
    return bz2.BZ2File if ending == ".bz2" or magic == BZ2 else None


def unpacked(content: bytes) -> bytes:
    """A whole file's content, without a byte order mark.

    Raises: one of `DAMAGES`.
    """
    if content.startswith(GZIP):
        content = gzip.decompress(content)
    elif content.startswith(BZ2):
        content = bz2.decompress(content)
    return content.removeprefix(BYTE_ORDER_MARK)


def head_of(path: Path) -> bytes:
    """The beginning of a file's content; what of it there is where the file is damaged."""
    try:
        with open_plain(path) as stream:
            return stream.read(HEAD_BYTES).removeprefix(BYTE_ORDER_MARK)
    except DAMAGES:
        return b""
