"""What people are told of a run, once a cause: pure, no AWS calls, no clock, no environment.

A cause is a type of check of one monitor, or that runs fail. It is told when it begins; while it lasts, more of it is no news.
The first good window afterwards tells once that all is over. Words and numbers are of checks alone: no value of a record, no
category, no group, no label, no name of a column that only records know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

BAD = ("violated", "error")
GOOD = "ok"
ERROR, LATE = "error", "windows before"
TOLD = 3
NAME_MAX, REASON_MAX, SUBJECT_MAX = 64, 300, 99  # SNS: fewer than 100 characters of ASCII
LATE_UNTIL = timedelta(days=1)  # after its end a window that was overtaken is news; older ones are caught up with
RUNBOOK = "docs/operations.md#what-wakes-you-and-what-to-do"
CONSOLES = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}
UNSEEN = re.compile(r"[^\w !-~]")  # line ends, and signs that turn text around


@dataclass(frozen=True)
class Known:
    """What was told of a schedule. causes: that last; since: start of the first bad window; until: end of the last one known."""

    causes: tuple[str, ...] = ()
    since: str = ""
    until: str = ""


def causes(verdict: str, report: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Why a window is bad; nothing of one that is not."""
    if verdict == ERROR:
        return (ERROR,)
    if verdict not in BAD:
        return ()
    found = dict.fromkeys(f"{key}: {check['check_type']}" for key, check in _violated(report))
    return tuple(found) or (LATE,)


def is_news(window: Mapping[str, str], verdict: str, found: Sequence[str], known: Known, now: str) -> bool:
    """Whether people are told: of a cause that does not last yet, and of the end of all that did."""
    is_overtaken = window["end"] < known.until
    if verdict == GOOD:
        return bool(known.causes) and not is_overtaken
    is_old = datetime.fromisoformat(now) - datetime.fromisoformat(window["end"]) > LATE_UNTIL
    return bool(set(found) - set(known.causes)) and not (is_overtaken and is_old)


def after(window: Mapping[str, str], verdict: str, found: Sequence[str], known: Known) -> Known:
    """What is known once a window was looked at. One that was overtaken by a later one changes nothing."""
    if window["end"] < known.until:
        return known
    if verdict == GOOD:
        return Known(until=window["end"])
    if verdict in BAD:
        together = tuple(dict.fromkeys((*known.causes, *found)))
        return Known(together, known.since or window["start"], window["end"])
    return Known(known.causes, known.since, window["end"])


def text(plan: Mapping[str, Any], verdict: str, reason: str, report: Mapping[str, Any] | None, region: str) -> str:
    """Of a bad window: short lines, the worst first, for a phone."""
    head = {"violated": "is violated", ERROR: "could not be judged: the run failed"}[verdict]
    rehearsal = "This is a REHEARSAL: one violation was forced.\n" if "rehearsal" in (report or {}) else ""
    return (
        f"{rehearsal}{plan['endpoint']} {head}.\n{_where(plan)}\n"
        f"{_broken(report) if verdict == 'violated' else f'Why: {_clean(reason, REASON_MAX)}'}\n\n"
        f"{_links(str(plan.get('report') or '') if report else '', region, (report or {}).get('links') or {})}"
        "\nYou are told again when something else breaks, and when it is over."
    )


def over(plan: Mapping[str, Any], known: Known, region: str) -> str:
    """Of the first good window."""
    lasted = ", ".join(sorted({_plain(cause) for cause in known.causes}))
    return (
        f"{plan['endpoint']} is ok again.\n{_where(plan)}\n"
        f"It was not since {_moment(known.since)} UTC: {lasted}.\n\n{_links(str(plan.get('report') or ''), region)}"
    )


def title(plan: Mapping[str, Any], verdict: str, is_rehearsal: bool = False) -> str:
    """The subject of a mail."""
    rehearsal = "REHEARSAL " if is_rehearsal else ""
    told = f"{rehearsal}{verdict.upper()}: {plan['schedule']} {_moment(plan['window']['start'])}"
    return told.encode("ascii", "replace").decode()[:SUBJECT_MAX]


