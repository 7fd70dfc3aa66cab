"""The files below a folder, with one look at each folder: an hour may have tens of thousands of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

from model_monitor.errors import DatasetError, FolderUnreadable, LinkBroken

HIDDEN: Final = (".", "_")  # how names of markers and temporary files begin: `.part`, `_SUCCESS`
OF_THE_SYSTEM: Final = "lost+found"  # at the root of a mounted volume

Told = Callable[[DatasetError], None]


def _raised(fault: DatasetError) -> None:
    raise fault from None


def files_below(
    root: Path, *, sees_hidden: bool = False, told: Told = _raised
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Each file with its path below the root, `/` between folders, in no order.

    No folder is read twice: links to folders are followed after all that is no link, the one that leads highest first, and not to
    what the root itself lies in. What is hidden is passed over unless a link leads to it.

    Args:
        told: is given each link that leads nowhere and each folder that may not be read; they are raised unless it is said.
    Raises: FolderUnreadable, LinkBroken; OSError where there is no such root.
    """
    above = {_identity(folder, told) for folder in Path(os.path.realpath(root)).parents}
    seen: set[tuple[int, int] | None] = {None, *above}
    folders, links = [("", os.fspath(root))], list[tuple[str, str]]()
    while folders or links:
        if not folders:
            links.sort(key=_height, reverse=True)
            folders.append(links.pop())
        relative, folder = folders.pop()
        identity = _identity(Path(folder), told)
        if identity in seen:
            continue
        seen.add(identity)
        with _entries(folder, told) as entries:
            for entry in entries:
                if (entry.name.startswith(HIDDEN) and not sees_hidden) or entry.name == OF_THE_SYSTEM:
                    continue
                kind = _kind(entry, told)
                if stat.S_ISDIR(kind):
                    (links if entry.is_symlink() else folders).append((f"{relative}{entry.name}/", entry.path))
                elif stat.S_ISREG(kind):
                    yield f"{relative}{entry.name}", entry


def _height(link: tuple[str, str]) -> tuple[int, str]:
    """How deep what it leads to lies, then its own path."""
    return len(Path(os.path.realpath(link[1])).parts), link[0]


def _identity(folder: Path, told: Told) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except PermissionError:
        told(FolderUnreadable(folder))
        return None
    return found.st_dev, found.st_ino


def _entries(folder: str, told: Told) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
    try:
        return os.scandir(folder)
    except PermissionError:
        told(FolderUnreadable(folder))
        return nullcontext(iter(()))


def _kind(entry: os.DirEntry[str], told: Told) -> int:
    """What an entry is, or leads to; 0 of what cannot be told."""
    if not entry.is_symlink():
        return stat.S_IFDIR if entry.is_dir(follow_symlinks=False) else stat.S_IFREG if entry.is_file() else 0
    try:
        return entry.stat().st_mode
    except PermissionError:
        told(FolderUnreadable(entry.path))
    except OSError:  # to nowhere, or in a circle
        told(LinkBroken(entry.path))
    return 0
