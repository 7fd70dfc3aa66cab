"""From the `predictor` block of a configuration to a source of predictions, with what only the job knows."""

from __future__ import annotations

import hashlib
from typing import Final

from model_monitor.errors import SettingsError
from model_monitor.job.blocks import Block
from model_monitor.job.job import DatasetKind, Job
from model_monitor.predictors import artefact, settings, templates
from model_monitor.predictors.artefact import ArtefactSource
from model_monitor.predictors.base import Budget, Predictor, PredictorSource
from model_monitor.predictors.endpoint import EndpointSource
from model_monitor.predictors.settings import PredictorSettings
from model_monitor.predictors.shadow import LIFETIME_SECONDS, ShadowSource

Configured = PredictorSettings | ArtefactSource
CONTENT_TYPES: Final = {  # of a dataset, where the settings name none; captures hold what several clients sent
    DatasetKind.CSV: templates.CSV,
    DatasetKind.PARQUET: templates.CSV,
    DatasetKind.CAPTURE: templates.CSV,
    DatasetKind.JSON: templates.JSON,
    DatasetKind.JSON_LINES: templates.JSON_LINES,
}


def read(block: Block) -> Configured:
    """An artefact where the block names one, else an endpoint in Clarify's keys; faults go to the block."""
    return artefact.read_source(block) if "artefact" in block.rest else settings.read_predictor(block)


def source_of(configured: Configured | PredictorSource, job: Job) -> PredictorSource:
    """Where the predictions of a run come from. Raises: SettingsError."""
    if not isinstance(configured, PredictorSettings):
        return configured
    content_type = content_type_of(configured, job)
    names = job.schema.names[job.schema.outputs :]
    problems = templates.faults(content_type, configured.content_template, configured.record_template, names)
    if problems:
        raise SettingsError.of_faults("predictor", problems)
    run = run_of(job)
    if configured.is_shadow:
        lifetime = job.max_seconds or LIFETIME_SECONDS
        return ShadowSource(configured, content_type, run, job.processing_job, lifetime, job.volume_key)
    name = configured.endpoint_name or job.endpoint
    if not name:
        raise SettingsError(
            "predictor", "names no endpoint, and the run knows of none.", "Set predictor.endpoint_name."
        )
    return EndpointSource(name, configured, content_type, hashlib.sha256(run.encode()).hexdigest()[:16])


def content_type_of(configured: PredictorSettings, job: Job) -> str:
    """What is said, else what the templates are for, else what the dataset is."""
    if configured.content_type is not None:
        return configured.content_type
    if configured.record_template is not None:
        return templates.JSON
    if configured.content_template is not None:
        return templates.JSON_LINES
    return CONTENT_TYPES[job.dataset.kind]


def run_of(job: Job) -> str:
    """What tells one run from another; the same for a run that is repeated outside of a processing job."""
    window = "" if job.window is None else f"{job.window.start.isoformat()}/{job.window.end.isoformat()}"
    return "\n".join((job.kind, job.endpoint, job.schedule, window, job.processing_job))


def connect(source: PredictorSource, budget: Budget) -> Predictor:
    """The model, ready for questions; what a monitor calls. Raises: PredictorError."""
    return source.open(budget)
