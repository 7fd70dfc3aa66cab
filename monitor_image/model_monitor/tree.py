"""The files below a folder, with one look at each folder: an hour may have tens of thousands of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

HIDDEN: Final = (".", "_")  # how names of markers and temporary files begin: `.part`, `_SUCCESS`


def files_below(root: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Each file with its path below the root, `/` between folders, in no order. Raises: OSError where there is no such folder.

    What is hidden is passed over, and folders that are links or may not be read; so is what is no file, such as a link to nowhere.
    """
    folders = [("", os.fspath(root))]
    while folders:
        relative, folder = folders.pop()
        with suppress(PermissionError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(HIDDEN):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append((f"{relative}{entry.name}/", entry.path))
                elif _is_file(entry):
                    yield f"{relative}{entry.name}", entry


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # links in a circle
        return False
