"""Data quality: are the features that reach the model what they were when the baseline was made?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from model_monitor.contract import (
    DIMENSION_FEATURE,
    METRIC_DRIFT_MAX,
    METRIC_DRIFTED_SHARE,
    CheckType,
    JobKind,
    MonitoringType,
    PerFeature,
    Verdict,
    feature_data_metric,
    feature_drift_metric,
    feature_non_null_metric,
    violations_metric,
)
from model_monitor.errors import FeaturesMissing, SchemaMismatch
from model_monitor.job.job import BaselineFiles, Job
from model_monitor.monitors import registry
from model_monitor.monitors.base import Monitor
from model_monitor.monitors.baseline_files import read_baseline
from model_monitor.monitors.conclusion import Check, Conclusion, Constraints, FeatureConstraints, Outcome
from model_monitor.monitors.data_quality.comparison import Baseline, compare, run_checks
from model_monitor.monitors.data_quality.files import constraints_file
from model_monitor.monitors.data_quality.monitoring_config import with_options
from model_monitor.monitors.data_quality.options import read_options
from model_monitor.monitors.data_quality.profile import DatasetProfile, FeatureProfile
from model_monitor.monitors.data_quality.suggestion import suggest
from model_monitor.monitors.feature_file import statistics_file
from model_monitor.monitors.verdict import conclude
from model_monitor.monitors.violations_file import violations_file
from model_monitor.outputs.metric import Metric, StatisticValues
from model_monitor.schema import FeatureType, Privacy, Rows
from model_monitor.sketches.feature import DatasetStatistics, FeatureStatistics, read_statistics
from model_monitor.sketches.kinds import accepts
from model_monitor.words import counted

NO_BASELINE_REASON = "no baseline"


def empty(job: Job) -> DatasetProfile:
    """No records of the job's features."""
    return DatasetProfile(features=tuple(FeatureProfile() for _ in job.schema.features))


def profile_rows(rows: Rows, _: Job) -> DatasetProfile:
    """One chunk."""
    return DatasetProfile.of(rows)


def statistics_of(profile: DatasetProfile, job: Job) -> DatasetStatistics:
    """Numbers read from a merged profile."""
    return read_statistics(profile, job.schema.features, takes_declared=job.kind is JobKind.BASELINE)


def suggest_constraints(statistics: DatasetStatistics, job: Job) -> Constraints:
    """Constraints that the baseline's data satisfies, with the job's configuration.

    Raises: SchemaMismatch when the data contradicts a declared type; FeaturesMissing when it lacks declared features.
    """
    if not job.schema.is_positional:
        absent = [name for name, count in statistics.absent.items() if count >= statistics.item_count]
        if absent:
            raise FeaturesMissing(job.dataset.path, sorted(absent, key=job.schema.names.index))
    for declared, found in zip(job.schema.features, statistics.features, strict=True):
        if declared.type is not None and not accepts(declared.type, found.inferred_type):
            raise SchemaMismatch(job.dataset.path, declared.name, declared.type, found.inferred_type)
    options = job.settings_of(MonitoringType.DATA_QUALITY).options
    suggested = suggest(statistics, registry.suggest_rules())
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


def check(statistics: DatasetStatistics, baseline: Baseline | None, job: Job) -> Conclusion:
    """All checks of a window against its baseline."""
    constraints = constraints_used(baseline, job)
    return replace(_conclusion(statistics, baseline, constraints, job), silenced=_silenced(constraints, job))


def _conclusion(
    statistics: DatasetStatistics, baseline: Baseline | None, constraints: Constraints | None, job: Job
) -> Conclusion:
    minimum = job.settings_of(MonitoringType.DATA_QUALITY).min_records
    records = statistics.item_count or sum(statistics.widths.values())
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
    )
    notes = (comparison.disagreement,) if comparison.disagreement else ()
    return replace(conclude(run_checks(comparison, registry.check_rules())), notes=notes)


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


# --- what leaves the run -------------------------------------------------------------------------------------------------


