"""Windows whose labels come after the run that saw them: made to wait, tried again, scored once.

Of every window and monitor, in this order, so that a run may die between any two steps:

1. a window that cannot be concluded yet waits (`pending`); one that can is put there too, on its way to 3;
2. an attempt is written down before it is made: what always fails, or kills its run, is tried less and less often;
3. the score is recorded with its metrics, where there is none yet: of two runs at a time, or of a rerun, one goes on;
4. the run writes its outputs and sends its metrics (`container.deliver`);
5. the window no longer waits.

A run that died between 3 and 5 leaves a score that still waits. A later run that finds it, `PUBLISHED_WITHIN` after it was
recorded, publishes it from its file. So a rerun adds nothing and a crash loses nothing, except: a crash between sending
metrics by PutMetricData and step 5 has them sent twice (the same values, at two times); with the metrics file, a run
killed amid step 5 loses what it took away already, and when the service fails to publish the file of a job that completed,
the score stands in the history alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from model_monitor import flow
from model_monitor.contract import METRIC_LABEL_COVERAGE, JobKind, MonitoringType, Verdict, monitor_key
from model_monitor.errors import Stopped
from model_monitor.job.fetching import Labels, fetch_capture
from model_monitor.job.from_container import Places
from model_monitor.job.job import Job, Maturity, MonitorSettings
from model_monitor.labels.history import History
from model_monitor.labels.maturity import WINDOWS_PER_RUN, Choice, Group, Waiting, choose, has_expired, labels_until
from model_monitor.logs import log
from model_monitor.monitors import registry
from model_monitor.outputs.metric import Metric
from model_monitor.outputs.report import Failure, MonitorResult, Report
from model_monitor.outputs.score import Late, Score, State
from model_monitor.schema import Window

PUBLISHED_WITHIN: Final = timedelta(hours=2)  # longer than a run may take
SECONDS_FOR_EARLIER_WINDOWS: Final = 900.0
CONCLUDED: Final = (Verdict.OK, Verdict.VIOLATED)
SCORED_BEFORE: Final = "its score was published before and is not published again"
FORGOTTEN: Final = "and nothing remembers the window until then (monitor_history is not set)"

Settled = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Memory:
    """What the front door gives: where to remember, where labels and capture come from, what this job is called.

    windows: how many earlier ones the run may take up, for so many share its budget.
    """

    history: History
    labels: Labels | None
    capture: str
    folder: Path
    now: datetime
    job: str = ""
    windows: int = WINDOWS_PER_RUN


def prepare(job: Job, places: Places, name: str = "") -> tuple[Job, Memory | None]:
    """The job with its labels fetched, where a monitor needs any; and what it remembers, where it should.

    name: of the processing job.
    """
    labelled = _labelled(job)
    if job.kind is not JobKind.MONITOR or not (labelled or job.merged or job.labelled_rows):
        return job, None
    labels = None
    if places.ground_truth:
        labels = Labels(places.ground_truth, job.endpoint, places.folder / "ground_truth")
        first = job.window.start if job.window else datetime.min.replace(tzinfo=UTC)
        job = replace(job, ground_truth=labels.between(first, places.now))
    if places.history is None or not labelled or job.is_rehearsal:  # what is forced is no score
        return job, None
    memory = Memory(History(places.history), labels, places.capture, places.folder, places.now, name)
    return _shared(job, memory, labelled)


def _labelled(job: Job) -> dict[MonitoringType, MonitorSettings]:
    """The monitors of a job that compare with labels; no other monitor is imported."""
    found = ((each, registry.find(each.type)) for each in job.monitors)
    return {each.type: each for each, monitor in found if monitor is not None and monitor.needs_labels}


def _shared(job: Job, memory: Memory, settings: dict[MonitoringType, MonitorSettings]) -> tuple[Job, Memory]:
    """The windows that the run takes up, and its own where anything can be said of it, share its budget."""
    earlier = len(_due(memory, settings, job.window)[0].groups)
    is_own_judged = len(settings) < len(job.monitors) or job.ground_truth is None or job.window is None
    is_own_judged |= any(each.maturity.is_due(job.window.end, memory.now) for each in settings.values() if job.window)
    return replace(job, windows=max(1, earlier + is_own_judged)), replace(memory, windows=earlier)


def _due(memory: Memory, settings: dict[MonitoringType, MonitorSettings], own: Window | None) -> tuple[Choice, int]:
    """Earlier windows that are due, as many as there is room for; and how many wait in all."""
    waiting: list[Waiting] = []
    total = 0
    for type_, each in settings.items():
        found, count = memory.history.waiting(type_, each.maturity, memory.now)
        waiting += [one for one in found if one.window != own]
        total += count
    maturities = {type_: each.maturity for type_, each in settings.items()}
    return choose(waiting, maturities, memory.now, memory.windows), total


def wait_after_failure(job: Job, places: Places) -> None:
    """Have the window of a run that failed wait, so that a later run judges it; what waits or was scored already stays."""
    if places.history is None or job.kind is not JobKind.MONITOR or job.window is None or job.is_rehearsal:
        return
    history = History(places.history)
    for type_ in _labelled(job):
        if history.score(type_, job.window) is None:
            history.wait(Waiting(type_, job.window, places.capture).at_attempt(places.now))


def without_memory(report: Report, places: Places) -> Report:
    """Of a run that keeps no history, what waits is never judged, and so it is no window that waits."""
    if places.history is not None or report.job.is_rehearsal:
        return report
    return replace(report, results=tuple(map(_forgotten, report.results)))


def _forgotten(result: MonitorResult) -> MonitorResult:
    found = result.conclusion
    if found.verdict is not Verdict.WAITING:
        return result
    verdict, reason = Verdict.INSUFFICIENT_DATA, f"{found.reason}, {FORGOTTEN}"
    return replace(result, conclusion=replace(found, verdict=verdict, reason=reason))


def with_late(report: Report, memory: Memory) -> tuple[Report, Settled]:
    """The report of a run's own window, with what became of windows before it; and what to do once it is delivered."""
    settings = _labelled(report.job)
    if report.error is not None or report.job.window is None or not settings:
        return report, lambda: None
    run = _Run(report.job, memory, settings)
    results = tuple(run.own(result, report) if result.type in settings else result for result in report.results)
    late = run.earlier(report.job.window)
    return replace(report, results=results, late=late), run.settle


