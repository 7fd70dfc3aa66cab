"""The dashboard's table as HTML: pure, no AWS calls, no clock, no environment. Names are escaped, no value of a record is in it."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import consoles

MOST = 120  # windows of a schedule: five days by the hour
USUAL = timedelta(days=2)
SHOWN = {  # verdict → sign and colour; the sign alone tells it, too
    "ok": ("·", "#2e7d32"),
    "violated": ("!", "#c62828"),
    "error": ("×", "#6a1b9a"),
    "insufficient_data": ("?", "#b26a00"),
    "waiting": ("…", "#1565c0"),
    "no_data": ("-", "#757575"),
    "running": ("o", "#455a64"),
}
ABOUT = """### Verdicts of all monitors
Each cell is a window, linked to its report: `·` ok, `!` violated, `×` error, `?` could not be evaluated, `…` waits for labels,
`-` no traffic, `o` runs. Drift is the largest distance of a feature and the share of features that drifted; quality the model's
main metric; coverage the share of predictions with a label; cost that of the runs shown. `endpoint: name` shows one alone."""
WIDTH, HEIGHT = 90, 18  # of a line that shows how a value went
HEADS = ("endpoint", "windows", "drift", "quality", "coverage", "records", "cost")


@dataclass(frozen=True)
class Row:
    """One schedule; runs: its items of the table, oldest first."""

    endpoint: str
    schedule: str
    runs: Sequence[Mapping[str, Any]]


def time_range(event: Mapping[str, Any], now: datetime) -> tuple[datetime, datetime]:
    """What the dashboard is set to, zoomed where people zoomed; two days where nothing says it."""
    told = (event.get("widgetContext") or {}).get("timeRange") or {}
    told = told.get("zoom") or told
    if "start" not in told or "end" not in told:
        return now - USUAL, now
    start, end = (datetime.fromtimestamp(float(told[name]) / 1000, UTC) for name in ("start", "end"))
    return start, end


def page(rows: Sequence[Row], region: str) -> str:
    """All of it."""
    head = "".join(f"<th style='text-align:left'>{name}</th>" for name in HEADS)
    body = "".join(_row(row, region) for row in rows)
    legend = " ".join(f"<b style='color:{colour}'>{sign}</b> {verdict}" for verdict, (sign, colour) in SHOWN.items())
    return f"<table style='width:100%'><tr>{head}</tr>{body}</table><p>{legend}. A cell opens the report of its window.</p>"


def _row(row: Row, region: str) -> str:
    if not row.runs:
        name = _name(row)
        return f"<tr><td>{name}</td><td colspan='{len(HEADS) - 1}'>no run in this time</td></tr>"
    cells = (
        _name(row),
        "".join(_cell(run, region) for run in row.runs),
        f"{_trend(row.runs, 'drift_max')} {_share(_last(row.runs, 'drifted_share'))}",
        f"{html.escape(str(_last(row.runs, 'quality_name') or ''))} {_trend(row.runs, 'quality')}",
        _share(_last(row.runs, "coverage")),
        f"{sum(int(run.get('records') or 0) for run in row.runs):,}",
        f"${sum(float(run.get('cost') or 0) for run in row.runs):.2f}",
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _name(row: Row) -> str:
    return f"<b>{html.escape(row.endpoint)}</b><br/>{html.escape(row.schedule)}"


def _cell(run: Mapping[str, Any], region: str) -> str:
    """A window, linked where it has a report."""
    verdict = str(run.get("verdict") or "running")
    sign, colour = SHOWN.get(verdict, ("?", "#000"))
    title = f"{str(run['sk'])[:16].replace('T', ' ')} UTC {verdict}"
    if run.get("violations"):
        title += f", {int(run['violations'])} violations"
    style = f"display:inline-block;width:1.1em;text-align:center;color:#fff;background:{colour};margin:1px"
    shown = f"<span title='{html.escape(title, quote=True)}' style='{style}'>{sign}</span>"
    if not run.get("report"):
        return shown
    url = html.escape(consoles.object_url(str(run["report"]), region), quote=True)
    return f"<a href='{url}' target='_blank'>{shown}</a>"


def _trend(runs: Sequence[Mapping[str, Any]], name: str) -> str:
    """How a value went, as a line, and what it is now."""
    values = list(_values(runs, name))
    if not values:
        return ""
    low, span = min(values), (max(values) - min(values)) or 1.0
    step = WIDTH / max(len(values) - 1, 1)
    places = " ".join(
        f"{n * step:.1f},{HEIGHT - 1 - (v - low) / span * (HEIGHT - 2):.1f}" for n, v in enumerate(values)
    )
    line = f"<polyline points='{places}' fill='none' stroke='#1565c0' stroke-width='1.5'/>"
    drawing = f"<svg width='{WIDTH}' height='{HEIGHT}' role='img'>{line}</svg>"
    return f"{drawing} {values[-1]:.3g}"


def _values(runs: Sequence[Mapping[str, Any]], name: str) -> Iterator[float]:
    return (float(run[name]) for run in runs if run.get(name) is not None)


def _last(runs: Sequence[Mapping[str, Any]], name: str) -> Any:
    return next((run[name] for run in reversed(runs) if run.get(name) is not None), None)


def _share(value: Any) -> str:
    return "" if value is None else f"{float(value):.0%}"
