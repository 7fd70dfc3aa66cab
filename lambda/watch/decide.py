"""What the monitors say of a model since it serves. Pure: no AWS calls, no clock, no environment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

WAITING, HEALTHY, VIOLATED, KEPT = "waiting", "healthy", "violated", "kept"
JUDGED = frozenset({"ok", "violated"})
REPORT_KEY = re.compile(r"/(\d{4}/\d\d/\d\d/\d\d(?:/\d\d)?)/report\.json$")
PREDICTION_DRIFT = "prediction_drift_check"
PATIENCE = 3  # times as long as the windows take: where nobody calls, nothing can be judged


@dataclass(frozen=True)
class Watched:
    """status: what the workflow does next. reason: for the record. windows: judged so far."""

    status: str
    reason: str
    windows: int


def days(since: datetime, now: datetime) -> Iterator[str]:
    """Folders of reports, a day each, of windows since a time."""
    day = since.replace(hour=0, minute=0, second=0, microsecond=0)
    while day <= now:
        yield f"{day:%Y/%m/%d}"
        day += timedelta(days=1)


def watched(
    reports: Iterable[Mapping[str, Any]],
    rows: Iterable[Mapping[str, Any]],
    since: datetime,
    now: datetime,
    settings: Mapping[str, Any],
) -> Watched:
    """Of windows that began since a time; those that began before are of another model.

    rows: of the table of runs, which knows of runs that died without a report. settings: `windows` to be judged, `types` whose
    violation brings the old model back, `period_seconds` between two windows.
    """
    judged = 0
    for report in reports:
        if found := _bad(report, since, settings["types"]):
            return Watched(VIOLATED, found, judged)
        judged += _began(report, since) and report.get("verdict") in JUDGED
    if died := [row for row in rows if row.get("verdict") == "error" and _start(row["window_start"]) >= since]:
        return Watched(
            VIOLATED, f"the run of the window that ended {died[0]['sk']} failed: {died[0].get('reason')}", judged
        )
    if judged >= settings["windows"]:
        return Watched(HEALTHY, f"{judged} windows were judged and none speaks against it", judged)
    if now - since >= timedelta(seconds=settings["period_seconds"] * settings["windows"] * PATIENCE):
        return Watched(
            HEALTHY, f"only {judged} of {settings['windows']} windows could be judged; none speaks against it", judged
        )
    return Watched(WAITING, f"{judged} of {settings['windows']} windows judged", judged)


def kept(found: Watched) -> Watched:
    """Of a model that a person chose: it stays whatever the monitors say, and the person is told."""
    return replace(found, status=KEPT) if found.status == VIOLATED else found


def _bad(report: Mapping[str, Any], since: datetime, types: Sequence[str]) -> str:
    """What a report says against the model; "" for nothing. Windows that waited for labels are told of in later reports."""
    end = (report.get("window") or {}).get("end", "")
    if _began(report, since):
        if report.get("verdict") == "error":
            return f"the run of the window that ended {end} failed: {report.get('reason', '')}"
        found = [
            monitor["key"]
            for monitor in report.get("monitors", ())
            if monitor["key"] in types and monitor["verdict"] == "violated" and _is_worse(monitor)
        ]
        if found:
            return f"{', '.join(found)} was violated in the window that ended {end}"
    for score in report.get("late", ()):
        if _began(score, since) and score["verdict"] == "violated" and score["monitor"] in types:
            return f"{score['monitor']} was violated in the window that ended {score['window']['end']}"
    return ""


def _is_worse(monitor: Mapping[str, Any]) -> bool:
    """Whether more is violated than that the model says other things than its baseline: the world may have changed."""
    checks = {check for check, count in monitor.get("violations", {}).items() if count}
    return not checks or bool(checks - {PREDICTION_DRIFT})


def _began(content: Mapping[str, Any], since: datetime) -> bool:
    window = content.get("window")
    return isinstance(window, Mapping) and _start(window["start"]) >= since


def _start(text: str) -> datetime:
    return datetime.fromisoformat(text)
