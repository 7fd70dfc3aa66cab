"""`report.json`: the one full result of a run; every other file is a view of it.

The schema of the file is `report.schema.json` beside this module. The `run` block (times, host, workers) is the only
part that may differ between two runs over the same data.
"""

from __future__ import annotations

import hashlib
import traceback
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from model_monitor.contract import (
    REPORT_VERSION,
    TIME_FORMAT,
    JobKind,
    MonitoringType,
    Reader,
    Verdict,
    monitor_key,
    worst_verdict,
)
from model_monitor.errors import MonitorError
from model_monitor.job.job import BaselineFiles, Job
from model_monitor.monitors.conclusion import Check, Conclusion, Outcome
from model_monitor.outputs.metric import Metric
from model_monitor.outputs.score import Late
from model_monitor.schema import Rejects
from model_monitor.sketches.reading import Reading

PACKAGE = Path(__file__).parent.parent
SCHEMA_FILE = Path(__file__).with_name("report.schema.json")


@dataclass(frozen=True, slots=True)
class MonitorResult:
    """What one monitor found.

    files: name → content of the files it writes beside the report; bytes are written as they are.
    baseline: what it compared with, None when there was none.
    pictures: what pictures need beside the summary.
    """

    type: MonitoringType
    conclusion: Conclusion
    summary: Mapping[str, Any] = field(default_factory=dict)
    metrics: tuple[Metric, ...] = ()
    files: Mapping[str, Mapping[str, Any] | bytes] = field(default_factory=dict)
    baseline: BaselineFiles | None = None
    pictures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dataset:
    """How much was read; `sha256` of the files in order, for baseline datasets."""

    files: int = 0
    size_bytes: int = 0
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Labels:
    """Ground truth that was read. repeats: labels that a later one of the same record replaced.

    id_form: what the first label's id looks like.
    """

    count: int = 0
    repeats: int = 0
    rejects: Rejects = field(default_factory=Rejects)
    id_form: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """What a run sends to people. counts: what the report says of it; files: name → content, records' own values in them."""

    counts: Mapping[str, int] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run gave no result. `place` is where in our code, for errors nobody foresaw."""

    type: str
    message: str
    place: str = ""

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """Our own errors speak for themselves; of others only type and place are told, since their text may hold values."""
        name = type(error).__name__
        if isinstance(error, MonitorError):
            return cls(name, str(error))
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if Path(frame.filename).is_relative_to(PACKAGE)] or frames
        place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno} in {ours[-1].name}" if ours else ""
        return cls(
            name, f"unexpected {name} at {place}. This is a defect of the monitor; report it with this line.", place
        )


@dataclass(frozen=True, slots=True)
class Run:
    """Facts of the run itself, given by the front door: the only part of a report that may differ on the same data."""

    started: datetime
    finished: datetime
    host: str = ""
    version: str = ""
    workers: int = 1
    details: Mapping[str, str] = field(default_factory=dict)
    reader: Reader = Reader.PYTHON


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a job."""

    job: Job
    reading: Reading = field(default_factory=Reading)
    results: tuple[MonitorResult, ...] = ()
    dataset: Dataset = field(default_factory=Dataset)
    error: Failure | None = None
    late: Late | None = None  # windows that waited for labels; None: the run remembers none
    labels: Labels | None = None
    review: Review | None = None  # None: no predictions go to people

    @property
    def verdict(self) -> Verdict:
        if self.error is not None:
            return Verdict.ERROR
        late = self.late.verdicts if self.late else []
        return worst_verdict([*(result.conclusion.verdict for result in self.results), *late])

    @property
    def reason(self) -> str:
        """Why the verdict is no plain pass or violation: of the first monitor that says so."""
        if self.error is not None:
            return self.error.message
        verdict, late = self.verdict, self.late.scores if self.late else ()
        reasons = [result.conclusion.reason for result in self.results if result.conclusion.verdict is verdict]
        reasons += [score.reason for score in late if score.verdict is verdict]
        return next(filter(None, reasons), "")

    @property
    def violation_count(self) -> int:
        own = sum(len(result.conclusion.violations) for result in self.results)
        return own + (self.late.violations if self.late else 0)

    def failed(self, failure: Failure) -> Report:
        """The same report, ended by an error."""
        return replace(self, error=failure)


def to_json(report: Report, run: Run) -> dict[str, Any]:
    """The content of report.json."""
    job = report.job
    late = {} if report.late is None else _late(report.late)
    return {
        "version": REPORT_VERSION,
        "kind": job.kind,
        **({"rehearsal": True} if job.is_rehearsal else {}),
        **({"design_effect": job.effect} if job.effect != 1.0 else {}),
        **({"links": dict(job.links)} if job.links else {}),
        "verdict": report.verdict,
        "reason": report.reason,
        "endpoint": job.endpoint,
        "schedule": job.schedule,
        "window": window_json(job),
        "dataset": {
            "kind": job.dataset.kind,
            "files": report.dataset.files,
            "size_bytes": report.dataset.size_bytes,
            "sha256": report.dataset.sha256,
        },
        "reading": _reading(report.reading),
        "ground_truth": _labels(report.labels),
        "monitors": [_monitor(result, job.kind) for result in report.results],
        **late,
        **({"review": dict(report.review.counts)} if report.review and report.error is None else {}),
        "provenance": dict(sorted(job.provenance.items())),
        "error": _failure(report.error),
        "run": _run(run, job),
    }


