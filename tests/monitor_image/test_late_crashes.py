"""Runs that die anywhere, again and again: every window is published, and never twice where that can be avoided."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings, strategies as st

from model_monitor import late
from model_monitor.contract import METRIC_LABEL_COVERAGE, JobKind, MonitoringType, Verdict
from model_monitor.job.job import DatasetKind, DatasetSource, Job, Maturity, MonitorSettings
from model_monitor.labels.history import History
from model_monitor.labels.maturity import start_of
from model_monitor.monitors.conclusion import Conclusion
from model_monitor.outputs.metric import Metric
from model_monitor.outputs.report import MonitorResult, Report
from model_monitor.schema import Window
from model_monitor.sketches.reading import Reading
from tests.effort import examples

QUALITY = MonitoringType.MODEL_QUALITY
START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
MATURITY = Maturity(delay=3 * HOUR, min_coverage=0.5, horizon=48 * HOUR)
WINDOWS, RUNS = 6, 60  # the first windows have time to be tried again and again


class Died(BaseException):
    """The run was killed: nothing catches it."""


class MemoryStore:
    """The history's files; dies at chosen operations, after them when they were written."""

    def __init__(self, deaths: set[int]) -> None:
        self.location, self.files, self.deaths, self.operations = "memory", {}, deaths, 0
        self.ever: set[str] = set()

    def _may_die(self) -> None:
        self.operations += 1
        if self.operations in self.deaths:
            raise Died

    def names(self, folder):
        self._may_die()
        return sorted(name.rpartition("/")[2] for name in self.files if name.startswith(folder + "/"))

    def read(self, name):
        self._may_die()
        return self.files.get(name)

    def create(self, name, content):
        is_new = name not in self.files
        self.ever.add(name)
        self.files.setdefault(name, content)
        self._may_die()
        return is_new

    def write(self, name, content):
        self.files[name] = content
        self._may_die()

    def delete(self, name):
        self.files.pop(name, None)
        self._may_die()


def report_of(job: Job) -> Report:
    """What the flow finds in a window: nothing before its labels are due, then its own number as accuracy."""
    number = float((job.window.start - START) / HOUR)
    is_due = MATURITY.is_due(job.window.end, job.now)
    conclusion = Conclusion(Verdict.OK if is_due else Verdict.INSUFFICIENT_DATA, reason="" if is_due else "not due")
    metrics = (Metric(METRIC_LABEL_COVERAGE, float(is_due)), *((Metric("accuracy", number),) if is_due else ()))
    return Report(job, Reading(records=100), (MonitorResult(QUALITY, conclusion, metrics=metrics),))


@pytest.fixture(scope="module", autouse=True)
def _stub():
    """One monitor that needs labels, and a flow that reads no file."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(late.registry, "find", lambda _: SimpleNamespace(needs_labels=True))
        patched.setattr(late.flow, "run", report_of)
        patched.setattr(late, "fetch_capture", lambda location, window, folder: Path(location))
        yield


@dataclass
class Found:
    """known: the first windows, as far as they ever came to wait; a run that dies before that is as if it never ran.

    doubtful: scores on their way out when their run died in its last step.
    """

    published: Counter[float]
    known: set[float]
    doubtful: int
    operations: int


def simulate(deaths: set[int], is_file: bool, again: set[int], runs: int = RUNS) -> Found:
    """The hourly runs of a schedule, some of them repeated."""
    store = MemoryStore(deaths)
    history = History("memory")
    history._store = store
    published: Counter[float] = Counter()
    doubtful = 0
    source = DatasetSource(Path("capture"), DatasetKind.CAPTURE)
    quality = MonitorSettings(QUALITY, maturity=MATURITY)
    for number in range(runs):
        window = Window(START + number * HOUR, START + (number + 1) * HOUR)
        for attempt in range(2 if number in again else 1):
            now = window.end + timedelta(minutes=5 + 20 * attempt)
            job = Job(JobKind.MONITOR, source, Path("out"), monitors=(quality,), window=window, now=now)
            memory = late.Memory(history, None, "capture", Path("fetched"), now)
            sent: list[float] = []
            try:
                report, settle = late.with_late(report_of(job), memory)
                metrics = [m for result in report.results for m in result.metrics] + report.late.metrics
                sent = [metric.value for metric in metrics if metric.name == "accuracy"]
                if not is_file:
                    published.update(sent)
                settle()
                if is_file:
                    published.update(sent)
            except Died:
                doubtful += len(sent)
    waited = {start_of(name[-17:-5]) for name in store.ever if "/pending/" in name}
    known = {(start - START) / HOUR for start in waited}
    return Found(published, {number for number in known if number < WINDOWS}, doubtful, store.operations)


OPERATIONS = st.sets(st.integers(1, 250), max_size=6)
RERUNS = st.sets(st.integers(0, RUNS - 1), max_size=6)


@given(again=RERUNS)
@settings(max_examples=20, deadline=None)
def test_without_a_death_every_window_is_published_once_whatever_runs_again(again):
    found = simulate(set(), is_file=True, again=again)
    assert found.published == Counter(float(number) for number in range(RUNS - 3))


@given(deaths=OPERATIONS, again=RERUNS)
@settings(max_examples=examples(60), deadline=None)
def test_by_put_every_window_is_published_and_twice_only_for_a_death_right_after(deaths, again):
    found = simulate(deaths, is_file=False, again=again)
    assert found.known <= set(found.published)
    assert found.published.total() - len(found.published) <= found.doubtful


@given(deaths=OPERATIONS, again=RERUNS)
@settings(max_examples=examples(60), deadline=None)
def test_by_file_no_window_is_published_twice_and_lost_only_by_a_death_in_the_last_step(deaths, again):
    found = simulate(deaths, is_file=True, again=again)
    assert max(found.published.values()) == 1
    assert len(found.known - set(found.published)) <= found.doubtful


def test_a_death_in_every_single_step_of_the_first_runs_is_survived():
    quiet = simulate(set(), is_file=False, again=set(), runs=8)
    for operation in range(1, quiet.operations):
        found = simulate({operation}, is_file=False, again=set(), runs=14)
        assert found.known <= set(found.published), operation
