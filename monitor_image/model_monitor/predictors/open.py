"""From settings to a model that can be asked: which source it is, and what the run adds to it."""

from __future__ import annotations

import hashlib
from typing import Final

from model_monitor.errors import SettingsError
from model_monitor.job import DatasetKind, Job
from model_monitor.predictors import templates
from model_monitor.predictors.base import Budget, Predictor, PredictorSource
from model_monitor.predictors.endpoint import EndpointSource
from model_monitor.predictors.settings import PredictorSettings
from model_monitor.predictors.shadow import LIFETIME_SECONDS, ShadowSource

CONTENT_TYPES: Final = {  # of a dataset, where the settings name none; captures hold what several clients sent
    DatasetKind.CSV: templates.CSV,
    DatasetKind.PARQUET: templates.CSV,
    DatasetKind.CAPTURE: templates.CSV,
    DatasetKind.JSON: templates.JSON,
    DatasetKind.JSON_LINES: templates.JSON_LINES,
}


def open_predictor(settings: PredictorSettings, job: Job, budget: Budget) -> Predictor:
    """A model that is open for questions; close it. Raises: SettingsError, PredictorError."""
    return source_of(settings, job).open(budget)


def source_of(settings: PredictorSettings, job: Job) -> PredictorSource:
    """Where the predictions of a run come from. Raises: SettingsError."""
    content_type = content_type_of(settings, job)
    problems = templates.faults(content_type, settings.content_template, settings.record_template)
    if problems:
        raise SettingsError.of_faults("predictor", problems)
    if settings.is_shadow:
        lifetime = job.max_seconds or LIFETIME_SECONDS
        return ShadowSource(settings, content_type, run_of(job), job.processing_job, lifetime)
    name = settings.endpoint_name or job.endpoint
    if not name:
        raise SettingsError("predictor", "names neither endpoint_name nor model_name, and the run knows no endpoint.")
    return EndpointSource(name, settings, content_type, digest(run_of(job)))


def content_type_of(settings: PredictorSettings, job: Job) -> str:
    """What is said, else what the templates are for, else what the dataset is."""
    if settings.content_type is not None:
        return settings.content_type
    if settings.record_template is not None:
        return templates.JSON
    if settings.content_template is not None:
        return templates.JSON_LINES
    return CONTENT_TYPES[job.dataset.kind]


def run_of(job: Job) -> str:
    """What tells one run from another; the same for a run that is repeated outside of a processing job."""
    window = "" if job.window is None else f"{job.window.start.isoformat()}/{job.window.end.isoformat()}"
    return "\n".join((job.kind, job.endpoint, job.schedule, window, job.processing_job))


def digest(run: str) -> str:
    """Short enough for an inference id."""
    return hashlib.sha256(run.encode()).hexdigest()[:16]
