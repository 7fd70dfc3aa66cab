"""What a monitor is: a record of pure functions. A new monitoring type is one new file in this package.

Every module of this package that has a constant `MONITOR` is found by `registry.monitors()`; nothing else is edited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar, cast

from model_monitor.contract import CONSTRAINTS_FILE, STATISTICS_FILE, MonitoringType
from model_monitor.job.blocks import Block, Faults
from model_monitor.job.job import BaselineFiles, Job
from model_monitor.monitors.conclusion import Conclusion
from model_monitor.outputs.metric import Metric
from model_monitor.schema import FeatureType, Rows, Schema


class Profile(Protocol):
    """What merges: picklable, with an associative `merge`, and JSON that gives the same profile back."""

    def merge(self, other: Self, /) -> Self:
        """Combine two disjoint parts; `self` comes first in file order."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        ...


P = TypeVar("P", bound=Profile)  # profile
S = TypeVar("S")  # statistics
C = TypeVar("C")  # constraints
B = TypeVar("B")  # baseline: constraints and statistics as read


@dataclass(frozen=True, slots=True)
class Monitor(Generic[P, S, C, B]):
    """One monitoring type.

    empty: the identity of `merge` for a job.
    profile: the only one that sees rows; called once per chunk.
    from_json: the inverse of the profile's `to_json`.
    statistics: numbers read from a merged profile.
    read_options: the monitor's part of a configuration file, beyond what every monitor has; faults go to the block.
    suggest: baseline job; raises SchemaMismatch when the data contradicts a declared type.
    load_baseline: reads local files in any of AWS's spellings; None when neither file is given. Raises BaselineError.
    check: monitoring job; with no baseline nothing is evaluated and the conclusion says so.
    statistics_file, constraints_file, violations_file: contents of AWS's three files; None: no violations, no file.
    metrics: the monitor's own values; what every run has (records, rejects, verdict) is the flow's.
    summary: the monitor's block in report.json: the statistics that a reader wants, never a record's own values.
    complete_options: (options, schema, path, faults) → options with what only the payload settles; faults are added.
    baseline_features: names and types of the baseline's features, in order: what a schema takes from it; most know none.
    constraints_used: what `check` compares with, None without: the baseline's constraints with the job's overrides, or as
        they are.
    needs_labels: rows come with `Rows.truth`.
    statistics_name, constraints_name: names of the files; Clarify's monitors write one, analysis.json.
    extra_files: name → content (JSON, or bytes as they are) of what else a run of either kind leaves.
    """

    type: MonitoringType
    empty: Callable[[Job], P]
    profile: Callable[[Rows, Job], P]
    from_json: Callable[[dict[str, Any]], P]
    statistics: Callable[[P, Job], S]
    suggest: Callable[[S, Job], C]
    load_baseline: Callable[[BaselineFiles], B | None]
    check: Callable[[S, B | None, Job], Conclusion]
    statistics_file: Callable[[S], dict[str, Any]]
    constraints_file: Callable[[C], dict[str, Any]]
    violations_file: Callable[[Conclusion], dict[str, Any] | None]
    metrics: Callable[[S, Conclusion, Job], Iterable[Metric]]
    summary: Callable[[S, Conclusion], dict[str, Any]]
    read_options: Callable[[Block], dict[str, Any]]
    complete_options: Callable[[dict[str, Any], Schema, str, Faults], dict[str, Any]] = lambda options, *_: options
    baseline_features: Callable[[B], tuple[tuple[str, FeatureType], ...]] = lambda _: ()
    constraints_used: Callable[[B | None, Job], C | None] = lambda baseline, _job: cast("C | None", baseline)
    needs_labels: bool = False
    statistics_name: str = STATISTICS_FILE
    constraints_name: str = CONSTRAINTS_FILE
    extra_files: Callable[[S, Job], Mapping[str, Mapping[str, Any] | bytes]] = lambda _statistics, _job: {}


AnyMonitor = Monitor[Any, Any, Any, Any]
