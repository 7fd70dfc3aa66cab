"""What a monitor is: a small record for each of those who ask. A new monitoring type is one new folder beside this module.

    monitors/row_count/__init__.py
    monitors/row_count/monitor.py      MONITOR = Monitor(type=…, empty=…, profile=…, statistics=…, suggest=…, check=…)

The name of the folder is the monitor's key in configurations and outputs, and its type in snake case. Nothing else is edited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any, Generic, Protocol, Self, TypeVar, cast

from model_monitor.contract import CHECK_CUSTOM_METRIC, CONSTRAINTS_FILE, STATISTICS_FILE, MonitoringType
from model_monitor.job.blocks import Block, Faults
from model_monitor.job.job import BaselineFiles, Job
from model_monitor.monitors.baseline_files import read_document
from model_monitor.monitors.conclusion import Conclusion
from model_monitor.monitors.violations_file import violations_file
from model_monitor.outputs.metric import Metric
from model_monitor.schema import FeatureType, Rows, Schema


class Profile(Protocol):
    """What merges: picklable, with an associative `merge`, and JSON that gives the same profile back (`from_json`)."""

    def merge(self, other: Self, /) -> Self:
        """Combine two disjoint parts; `self` comes first in file order."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        ...

    @classmethod
    def from_json(cls, content: dict[str, Any], /) -> Self:
        """The inverse of `to_json`."""
        ...


P = TypeVar("P", bound=Profile)  # profile
S = TypeVar("S")  # statistics
C = TypeVar("C")  # constraints
Locate = Callable[[str], str]  # a feature → `path:line` of its first value that is no number; "" where nobody can tell
B = TypeVar("B")  # baseline: constraints and statistics as read


def as_document(value: object) -> dict[str, Any]:
    """A value of plain fields as the content of a file: those of a dataclass, or a mapping as it is."""
    return (
        asdict(value) if is_dataclass(value) and not isinstance(value, type) else dict(cast("Mapping[str, Any]", value))
    )


def load_constraints(files: BaselineFiles) -> Any:
    """The constraints of a baseline as they were written; None without."""
    return None if files.constraints is None else read_document(files.constraints)


@dataclass(frozen=True, slots=True)
class Files(Generic[S, C, B]):
    """What a monitor reads of its baseline and what it leaves: AWS's three files, and what stands beside them.

    load: reads local files in any of AWS's spellings; None when neither is given. Raises BaselineError.
    features: names and types of the baseline's features, in order: what a schema takes from it; most know none.
    used: what `check` compares with, as its file tells it; None without: the baseline's constraints with the job's overrides.
    statistics, constraints, violations: contents of the three; None: no violations, no file.
    statistics_name, constraints_name: Clarify's monitors write one, analysis.json.
    beside: name → content (JSON, or bytes as they are) of what else a run of either kind leaves.
    """

    load: Callable[[BaselineFiles], B | None] = load_constraints
    features: Callable[[B], tuple[tuple[str, FeatureType], ...]] = lambda _: ()
    used: Callable[[B | None, Job], C | None] = lambda baseline, _job: cast("C | None", baseline)
    statistics: Callable[[S], dict[str, Any]] = as_document
    constraints: Callable[[C], dict[str, Any]] = as_document
    violations: Callable[[Conclusion], dict[str, Any] | None] = violations_file
    statistics_name: str = STATISTICS_FILE
    constraints_name: str = CONSTRAINTS_FILE
    beside: Callable[[S, Job], Mapping[str, Mapping[str, Any] | bytes]] = lambda _statistics, _job: {}


@dataclass(frozen=True, slots=True)
class Options:
    """A monitor's part of a configuration file, beyond what every monitor has; faults go to the block.

    complete: (options, schema, path, faults) → options with what only the payload settles; faults are added.
    """

    read: Callable[[Block], dict[str, Any]] = lambda _block: {}
    complete: Callable[[dict[str, Any], Schema, str, Faults], dict[str, Any]] = lambda options, *_: options


@dataclass(frozen=True, slots=True)
class Shown(Generic[S]):
    """What people see of a monitor.

    metrics: the monitor's own values for CloudWatch; what every run has (records, rejects, verdict) is the flow's.
    summary: its block in report.json: the statistics that a reader wants, never a record's own values.
    lines: (that block, conclusion) → its table on a terminal.
    pictures: (statistics, baseline) → what pictures need beside it: both sides of a distribution; {} draws none.
    """

    metrics: Callable[[S, Conclusion, Job], Iterable[Metric]] = lambda *_: ()
    summary: Callable[[S, Conclusion], dict[str, Any]] = lambda statistics, _conclusion: as_document(statistics)
    lines: Callable[[Mapping[str, Any], Conclusion], Sequence[str]] = lambda *_: ()
    pictures: Callable[[S, Any], dict[str, Any]] = lambda *_: {}


@dataclass(frozen=True, slots=True)
class Monitor(Generic[P, S, C, B]):
    """One monitoring type: what the flow asks of it, in the order in which it asks, and three records for the others.

    empty: the identity of `merge` for a job.
    profile: the only one that sees rows; called once per chunk.
    statistics: numbers read from a merged profile.
    suggest: baseline job; raises SchemaMismatch when the data contradicts a declared type.
    notes: baseline job; what a reader of its files should know first.
    check: monitoring job; with no baseline nothing is evaluated and the conclusion says so.
    needs_labels: rows come with `Rows.truth`.
    forced: the check type that a rehearsal violates: what the monitor's alarms watch first.
    """

    type: MonitoringType
    empty: Callable[[Job], P]
    profile: Callable[[Rows, Job], P]
    statistics: Callable[[P, Job], S]
    suggest: Callable[[S, Job], C]
    check: Callable[[S, B | None, Job], Conclusion]
    files: Files[S, C, B] = field(default_factory=Files)
    options: Options = field(default_factory=Options)
    shown: Shown[S] = field(default_factory=Shown)
    notes: Callable[[S, Job, Locate], tuple[str, ...]] = lambda *_: ()
    needs_labels: bool = False
    forced: str = CHECK_CUSTOM_METRIC


AnyMonitor = Monitor[Any, Any, Any, Any]
