"""What windows say one after another: how it stands now, since when, and how often it was so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from model_monitor.contract import VERDICT_ORDER, Verdict
from model_monitor.pages.history import Run
from model_monitor.words import counted, moment

BAD: Final = (Verdict.VIOLATED, Verdict.ERROR)
SILENT: Final = (Verdict.NO_DATA, Verdict.WAITING)  # says nothing of how it stands
SAID: Final = {
    Verdict.OK: "No violation",
    Verdict.VIOLATED: "Violated",
    Verdict.ERROR: "Failing",
    Verdict.INSUFFICIENT_DATA: "Not evaluated",
    Verdict.WAITING: "Waiting for labels",
    Verdict.NO_DATA: "No traffic",
}


def current(runs: Sequence[Run]) -> Run | None:
    """The last window that says how it stands: no rehearsal, not silent where any other is there."""
    real = [run for run in runs if not run.is_rehearsal]
    spoken = [run for run in real if run.verdict not in SILENT]
    found = spoken or real
    return found[-1] if found else None


def stretch(runs: Sequence[Run], last: Run) -> list[Run]:
    """The windows up to one that were all like it; silent ones and rehearsals between them interrupt nothing."""
    found: list[Run] = []
    for run in reversed([run for run in runs if run.window_start <= last.window_start]):
        if run.is_rehearsal or (run.verdict in SILENT and last.verdict not in SILENT):
            continue
        if _kind(run) != _kind(last):
            break
        found.append(run)
    return found[::-1]


def _kind(run: Run) -> str:
    return "bad" if run.verdict in BAD else run.verdict


def since(runs: Sequence[Run], last: Run) -> str:
    """`Violated since 2026-03-02 09:00 UTC, in 2 windows in a row.`"""
    found = stretch(runs, last)
    if last.is_rehearsal or not found:
        return ""
    head = SAID.get(Verdict(last.verdict), last.verdict)
    count = f"in {counted(len(found), 'window')} in a row" if len(found) > 1 else "in this window alone so far"
    return f"{head} since {moment(found[0].window_start)} UTC, {count}."


def severity(run: Run | None) -> int:
    """The higher the sooner somebody should look."""
    return -1 if run is None else VERDICT_ORDER.index(Verdict(run.verdict))
