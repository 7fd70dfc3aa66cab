"""Rows with predictions and labels for tests, from plain cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from model_monitor.contract import JobKind, MonitoringType
from model_monitor.job.blocks import Block, Faults
from model_monitor.job.job import DatasetKind, DatasetSource, Job, Maturity, MonitorSettings
from model_monitor.labels.join import join
from model_monitor.monitors import registry
from model_monitor.schema import Events, OutputMapping, PayloadMapping, Rows, Schema, Window
from tests.tables import Cell, column, table

MODEL_QUALITY = registry.monitors()[MonitoringType.MODEL_QUALITY]


def labelled(
    label: Sequence[Cell] | None,
    *,
    prediction: Sequence[Cell] | None = None,
    score: Sequence[Cell] | None = None,
    features: Mapping[str, Sequence[Cell]] | None = None,
    times: Sequence[int] | None = None,
    variant: str = "",
) -> Rows:
    """A chunk whose labels came with it. `times`: of one event for each row."""
    given = next(cells for cells in (label, prediction, score) if cells is not None)
    rows = replace(
        table(features or {}),
        count=len(given),
        label=None if label is None else column(label),
        prediction=None if prediction is None else column(prediction),
        score=None if score is None else column(score),
    )
    if times is not None:
        ids = tuple(f"event-{i}" for i in range(len(times)))
        rows = replace(rows, events=Events(ids, np.array(times), np.ones(len(times), np.int64), variant))
    return join(rows, None)


def quality_job(
    options: Mapping[str, Any] | None = None,
    *,
    kind: JobKind = JobKind.MONITOR,
    min_records: int = 1,
    maturity: Maturity | None = None,
    window: Window | None = None,
    now: datetime | None = None,
    ground_truth: Path | None = None,
    schema: Schema | None = None,
) -> Job:
    """A model-quality job with options as a user writes them."""
    faults = Faults()
    block = Block({"problem_type": "binary", **(options or {})}, "monitors.model_quality", faults)
    schema = schema or Schema(payload=PayloadMapping(output=OutputMapping(prediction="prediction", score="score")))
    read = MODEL_QUALITY.options.complete(MODEL_QUALITY.options.read(block), schema, block.path, faults)
    block.end()
    assert not faults, faults
    settings = MonitorSettings(MonitoringType.MODEL_QUALITY, min_records, read, maturity or Maturity())
    source = DatasetSource(Path("dataset"), DatasetKind.CSV)
    return Job(kind, source, Path("output"), schema, (settings,), window=window, now=now, ground_truth=ground_truth)


def measured(rows: Rows, job: Job) -> Any:
    """Statistics of one chunk."""
    return MODEL_QUALITY.statistics(MODEL_QUALITY.profile(rows, job), job)
