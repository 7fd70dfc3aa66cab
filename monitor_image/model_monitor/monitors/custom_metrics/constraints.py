"""Limits on metrics of a user's own: declared with the metric, taken from a baseline, or set in the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from model_monitor.contract import CHECK_CUSTOM_METRIC, CHECK_GREATER, CHECK_LESS
from model_monitor.monitors.conclusion import Check, Outcome
from model_monitor.monitors.thresholds import QualityConstraint, read

BLOCK: Final = "custom_metrics_constraints"
NO_LIMIT: Final = "no limit: the metric declares no threshold, and there is no baseline of it yet"


def operator_of(worse: str) -> str:
    """AWS's word for the side on which a metric gets worse."""
    return CHECK_GREATER if worse == "greater" else CHECK_LESS


def read_constraints(document: object, where: str) -> dict[str, QualityConstraint]:
    """A baseline's constraints by metric.

    Raises: BaselineError when the document is of another monitor.
    """
    if isinstance(document, Mapping) and document.get(BLOCK) == {}:  # no metric had a value when the baseline was made
        return {}
    return {constraint.metric: constraint for constraint in read(document, where)}


def constraints_file(constraints: tuple[QualityConstraint, ...]) -> dict[str, Any]:
    """constraints.json, in the shape that AWS's have for model quality."""
    block = {each.metric: {"threshold": each.threshold, "comparison_operator": each.operator} for each in constraints}
    return {"version": 0.0, BLOCK: block}


def check(name: str, value: float, constraint: QualityConstraint | None) -> Check:
    """Compare one metric that has a value."""
    if constraint is None:
        return Check(CHECK_CUSTOM_METRIC, name, Outcome.NOT_EVALUATED, value, None, NO_LIMIT)
    if not constraint.is_violated_by(value):
        return Check(CHECK_CUSTOM_METRIC, name, Outcome.HELD, value, constraint.threshold)
    text = f"Metric {name} with {value} was {constraint.operator} '{constraint.threshold}'"
    return Check(CHECK_CUSTOM_METRIC, name, Outcome.VIOLATED, value, constraint.threshold, text)


def unevaluated(name: str, reason: str, constraint: QualityConstraint | None) -> Check:
    """A metric without a value: one that has a limit was asked for, so the monitor is no pass without it."""
    limit = None if constraint is None else constraint.threshold
    is_asked = constraint is not None
    return Check(CHECK_CUSTOM_METRIC, name, Outcome.NOT_EVALUATED, None, limit, reason, is_required=is_asked)


def failed(name: str, reason: str) -> Check:
    """A metric that could not be computed: the monitor is no pass without it."""
    return Check(CHECK_CUSTOM_METRIC, name, Outcome.NOT_EVALUATED, None, None, f"error: {reason}", is_required=True)
