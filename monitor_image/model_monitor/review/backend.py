"""The one interface of every back-end of review: tasks are put, answers are collected as labels.

`desk.Desk` is the back-end of the page; `outside.Outside` sends tasks to people who work elsewhere (Augmented AI, a company's own
labelling tool) and is a desk for all that comes back. Whoever writes another one implements these four methods, or, to have caps,
second opinions, history and exactly one label a task for nothing, only `outside.Workforce`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from model_monitor.review.records import Finished


@dataclass(frozen=True)
class Put:
    """What became of tasks that were put. known: were there already. cut: above the cap of their day."""

    added: int = 0
    known: int = 0
    cut: int = 0


class Backend(Protocol):
    """Where predictions wait for people, of one endpoint."""

    def put(self, tasks: Iterable[Mapping[str, Any]], context: Mapping[str, Any] | None, now: datetime) -> Put:
        """Tasks of a run, each as a line of review_tasks.jsonl. The same task may be put again: it is there once.

        context: labels to choose from and the baseline's distributions (review_context.json).
        """

    def collect(self, now: datetime) -> list[Finished]:
        """Labels that are settled and not delivered. Each comes again until it is `delivered`."""

    def delivered(self, finished: Finished, now: datetime) -> bool:
        """A label was written where labels are read; whether this was the first time."""

    def report(self, now: datetime) -> dict[str, float | None]:
        """open, oldest_hours, labels, model_agreement, reviewer_agreement (of the last seven days; None: of nothing)."""
