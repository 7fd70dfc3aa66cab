"""Workers that never import the program that runs: multiprocessing would run a plain script again in each of them.

Their tasks are this package's own, so they need nothing of it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import spawn
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any, Final

OF_MAIN: Final = ("init_main_from_name", "init_main_from_path")  # what tells a worker where the program lies
_LOCK: Final = threading.Lock()


class Worker(ForkServerProcess):
    """One that is told nothing of the program."""

    def start(self) -> None:
        with _nothing_told():
            super().start()


class Context(ForkServerContext):
    """A fork server whose processes are such workers."""

    Process = Worker


@contextmanager
def _nothing_told() -> Iterator[None]:
    """For this thread alone: what others start meanwhile is told as ever."""
    caller = threading.get_ident()

    def less(name: str) -> dict[str, Any]:
        found = told(name)
        return {key: found[key] for key in found if threading.get_ident() != caller or key not in OF_MAIN}

    with _LOCK:
        told = spawn.get_preparation_data
        spawn.get_preparation_data = less
        try:
            yield
        finally:
            spawn.get_preparation_data = told
