"""What became of a window that waited for its labels: one file in the history, one entry in the report of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from model_monitor.contract import TIME_FORMAT, MonitoringType, Verdict, monitor_key, monitor_type
from model_monitor.outputs.metric import Metric, StatisticValues
from model_monitor.schema import Window

SCORE_VERSION = 1


class State(StrEnum):
    """How a window's waiting goes on."""

    SCORED = "scored"
    EXPIRED = "expired"  # too few labels until the horizon
    FAILED = "failed"  # an error; the window is tried again


@dataclass(frozen=True, slots=True)
class Score:
    """One monitor's result for one window, whenever it came.

    at: when the run that concluded it took place; its metrics carry this time.
    violations: as in constraint_violations.json.
    job: name of the processing job, "" outside one. baseline: version compared with, "" when it has none.
    files: what the monitor writes beside the report; not part of the history.
    """

    monitor: MonitoringType
    window: Window
    state: State
    verdict: Verdict
    at: datetime
    reason: str = ""
    records: int = 0
    violations: tuple[Mapping[str, str], ...] = ()
    metrics: tuple[Metric, ...] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)
    baseline: str = ""
    job: str = ""
    files: Mapping[str, Mapping[str, Any] | bytes] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return monitor_key(self.monitor)

    def to_report(self) -> dict[str, Any]:
        """The entry under `late` in report.json."""
        return {
            "monitor": self.key,
            "window": {"start": _text(self.window.start), "end": _text(self.window.end)},
            "state": self.state,
            "verdict": self.verdict,
            "reason": self.reason,
            "records": self.records,
            "violations": [dict(violation) for violation in self.violations],
            "metrics": {m.name: m.value for m in self.metrics if not isinstance(m.value, StatisticValues)},
            "summary": dict(self.summary),
        }

    def to_json(self) -> dict[str, Any]:
        """The file in the history: everything that a later run needs to publish it in this one's place."""
        return self.to_report() | {
            "version": SCORE_VERSION,
            "scored_at": _text(self.at),
            "baseline": self.baseline,
            "job": self.job,
            "metrics": [_metric_json(metric) for metric in self.metrics if metric.is_publishable],
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Score:
        """The inverse of `to_json`. Raises: KeyError, ValueError, TypeError for what it did not write."""
        window = content["window"]
        return cls(
            monitor=monitor_type(content["monitor"]),
            window=Window(_time(window["start"]), _time(window["end"])),
            state=State(content["state"]),
            verdict=Verdict(content["verdict"]),
            at=_time(content["scored_at"]),
            reason=content["reason"],
            records=content["records"],
            violations=tuple(content["violations"]),
            metrics=tuple(_metric(metric) for metric in content["metrics"]),
            summary=content["summary"],
            baseline=content["baseline"],
            job=content["job"],
        )


@dataclass(frozen=True, slots=True)
class Late:
    """What a run did for windows before its own.

    waiting: windows that still wait for labels; left: those of them that were due, for which this run had no room.
    coverages: shares of labels that have come for windows which are due, were tried and go on waiting.
    """

    scores: tuple[Score, ...] = ()
    waiting: int = 0
    left: int = 0
    coverages: tuple[Metric, ...] = ()

    @property
    def verdicts(self) -> list[Verdict]:
        """Of windows whose waiting ended; an error is told, but the window is tried again."""
        return [score.verdict for score in self.scores if score.state is not State.FAILED]

    @property
    def metrics(self) -> list[Metric]:
        """Each window's own, in the order of windows; of those that go on waiting the share of labels alone."""
        return [*(metric for score in self.scores for metric in score.metrics), *self.coverages]

    @property
    def violations(self) -> int:
        return sum(len(score.violations) for score in self.scores)

    def count(self, state: State) -> int:
        """How many windows of this run ended so."""
        return sum(score.state is state for score in self.scores)


def _metric_json(metric: Metric) -> dict[str, Any]:
    value: Any = metric.value
    if isinstance(value, StatisticValues):
        value = [value.sample_count, value.total, value.minimum, value.maximum]
    return {"name": metric.name, "value": value, "unit": metric.unit, "dimensions": dict(metric.extra_dimensions)}


def _metric(content: Mapping[str, Any]) -> Metric:
    value = content["value"]
    return Metric(
        content["name"],
        StatisticValues(*value) if isinstance(value, list) else value,
        content["unit"],
        dict(content["dimensions"]),
    )


def _text(time: datetime) -> str:
    return time.strftime(TIME_FORMAT)


def _time(text: str) -> datetime:
    return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)
