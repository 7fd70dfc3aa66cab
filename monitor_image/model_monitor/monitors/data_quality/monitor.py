"""Data quality: are the features that reach the model what they were when the baseline was made?"""

from __future__ import annotations

from dataclasses import replace

from model_monitor.contract import (
    CheckType,
    Decision,
    JobKind,
    MonitoringType,
    Verdict,
)
from model_monitor.errors import FeaturesMissing, SchemaMismatch
from model_monitor.job.job import BaselineFiles, DatasetKind, Job
from model_monitor.monitors.base import Files, Monitor, Options, Shown
from model_monitor.monitors.baseline_files import is_signed
from model_monitor.monitors.conclusion import Conclusion
from model_monitor.monitors.data_quality.baseline import Baseline, read_baseline
from model_monitor.monitors.data_quality.comparison import compare, run_checks
from model_monitor.monitors.data_quality.constraints import Constraints, FeatureConstraints
from model_monitor.monitors.data_quality.files import constraints_file, statistics_file
from model_monitor.monitors.data_quality.monitoring_config import with_options
from model_monitor.monitors.data_quality.notes import baseline_notes
from model_monitor.monitors.data_quality.options import read_options
from model_monitor.monitors.data_quality.pictures import pictures
from model_monitor.monitors.data_quality.profile import DatasetProfile, FeatureProfile
from model_monitor.monitors.data_quality.rules import check_rules, suggest_rules
from model_monitor.monitors.data_quality.shown import lines, metrics, summary
from model_monitor.monitors.data_quality.statistics import DatasetStatistics, read_statistics
from model_monitor.monitors.data_quality.suggestion import suggest
from model_monitor.monitors.verdict import conclude
from model_monitor.schema import FeatureType, Privacy, Rows
from model_monitor.sketches.kinds import accepts
from model_monitor.words import counted

NO_BASELINE_REASON = "no baseline"
BY_PLACE = (
    "no payload.features: columns are taken by their place, those of the answer first, then the request's; a training file "
    "in another order needs payload.features and payload.output"
)


def empty(job: Job) -> DatasetProfile:
    """No records of the job's features."""
    return DatasetProfile(features=tuple(FeatureProfile() for _ in job.schema.features))


def profile_rows(rows: Rows, _: Job) -> DatasetProfile:
    """One chunk."""
    return DatasetProfile.of(rows)


def statistics_of(profile: DatasetProfile, job: Job) -> DatasetStatistics:
    """Numbers read from a merged profile."""
    is_baseline, missing = job.kind is JobKind.BASELINE, job.schema.payload.missing
    found = read_statistics(profile, job.schema.features, takes_declared=is_baseline, missing=missing)
    return found if is_baseline else replace(found, tells_texts=_compares_texts(job))


def _compares_texts(job: Job) -> bool:
    """Whether text features are compared beyond what AWS's files hold: with a baseline of ours, and not by AWS's rule."""
    if job.settings_of(MonitoringType.DATA_QUALITY).decision is Decision.AWS:
        return False
    return is_signed(job.baselines.get(MonitoringType.DATA_QUALITY, BaselineFiles()))


def suggest_constraints(statistics: DatasetStatistics, job: Job) -> Constraints:
    """Constraints that the baseline's data satisfies, with the job's configuration.

    Raises: SchemaMismatch when the data contradicts a declared type; FeaturesMissing when it lacks declared features.
    """
    if not job.schema.is_positional:
        absent = [name for name, count in statistics.absent.items() if count >= statistics.item_count]
        if absent:
            unclaimed = sorted(statistics.extra.counts)
            raise FeaturesMissing(job.dataset.path, sorted(absent, key=job.schema.names.index), unclaimed)
    for declared, found in zip(job.schema.features, statistics.features, strict=True):
        if declared.type is not None and not accepts(declared.type, found.inferred_type):
            raise SchemaMismatch(job.dataset.path, declared.name, declared.type, found.inferred_type)
    options = job.settings_of(MonitoringType.DATA_QUALITY).options
    suggested = suggest(statistics, suggest_rules())
    return with_options(suggested, options, options.get("categorical_drift_method"))


def load_baseline(files: BaselineFiles) -> Baseline | None:
    """Constraints and statistics in any of AWS's spellings."""
    return read_baseline(files.constraints, files.statistics)


def baseline_features(baseline: Baseline) -> tuple[tuple[str, FeatureType], ...]:
    """Names and types in the order of the baseline's columns."""
    return tuple((feature.name, feature.inferred_type) for feature in baseline.constraints.features)


