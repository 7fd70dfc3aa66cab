"""Values to numbers: what the booster sees of a record. Text is coded by a table that training writes into the artefact."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Sequence

import numpy as np
from payload import NUMERIC_TYPES, TEXT_TYPE, Feature, PayloadError, Row


def category(value: Any) -> str | None:
    """The text that stands for a value in the table: `37` for 37 and 37.0, None for nothing."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def numbers(values: Sequence[Any], name: str, where: str = "record") -> np.ndarray:
    """A column as float32; nothing, NaN and infinities become NaN, text that is no number is refused."""
    try:
        column = np.array([np.nan if value is None or value == "" else value for value in values], dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        column = np.array([_number(value, name, where, row) for row, value in enumerate(values, start=1)])
    if column.ndim != 1:
        raise PayloadError(f"feature {name!r} should be one number a record, found a list")
    column[~np.isfinite(column)] = np.nan
    return column.astype(np.float32)


def _number(value: Any, name: str, where: str, row: int) -> float:
    try:
        return np.nan if value is None or value == "" else float(value)
    except OverflowError:
        return np.nan
    except (TypeError, ValueError):
        found = type(value).__name__.replace("str", "text")
        raise PayloadError(f"{where} {row}: feature {name!r} should be a number, found {found}") from None


@dataclass(frozen=True)
class Encoder:
    """features: in the order of the booster's columns. categories: feature → its texts, coded by position."""

    features: list[str]
    categories: dict[str, list[str]] = field(default_factory=dict)

    def matrix(self, columns: Sequence[Sequence[Any]], where: str = "record") -> np.ndarray:
        """float32 (records, features); an unknown category is NaN, as a missing value is."""
        records = len(columns[0]) if columns else 0
        matrix = np.empty((records, len(self.features)), dtype=np.float32)
        for position, name in enumerate(self.features):
            if name in self.categories:
                codes = {text: float(code) for code, text in enumerate(self.categories[name])}
                matrix[:, position] = [codes.get(category(value) or "", np.nan) for value in columns[position]]
            else:
                matrix[:, position] = numbers(columns[position], name, where)
        return matrix

    def matrix_of_rows(self, rows: list[Row]) -> np.ndarray:
        return self.matrix([[row[position] for row in rows] for position in range(len(self.features))])


def learn(features: Sequence[Feature], columns: Sequence[Sequence[Any]]) -> Encoder:
    """The table of every feature that is text: declared so, or undeclared and not all numbers."""
    tables: dict[str, list[str]] = {}
    for feature, values in zip(features, columns):
        if feature.type == TEXT_TYPE or (feature.type not in NUMERIC_TYPES and not _are_numbers(values, feature.name)):
            tables[feature.name] = sorted({text for text in map(category, set(values)) if text is not None})
    return Encoder([feature.name for feature in features], tables)


def _are_numbers(values: Sequence[Any], name: str) -> bool:
    try:
        numbers(values, name)
    except PayloadError:
        return False
    return True
