"""Folders for what a run fetches, gone when the run is over: a laptop's disk, or a function's, serves many runs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_made: list[Path] = []


def folder(what: str) -> Path:
    """A new one; `what` is for whoever finds it while the run lasts."""
    _made.append(Path(tempfile.mkdtemp(prefix=f"model-monitor-{what}-")))
    return _made[-1]


@contextmanager
def removed() -> Iterator[None]:
    """What is made inside goes at the end, however that comes."""
    before = len(_made)
    try:
        yield
    finally:
        while len(_made) > before:
            shutil.rmtree(_made.pop(), ignore_errors=True)
