"""Bias drift: does the model treat a group of people, or what it learns from, worse than when the baseline was made?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from model_monitor.contract import (
    ANALYSIS_FILE,
    CHECK_BIAS_DRIFT,
    Decision,
    JobKind,
    MonitoringType,
    Verdict,
)
from model_monitor.errors import DatasetError
from model_monitor.job.job import BaselineFiles, Job
from model_monitor.monitors.answered import few_answers
from model_monitor.monitors.base import Files, Monitor, Options, Shown
from model_monitor.monitors.baseline_files import read_document
from model_monitor.monitors.conclusion import Check, Conclusion
from model_monitor.monitors.labelled import prediction_notes, unjudged, why_unlabelled
from model_monitor.monitors.model_bias import constraints as bias, options as bias_options
from model_monitor.monitors.model_bias.constraints import BiasConstraints
from model_monitor.monitors.model_bias.files import analysis_file, violations_file
from model_monitor.monitors.model_bias.profile import BiasProfile
from model_monitor.monitors.model_bias.settings import BiasSettings
from model_monitor.monitors.model_bias.shown import lines, metrics, summary
from model_monitor.monitors.model_bias.statistics import BiasStatistics, read_statistics
from model_monitor.monitors.verdict import conclude
from model_monitor.schema import Rows

NO_BASELINE_REASON = "no baseline"


def empty(job: Job) -> BiasProfile:
    """No records."""
    return BiasProfile.empty(settings_of(job), job.schema)


def profile_rows(rows: Rows, job: Job) -> BiasProfile:
    """One chunk."""
    return BiasProfile.of(rows, settings_of(job))


def statistics_of(profile: BiasProfile, job: Job) -> BiasStatistics:
    """Every metric of every facet; the flip test searches here, on as many threads as the job has workers."""
    is_baseline = job.kind is JobKind.BASELINE
    return read_statistics(profile, settings_of(job), job.schema, job.workers or -1, is_baseline=is_baseline)


def suggest_constraints(statistics: BiasStatistics, job: Job) -> BiasConstraints:
    """What was measured is what may not be exceeded. Raises: DatasetError when no record has a label."""
    if not statistics.labelled:
        remedy = "Name their column: payload.label in the configuration."
        raise DatasetError(f"{job.dataset.path}: the dataset holds no labels. {remedy}")
    return BiasConstraints({}, analysis_file(replace(statistics, is_baseline=True)))


def load_baseline(files: BaselineFiles) -> BiasConstraints | None:
    """analysis.json, Clarify's or ours."""
    if files.constraints is None:
        return None
    return bias.read(read_document(files.constraints), str(files.constraints))


def check(statistics: BiasStatistics, baseline: BiasConstraints | None, job: Job) -> Conclusion:
    """Every metric of a window against the baseline's, once enough labels are there."""
    if not statistics.records:
        return Conclusion(Verdict.NO_DATA, reason="the window holds no records")
    labelled, records = statistics.labelled, statistics.records
    monitor = job.settings_of(MonitoringType.MODEL_BIAS)
    reason = why_unlabelled(labelled, records, monitor, job)
    if reason:
        return unjudged(reason, labelled, records, monitor, job)
    if baseline is None:
        return Conclusion(Verdict.INSUFFICIENT_DATA, reason=NO_BASELINE_REASON)
    settings = settings_of(job)
    decision = job.settings_of(MonitoringType.MODEL_BIAS).decision or Decision.AWS
    checks = list(bias.checks(statistics, baseline, settings, decision))
    conclusion = conclude([*checks, *unanswered(statistics, settings)])
    notes = (
        *prediction_notes(statistics.stated, statistics.predicted, job),
        *bias.dropped_facets(baseline, settings),
        *_sample_notes(statistics),
    )
    return replace(conclusion, notes=notes)


def unanswered(statistics: BiasStatistics, settings: BiasSettings) -> list[Check]:
    """That too few labelled records have a prediction; none has one where no metric of the model is asked for."""
    if not statistics.predicted:
        return []
    counts = (statistics.predicted, statistics.labelled)
    return few_answers(*counts, settings.min_answers, "predictions", "with a label have an answer of the model")


def _sample_notes(statistics: BiasStatistics) -> Iterator[str]:
    for entry in statistics.entries:
        flip = entry.flip
        if flip is not None and flip.records < flip.seen:
            yield (
                f"{bias.subject(entry, 'FT')}: from a sample of {flip.records} of {flip.seen} records, "
                f"{flip.low:.4f} to {flip.high:.4f} with 95 % confidence"
            )


def constraints_file(constraints: BiasConstraints) -> dict[str, Any]:
    """As it was read, or as it is to be written."""
    return dict(constraints.document)


# --- settings ------------------------------------------------------------------------------------------------------------


def settings_of(job: Job) -> BiasSettings:
    """The job's, with names in the place of positions, and the payload's label where no name is given."""
    settings: BiasSettings = job.settings_of(MonitoringType.MODEL_BIAS).options.get(
        bias_options.SETTINGS, BiasSettings()
    )
    facets = tuple(replace(facet, name=_feature(facet.name, job)) for facet in settings.facets)
    return replace(
        settings,
        facets=facets,
        group=None if settings.group is None else _feature(settings.group, job),
        label_name=settings.label_name or job.schema.payload.label or "label",
    )


def _feature(name: str, job: Job) -> str:
    names = job.schema.names
    return names[int(name)] if name not in names and name.isdecimal() and int(name) < len(names) else name


MONITOR = Monitor(
    type=MonitoringType.MODEL_BIAS,
    empty=empty,
    profile=profile_rows,
    statistics=statistics_of,
    suggest=suggest_constraints,
    check=check,
    files=Files(
        load=load_baseline,
        statistics=analysis_file,
        constraints=constraints_file,
        violations=violations_file,
        statistics_name=ANALYSIS_FILE,
        constraints_name=ANALYSIS_FILE,
    ),
    options=Options(bias_options.read_options, bias_options.complete_options),
    shown=Shown(metrics, summary, lines),
    needs_labels=True,
    forced=CHECK_BIAS_DRIFT,
)
