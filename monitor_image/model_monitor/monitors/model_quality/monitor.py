"""Model quality: do the model's answers still agree with what came true?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from model_monitor.contract import (
    CHECK_GREATER,
    CHECK_LESS,
    CHECK_PREDICTION_DRIFT,
    DIMENSION_SLICE,
    DIMENSION_SLICE_VALUE,
    METRIC_LABEL_COVERAGE,
    METRIC_LABELS_WITHOUT_PREDICTION,
    METRIC_PREDICTION_DRIFT,
    PROBLEM_KEYS,
    MonitoringType,
    ProblemType,
    Verdict,
    violations_metric,
)
from model_monitor.errors import DatasetError
from model_monitor.job.job import BaselineFiles, Job
from model_monitor.monitors import thresholds as quality
from model_monitor.monitors.base import Monitor
from model_monitor.monitors.baseline_files import read_document
from model_monitor.monitors.conclusion import Conclusion
from model_monitor.monitors.feature_reader import read_dataset_statistics
from model_monitor.monitors.labelled import prediction_notes
from model_monitor.monitors.model_quality import files
from model_monitor.monitors.model_quality.options import QualityOptions, complete, options_of, read_options
from model_monitor.monitors.model_quality.profile import QualityProfile
from model_monitor.monitors.model_quality.statistics import QualityStatistics, read_statistics
from model_monitor.monitors.model_quality.subsamples import DRAWS, content_keys, is_kept
from model_monitor.monitors.model_quality.verdict import (
    QualityBaseline,
    QualityConstraints,
    drift_checks,
    judge,
    merged,
    why_not,
)
from model_monitor.outputs.metric import Metric
from model_monitor.schema import Rows
from model_monitor.sketches.answers import numbers_of
from model_monitor.sketches.feature import FeatureStatistics

CHECK_TYPES = (CHECK_LESS, CHECK_GREATER, CHECK_PREDICTION_DRIFT)
FEATURES_HASHED = 8  # of datasets without ids: enough to tell records apart whose label and prediction are equal


def empty(_: Job) -> QualityProfile:
    """No records."""
    return QualityProfile()


def profile_rows(rows: Rows, job: Job) -> QualityProfile:
    """One chunk."""
    options = _options(job)
    problem = options.problem
    subsamples = _subsamples(rows) if problem.type is ProblemType.REGRESSION else ()
    end = job.now or (job.window.end if job.window else None)
    seconds = None if end is None else int(end.timestamp())
    return QualityProfile.of(rows, problem, seconds, subsamples, options.slices)


def _subsamples(rows: Rows) -> tuple[np.ndarray, ...]:
    """Five subsamples that do not depend on how the records are cut."""
    keys = rows.truth.keys if rows.truth is not None else None
    if keys is None:
        told = [numbers_of(column, rows.count) for column in (rows.label, rows.prediction, rows.score)]
        keys = content_keys([*told, *(numbers_of(column, rows.count) for column in rows.features[:FEATURES_HASHED])])
    return tuple(is_kept(keys, number) for number in range(DRAWS))


def statistics_of(profile: QualityProfile, job: Job) -> QualityStatistics:
    """Numbers read from a merged profile."""
    options = _options(job)
    return read_statistics(profile, options.problem, options.min_slice_records)


def suggest(statistics: QualityStatistics, job: Job) -> QualityConstraints:
    """Every metric should stay as good as it is; the thresholds alone where the dataset holds no predictions.

    Raises: DatasetError when there are neither predictions with their labels nor thresholds.
    """
    measured, where = statistics.quality, job.dataset.path
    given = constraints_used(None, job)
    if not measured.count and given is not None:
        return given
    if measured.fault:
        raise DatasetError(f"{where}: {measured.fault}")
    if not measured.count:
        lacking = "predictions" if not statistics.answered else "labels"
        remedy = "payload.prediction or payload.score" if not statistics.answered else "payload.label"
        raise DatasetError(
            f"{where}: the dataset holds no {lacking}. Name their column: {remedy} in the configuration."
        )
    return QualityConstraints(quality.suggest(measured.values, _options(job).margin), statistics.problem.type)


def load_baseline(given: BaselineFiles) -> QualityBaseline | None:
    """Constraints in AWS's shape, or metrics at the top as the original framework has them; predictions of our own files."""
    if given.constraints is None and given.statistics is None:
        return None
    predictions: tuple[FeatureStatistics, ...] = ()
    if given.statistics is not None:
        block = read_document(given.statistics)
        for key in (files.OWN_BLOCK, files.PREDICTIONS):
            block = block.get(key) if isinstance(block, Mapping) else None
        if block is not None:
            predictions = read_dataset_statistics(block, f"{given.statistics}: {files.PREDICTIONS}").features
    return QualityBaseline(None if given.constraints is None else _read_constraints(given.constraints), predictions)


