"""What kind of file one is by its first bytes: object stores write names without an ending."""

from __future__ import annotations

from typing import Final

from model_monitor.job.job import DatasetKind

PARQUET: Final = b"PAR1"


def is_of_kind(head: bytes, kind: DatasetKind, sibling: bytes) -> bool:
    """Whether content is what a dataset of this kind consists of.

    sibling: the beginning of a file that is known to be; any text may be CSV, and is where it begins with the same header.
    """
    if kind is DatasetKind.PARQUET:
        return head.startswith(PARQUET)
    if kind is not DatasetKind.CSV:
        return head.lstrip()[:1] in (b"{", b"[")
    if b"\0" in head or head.startswith(PARQUET):
        return False
    return not sibling or _first_line(head) == _first_line(sibling)


def _first_line(head: bytes) -> bytes:
    return head.lstrip(b"\r\n").partition(b"\n")[0].rstrip(b"\r")
