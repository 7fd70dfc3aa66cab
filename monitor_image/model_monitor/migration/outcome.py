"""What a comparison came to: window by window, violation by violation, as a table and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from model_monitor.contract import TIME_FORMAT
from model_monitor.migration.differences import Difference, State, differences
from model_monitor.migration.replay import Said
from model_monitor.migration.reports import Judged
from model_monitor.migration.violations import Violation
from model_monitor.words import counted

VERSION: Final = 1
COLUMNS: Final = ("window ends (UTC)", "check", "of", "AWS", "ours", "")
SHOWN: Final = {
    State.SAME: "same",
    State.DIFFERS: "value differs",
    State.ONLY_AWS: "only AWS's",
    State.ONLY_OURS: "only ours",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """One window. reason: why it could not be compared, "" where it was."""

    judged: Judged
    said: Said | None = None
    differences: tuple[Difference, ...] = ()
    reason: str = ""

    @classmethod
    def of(cls, judged: Judged, said: Said, tolerance: float) -> Compared:
        """Both sides judged, or one did not."""
        if judged.violations is None:
            return cls.not_judged(judged)
        if said.reason:
            return cls(judged, said, (), f"ours: {said.verdict}: {said.reason}")
        return cls(judged, said, tuple(differences(judged.violations, said.violations, tolerance)))

    @classmethod
    def not_judged(cls, judged: Judged) -> Compared:
        """AWS said nothing of it."""
        return cls(judged, reason=f"AWS: {judged.status}: {judged.reason or 'nobody knows its window'}")

    @property
    def is_compared(self) -> bool:
        return not self.reason

    @property
    def end(self) -> str:
        window = self.judged.window
        return f"{window.end:%Y-%m-%d %H:%M}" if window else "all of it"

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        window, said = self.judged.window, self.said
        times = (
            None if window is None else {"start": f"{window.start:{TIME_FORMAT}}", "end": f"{window.end:{TIME_FORMAT}}"}
        )
        ours = (
            None
            if said is None
            else {
                "verdict": said.verdict,
                "records": said.records,
                "report": None if said.report is None else str(said.report),
            }
        )
        return {
            "window": times,
            "aws": {"status": self.judged.status, "records": self.judged.records, "report": self.judged.report},
            "ours": ours,
            "not_compared": self.reason or None,
            "violations": [
                {
                    "state": each.state,
                    "check": each.either.check,
                    "of": each.either.subject,
                    "aws": each.aws and each.aws.to_json(),
                    "ours": each.ours and each.ours.to_json(),
                }
                for each in self.differences
            ],
        }


def differ(found: Sequence[Compared]) -> bool:
    """Whether any violation is not the same on both sides."""
    return any(each.state is not State.SAME for window in found for each in window.differences)


def document(found: Sequence[Compared]) -> dict[str, Any]:
    """For programs: what was counted, and every window."""
    states = _states(found)
    return {
        "version": VERSION,
        "windows_compared": sum(window.is_compared for window in found),
        "windows_not_compared": sum(not window.is_compared for window in found),
        **{str(state): states[state] for state in State},
        "windows": [window.to_json() for window in found],
    }


def table(found: Sequence[Compared]) -> str:
    """For the eyes: a line for each violation and each window that could not be compared, and what they come to."""
    rows = [COLUMNS, *(row for window in found for row in _rows(window))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    notes = [f"{window.end}  not compared: {window.reason}" for window in found if not window.is_compared]
    counts = [_records(window) for window in found]
    shown = lines if len(rows) > 1 else []
    return "\n".join([*shown, *notes, *filter(None, counts), *([""] if shown or notes else []), _total(found)])


def _rows(window: Compared) -> list[tuple[str, ...]]:
    return [
        (window.end, each.either.check, each.either.subject, _value(each.aws), _value(each.ours), SHOWN[each.state])
        for each in window.differences
    ]


def _value(violation: Violation | None) -> str:
    if violation is None:
        return "-"
    return "violated" if violation.value is None else f"{violation.value:.6g}"


def _records(window: Compared) -> str:
    """Another count of records is the first thing to look at."""
    theirs, said = window.judged.records, window.said
    if said is None or theirs is None or not window.is_compared or theirs == said.records:
        return ""
    return f"{window.end}  AWS counted {counted(theirs, 'record')}, we {said.records}"


def _total(found: Sequence[Compared]) -> str:
    states = _states(found)
    compared = sum(window.is_compared for window in found)
    told = ", ".join(f"{states[state]} {SHOWN[state]}" for state in State)
    left = f", {len(found) - compared} could not be compared" if compared < len(found) else ""
    return f"{counted(compared, 'window')} compared{left}: {told}"


def _states(found: Sequence[Compared]) -> Counter[State]:
    return Counter(each.state for window in found for each in window.differences)
