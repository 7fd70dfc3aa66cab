"""index.html: every window below a folder. Of one schedule its trends and its calendar; of several a table, the worst first.

Rebuilt from the history (see `history`) and the reports that are new or have changed; each of these gets its own page, too.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from model_monitor.contract import INDEX_PAGE, REPORT_FILE, REPORT_PAGE, TIME_FORMAT, Verdict
from model_monitor.errors import SettingsError
from model_monitor.outputs import files
from model_monitor.pages import history, report, sections, stretches, telling, trends
from model_monitor.pages.history import Run
from model_monitor.tree import files_below
from model_monitor.words import moment

SCHEDULE_PAGE: Final = "index.html.j2"
FLEET_PAGE: Final = "fleet.html.j2"
PAGES: Final = "schedules"  # of a fleet, beside its index
DAYS_SHOWN: Final = 31  # the history keeps more
CHARTS_SHOWN: Final = 24
LISTED: Final = 48  # windows of a strip, and of the table
SIGNS: Final = {  # so that nobody needs colours
    Verdict.OK: "✓",
    Verdict.VIOLATED: "!",
    Verdict.ERROR: "×",
    Verdict.INSUFFICIENT_DATA: "?",
    Verdict.WAITING: "…",
    Verdict.NO_DATA: "–",
}
PLAIN: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,80}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cell:
    """One window in a calendar or a strip. link: relative, "" where its page is gone."""

    verdict: str
    sign: str
    link: str
    told: str


@dataclass(slots=True)
class Found:
    """What lies below a folder. unread: reports that are none, with why."""

    runs: list[Run] = field(default_factory=list)
    fresh: dict[str, dict[str, Any]] = field(default_factory=dict)  # place → report that was read now
    unread: list[str] = field(default_factory=list)


def write(folder: Path, target: Path | None = None) -> Path:
    """Index a folder; where its page is: in it, or where it is said.

    Raises: SettingsError where there is no folder or no window in it, OutputError.
    """
    if not folder.is_dir():
        raise SettingsError(str(folder), "is no folder.", "Name one that holds what runs wrote.")
    page = target or folder / INDEX_PAGE
    home = page.parent
    kept = history.load(home / history.FOLDER)
    found = _look(folder, home, kept)
    runs = history.latest(found.runs)
    if not runs:
        told = f": {found.unread[0]}" if found.unread else ""
        raise SettingsError(str(folder), f"holds no {REPORT_FILE} of a window{told}.", "Let a run write there first.")
    history.store(home / history.FOLDER, runs, _changed(kept, runs))
    by_schedule = _by_schedule(runs)
    for own in by_schedule.values():
        _draw_reports(own, home, found.fresh)
    return _draw(by_schedule, page, found.unread)


def _draw(by_schedule: Mapping[tuple[str, str], list[Run]], page: Path, unread: Sequence[str]) -> Path:
    if len(by_schedule) == 1:
        (runs,) = by_schedule.values()
        return _save(page, schedule_page(runs, page.parent, page.parent, unread=unread))
    for key, runs in by_schedule.items():
        own = page.parent / PAGES / f"{_slug(key)}.html"
        _save(own, schedule_page(runs, page.parent, own.parent, back=os.path.relpath(page, own.parent)))
    return _save(page, fleet_page(by_schedule, page.parent, unread))


def _save(path: Path, content: str) -> Path:
    return files.write_bytes(path, content.encode("utf-8", "replace"))


# --- reports and history --------------------------------------------------------------------------------------------------------


def _look(folder: Path, home: Path, kept: Iterable[Run]) -> Found:
    """Rows of all that is known or there; a report is read where it is new, or is not what it was."""
    known, found = {run.report: run for run in kept}, Found()
    unnamed: dict[str, Path] = {}
    below = files_below(folder, sees_hidden=True, told=lambda fault: found.unread.append(str(fault)))
    for path in sorted(folder / name for name, entry in below if entry.name == REPORT_FILE):
        place = Path(os.path.relpath(path, home)).as_posix()
        run, own = known.pop(place, None), path.parent.relative_to(folder)
        section = sections.of(own)
        if run is not None and _is_whole(run, section) and (run.size_bytes, run.modified_ns) == _state(path):
            found.runs.append(run)
            unnamed |= {place: own} if (run.endpoint, run.schedule) == (section, "") else {}
            continue
        try:
            content = report.read(path)
            run = history.run_of(content, place, *_state(path), section)
            if run is None:
                continue
            _check_times(run)
        except (SettingsError, KeyError, TypeError, ValueError, AttributeError) as error:
            why = str(error) if isinstance(error, SettingsError) else f"{path}: is no whole report."
            found.unread.append(why)
            continue
        found.runs.append(run)
        found.fresh[place] = content
        unnamed |= {} if content["endpoint"] else {place: own}
    found.runs = sections.parted(found.runs, unnamed)
    found.runs.extend(known.values())  # what is kept of reports that are gone
    return found


def _is_whole(run: Run, section: str) -> bool:
    """Whether a kept row says all that rows say today."""
    return run.violated is not None and bool(run.endpoint or not section)


def _state(path: Path) -> tuple[int, int]:
    """Size in bytes and time of a file, by which it is known again."""
    seen = path.stat()
    return seen.st_size, seen.st_mtime_ns


def _check_times(run: Run) -> None:
    """A time is the name of a folder, and the place of a point. Raises: ValueError of what is none."""
    for time in (run.window_start, run.window_end):
        datetime.strptime(time, TIME_FORMAT)
    Verdict(run.verdict)


def _changed(kept: Sequence[Run], runs: Sequence[Run]) -> set[str]:
    """Dates that are not written as they should be."""
    return {run.date for run in {*kept} ^ {*runs}}


def _by_schedule(runs: Iterable[Run]) -> dict[tuple[str, str], list[Run]]:
    found: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        found.setdefault((run.endpoint, run.schedule), []).append(run)
    return found


def _draw_reports(runs: Sequence[Run], home: Path, fresh: Mapping[str, dict[str, Any]]) -> None:
    """A page for each window whose report was read now, or has none yet."""
    for run in runs:
        file = home / run.report
        page = file.with_name(REPORT_PAGE)
        if run.report in fresh or (file.is_file() and not page.is_file()):
            content = fresh.get(run.report) or report.read(file)
            _save(page, report.page(content, stretches.since(runs, run), stretches.apart(runs, run)))


def _slug(key: tuple[str, str]) -> str:
    """A file's name for a schedule; where its own is no plain one, part of its digest."""
    name = key[1] or key[0]
    digest = hashlib.sha256("\0".join(key).encode("utf-8", "replace")).hexdigest()[:12]
    return name if PLAIN.fullmatch(name) else digest


