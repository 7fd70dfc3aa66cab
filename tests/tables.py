"""Typed tables for tests, from plain cells and without the reader: an independent way to the same `Rows`."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from model_monitor.contract import JobKind, MonitoringType
from model_monitor.job.job import DatasetKind, DatasetSource, Job, MetricsSettings, MonitorSettings
from model_monitor.monitors import registry
from model_monitor.monitors.conclusion import Check, Conclusion
from model_monitor.schema import Column, Feature, FeatureType, Kind, Rejects, Rows, Schema

Cell = int | float | bool | str | None
DATA_QUALITY = registry.monitors()[MonitoringType.DATA_QUALITY]
INTEGRAL = re.compile(r"[+-]? ?[0-9]+")
FRACTIONAL = re.compile(r"[+-]? ?[0-9]+(\.[0-9]+|(\.[0-9]+)?[eE][+-]?[0-9]+)")


def typed(cell: Cell) -> tuple[Kind, int | float | None, str | None]:
    """Kind, number and text of one cell."""
    if cell is None:
        return Kind.NULL, None, None
    if isinstance(cell, bool):
        return Kind.BOOLEAN, None, str(cell).lower()
    if isinstance(cell, int):
        return Kind.INTEGRAL, cell, None
    if isinstance(cell, float):
        return (Kind.FRACTIONAL, cell, None) if math.isfinite(cell) else (Kind.STRING, None, str(cell))
    if INTEGRAL.fullmatch(cell):
        return Kind.INTEGRAL, int(cell.replace(" ", "")), None
    if FRACTIONAL.fullmatch(cell) and math.isfinite(float(cell.replace(" ", ""))):
        return Kind.FRACTIONAL, float(cell.replace(" ", "")), None
    return (Kind.BOOLEAN if cell in ("true", "false") else Kind.STRING), None, cell


def column(cells: Sequence[Cell], is_text: bool = False) -> Column:
    """A column as readers make it."""
    parts = [typed(cell) for cell in cells]
    kinds = np.bincount([kind for kind, _, _ in parts], minlength=5).astype(np.int64)
    if is_text:
        return Column(kinds, None, _texts([None if cell is None else str(cell) for cell in cells]))
    numbers = [number for _, number, _ in parts]
    array = None
    if any(number is not None for number in numbers):
        is_whole = all(isinstance(number, int) and abs(number) < 2**63 for number in numbers)
        array = (
            np.array(numbers, np.int64)
            if is_whole
            else np.array([math.nan if number is None else number for number in numbers], np.float64)
        )
    return Column(kinds, array, _texts([text for _, _, text in parts]))


def _texts(texts: Sequence[str | None]) -> pa.DictionaryArray | None:
    if all(text is None for text in texts):
        return None
    return pa.array(texts, pa.string()).dictionary_encode()


def table(
    columns: Mapping[str, Sequence[Cell]],
    types: Mapping[str, FeatureType] | None = None,
    *,
    absent: Mapping[str, int] | None = None,
    extra: Mapping[str, int] | None = None,
    widths: Mapping[int, int] | None = None,
) -> Rows:
    """Rows of named columns of equal length."""
    types = types or {}
    features = tuple(Feature(name, types.get(name)) for name in columns)
    rejects = Rejects(Counter({"unexpected number of values": sum((widths or {}).values())}), (), Counter(widths or {}))
    return Rows(
        schema=Schema(features),
        count=len(next(iter(columns.values()), ())),
        features=tuple(column(cells, types.get(name) is FeatureType.STRING) for name, cells in columns.items()),
        absent=Counter(absent or {}),
        extra=Counter(extra or {}),
        rejects=rejects if widths else Rejects(),
    )


def job_for(
    schema: Schema,
    kind: JobKind = JobKind.MONITOR,
    *,
    options: Mapping[str, Any] | None = None,
    min_records: int = 1,
    metrics: MetricsSettings | None = None,
) -> Job:
    """A data-quality job over a schema."""
    return Job(
        kind,
        DatasetSource(Path("dataset"), DatasetKind.CSV),
        Path("output"),
        schema,
        (MonitorSettings(MonitoringType.DATA_QUALITY, min_records, dict(options or {})),),
        metrics=metrics or MetricsSettings(),
    )


def statistics_of(rows: Rows, kind: JobKind = JobKind.MONITOR) -> Any:
    """Statistics of one table."""
    job = job_for(rows.schema, kind)
    return DATA_QUALITY.statistics(DATA_QUALITY.profile(rows, job), job)


def baseline_files_of(rows: Rows) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a baseline job over a table writes: constraints and statistics."""
    job = job_for(rows.schema, JobKind.BASELINE)
    statistics = statistics_of(rows, JobKind.BASELINE)
    return DATA_QUALITY.files.constraints(DATA_QUALITY.suggest(statistics, job)), DATA_QUALITY.files.statistics(
        statistics
    )


def checks_by_subject(conclusion: Conclusion, check_type: str) -> dict[str, Check]:
    """Checks of one type, by feature."""
    return {check.subject: check for check in conclusion.checks if check.check_type == check_type}
