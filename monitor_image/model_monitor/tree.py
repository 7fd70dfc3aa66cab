"""The files below a folder, with one look at each folder: an hour may have tens of thousands of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from model_monitor.errors import FolderUnreadable, LinkBroken

HIDDEN: Final = (".", "_")  # how names of markers and temporary files begin: `.part`, `_SUCCESS`
OF_THE_SYSTEM: Final = "lost+found"  # at the root of a mounted volume


def files_below(root: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Each file with its path below the root, `/` between folders, in no order.

    No folder is read twice: links to folders are followed after all that is no link, in the order of their paths, and not to what
    the root itself lies in. What is hidden is passed over unless a link leads to it.
    Raises: FolderUnreadable, LinkBroken; OSError where there is no such root.
    """
    base = Path(os.path.realpath(root))
    seen = {_identity(str(folder)) for folder in base.parents}
    folders, links = [("", os.fspath(root))], list[tuple[str, str]]()
    while folders or links:
        if not folders:
            links.sort(reverse=True)
            folders.append(links.pop())
        relative, folder = folders.pop()
        identity = _identity(folder)
        if identity in seen:
            continue
        seen.add(identity)
        with _entries(folder) as entries:
            for entry in entries:
                if entry.name.startswith(HIDDEN) or entry.name == OF_THE_SYSTEM:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append((f"{relative}{entry.name}/", entry.path))
                elif entry.is_symlink() and _leads_to_folder(entry):
                    links.append((f"{relative}{entry.name}/", entry.path))
                elif entry.is_file():
                    yield f"{relative}{entry.name}", entry


def _identity(folder: str) -> tuple[int, int]:
    try:
        found = Path(folder).stat()
    except PermissionError:
        raise FolderUnreadable(folder) from None
    return found.st_dev, found.st_ino


def _entries(folder: str) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
    try:
        return os.scandir(folder)
    except PermissionError:
        raise FolderUnreadable(folder) from None


def _leads_to_folder(link: os.DirEntry[str]) -> bool:
    try:
        return stat.S_ISDIR(link.stat().st_mode)
    except PermissionError:
        raise FolderUnreadable(link.path) from None
    except OSError:  # to nowhere, or in a circle
        raise LinkBroken(link.path) from None