def window_json(job: Job) -> dict[str, str] | None:
    """The window as reports and logs tell it."""
    return None if job.window is None else {"start": _time(job.window.start), "end": _time(job.window.end)}


def schema() -> dict[str, Any]:
    """The published JSON Schema of report.json."""
    content: dict[str, Any] = orjson.loads(SCHEMA_FILE.read_bytes())
    return content


def _reading(reading: Reading) -> dict[str, Any]:
    left_out = {"own_requests": reading.own_requests, "dropped_by_script": reading.dropped}
    return {name: count for name, count in left_out.items() if count} | {
        "records": reading.records,
        "events": reading.events,
        "repeats_approximate": reading.repeats,
        "outside_window": reading.outside_window,
        "rejected": reading.rejects.count,
        "rejected_fraction": reading.rejected_fraction,
        "rejects": _rejects(reading.rejects),
        "tolerated": dict(sorted(reading.tolerated.items())),
        "variants": dict(sorted(reading.variants.items())),
        "first_time": None if reading.first_time is None else _time(datetime.fromtimestamp(reading.first_time, UTC)),
        "last_time": None if reading.last_time is None else _time(datetime.fromtimestamp(reading.last_time, UTC)),
    }


def _rejects(rejects: Rejects) -> dict[str, Any]:
    located = [{"path": reject.path, "line": reject.line, "reason": reject.reason} for reject in rejects.located]
    return {"by_reason": dict(sorted(rejects.by_reason.items())), "located": located}


def _labels(labels: Labels | None) -> dict[str, Any] | None:
    if labels is None:
        return None
    return {
        "labels": labels.count,
        "repeats": labels.repeats,
        "rejected": labels.rejects.count,
        "rejects": _rejects(labels.rejects),
    }


def _monitor(result: MonitorResult, kind: JobKind) -> dict[str, Any]:
    conclusion = result.conclusion
    outcomes = Counter(check.outcome for check in conclusion.checks)
    violations = Counter(str(check.check_type) for check in conclusion.violations)
    content: dict[str, Any] = {
        "type": result.type,
        "key": monitor_key(result.type),
        "verdict": conclusion.verdict,
        "reason": conclusion.reason,
        "notes": list(conclusion.notes),
    }
    if kind is JobKind.MONITOR:
        content |= {
            "baseline": _baseline(result.baseline),
            "decision": conclusion.decision,
            "coverage": {"checks": len(conclusion.checks)} | {str(outcome): outcomes[outcome] for outcome in Outcome},
            "violations": dict(sorted(violations.items())),
            "checks": [_check(check, conclusion.repeated) for check in conclusion.checks],
        }
    pictures = {"pictures": dict(result.pictures)} if result.pictures else {}
    return content | {"summary": dict(result.summary)} | pictures


def _baseline(files: BaselineFiles | None) -> dict[str, str | None] | None:
    if files is None:
        return None
    return {
        "version": files.version or None,
        "constraints_sha256": _digest(files.constraints),
        "statistics_sha256": _digest(files.statistics),
    }


def _digest(path: Path | None) -> str | None:
    return None if path is None else hashlib.sha256(path.read_bytes()).hexdigest()


def _check(check: Check, repeated: Mapping[str, str]) -> dict[str, Any]:
    same = {"same_as": repeated[check.subject]} if check.subject in repeated else {}
    return {
        "check_type": check.check_type,
        "subject": check.subject,
        "outcome": check.outcome,
        "observed": check.observed,
        "allowed": check.allowed,
        "distance": check.distance,
        "baseline": check.baseline,
        "allowance": check.allowance,
        "p_value": None if check.evidence is None else check.evidence.p_value,
        "is_required": check.is_required,
        "description": check.description,
        "sentence": check.sentence,
        **same,
    }


def _late(late: Late) -> dict[str, Any]:
    waiting = {"windows": late.waiting, "due": late.left}
    return {"late": [score.to_report() for score in late.scores], "waiting": waiting}


def _failure(failure: Failure | None) -> dict[str, str] | None:
    return None if failure is None else {"type": failure.type, "message": failure.message, "place": failure.place}


def _run(run: Run, job: Job) -> dict[str, Any]:
    return {
        "started": _time(run.started),
        "finished": _time(run.finished),
        "seconds": round((run.finished - run.started).total_seconds(), 3),
        "host": run.host,
        "version": run.version,
        "workers": run.workers,
        "reader": run.reader,
        "dataset_source": str(job.dataset.path),
        "output_path": str(job.output),
        "details": dict(sorted(run.details.items())),
    }


def _time(time: datetime) -> str:
    return time.strftime(TIME_FORMAT)
