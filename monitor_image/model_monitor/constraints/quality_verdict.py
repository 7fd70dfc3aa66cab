"""Whether a window's quality can be judged yet, and the judgement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from model_monitor.constraints import quality
from model_monitor.constraints.model import Conclusion
from model_monitor.constraints.quality import QualityConstraint
from model_monitor.constraints.verdict import conclude
from model_monitor.contract import TIME_FORMAT, ProblemType, Verdict
from model_monitor.errors import BaselineError
from model_monitor.job import Job, MonitorSettings
from model_monitor.metrics.quality_statistics import QualityStatistics
from model_monitor.words import counted

NO_BASELINE_REASON = "no baseline, and no thresholds are configured"


@dataclass(frozen=True, slots=True)
class QualityConstraints:
    """constraints.json of model quality. `type` is None where the file does not say (the original framework's)."""

    constraints: tuple[QualityConstraint, ...]
    type: ProblemType | None = None
    where: str = "baseline"


def merged(
    baseline: QualityConstraints | None, thresholds: Mapping[str, QualityConstraint | None], type_: ProblemType
) -> QualityConstraints | None:
    """The baseline's constraints with a user's thresholds over them; None where there are none at all.

    Raises: BaselineError when the baseline is of another type of problem.
    """
    if baseline is not None and baseline.type not in (None, type_):
        raise BaselineError(
            baseline.where, f"is of {baseline.type}, and the monitor's problem_type is {type_}.", "Correct one of them."
        )
    found = {constraint.metric: constraint for constraint in baseline.constraints} if baseline else {}
    kept = {metric: value for metric, value in {**found, **thresholds}.items() if value is not None}
    return QualityConstraints(tuple(kept.values()), type_) if kept else None


def judge(
    statistics: QualityStatistics, constraints: QualityConstraints | None, settings: MonitorSettings, job: Job
) -> Conclusion:
    """Never ok when nothing was evaluated."""
    if not statistics.records:
        return Conclusion(Verdict.NO_DATA, reason="the window holds no records")
    reason = why_not(statistics, settings, job)
    if reason or constraints is None:
        return Conclusion(Verdict.INSUFFICIENT_DATA, reason=reason or NO_BASELINE_REASON)
    found = statistics.quality
    return conclude([quality.check(each, found.values, found.deviations) for each in constraints.constraints])


def why_not(statistics: QualityStatistics, settings: MonitorSettings, job: Job) -> str:
    """Why nothing can be said of the window's quality; "" when it can."""
    maturity, share = settings.maturity, statistics.coverage.share or 0.0
    labelled = f"{statistics.labelled} of {counted(statistics.records, 'prediction')} have a label ({share:.1%})"
    due = None if job.window is None else job.window.end + maturity.delay
    when = "" if due is None else f"; labels {{}} due at {due.strftime(TIME_FORMAT)}"
    if job.window is not None and not maturity.is_due(job.window.end, job.now):
        return f"{labelled}{when.format('are')}"
    if not statistics.answered:
        return "no record has a prediction; check payload.output of the configuration"
    if not statistics.labelled and job.ground_truth is None:
        return "no label: neither ground truth nor a label column was given"
    if share < maturity.min_coverage or not statistics.labelled:
        needed = f", min_coverage is {maturity.min_coverage:.1%}" if maturity.min_coverage else ""
        return f"{labelled}{needed}{when.format('were')}"
    if statistics.quality.fault:
        return statistics.quality.fault
    if statistics.quality.count < settings.min_records:
        count = counted(statistics.quality.count, "record")
        return f"{count} with prediction and label, fewer than min_records = {settings.min_records}"
    return ""
