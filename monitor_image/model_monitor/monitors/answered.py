"""Whether the model answered enough of a window's records: what the others say of it is judged alone otherwise."""

from __future__ import annotations

from typing import Final

from model_monitor.monitors.conclusion import Check, Outcome
from model_monitor.words import counted

MIN_ANSWERS: Final = 0.8  # share of records that must have an answer
CHECK_ANSWERS: Final = "min_answers"


def few_answers(answered: int, records: int, minimum: float, what: str, told: str) -> list[Check]:
    """A required check that says nothing where too few records have an answer, so that the window is never ok.

    what: the answers. told: what so many records have.
    """
    share = answered / records if records else 1.0
    if share >= minimum:
        return []
    reason = f"{answered:,} of {counted(records, 'record')} {told} ({share:.1%})"
    return [Check(CHECK_ANSWERS, what, Outcome.NOT_EVALUATED, share, minimum, reason, is_required=True)]
