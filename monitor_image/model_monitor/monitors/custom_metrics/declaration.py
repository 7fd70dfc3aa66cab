"""How a metric is declared: once, beside its function."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from model_monitor.contract import METRIC_CUSTOM_ERRORS, custom_metric
from model_monitor.monitors.custom_metrics.table import Table

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,199}")
RESERVED: Final = METRIC_CUSTOM_ERRORS.removeprefix(custom_metric(""))
WORSE: Final = ("greater", "less")
SIZES: Final = tuple(f"{scale}{size}" for size in ("bytes", "bits") for scale in ("", "Kilo", "Mega", "Giga", "Tera"))
UNITS: Final = frozenset(  # CloudWatch's
    {"None", "Count", "Percent", "Seconds", "Milliseconds", "Microseconds", "Count/Second"}
    | {name for size in SIZES for name in (size.capitalize(), f"{size.capitalize()}/Second")}
)
Function = Callable[[Table], float | None]


@dataclass(frozen=True, slots=True)
class CustomMetric:
    """One declared metric; calling it calls its function.

    worse: the side on which it gets worse, `greater` or `less`.
    threshold: the default limit, violated beyond it; None: the baseline's value.
    columns: features, metadata fields, `event_id`, `payload_index`, `variant` or `time` that the function reads beside
        `prediction`, `score` and `label`.
    """

    name: str
    function: Function
    unit: str = "None"
    worse: str = "greater"
    threshold: float | None = None
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        faults = []
        if not NAME.fullmatch(self.name) or custom_metric(self.name) == METRIC_CUSTOM_ERRORS:
            faults.append(f"name should be letters, digits and `_`, at most 200, and not {RESERVED}")
        if self.unit not in UNITS:
            faults.append("unit should be one of CloudWatch's, such as None, Count or Percent")
        if self.worse not in WORSE:
            faults.append("worse should be 'greater' or 'less'")
        if self.threshold is not None and not math.isfinite(self.threshold):
            faults.append("threshold should be a finite number or None")
        if isinstance(self.columns, str):
            faults.append("columns should be a tuple of names, not one text")
        if faults:
            raise ValueError(f"metric {self.name!r}: {'; '.join(faults)}")

    def __call__(self, table: Table) -> float | None:
        return self.function(table)


def metric(
    *,
    name: str,
    unit: str = "None",
    worse: str = "greater",
    threshold: float | None = None,
    columns: tuple[str, ...] = (),
) -> Callable[[Function], CustomMetric]:
    """Declare the function below as a metric; the arguments are those of `CustomMetric`.

    Raises: ValueError when one of them is wrong, as soon as the module is imported.
    """

    def declared(function: Function) -> CustomMetric:
        return CustomMetric(name, function, unit, worse, threshold, columns)

    return declared
