"""Baseline rows from a file: CSV, JSON or JSON Lines, local or in S3."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import orjson

from model_monitor.aws import s3
from model_monitor.errors import SettingsError

WHERE = "baseline_rows"


def read_rows(location: str) -> Any:
    """The rows as JSON has them, unchecked; of CSV lists of numbers and texts, a header line left out.

    Raises: SettingsError.
    """
    content = s3.read_object(location) if s3.is_s3(location) else _local(location)
    if content is None:
        raise SettingsError(WHERE, f"{location} is not there.", "Check the location.")
    try:
        text = content.decode("utf-8-sig").strip()
        return _json(text) if text.startswith(("{", "[")) else _csv(text)
    except ValueError as error:
        raise SettingsError(WHERE, f"{location} is neither CSV nor JSON.", "One row a line, or a JSON list.") from error


def _local(location: str) -> bytes | None:
    path = Path(location)
    return path.read_bytes() if path.is_file() else None


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return [orjson.loads(line) for line in text.splitlines() if line.strip()]


def _csv(text: str) -> list[Any]:
    rows = [[_cell(field) for field in row] for row in csv.reader(io.StringIO(text)) if row]
    is_header = len(rows) > 1 and all(isinstance(cell, str) for cell in rows[0])
    has_numbers = any(isinstance(cell, float) for row in rows[1:] for cell in row)
    if is_header and has_numbers:
        names = rows[0]
        return [dict(zip(names, row, strict=False)) if len(row) == len(names) else row for row in rows[1:]]
    return rows


def _cell(field: str) -> float | str | None:
    try:
        return float(field) if field else None
    except ValueError:
        return field
