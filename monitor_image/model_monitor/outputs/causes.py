"""Why people are told of a run, in one number: a decimal place for each cause, so that one series feeds all alarms.

A series costs three times what an alarm on it does. 10 says drift, 10011 attribution, drift and broken data; the report says
the rest. Digits are 0 or 1 in a run, so that the sum over a few runs of one period carries nothing into the next place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from model_monitor.contract import CHECKS_OF, METRIC_CAUSES, Cause, Verdict, violations_metric
from model_monitor.outputs.metric import Metric
from model_monitor.outputs.report import Report
from model_monitor.outputs.score import State

CAUSE_OF = {violations_metric(check): cause for cause, checks in CHECKS_OF.items() for check in checks}


def causes(report: Report) -> set[Cause]:
    """Of the run's own window, and of windows before it whose waiting for labels ended in it."""
    found = set(_violated(metric for result in report.results for metric in result.metrics))
    if report.late is not None and report.error is None:
        found |= set(_violated(report.late.metrics))
        if report.late.count(State.EXPIRED):
            found.add(Cause.LABELS_MISSING)
    if report.verdict is Verdict.ERROR:
        found.add(Cause.ERROR)
    read, rejected = report.reading.records, report.reading.rejects.count
    if rejected > report.job.metrics.rejected_share * (read + rejected):
        found.add(Cause.REJECTED)
    return found


def number(found: Iterable[Cause]) -> float:
    """1 at the place of each."""
    return float(sum(10**cause.place for cause in set(found)))


def metric(report: Report) -> Metric:
    """The one value of a run; zero where nobody has to be told."""
    return Metric(METRIC_CAUSES, number(causes(report)))


def _violated(metrics: Iterable[Metric]) -> Iterator[Cause]:
    for each in metrics:
        if each.name in CAUSE_OF and isinstance(each.value, float) and each.value > 0:
            yield CAUSE_OF[each.name]
