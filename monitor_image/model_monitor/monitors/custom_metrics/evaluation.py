"""Calling a metric's function, so that whatever it does costs only this metric."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from numbers import Real

import numpy as np

from model_monitor.errors import MonitorError
from model_monitor.job.user_code import described
from model_monitor.label_text import normalise, without_zeros
from model_monitor.monitors.custom_metrics.declaration import CustomMetric
from model_monitor.monitors.custom_metrics.table import Table, UndeclaredColumn
from model_monitor.schema import FeatureType
from model_monitor.sketches.kept import FACTS, ROLES, KeptRows, Values

NO_VALUE = "the function gave no value for these records"


class Status(StrEnum):
    """How the computation of a metric ended."""

    OK = "ok"
    NOT_EVALUATED = "not_evaluated"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric of a window. `reason`: why there is no value."""

    name: str
    status: Status
    value: float | None = None
    unit: str = "None"
    reason: str = ""


def evaluate(metric: CustomMetric, table: Table) -> Measured:
    """The metric's value, or why there is none. Of an error only type and place are told: its words may hold values."""
    try:
        value = metric.function(table)
    except MonitorError:  # the job is being stopped
        raise
    except UndeclaredColumn as error:
        return _failed(metric, f"{described(error, _file_of(metric))}: {error}")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - user code: a crash is this metric's result
        return _failed(metric, described(error, _file_of(metric)))
    number = value.item() if isinstance(value, (np.generic, np.ndarray)) and value.ndim == 0 else value
    if number is None:
        return Measured(metric.name, Status.NOT_EVALUATED, unit=metric.unit, reason=NO_VALUE)
    if not isinstance(number, Real):
        return _failed(metric, f"returned {type(value).__name__}, expected a number or None")
    try:
        is_finite = math.isfinite(number)
    except OverflowError:  # a whole number or a fraction beyond all doubles
        is_finite = False
    if not is_finite:
        return Measured(metric.name, Status.NOT_EVALUATED, unit=metric.unit, reason="the value is not finite")
    return Measured(metric.name, Status.OK, float(number), metric.unit)


def _failed(metric: CustomMetric, reason: str) -> Measured:
    return Measured(metric.name, Status.ERROR, unit=metric.unit, reason=reason)


def _file_of(metric: CustomMetric) -> str | None:
    code = getattr(metric.function, "__code__", None)
    return None if code is None else code.co_filename


# --- the table of a metric -----------------------------------------------------------------------------------------------


def columns_of(kept: KeptRows, types: Mapping[str, FeatureType | None]) -> dict[str, np.ndarray]:
    """Arrays of all kept columns, as `Table` describes them.

    Args:
        types: of the features, where they are known; of others the kind follows from the values.
    """
    columns = {name: kept.column(name) for name in kept.names}
    outcome = [columns[name] for name in ("prediction", "label") if name in columns]
    is_text = any(column.codes is not None for column in outcome)
    found = {}
    for name, values in columns.items():
        if name in ("prediction", "label"):
            found[name] = _labels(values, kept.rows) if is_text else _numbers(values, kept.rows)
        elif _is_numeric(values, None if name in ROLES else types.get(name)):
            found[name] = _numbers(values, kept.rows)
        else:
            found[name] = _texts(values, kept.rows)
    return found


def table_for(metric: CustomMetric, columns: Mapping[str, np.ndarray], rows: int) -> Table:
    """What one metric sees: what it declares, prediction, score and label."""
    wanted = (*metric.columns, *ROLES)
    return Table({name: columns[name] for name in wanted if name in columns}, rows)


def fault_of_columns(metric: CustomMetric, kept: KeptRows, features: Collection[str]) -> str:
    """Why a metric's columns cannot be what it means, "" when they can."""
    for name in metric.columns:
        if name in features and name in (*FACTS, *ROLES):
            return f"column '{name}' is a feature and a fact of the record too; give the feature another name"
        if name not in features and name not in (*FACTS, *ROLES) and kept.column(name).is_empty:
            return f"column '{name}' is neither a feature nor a field that some record has"
    return ""


def _is_numeric(values: Values, type_: FeatureType | None) -> bool:
    if type_ is None or type_ is FeatureType.UNKNOWN:
        return values.codes is None
    return type_.is_numeric


def _numbers(values: Values, rows: int) -> np.ndarray:
    return np.full(rows, np.nan) if values.numbers is None else values.numbers.copy()


def _labels(values: Values, rows: int) -> np.ndarray:
    """Texts in the one spelling of labels."""
    return _texts(
        Values(values.numbers, values.codes, tuple(without_zeros(normalise(word)) for word in values.words)), rows
    )


def _texts(values: Values, rows: int) -> np.ndarray:
    """Texts, None where missing; a number among them in its canonical form, `37` for 37.0."""
    texts = np.full(rows, None, object)
    if values.numbers is not None:
        is_number = ~np.isnan(values.numbers)
        distinct, where = np.unique(values.numbers[is_number], return_inverse=True)
        texts[is_number] = np.array([normalise(repr(number)) for number in distinct.tolist()], object)[where]
    if values.codes is not None:
        is_text = values.codes >= 0
        texts[is_text] = np.array(values.words, object)[values.codes[is_text]]
    return texts
