"""What the demo saw: plain values, read from the account by `observe.py`, judged by `expectations.py`, kept in summary.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from demo.data import Mode

TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Hour:
    """A phase of the scenario: what one hour of the covertype endpoint's traffic is like. The other endpoint stays healthy,
    or quiet when this one is."""

    phase: str
    mode: Mode
    story: str

    @property
    def companion(self) -> Mode:
        """The traffic of the endpoint that never goes wrong."""
        return Mode.QUIET if self.mode is Mode.QUIET else Mode.HEALTHY


@dataclass(slots=True)
class Sent:
    """Traffic of one endpoint in one hour, as its application saw it."""

    requests: int = 0
    records: int = 0
    correct: int = 0

    @property
    def accuracy(self) -> float | None:
        return self.correct / self.records if self.records else None


@dataclass(frozen=True, slots=True)
class Decision:
    """What the retraining function decided about an alarm of an endpoint, as its log in the table keeps it."""

    time: datetime
    endpoint: str
    alarm: str
    text: str
    record: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """One entry of `retraining.decisions` in summary.json."""
        return {"time": f"{self.time:{TIME_FORMAT}}", "endpoint": self.endpoint, "alarm": self.alarm, **self.record}


@dataclass(slots=True)
class Observed:
    """Everything that the account tells about one endpoint and one hour.

    verdict: from report.json where a container ran, else from the 0/1 metric that the reconciler published.
    monitors: verdict of each monitor of the run. values: what its metrics say once labels are there.
    alarms: names that went to ALARM. messages: subjects that the topic sent to people. decisions: what the retraining
    function said to each of them. training_jobs: started in this hour.
    """

    endpoint: str
    phase: str
    start: datetime
    end: datetime
    sent: Sent = field(default_factory=Sent)
    runner: str = ""
    reason: str = ""
    verdict: str = ""
    records: int = 0
    rejects: int = 0
    monitors: dict[str, str] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    violations: dict[str, int] = field(default_factory=dict)
    features: dict[str, list[str]] = field(default_factory=dict)
    run_metrics: dict[str, float] = field(default_factory=dict)
    containers_started: int = 0
    alarms: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    training_jobs: list[str] = field(default_factory=list)
    report: str = ""
    routed: dict[str, int] = field(default_factory=dict)  # to people, by why

    def to_json(self) -> dict[str, Any]:
        """One entry of `hours` in summary.json."""
        return {
            "endpoint": self.endpoint,
            "phase": self.phase,
            "window": {"start": f"{self.start:{TIME_FORMAT}}", "end": f"{self.end:{TIME_FORMAT}}"},
            "requests": self.sent.requests,
            "sent": self.sent.records,
            "accuracy": self.sent.accuracy,
            "runner": self.runner,
            "reason": self.reason,
            "verdict": self.verdict,
            "records": self.records,
            "rejects": self.rejects,
            "monitors": self.monitors,
            "values": self.values,
            "violations": self.violations,
            "features": self.features,
            "run_metrics": self.run_metrics,
            "containers_started": self.containers_started,
            "alarms": self.alarms,
            "messages": self.messages,
            "decisions": [{"alarm": one.alarm, "decision": one.text} for one in self.decisions],
            "training_jobs": self.training_jobs,
            "report": self.report,
        }


@dataclass(slots=True)
class Training:
    """A training job and what lies in its artefact. Accuracies are shares of records, None where not measured."""

    name: str
    status: str
    artifact: str
    is_artifact_there: bool = False
    rows: dict[str, int] = field(default_factory=dict)
    validation_accuracy: float | None = None
    accuracy_before: float | None = None  # of the live model on a drifting hour that no training saw
    accuracy_after: float | None = None  # of the new one on the same records
    failure: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Release:
    """How a retraining ended. verdict: of the comparison; artifact, version: of its model and baseline; is_live: whether these are
    live at the end."""

    endpoint: str
    run: str
    result: str
    reason: str
    verdict: str
    artifact: str
    version: str
    is_live: bool

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What people did with uncertain predictions. routed: tasks of every run; sampled: those that the model was sure of. labels:
    in the ground truth; rows: files of the training set that hold reviewed records. agreement: of each hour in which they answered,
    how often the model was right. scores: of their tasks."""

    routed: int = 0
    sampled: int = 0
    answered: int = 0
    labels: int = 0
    rows: int = 0
    agreement: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """`review` in summary.json."""
        shares = [round(share, 6) for share in self.agreement]
        told = {"routed": self.routed, "sampled": self.sampled, "answered": self.answered, "labels": self.labels}
        return {**told, "rows": self.rows, "agreement": shares}


@dataclass(slots=True)
class Story:
    """The whole run."""

    hours: list[Observed] = field(default_factory=list)
    trainings: list[Training] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)
    stacks: list[str] = field(default_factory=list)
    baselines: dict[str, str] = field(default_factory=dict)  # endpoint → version
    image: str = ""
    identity_findings: list[str] = field(default_factory=list)
    identity_calls: int = 0
    decisions: list[Decision] = field(default_factory=list)  # about retraining
    review: Reviewed = field(default_factory=Reviewed)
    seconds: dict[str, float] = field(default_factory=dict)

    def of(self, endpoint: str, phase: str | None = None) -> list[Observed]:
        return [hour for hour in self.hours if hour.endpoint == endpoint and phase in (None, hour.phase)]
