"""The files below a folder, with one look at each folder: an hour may have tens of thousands of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from model_monitor.errors import FolderUnreadable

HIDDEN: Final = (".", "_")  # how names of markers and temporary files begin: `.part`, `_SUCCESS`


def files_below(root: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Each file with its path below the root, `/` between folders, in no order.

    Links to folders are followed, but not into what is read anyway: the root itself, what is above or below it, and what another
    link led to. What is hidden is passed over; so is what is no file, such as a link to nowhere.
    Raises: FolderUnreadable; OSError where there is no such root.
    """
    folders, linked = [("", os.fspath(root))], [os.path.realpath(root)]
    while folders:
        relative, folder = folders.pop()
        with _entries(folder) as entries:
            for entry in entries:
                if entry.name.startswith(HIDDEN):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append((f"{relative}{entry.name}/", entry.path))
                elif _is_file(entry):
                    yield f"{relative}{entry.name}", entry
                elif entry.is_symlink() and Path(entry.path).is_dir():
                    target = os.path.realpath(entry.path)
                    if not any(_share(target, known) for known in linked):
                        linked.append(target)
                        folders.append((f"{relative}{entry.name}/", entry.path))


def _entries(folder: str) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
    try:
        return os.scandir(folder)
    except PermissionError:
        raise FolderUnreadable(folder) from None


def _share(one: str, other: str) -> bool:
    """Whether a folder is another one, or below or above it."""
    return os.path.commonpath((one, other)) in (one, other)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # links in a circle
        return False