# --- pages ----------------------------------------------------------------------------------------------------------------------


def schedule_page(runs: Sequence[Run], home: Path, beside: Path, *, back: str = "", unread: Sequence[str] = ()) -> str:
    """One schedule. home: where reports are counted from; beside: the page's folder, where links are counted from."""
    last = stretches.current(runs)
    shown = _last_days(runs)
    metrics, more = _charts(shown)
    return report.template(SCHEDULE_PAGE).render(
        last=last,
        cell=_cell(last, home, beside) if last else None,
        head=stretches.SAID[Verdict(last.verdict)] if last else "",
        since=stretches.since(runs, last) if last else "",
        steps=telling.steps_of(last.verdict, last.causes.split(", "), "in its report") if last else [],
        counts=_counts(shown),
        calendar=_calendar(shown, home, beside),
        hours=range(24),
        signs=SIGNS,
        said=stretches.SAID,
        changes=_version_changes(runs),
        charts=metrics,
        more_charts=more,
        windows=[(run, _cell(run, home, beside)) for run in reversed(shown[-LISTED:])],
        total=len(runs),
        first=runs[0],
        latest=runs[-1],
        days=DAYS_SHOWN,
        back=quote(back),
        unread=unread,
        size=(trends.WIDTH, trends.HEIGHT),
    )


def fleet_page(by_schedule: Mapping[tuple[str, str], Sequence[Run]], home: Path, unread: Sequence[str] = ()) -> str:
    """Every schedule in a row, the worst first."""
    ordered = sorted(by_schedule.items(), key=lambda each: _urgency(each[1]))
    rows = []
    for key, runs in ordered:
        last, strip = stretches.current(runs), runs[-LISTED:]
        rows.append(
            {
                "last": last,
                "newest": runs[-1],
                "since": stretches.since(runs, last) if last else "",
                "head": stretches.SAID[Verdict(last.verdict)] if last else "Rehearsals alone",
                "strip": [_cell(run, home, home) for run in strip],
                "counts": _counts(strip),
                "link": quote(f"{PAGES}/{_slug(key)}.html"),
            }
        )
    now = [stretches.current(runs) for runs in by_schedule.values()]
    worrying = sum(run is not None and run.verdict in stretches.WORRYING for run in now)
    return report.template(FLEET_PAGE).render(
        rows=rows, worrying=worrying, unread=unread, signs=SIGNS, said=stretches.SAID, listed=LISTED
    )


