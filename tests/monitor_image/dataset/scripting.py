"""Capture trees read through scripts: what the tests of preprocessors share."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from model_monitor import flow
from model_monitor.dataset import preprocessor
from model_monitor.dataset.discover import discover
from model_monitor.dataset.resolve import resolve_schema
from model_monitor.dataset.units import plan
from model_monitor.job.job import Job, Scripts
from model_monitor.runners import local
from model_monitor.schema import FeatureType, Rows, Schema
from tests.builders import (
    capture_event,
    capture_job,
    json_payload,
    read_all,
    write_capture,
)

POSITIONS = """
def preprocess_handler(inference_record):
    values = inference_record.endpoint_output.data + "," + inference_record.endpoint_input.data
    return {str(place).zfill(20): value for place, value in enumerate(values.split(","))}
"""
OBJECTS = """
import json

def preprocess_handler(inference_record):
    return json.loads(inference_record.endpoint_input.data)
"""


@pytest.fixture
def script(tmp_path: Path):
    """Writes a script and gives its path, each time another one."""

    def write(text: str, name: str = "prepare.py") -> Path:
        path = tmp_path / name
        path.write_text(text)
        preprocessor.load_preprocessor.cache_clear()
        return path

    return write


def events(*values: Any, **changes: Any) -> list[dict[str, Any]]:
    return [
        capture_event(json_payload(value), json_payload(0.5), event_id=f"e{i}", **changes)
        for i, value in enumerate(values)
    ]


def job_of(tmp_path: Path, path: Path, found: list[Any], declared: Schema | None = None, **changes: Any) -> Job:
    write_capture(tmp_path / "capture", found)
    job = capture_job(tmp_path / "capture", declared or Schema(is_positional=True))
    return replace(job, scripts=Scripts(path), workers=1, **changes)


def read(job: Job, baseline: dict[str, FeatureType] | None = None) -> list[Rows]:
    return read_all(replace(job, schema=resolve_schema(job, discover(job.dataset, job.window), baseline)))


def cells(rows: list[Rows], name: str) -> list[Any]:
    found: list[Any] = []
    for chunk in rows:
        column = chunk.features[chunk.schema.names.index(name)]
        numbers = [None] * chunk.count if column.numbers is None else column.numbers.tolist()
        texts = [None] * chunk.count if column.texts is None else column.texts.to_pylist()
        found += [text if text is not None else number for number, text in zip(numbers, texts, strict=True)]
    return found


def in_processes(job: Job, workers: int) -> flow.Profile:
    """A unit for each file, so that two workers really share them."""
    files = discover(job.dataset)
    units = plan(files, unit_bytes=max(file.size_bytes for file in files))
    assert len(units) > local.UNITS_IN_PROCESS
    return local.run(partial(flow.profile_unit, job=job), units, flow.Profile.empty(job), workers)
