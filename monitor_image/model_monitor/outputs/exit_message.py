"""What a processing job says of itself: at most 1 KB of ASCII, the first line in the forms that AWS's tools parse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from model_monitor.contract import (
    EXIT_MESSAGE_MAX_BYTES,
    MESSAGE_ERROR,
    MESSAGE_NOT_EVALUATED,
    MESSAGE_OK,
    MESSAGE_VIOLATED,
    TIME_FORMAT,
    JobKind,
    Verdict,
    monitor_key,
)
from model_monitor.monitors.conclusion import Check, Outcome
from model_monitor.outputs.report import Report
from model_monitor.outputs.score import Late, Score, State
from model_monitor.words import NAMES_TOLD, named

REASON_SHOWN = 150  # characters, so that all monitors find room beside what was violated
FIRST_REASON_SHOWN = 500
ELLIPSIS = "..."


def exit_message(report: Report) -> str:
    """First line for machines, then what was found, worst first; never a value of the data."""
    if report.error is not None:
        return fit([MESSAGE_ERROR.format(reason=_in_one_line(report.error.message))])
    lines = [_first_line(report), *_unevaluated(report), *_late(report.late)]
    for result in report.results:
        lines.extend(result.conclusion.notes)
        lines.extend(_violations(result.conclusion.violations))
        lines.extend(_coverage(result.conclusion.checks))
    lines.append(_reading(report))
    return fit(lines)


def fit(lines: Iterable[str], limit: int = EXIT_MESSAGE_MAX_BYTES) -> str:
    """ASCII text of whole lines within the limit; a first line that is too long is cut."""
    message = ""
    for line in lines:
        text = " ".join(line.split()).encode("ascii", "replace").decode()
        if not message:
            message = text if len(text) <= limit else text[: limit - len(ELLIPSIS)] + ELLIPSIS
        elif len(message) + 1 + len(text) <= limit:
            message += "\n" + text
        elif len(message) + 1 + len(ELLIPSIS) <= limit:
            return message + "\n" + ELLIPSIS
        else:
            return message
    return message


def _first_line(report: Report) -> str:
    """Never "no violations" of a run in which something that was due could not be evaluated."""
    if report.job.kind is JobKind.BASELINE or report.verdict is Verdict.OK:
        return MESSAGE_OK
    if report.violation_count:  # also beside a custom metric that failed: AWS's tools must see them
        return MESSAGE_VIOLATED.format(count=report.violation_count)
    return MESSAGE_NOT_EVALUATED.format(verdict=report.verdict, reason=report.reason[:FIRST_REASON_SHOWN])


def _unevaluated(report: Report) -> list[str]:
    """Of several monitors those that evaluated nothing, or not yet: the first line may read as a pass of all of them."""
    if report.job.kind is JobKind.BASELINE or len(report.results) < 2:
        return []
    found = [(monitor_key(result.type), result.conclusion) for result in report.results]
    return [
        f"Not evaluated: {name} ({each.verdict}): {each.reason[:REASON_SHOWN]}"
        for name, each in found
        if each.verdict in (Verdict.NO_DATA, Verdict.INSUFFICIENT_DATA, Verdict.WAITING)
    ]


def _in_one_line(message: str) -> str:
    """AWS's tools show the first line alone."""
    first, *others = message.splitlines() or [""]
    return " ".join([first, "; ".join(line.strip() for line in others)]).strip()


def _violations(violations: tuple[Check, ...]) -> list[str]:
    by_type: dict[str, list[str]] = defaultdict(list)
    for check in violations:
        by_type[check.check_type].append(check.subject)
    return [f"{type_} ({len(subjects)}): {named(subjects)}" for type_, subjects in sorted(by_type.items())]


def _coverage(checks: tuple[Check, ...]) -> list[str]:
    skipped = [check for check in checks if check.outcome is Outcome.NOT_EVALUATED]
    if not skipped:
        return []
    by_reason: dict[str, list[str]] = defaultdict(list)
    for check in skipped:
        by_reason[check.description].append(check.subject)
    lines = [f"Evaluated {len(checks) - len(skipped)} of {len(checks)} checks."]
    for reason, subjects in sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0])):
        lines.append(f"Not evaluated ({len(subjects)}), {reason}: {named(subjects)}")
    return lines


def _reading(report: Report) -> str:
    reading = report.reading
    line = (
        f"Records: {reading.records}, rejected: {reading.rejects.count}, outside the window: {reading.outside_window}."
    )
    if reading.dropped:
        line += f" Dropped by the preprocessor: {reading.dropped}."
    reasons = sorted(reading.rejects.by_reason.items(), key=lambda item: (-item[1], item[0]))
    return line + "".join(f" Rejected {count}: {reason}." for reason, count in reasons[:NAMES_TOLD])


def _late(late: Late | None) -> list[str]:
    """Windows that waited for labels: how many ended how, then those in which something is wrong."""
    if late is None or not (late.scores or late.waiting):
        return []
    counts = ", ".join(f"{late.count(state)} {state}" for state in State if late.count(state)) or "none ended"
    left = f", {late.left} of them due" if late.left else ""
    lines = [f"Earlier windows: {counts}; {late.waiting} wait for labels{left}."]
    told = [score for score in late.scores if score.violations or score.state is not State.SCORED]
    return lines + [_of_score(score) for score in told[:NAMES_TOLD]]


def _of_score(score: Score) -> str:
    found = named([violation["feature_name"] for violation in score.violations]) or score.reason
    return f"{score.key} of {score.window.start:{TIME_FORMAT}}: {score.verdict}: {found}"