def metrics(statistics: DatasetStatistics, conclusion: Conclusion, job: Job) -> Iterator[Metric]:
    """Violations by type and drift of the whole; of single features as the job asks."""
    for check_type in CheckType:
        count = sum(check.check_type == check_type for check in conclusion.violations)
        yield Metric(violations_metric(check_type), float(count), "Count")
    drift = _drift(conclusion)
    if drift:
        violated = sum(check.outcome is Outcome.VIOLATED for check in drift.values())
        yield Metric(METRIC_DRIFTED_SHARE, violated / len(drift))
        yield Metric(METRIC_DRIFT_MAX, max(check.distance or 0.0 for check in drift.values()))
    for feature in statistics.features:
        if _is_told(feature, job) and feature.name not in conclusion.silenced:
            yield from _of_feature(feature, drift.get(feature.name), job.metrics.feature_dimension)


def _of_feature(feature: FeatureStatistics, drift: Check | None, has_dimension: bool) -> Iterator[Metric]:
    values: list[tuple[str, float | StatisticValues]] = []
    if feature.present + feature.missing:
        values.append((feature_non_null_metric(feature.name), feature.completeness))
    numeric = feature.numeric
    is_shown = feature.inferred_type.is_numeric and feature.privacy is not Privacy.RESTRICTED
    if is_shown and numeric is not None and numeric.minimum is not None and numeric.maximum is not None:
        data = StatisticValues(float(numeric.count), numeric.sum, numeric.minimum, numeric.maximum)
        values.append((feature_data_metric(feature.name), data))
    if drift is not None and drift.distance is not None:
        values.append((feature_drift_metric(feature.name), drift.distance))
    for name, value in values:
        yield Metric(name, value)
        if has_dimension:
            yield Metric(name, value, extra_dimensions={DIMENSION_FEATURE: feature.name})


def summary(statistics: DatasetStatistics, conclusion: Conclusion) -> dict[str, Any]:
    """The monitor's block in report.json: what was covered, and the statistics of each feature, no category's name."""
    drift = _drift(conclusion)
    evaluated = sum(check.outcome is not Outcome.NOT_EVALUATED for check in conclusion.checks)
    return {
        "item_count": statistics.item_count,
        "coverage": {"checks": len(conclusion.checks), "evaluated": evaluated},
        "drifted_share": sum(c.outcome is Outcome.VIOLATED for c in drift.values()) / len(drift) if drift else None,
        "drift_max": max((c.distance or 0.0 for c in drift.values()), default=None),
        "features": [_summary(feature, drift.get(feature.name)) for feature in statistics.features],
    }


def _summary(feature: FeatureStatistics, drift: Check | None) -> dict[str, Any]:
    content: dict[str, Any] = {
        "name": feature.name,
        "inferred_type": feature.inferred_type.value,
        "present": feature.present,
        "missing": feature.missing,
        "completeness": feature.completeness,
        "distance": drift.distance if drift is not None else None,
    }
    if feature.privacy is Privacy.RESTRICTED:
        return content | {"privacy": feature.privacy.value}
    content["distinct"] = round(feature.distinct_count)
    numeric = feature.numeric
    if feature.inferred_type.is_numeric and numeric is not None and numeric.ranks is not None:
        content |= {
            "mean": numeric.mean,
            "std_dev": numeric.std_dev,
            "min": numeric.minimum,
            "median": numeric.ranks.quantile(0.5),
            "max": numeric.maximum,
            "rank_error": numeric.rank_error / numeric.count,
        }
    return content


def _drift(conclusion: Conclusion) -> dict[str, Check]:
    """Drift checks that were evaluated, by feature."""
    return {
        check.subject: check
        for check in conclusion.checks
        if check.check_type == CheckType.BASELINE_DRIFT and check.outcome is not Outcome.NOT_EVALUATED
    }


def _is_told(feature: FeatureStatistics, job: Job) -> bool:
    """Whether a feature has metrics of its own."""
    if job.metrics.per_feature is PerFeature.NONE:
        return False
    return job.metrics.per_feature is PerFeature.ALL or feature.name in job.metrics.critical


MONITOR = Monitor(
    type=MonitoringType.DATA_QUALITY,
    empty=empty,
    profile=profile_rows,
    from_json=DatasetProfile.from_json,
    statistics=statistics_of,
    suggest=suggest_constraints,
    load_baseline=load_baseline,
    baseline_features=baseline_features,
    constraints_used=constraints_used,
    check=check,
    statistics_file=statistics_file,
    constraints_file=constraints_file,
    violations_file=violations_file,
    metrics=metrics,
    summary=summary,
    read_options=read_options,
)