def constraints_used(baseline: Baseline | None, job: Job) -> Constraints | None:
    """The baseline's constraints with the job's overrides."""
    if baseline is None:
        return None
    options = job.settings_of(MonitoringType.DATA_QUALITY).options
    return with_options(baseline.constraints, options, options.get("categorical_drift_method"))


def constraints_told(baseline: Baseline | None, job: Job) -> Constraints | None:
    """The same for the run's own file, which keeps to the stricter class where a feature's changed after the baseline was made."""
    used = constraints_used(baseline, job)
    classes = {feature.name: feature.privacy for feature in job.schema.features}
    if used is None:
        return None
    return replace(used, features=tuple(_told(each, classes.get(each.name, Privacy.OPEN)) for each in used.features))


def _told(constraints: FeatureConstraints, privacy: Privacy) -> FeatureConstraints:
    strictest = max(constraints.privacy, privacy, key=tuple(Privacy).index)
    hides = strictest is Privacy.RESTRICTED and constraints.salt is None
    return replace(constraints, privacy=strictest, domains=None if hides else constraints.domains)


def check(statistics: DatasetStatistics, baseline: Baseline | None, job: Job) -> Conclusion:
    """All checks of a window against its baseline; where AWS's rule is asked for, AWS's alone."""
    if baseline is not None and job.settings_of(MonitoringType.DATA_QUALITY).decision is Decision.AWS:
        baseline = baseline.without_texts()
    constraints = constraints_used(baseline, job)
    return replace(_conclusion(statistics, baseline, constraints, job), silenced=_silenced(constraints, job))


def _conclusion(
    statistics: DatasetStatistics, baseline: Baseline | None, constraints: Constraints | None, job: Job
) -> Conclusion:
    minimum = job.settings_of(MonitoringType.DATA_QUALITY).min_records
    is_one_width = statistics.uniform_width is not None  # of all records that could not be read: only columns tell
    records = statistics.item_count or (sum(statistics.widths.values()) if is_one_width else 0)
    if not records:
        return Conclusion(Verdict.NO_DATA, reason="the window holds no records")
    if baseline is None or constraints is None:
        return Conclusion(Verdict.INSUFFICIENT_DATA, reason=NO_BASELINE_REASON)
    if records < minimum:
        return Conclusion(
            Verdict.INSUFFICIENT_DATA, reason=f"{counted(records, 'record')}, fewer than min_records = {minimum}"
        )
    comparison = compare(
        statistics,
        baseline,
        constraints,
        {feature.name: feature.type for feature in job.schema.features},
        frozenset(job.metrics.critical),
        _columns_beside_features(job),
        job.settings_of(MonitoringType.DATA_QUALITY).decision is Decision.CALIBRATED,
    )
    is_positional = job.schema.is_positional and job.dataset.kind is DatasetKind.CAPTURE
    comparison = replace(comparison, is_positional=is_positional)
    found = conclude(run_checks(comparison, check_rules()))
    is_shifted = is_positional and any(check.check_type == CheckType.DATA_TYPE for check in found.violations)
    notes = (comparison.disagreement, BY_PLACE if is_shifted else "")
    return replace(found, notes=tuple(filter(None, notes)))


def _columns_beside_features(job: Job) -> set[str]:
    """Label, prediction and score by name: baselines made of labelled data or by AWS hold them as columns."""
    payload, output = job.schema.payload, job.schema.payload.output
    named = (payload.label, payload.prediction, payload.score, output.prediction, output.score)
    return {name for name in named if isinstance(name, str)}


def _silenced(constraints: Constraints | None, job: Job) -> frozenset[str]:
    """Features whose metrics `emit_metrics` switches off, in the baseline or in the job's configuration."""
    if constraints is None:
        unknown = tuple(FeatureConstraints(name, FeatureType.UNKNOWN) for name in job.schema.names)
        constraints = with_options(Constraints(unknown), job.settings_of(MonitoringType.DATA_QUALITY).options)
    off = {feature.name for feature in constraints.features if not feature.config.emit_metrics}
    known = {feature.name for feature in constraints.features}
    return frozenset(off if constraints.config.emit_metrics else off | (set(job.schema.names) - known))


MONITOR = Monitor(
    type=MonitoringType.DATA_QUALITY,
    empty=empty,
    profile=profile_rows,
    statistics=statistics_of,
    suggest=suggest_constraints,
    check=check,
    files=Files(
        load=load_baseline,
        features=baseline_features,
        used=constraints_told,
        statistics=statistics_file,
        constraints=constraints_file,
    ),
    options=Options(read_options),
    shown=Shown(metrics, summary, lines, pictures),
    notes=baseline_notes,
    forced=CheckType.BASELINE_DRIFT,
)
