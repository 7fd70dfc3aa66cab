"""A request to stop, remembered: what a signal raises is lost where Python ignores exceptions (hooks of a fork, `__del__`), and
before anybody listens the kernel drops the signal of a container's first process.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from model_monitor.errors import Stopped

_is_asked = False


def remember() -> None:
    """From now on a request is remembered, and nothing else: whoever runs a job listens for it."""
    signal.signal(signal.SIGTERM, _note)


@contextmanager
def listening() -> Iterator[None]:
    """Requests raise Stopped, wherever the job is; what came before is for `check` to find, and is forgotten afterwards."""
    global _is_asked
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        _is_asked = False


def check() -> None:
    """Raises: Stopped when somebody asked for it."""
    if _is_asked:
        raise Stopped("the job was stopped before it finished: its time limit, or somebody's request.")


def stop(_signal: int, _frame: FrameType | None) -> None:
    """What a signal does to a job."""
    global _is_asked
    _is_asked = True
    check()


def _note(_signal: int, _frame: FrameType | None) -> None:
    global _is_asked
    _is_asked = True
