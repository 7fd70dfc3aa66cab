"""A run for the eyes: one table of features, the violations, what was not evaluated, and where the files are."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from model_monitor.contract import MONITOR_KEYS, REHEARSAL, REPORT_FILE, TIME_FORMAT, CheckType, JobKind
from model_monitor.monitors import registry
from model_monitor.monitors.conclusion import Check, Outcome
from model_monitor.outputs.report import MonitorResult, Report, Run
from model_monitor.outputs.summary_labels import unread_labels
from model_monitor.words import DIGITS, counted, lost, named, number

WIDTHS_TOLD = 3
SHARES: Mapping[str, str] = {  # of checks that measure what is right and tell what is wrong: of which values
    CheckType.CATEGORICAL_VALUES: "known values",
    CheckType.COMPLETENESS: "values that are there",
    CheckType.DATA_TYPE: "values of the type",
}
NO_BASELINE = "no baseline"
NAME_ONE = ". Make one (model-monitor baseline), then name its folder: --baseline"
NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d+(?:e[+-]?\d+)?(?!\w|\.\d)")


def summary(report: Report, run: Run, written: Sequence[Path]) -> str:
    """Plain text, the same in a terminal and in a pipe."""
    lines = [_headline(report), *_by_monitor(report), _facts(report, run), *_window(report)]
    for result in report.results:
        lines += ["", f"--- {MONITOR_KEYS[result.type]} ---"] if len(report.results) > 1 else []
        lines += [line for note in result.conclusion.notes for line in ("", f"note: {note}")]
        lines += [
            "",
            *_table(result),
            *_violations(result),
            *_not_evaluated(result),
        ]
    rejects = report.reading.rejects
    if rejects.count:
        lines += ["", f"{lost(rejects.sized, rejects.unsized)} could not be read:"]
        lines += [f"  {count:>7}  {reason}" for reason, count in rejects.by_reason.most_common()]
        expected = len(report.job.schema.features)
        lines += [
            f"           {counted(records, 'record')} of {counted(width, 'value')}, expected {expected}"
            for width, records in rejects.widths.most_common(WIDTHS_TOLD)
        ]
        lines += [f"           first at {located.path}:{located.line}" for located in rejects.located[:1]]
    lines += unread_labels(report.labels)
    if report.reading.tolerated:
        lines += ["", "read all the same:"]
        lines += [f"  {count:>7}  {what}" for what, count in sorted(report.reading.tolerated.items())]
    lines += ["", "files"]
    lines += [f"  {path}" for path in sorted(written)]
    return "\n".join(lines)


def _headline(report: Report) -> str:
    if report.job.kind is JobKind.BASELINE and report.error is None:
        return "baseline"
    what = "baseline" if report.job.kind is JobKind.BASELINE else str(report.verdict)
    what = f"{REHEARSAL}: {what}" if report.job.is_rehearsal else what
    count = f" ({report.violation_count})" if report.violation_count else ""
    reason = f": {report.reason}" if report.reason else ""
    hint = NAME_ONE if report.reason == NO_BASELINE else ""
    return f"{what}{count}{reason}{hint}"


def _by_monitor(report: Report) -> list[str]:
    """Of several monitors the verdict of each, and why it is none."""
    if len(report.results) < 2 or report.job.kind is JobKind.BASELINE:
        return []
    width = max(len(MONITOR_KEYS[result.type]) for result in report.results)
    found = [(MONITOR_KEYS[result.type], result.conclusion) for result in report.results]
    return [f"  {name:<{width}}  {each.verdict}" + (f": {each.reason}" if each.reason else "") for name, each in found]


def _facts(report: Report, run: Run) -> str:
    reading = report.reading
    seconds = (run.finished - run.started).total_seconds()
    facts = [counted(reading.records, "record"), counted(report.dataset.files, "file")]
    if reading.events:
        facts.insert(1, counted(reading.events, "event"))
    if report.job.effect != 1.0 and report.job.kind is JobKind.MONITOR:
        facts.append(
            f"judged as {counted(round(reading.records / report.job.effect), 'record')} drawn one by one (`design_effect`)"
        )
    if reading.outside_window:
        facts.append(f"{counted(reading.outside_window, 'record')} outside the window")
    if reading.own_requests:
        facts.append(f"{counted(reading.own_requests, 'request')} of our own left out")
    if reading.dropped:
        facts.append(f"{reading.dropped} dropped by the preprocessor")
    return f"{', '.join(facts)}, {seconds:.1f} s"


def _window(report: Report) -> list[str]:
    """The window beside the path of its report."""
    job = report.job
    if job.window is None:
        return []
    start, end = (time.strftime(TIME_FORMAT) for time in (job.window.start, job.window.end))
    return [f"window {start} to {end}: {job.output / REPORT_FILE}"]


def _table(result: MonitorResult) -> Sequence[str]:
    """The monitor's own table."""
    monitor = registry.find(result.type)
    return () if monitor is None else monitor.shown.lines(result.summary, result.conclusion)


def _violations(result: MonitorResult) -> list[str]:
    violations = result.conclusion.violations
    if not violations:
        return []
    repeated = result.conclusion.repeated
    return [
        "",
        "violations",
        *(f"  {check.subject}: {check.check_type}. {_told(check, repeated)}" for check in violations),
    ]


def _told(check: Check, repeated: Mapping[str, str]) -> str:
    """What changed, and beside it what was allowed; in AWS's words where nobody has better ones. One thing is told once."""
    if check.subject in repeated:
        return f"The same change as that of {repeated[check.subject]}"
    if not check.sentence:
        return _rounded(check.description)
    if check.observed is None or check.allowed is None:
        return _rounded(check.sentence)
    of = f" share of {SHARES[check.check_type]}" if check.check_type in SHARES else ""
    limits = f"observed{of} {number(check.observed)}, limit {number(check.allowed)}"
    down = "down to " if of else ""
    reach = "" if check.allowance is None else f", sampling explains {down}{number(check.allowance)}"
    return f"{_rounded(check.sentence)} ({limits}{reach})"


def _not_evaluated(result: MonitorResult) -> list[str]:
    """Checks by why they say nothing, with the features or metrics they are of."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for check in result.conclusion.checks:
        if check.outcome is Outcome.NOT_EVALUATED:
            by_reason[check.description].append(check.subject)
    if not by_reason:
        return []
    found = (f"  {len(subjects):>7}  {reason}: {named(subjects)}" for reason, subjects in by_reason.items())
    return ["", "not evaluated", *found]


def _rounded(text: str) -> str:
    """A sentence with its numbers as short as an eye compares them; as it is where two of them would look the same.

    The files have every digit.
    """
    short = {number: f"{float(number):.{DIGITS}g}" for number in NUMBER.findall(text) if len(number) > DIGITS + 2}
    others = {number for number in NUMBER.findall(text) if number not in short}
    if len({*map(float, short.values()), *map(float, others)}) < len(short) + len(others):
        return text
    return NUMBER.sub(lambda match: short.get(match[0], match[0]), text)