def _where(plan: Mapping[str, Any]) -> str:
    window = plan["window"]
    return f"Window {_moment(window['start'])} to {_moment(window['end'])} UTC, schedule {plan['schedule']}.\n"


def _moment(time: str) -> str:
    return time[:16].replace("T", " ")


def _links(report: str, region: str, links: Mapping[str, str] | None = None) -> str:
    """Where to look on, and what to do there. links: where the report's page leads."""
    leads = links or {}
    found = f"Runbook: {leads.get('runbook', RUNBOOK)}"
    if "dashboard" in leads:
        found = f"Dashboard: {leads['dashboard']}\n{found}"
    if not report:
        return found
    parts = urlsplit(report)
    host = next((host for start, host in CONSOLES.items() if region.startswith(start)), "console.aws.amazon.com")
    key = quote(parts.path.lstrip("/"), safe="")
    return f"Report: {report}\nhttps://{host}/s3/object/{parts.netloc}?region={region}&prefix={key}\n{found}"


def _broken(report: Mapping[str, Any] | None) -> str:
    """The largest violations, in plain words."""
    told_once = (check for _, check in _violated(report) if "same_as" not in check)
    found = sorted(told_once, key=_excess, reverse=True)
    if not found:
        return "Windows before this one, whose labels came since, are violated. The report names them."
    lines = [f"- {_words(check)}" for check in found[:TOLD]]
    more = [f"and {len(found) - TOLD} more"] if len(found) > TOLD else []
    return "\n".join(["What broke:", *lines, *more])


def _violated(report: Mapping[str, Any] | None) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for result in (report or {}).get("monitors", ()):
        for check in result.get("checks", ()):
            if check["outcome"] == "violated":
                yield str(result["key"]), check


def _excess(check: Mapping[str, Any]) -> float:
    """How far beyond its limit, in the limit's own unit where there is one."""
    observed, allowed = _observed(check), check["allowed"]
    if observed is None or allowed is None:
        return 0.0
    return float(abs(observed - allowed) / (abs(allowed) or 1.0))


def _observed(check: Mapping[str, Any]) -> float | None:
    found: float | None = check["observed"] if check.get("distance") is None else check["distance"]
    return found


def _words(check: Mapping[str, Any]) -> str:
    """One violation. Some subjects hold a label or a group of people, which stay in the report."""
    kind, name = str(check["check_type"]), _clean(str(check["subject"]), NAME_MAX)
    against = f"{_number(_observed(check))}, limit {_number(check['allowed'])}"
    share = _share(1 - check["observed"]) if isinstance(check["observed"], (int, float)) else "some"
    return {
        "data_type_check": f"{name}: {share} of the values have another type",
        "completeness_check": f"{name}: {share} of the values are missing",
        "categorical_values_check": f"{name}: {share} of the values are new",
        "non_negative_check": f"{name}: negative values",
        "missing_column_check": f"columns that did not arrive: {_number(check['observed'])}",
        "extra_column_check": f"columns that nobody knows: {_number(check['observed'])}",
        "baseline_drift_check": f"{name} drifted: distance {against}",
        "LessThanThreshold": f"{name} is too low: {against}",
        "GreaterThanThreshold": f"{name} is too high: {against}",
        "prediction_drift_check": f"the model answers otherwise ({name}): distance {against}",
        "bias_drift_check": f"bias {name.partition(' of ')[0]}: {against}",
        "feature_attribution_drift_check": f"the model decides by other features: agreement {against}",
    }.get(kind, f"{name}: {against}")


def _plain(cause: str) -> str:
    """`data_quality: baseline_drift_check` as `baseline drift`."""
    kind = cause.rpartition(": ")[2].removesuffix("_check").replace("_", " ")
    known = {"LessThanThreshold": "a value too low", "GreaterThanThreshold": "a value too high", ERROR: "failing runs"}
    return known.get(kind, kind)


def _share(value: float) -> str:
    return f"{value:.1%}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _clean(told: str, most: int) -> str:
    """One line of signs that show as they are."""
    line = UNSEEN.sub("", " ".join(told.split()))
    return line if len(line) <= most else f"{line[:most]}..."
