"""Model quality: do the model's answers still agree with what came true?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from model_monitor.contract import (
    CHECK_LESS,
    PROBLEM_KEYS,
    Decision,
    MonitoringType,
    ProblemType,
)
from model_monitor.errors import DatasetError
from model_monitor.job.job import BaselineFiles, Job
from model_monitor.monitors import thresholds as quality
from model_monitor.monitors.base import Files, Locate, Monitor, Options, Shown
from model_monitor.monitors.baseline_files import read_document
from model_monitor.monitors.conclusion import Conclusion
from model_monitor.monitors.labelled import prediction_notes, score_notes
from model_monitor.monitors.model_quality import files
from model_monitor.monitors.model_quality.baseline import read_predictions, read_quality
from model_monitor.monitors.model_quality.options import complete, in_job, read_options
from model_monitor.monitors.model_quality.profile import QualityProfile
from model_monitor.monitors.model_quality.shown import lines, metrics, summary
from model_monitor.monitors.model_quality.statistics import QualityStatistics, read_statistics
from model_monitor.monitors.model_quality.subsamples import DRAWS, content_keys, is_kept
from model_monitor.monitors.model_quality.verdict import (
    QualityBaseline,
    QualityConstraints,
    drift_checks,
    judge,
    merged,
    scored,
)
from model_monitor.schema import Rows
from model_monitor.sketches.answers import numbers_of

FEATURES_HASHED = 8  # of datasets without ids: enough to tell records apart whose label and prediction are equal


def empty(_: Job) -> QualityProfile:
    """No records."""
    return QualityProfile()


def profile_rows(rows: Rows, job: Job) -> QualityProfile:
    """One chunk."""
    options = in_job(job)
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
    options = in_job(job)
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
    return QualityConstraints(quality.suggest(measured.values, in_job(job).margin), statistics.problem.type)


def load_baseline(given: BaselineFiles) -> QualityBaseline | None:
    """Constraints in AWS's shape, or metrics at the top as the original framework has them; predictions of our own files."""
    if given.constraints is None and given.statistics is None:
        return None
    document = None if given.statistics is None else read_document(given.statistics)
    constraints = None if given.constraints is None else _read_constraints(given.constraints)
    if given.statistics is None:
        return QualityBaseline(constraints)
    found = read_quality(document, given.statistics)
    return QualityBaseline(constraints, read_predictions(document, given.statistics), *(found or (None, None)))


def _read_constraints(path: Path) -> QualityConstraints:
    document = read_document(path)
    found = quality.read(document, str(path))
    keys = document.keys() if isinstance(document, Mapping) else ()
    types = [type_ for type_, key in PROBLEM_KEYS.items() if f"{key}_constraints" in keys]
    return QualityConstraints(found, types[0] if types else None, str(path))


def constraints_used(baseline: QualityBaseline | None, job: Job) -> QualityConstraints | None:
    """The baseline's constraints with the job's thresholds."""
    options = in_job(job)
    return merged(baseline.constraints if baseline else None, options.thresholds, options.problem.type)


def check(statistics: QualityStatistics, baseline: QualityBaseline | None, job: Job) -> Conclusion:
    """A window's quality against its baseline, once its labels have come."""
    settings, then = job.settings_of(MonitoringType.MODEL_QUALITY), baseline.predictions if baseline else ()
    drift = drift_checks(
        statistics.predictions,
        then,
        in_job(job).drift,
        settings.min_records,
        is_calibrated=settings.decision is Decision.CALIBRATED,
    )
    known = baseline.quality_of(statistics.problem.type) if baseline else None
    conclusion = judge(statistics, constraints_used(baseline, job), known, drift, settings, job)
    notes = prediction_notes(statistics.stated, statistics.answered, job)
    return replace(
        conclusion,
        notes=(*conclusion.notes, *notes),
        drift=drift,
    )


def notes(statistics: QualityStatistics, job: Job, _: Locate) -> tuple[str, ...]:
    """What a reader of a baseline's files should know first."""
    return score_notes(scored(statistics), statistics.answered, job)


def constraints_file(constraints: QualityConstraints) -> dict[str, Any]:
    """AWS's file."""
    return files.constraints_file(constraints.constraints, constraints.type or ProblemType.BINARY)


MONITOR = Monitor(
    type=MonitoringType.MODEL_QUALITY,
    empty=empty,
    profile=profile_rows,
    statistics=statistics_of,
    suggest=suggest,
    check=check,
    files=Files(
        load=load_baseline,
        used=constraints_used,
        statistics=files.statistics_file,
        constraints=constraints_file,
        violations=files.violations_file,
    ),
    options=Options(read_options, complete),
    shown=Shown(metrics, summary, lines),
    needs_labels=True,
    notes=notes,
    forced=CHECK_LESS,
)