class _Run:
    """One run's dealings with the history of its schedule."""

    def __init__(self, job: Job, memory: Memory, settings: dict[MonitoringType, MonitorSettings]) -> None:
        self._job, self._memory, self._settings = job, memory, settings
        self._history, self._now = memory.history, memory.now
        self._ended: list[tuple[MonitoringType, Window]] = []
        self._coverages: list[Metric] = []  # of windows that are due and go on waiting
        self._began = time.monotonic()

    def settle(self) -> None:
        """The last step: what was published no longer waits."""
        for monitor, window in self._ended:
            self._history.forget(monitor, window)

    # --- the run's own window ----------------------------------------------------------------------------------------

    def own(self, result: MonitorResult, report: Report) -> MonitorResult:
        """A result that is concluded is recorded, one that waits for labels waits; metrics leave once for each window."""
        window = self._own_window
        if result.conclusion.verdict not in CONCLUDED and not self._waits(result, report):
            return result
        if self._history.score(result.type, window) is not None:
            return _silent(result, SCORED_BEFORE)
        waiting = Waiting(result.type, window, self._memory.capture)
        is_due = self._maturity(result.type).is_due(window.end, self._now)
        self._history.wait(waiting.at_attempt(self._now) if is_due else waiting)
        if result.conclusion.verdict not in CONCLUDED:
            return replace(result, metrics=_coverage(result) if is_due else ())
        if not self._history.record(self._score(result, window, report, State.SCORED)):
            return _silent(result, SCORED_BEFORE)
        self._ended.append((result.type, window))
        return result

    @property
    def _own_window(self) -> Window:
        window = self._job.window
        if window is None:
            raise TypeError("only runs with a window have late ones")  # with_late sees to it
        return window

    def _waits(self, result: MonitorResult, report: Report) -> bool:
        """Whether labels may still settle it: more of them, or the right ones in the place of those that are no class.

        They do not help a window of too few records, nor one whose records have too few predictions, nor one without a
        baseline; such a window is concluded for good. The monitor says which it is, as it knows why nothing was evaluated.
        """
        if result.conclusion.verdict not in (Verdict.WAITING, Verdict.INSUFFICIENT_DATA):
            return False
        settings = self._settings[result.type]
        if report.reading.records < settings.min_records:
            return False
        return result.conclusion.awaits_labels or not settings.maturity.is_due(self._own_window.end, self._now)

    # --- windows before it -------------------------------------------------------------------------------------------

    def earlier(self, own: Window) -> Late:
        """Try the windows that are due, as many as there is room for."""
        choice, total = _due(self._memory, self._settings, own)
        scores: list[Score] = []
        left = choice.left
        for number, group in enumerate(choice.groups):
            if time.monotonic() - self._began > SECONDS_FOR_EARLIER_WINDOWS:
                left += len(choice.groups) - number
                break
            scores += self._try(group)
        log("earlier windows", ended=len(self._ended), tried=len(choice.groups), waiting=total, left=left)
        return Late(tuple(scores), total - len(self._ended), left, tuple(self._coverages))

    def _try(self, group: Group) -> list[Score]:
        """What one window of one or several monitors comes to; nothing when it goes on waiting."""
        scores = []
        open_: list[Waiting] = []
        for waiting in group.waiting:
            recorded = self._history.score(waiting.monitor, waiting.window)
            if recorded is None:
                open_.append(waiting.at_attempt(self._now))
            elif self._now - recorded.at > PUBLISHED_WITHIN:
                log("published for a run that died", monitor=recorded.key, window=group.window.start.isoformat())
                self._ended.append((waiting.monitor, waiting.window))
                scores.append(recorded)
        for waiting in open_:
            self._history.try_again(waiting)
        if open_:
            scores += self._conclude(self._measure(group, [each.monitor for each in open_]), open_)
        return scores

    def _measure(self, group: Group, monitors: list[MonitoringType]) -> Report:
        """The flow over a window's capture and its labels, for the monitors that wait for it alone."""
        job, memory = self._job, self._memory
        settings = tuple(self._settings[type_] for type_ in monitors)
        until = labels_until(group.window, [each.maturity for each in settings], self._now)
        job = replace(job, monitors=settings, window=group.window, now=until, review=None)  # its run has routed it
        try:
            capture = fetch_capture(group.capture, group.window, memory.folder / "capture")
            labels = memory.labels.between(group.window.start, until) if memory.labels else job.ground_truth
            return flow.run(replace(job, dataset=replace(job.dataset, path=capture), ground_truth=labels))
        except Stopped:
            raise
        except Exception as error:  # noqa: BLE001 - one window must not stop the others; it is told and tried again
            return Report(job).failed(Failure.of(error))

    def _conclude(self, report: Report, waiting: Iterable[Waiting]) -> list[Score]:
        """Record what is final; an error is told each time, until the horizon ends it."""
        scores = []
        results = {result.type: result for result in report.results}
        for each in waiting:
            is_over = has_expired(each.window, self._maturity(each.monitor), self._now)
            result = results.get(each.monitor)
            if report.error is not None or result is None:
                score = self._failed(each, report)
                score = replace(score, state=State.EXPIRED, verdict=Verdict.INSUFFICIENT_DATA) if is_over else score
            elif result.conclusion.verdict in CONCLUDED:
                score = self._score(result, each.window, report, State.SCORED)
            elif is_over:
                score = self._expired(result, each.window, report)
            elif result.conclusion.verdict is Verdict.ERROR:
                score = replace(self._failed(each, report), reason=result.conclusion.reason)
            else:
                key, start = monitor_key(each.monitor), each.window.start.isoformat()
                log("still waiting", monitor=key, window=start, reason=result.conclusion.reason)
                self._coverages += _coverage(result)
                continue
            if score.state is State.FAILED:
                scores.append(score)
            elif self._history.record(score):
                self._ended.append((each.monitor, each.window))
                scores.append(score)
        return scores

    def _score(self, result: MonitorResult, window: Window, report: Report, state: State) -> Score:
        conclusion = result.conclusion
        violations = tuple(
            {
                "feature_name": check.subject,
                "constraint_check_type": str(check.check_type),
                "description": check.description,
            }
            for check in conclusion.violations
        )
        return Score(
            monitor=result.type,
            window=window,
            state=state,
            verdict=conclusion.verdict,
            at=self._now,
            reason=conclusion.reason,
            records=report.reading.records,
            violations=violations,
            metrics=result.metrics,
            summary=result.summary,
            baseline=result.baseline.version if result.baseline else "",
            job=self._memory.job,
            files=result.files,
        )

    def _expired(self, result: MonitorResult, window: Window, report: Report) -> Score:
        """The final word on a window that never had enough labels, or whose capture is gone."""
        score = self._score(result, window, report, State.EXPIRED)
        reason = f"given up at its horizon: {score.reason}" if score.reason else "given up at its horizon"
        return replace(score, verdict=Verdict.INSUFFICIENT_DATA, reason=reason)

    def _failed(self, waiting: Waiting, report: Report) -> Score:
        reason = report.error.message if report.error is not None else "the monitor gave no result"
        return Score(
            waiting.monitor, waiting.window, State.FAILED, Verdict.ERROR, self._now, reason, job=self._memory.job
        )

    def _maturity(self, monitor: MonitoringType) -> Maturity:
        return self._settings[monitor].maturity


def _silent(result: MonitorResult, note: str) -> MonitorResult:
    """A result whose metrics leave at another time."""
    notes = (*result.conclusion.notes, note)
    return replace(result, metrics=(), conclusion=replace(result.conclusion, notes=notes))


def _coverage(result: MonitorResult) -> tuple[Metric, ...]:
    """The one metric of a window that is due and waits: labels that do not come are somebody's business before its horizon."""
    return tuple(metric for metric in result.metrics if metric.name == METRIC_LABEL_COVERAGE)
