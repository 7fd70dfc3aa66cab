"""A progress bar on stderr for somebody who watches; drawn only when the work takes a while."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from model_monitor.runners.local import Progress, silent

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress, TaskID

PATIENCE_SECONDS = 1.0


@contextmanager
def shown(is_watched: bool) -> Iterator[Progress]:
    """The progress callback of a run; rich is imported when the first bar is drawn, so quick runs never pay for it."""
    if not is_watched:
        yield silent
        return
    bar = _Bar()
    try:
        yield bar.update
    finally:
        bar.stop()


class _Bar:
    def __init__(self) -> None:
        self.since = time.monotonic()
        self.drawn: tuple[RichProgress, TaskID] | None = None

    def update(self, done: int, total: int) -> None:
        """One more unit is done."""
        if self.drawn is None:
            if time.monotonic() - self.since < PATIENCE_SECONDS:
                return
            self.drawn = self._draw(total)
        bar, task = self.drawn
        bar.update(task, completed=done, total=total)

    def stop(self) -> None:
        """Take the bar away; the summary comes instead."""
        if self.drawn is not None:
            self.drawn[0].stop()

    def _draw(self, total: int) -> tuple[RichProgress, TaskID]:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress as RichProgress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        bar = RichProgress(*columns, console=Console(stderr=True), transient=True)
        bar.start()
        return bar, bar.add_task("reading", total=total)