def _read_constraints(path: Path) -> QualityConstraints:
    document = read_document(path)
    found = quality.read(document, str(path))
    keys = document.keys() if isinstance(document, Mapping) else ()
    types = [type_ for type_, key in PROBLEM_KEYS.items() if f"{key}_constraints" in keys]
    return QualityConstraints(found, types[0] if types else None, str(path))


def constraints_used(baseline: QualityBaseline | None, job: Job) -> QualityConstraints | None:
    """The baseline's constraints with the job's thresholds."""
    options = _options(job)
    return merged(baseline.constraints if baseline else None, options.thresholds, options.problem.type)


def check(statistics: QualityStatistics, baseline: QualityBaseline | None, job: Job) -> Conclusion:
    """A window's quality against its baseline, once its labels have come."""
    settings, then = job.settings_of(MonitoringType.MODEL_QUALITY), baseline.predictions if baseline else ()
    drift = drift_checks(statistics.predictions, then, _options(job).drift, settings.min_records)
    conclusion = judge(statistics, constraints_used(baseline, job), drift, settings, job)
    notes = prediction_notes(statistics.stated, statistics.answered, job)
    return replace(
        conclusion,
        notes=(*conclusion.notes, *notes),
        drift_max=max((found.distance or 0.0 for found in drift), default=None),
    )


# --- what leaves the run -------------------------------------------------------------------------------------------------


def constraints_file(constraints: QualityConstraints) -> dict[str, Any]:
    """AWS's file."""
    return files.constraints_file(constraints.constraints, constraints.type or ProblemType.BINARY)


def metrics(statistics: QualityStatistics, conclusion: Conclusion, job: Job) -> Iterator[Metric]:
    """Coverage always; the metrics themselves and violations once the window can be judged."""
    share = statistics.coverage.share
    if share is not None:
        yield Metric(METRIC_LABEL_COVERAGE, share)
    if statistics.unused is not None:
        yield Metric(METRIC_LABELS_WITHOUT_PREDICTION, float(statistics.unused), "Count")
    if conclusion.drift_max is not None:
        yield Metric(METRIC_PREDICTION_DRIFT, conclusion.drift_max)
    if statistics.records and not why_not(statistics, job.settings_of(MonitoringType.MODEL_QUALITY), job):
        for name, value in statistics.quality.values.items():
            if math.isfinite(value):
                yield Metric(name, value)
        yield from _of_slices(statistics, _options(job).slice_metrics)
    if conclusion.verdict in (Verdict.OK, Verdict.VIOLATED):
        for check_type in CHECK_TYPES:
            count = sum(check.check_type == check_type for check in conclusion.violations)
            yield Metric(violations_metric(check_type), float(count), "Count")


def _of_slices(statistics: QualityStatistics, names: tuple[str, ...]) -> Iterator[Metric]:
    """One series for each metric, field and value; each costs money, so they are named one by one."""
    for part in statistics.slices:
        for value, found in part.values.items():
            dimensions = {DIMENSION_SLICE: part.name, DIMENSION_SLICE_VALUE: value}
            for name in names:
                if math.isfinite(found.values.get(name, math.nan)):
                    yield Metric(name, found.values[name], extra_dimensions=dimensions)


def summary(statistics: QualityStatistics, conclusion: Conclusion) -> dict[str, Any]:
    """The monitor's block in report.json."""
    return files.summary(statistics) | {"prediction_drift_max": conclusion.drift_max}


def _options(job: Job) -> QualityOptions:
    return options_of(job.settings_of(MonitoringType.MODEL_QUALITY).options)


MONITOR = Monitor(
    type=MonitoringType.MODEL_QUALITY,
    empty=empty,
    profile=profile_rows,
    from_json=QualityProfile.from_json,
    statistics=statistics_of,
    suggest=suggest,
    load_baseline=load_baseline,
    constraints_used=constraints_used,
    check=check,
    statistics_file=files.statistics_file,
    constraints_file=constraints_file,
    violations_file=files.violations_file,
    metrics=metrics,
    summary=summary,
    read_options=read_options,
    complete_options=complete,
    needs_labels=True,
)
