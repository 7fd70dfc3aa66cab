"""What windows say one after another: how it stands now, since when, and how often it was so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from model_monitor.contract import VERDICT_ORDER, Verdict
from model_monitor.pages import telling
from model_monitor.pages.history import Run
from model_monitor.words import counted, moment

BAD: Final = (Verdict.VIOLATED, Verdict.ERROR)
WORRYING: Final = (*BAD, Verdict.INSUFFICIENT_DATA)  # what nobody could judge is no pass
SILENT: Final = (Verdict.NO_DATA, Verdict.WAITING)  # says nothing of how it stands
SAID: Final = {
    Verdict.OK: "No violation",
    Verdict.VIOLATED: "Violated",
    Verdict.ERROR: "Failing",
    Verdict.INSUFFICIENT_DATA: "Not evaluated",
    Verdict.WAITING: "Waiting for labels",
    Verdict.NO_DATA: "No traffic",
}


GROUPS_TOLD: Final = 3  # of violations that began together


@dataclass(frozen=True, slots=True, order=True)
class Standing:
    """Windows in a row that say the same."""

    first: str
    count: int

    def __str__(self) -> str:
        count = f"in {counted(self.count, 'window')} in a row" if self.count > 1 else "in this window alone so far"
        return f"since {moment(self.first)} UTC, {count}"


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
        if _says_nothing(run, last):
            continue
        if run.verdict != last.verdict:
            break
        found.append(run)
    return found[::-1]


def _says_nothing(run: Run, last: Run) -> bool:
    """Whether nobody knows of a window if it was like the last; of violations a run that failed knows nothing either."""
    silent = (*SILENT, Verdict.ERROR) if last.verdict == Verdict.VIOLATED else SILENT
    return run.is_rehearsal or (run.verdict in silent and last.verdict not in silent)


def standing(runs: Sequence[Run], last: Run) -> dict[tuple[str, str], Standing]:
    """Of each check that a window violated, by type and subject: the windows up to it that all did."""
    found: dict[tuple[str, str], Standing] = {}
    lasting = set(last.violated_checks)
    for run in reversed([run for run in runs if run.window_start <= last.window_start]):
        if _says_nothing(run, last):
            continue
        lasting &= set(run.violated_checks)
        if not lasting:
            break
        for check in lasting:
            found[check] = Standing(run.window_start, found[check].count + 1 if check in found else 1)
    return {check: found[check] for check in last.violated_checks if check in found}


def apart(runs: Sequence[Run], last: Run) -> dict[tuple[str, str], str]:
    """Since when each violation stands, where they did not all begin together."""
    found = {} if last.is_rehearsal else standing(runs, last)
    return {check: str(time) for check, time in found.items()} if len(set(found.values())) > 1 else {}


def since(runs: Sequence[Run], last: Run) -> str:
    """`Violated since 2026-03-02 09:00 UTC, in 2 windows in a row.` Each of several violations has a time of its own."""
    found = stretch(runs, last)
    if last.is_rehearsal or not found:
        return ""
    head = SAID.get(Verdict(last.verdict), last.verdict)
    stands = standing(runs, last) if last.verdict == Verdict.VIOLATED else {}
    times = sorted(set(stands.values()) or {Standing(found[0].window_start, len(found))})
    if len(times) == 1:
        return f"{head} {times[0]}."
    told = [f"{time}: {_named(check for check in stands if stands[check] == time)}" for time in times[:GROUPS_TOLD]]
    later = sum(time not in times[:GROUPS_TOLD] for time in stands.values())
    return f"{head} {'; '.join([*told, *([f'{later} more since later'] if later else [])])}."


def _named(checks: Iterable[tuple[str, str]]) -> str:
    return "; ".join(telling.grouped([{"check_type": type_, "subject": subject} for type_, subject in checks]))


def severity(run: Run | None) -> int:
    """The higher the sooner somebody should look."""
    return -1 if run is None else VERDICT_ORDER.index(Verdict(run.verdict))
