"""Garbage collection, put off where it finds nothing: looking through all there is takes longer than the work itself."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """While modules are imported, none of which is ever garbage, or millions of short-lived values are made at once."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
