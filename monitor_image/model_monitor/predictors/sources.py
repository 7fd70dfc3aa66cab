"""From the `predictor` block of a configuration to a source of predictions, with what only the job knows."""

from __future__ import annotations

from typing import Final

from model_monitor.blocks import Block
from model_monitor.errors import SettingsError
from model_monitor.job import DatasetKind, Job
from model_monitor.predictors import artefact, settings, templates
from model_monitor.predictors.artefact import ArtefactSource
from model_monitor.predictors.base import PredictorSource
from model_monitor.predictors.endpoint import EndpointSource
from model_monitor.predictors.settings import PredictorSettings
from model_monitor.predictors.shadow import ShadowSource

Configured = PredictorSettings | ArtefactSource
CONTENT_TYPES: Final = {DatasetKind.JSON: templates.JSON, DatasetKind.JSON_LINES: templates.JSON_LINES}


def read(block: Block) -> Configured:
    """An artefact where the block names one, else an endpoint in Clarify's keys; faults go to the block."""
    return artefact.read_source(block) if "artefact" in block.rest else settings.read_predictor(block)


def source_of(configured: Configured | PredictorSource, job: Job) -> PredictorSource:
    """Raises: SettingsError when no endpoint is known."""
    if not isinstance(configured, PredictorSettings):
        return configured
    content_type = configured.content_type or CONTENT_TYPES.get(job.dataset.kind, templates.CSV)
    start = f"{job.window.start:%Y%m%d%H%M}" if job.window else job.kind.value
    run = "-".join(part for part in (job.schedule or job.endpoint, start) if part)
    if configured.is_shadow:
        return ShadowSource(configured, content_type, run)
    name = configured.endpoint_name or job.endpoint
    if not name:
        raise SettingsError(
            "predictor", "names no endpoint, and the run knows of none.", "Set predictor.endpoint_name."
        )
    return EndpointSource(name, configured, content_type, run)