def _urgency(runs: Sequence[Run]) -> tuple[int, int, str]:
    """The worst first: as it stands, then by how often it was bad of late."""
    bad = sum(run.verdict in stretches.BAD for run in runs[-LISTED:])
    return -stretches.severity(stretches.current(runs)), -bad, runs[-1].endpoint


def _last_days(runs: Sequence[Run]) -> list[Run]:
    first = (_time(runs[-1].window_start) - timedelta(days=DAYS_SHOWN - 1)).strftime("%Y-%m-%d")
    return [run for run in runs if run.date >= first]


def _counts(runs: Iterable[Run]) -> str:
    """`40 no violation, 2 violated`."""
    found = Counter(run.verdict for run in runs)
    told = [f"{found[each]} {stretches.SAID[each].lower()}" for each in SIGNS if found[each]]
    return ", ".join(told)


def _cell(run: Run, home: Path, beside: Path) -> Cell:
    page = (home / run.report).with_name(REPORT_PAGE)
    link = quote(Path(os.path.relpath(page, beside)).as_posix()) if page.is_file() else ""
    rehearsal = " (a rehearsal)" if run.is_rehearsal else ""
    head = stretches.SAID[Verdict(run.verdict)]
    return Cell(run.verdict, SIGNS[Verdict(run.verdict)], link, f"{moment(run.window_start)} {head}{rehearsal}")


def _calendar(runs: Sequence[Run], home: Path, beside: Path) -> list[tuple[str, list[Cell | None]]]:
    """Days, the last first, of 24 hours each; of an hour with several windows the worst."""
    days: dict[str, list[Run | None]] = {}
    for run in runs:
        hours = days.setdefault(run.date, [None] * 24)
        hour = int(run.window_start[11:13])
        if stretches.severity(run) >= stretches.severity(hours[hour]):
            hours[hour] = run
    return [
        (day, [None if run is None else _cell(run, home, beside) for run in hours])
        for day, hours in sorted(days.items(), reverse=True)
    ]


def _version_changes(runs: Sequence[Run]) -> list[tuple[Run, str]]:
    """Windows from which another baseline was compared with, or another image ran; the last first."""
    found, before = [], {"baseline": "", "image": ""}
    for run in runs:
        for what in before:
            now = getattr(run, what)
            if now and before[what] and now != before[what]:
                found.append((run, f"{what} {before[what]} → {now}"))
            before[what] = now or before[what]
    return found[::-1]


def _charts(runs: Sequence[Run]) -> tuple[list[dict[str, Any]], int]:
    """A trend for each metric, those that were violated last first; how many are left out."""
    series: dict[tuple[str, str], list[trends.Point]] = {}
    for run in runs:
        for metric in run.metrics:
            point = trends.Point(_seconds(run), metric.value, metric.limit, metric.outcome == "violated")
            series.setdefault((metric.monitor, metric.metric), []).append(point)
    order = {key: place for place, key in enumerate(series)}
    chosen = sorted(series, key=lambda key: (-_violated_last(series[key]), order[key]))
    marks = [_seconds(run) for run, _ in _version_changes(runs)]
    start, end = _seconds(runs[0]), _seconds(runs[-1])
    charts = [
        {
            "monitor": monitor,
            "metric": metric,
            "last": series[monitor, metric][-1],
            "bad": sum(point.is_violated for point in series[monitor, metric]),
            "count": len(series[monitor, metric]),
            "trend": trends.drawn(series[monitor, metric], start, end, marks),
        }
        for monitor, metric in chosen[:CHARTS_SHOWN]
    ]
    return charts, len(chosen) - len(charts)


def _violated_last(points: Sequence[trends.Point]) -> float:
    return max((point.time for point in points if point.is_violated), default=0.0)


def _time(told: str) -> datetime:
    return datetime.fromisoformat(told)


def _seconds(run: Run) -> float:
    return _time(run.window_start).timestamp()
