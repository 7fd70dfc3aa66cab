"""Constraints on a model's quality: a threshold for each metric and the side on which it is violated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from model_monitor.contract import CHECK_GREATER as GREATER, CHECK_LESS as LESS
from model_monitor.errors import BaselineError
from model_monitor.monitors.conclusion import Check, Outcome

SAME: Final = 1e-9  # relative: a baseline that another program made of the same records is met, not violated
BLOCK_END: Final = "_constraints"
ERRORS: Final = frozenset({"mae", "mse", "rmse"})  # in units of the label; all other metrics are shares, or at most 1
WORSE_WHEN_GREATER: Final = ERRORS | {"false_positive_rate", "false_negative_rate"}
CONSTANT_END: Final = "_best_constant_classifier"
RATE_END: Final = "_rate"


@dataclass(frozen=True, slots=True)
class QualityConstraint:
    """A metric is violated beyond its threshold; equal is not beyond, and `SAME` is equal."""

    metric: str
    threshold: float
    operator: str = LESS
    is_required: bool = False  # a user asked for it, so a run that cannot evaluate it is never ok

    def is_violated_by(self, value: float) -> bool:
        """Whether a value lies on the wrong side; last digits that the order of summing settles do not count."""
        if math.isclose(value, self.threshold, rel_tol=SAME):
            return False
        return value > self.threshold if self.operator == GREATER else value < self.threshold


def constraint_of(metric: str, threshold: float, operator: str | None) -> QualityConstraint:
    """A user's own threshold; without an operator on the side on which the metric gets worse."""
    return QualityConstraint(metric, threshold, operator or _worse(metric), is_required=True)


def suggest(values: Mapping[str, float], margin: float = 0.0) -> tuple[QualityConstraint, ...]:
    """Every metric should stay as good as it is; undefined ones and those of a constant classifier are left out.

    Args:
        margin: how much worse it may get, relative to its own scale, in [0, 1]; see `worsened`.
    """
    return tuple(
        QualityConstraint(name, worsened(name, value, margin), _worse(name))
        for name, value in values.items()
        if math.isfinite(value) and not name.endswith(CONSTANT_END)
    )


def worsened(metric: str, value: float, margin: float) -> float:
    """A metric that is worse by a margin of its own scale, so that metrics of one thing are violated together.

    An error of the label's unit grows by that share of itself: `mae` and `rmse` by 1 + margin, `mse` by its square, and so does
    what `r2` leaves unexplained, 1 - r2. A share of right answers loses that share of itself, and a share of wrong ones gains what
    the share of right ones loses (`false_positive_rate` beside `true_negative_rate`). `auc` loses it of what is above chance, 0.5.
    """
    if not margin:
        return value
    if metric in ERRORS:
        return value * (1.0 + margin) ** (2 if metric == "mse" else 1)
    if metric == "r2":
        return 1.0 - (1.0 - value) * (1.0 + margin) ** 2
    if metric == "auc":
        return value - margin * abs(value - 0.5)
    return 1.0 - (1.0 - value) * (1.0 - margin) if _worse(metric) == GREATER else value * (1.0 - margin)


def read(document: object, where: str) -> tuple[QualityConstraint, ...]:
    """AWS's constraints.json, or metrics at the top as in `{"accuracy": {"threshold": 0.8}}`.

    A metric without an operator takes the side on which it gets worse. Keys that are no metric are ignored.

    Raises: BaselineError when there is no threshold at all, or one is no number.
    """
    if not isinstance(document, Mapping):
        raise BaselineError(where, "the constraints should be a JSON object.")
    blocks = [block for key, block in document.items() if key.endswith(BLOCK_END) and isinstance(block, Mapping)]
    found = []
    for block in blocks or [document]:
        for metric, content in block.items():
            if isinstance(content, Mapping) and "threshold" in content:
                found.append(_constraint(metric, content, where))
    if not found:
        raise BaselineError(where, "holds no threshold of any metric.", "Expected a `…_constraints` block.")
    return tuple(found)


def _constraint(metric: str, content: Mapping[str, Any], where: str) -> QualityConstraint:
    operator = content.get("comparison_operator") or _worse(metric)
    if operator not in (LESS, GREATER):
        raise BaselineError(where, f"the comparison_operator of {metric} should be {LESS} or {GREATER}.")
    threshold = content["threshold"]
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not math.isfinite(threshold):
        raise BaselineError(where, f"the threshold of {metric} should be a number.")
    return QualityConstraint(metric, float(threshold), operator)


def check(
    constraint: QualityConstraint, values: Mapping[str, float], deviations: Mapping[str, float] | None = None
) -> Check:
    """Compare one metric; AWS's wording, with the deviation where it is known.

    Args:
        values, deviations: of the window, by metric; NaN or absent where undefined.
    """
    value = values.get(constraint.metric, math.nan)
    if not math.isfinite(value):
        reason = f"{constraint.metric} is not defined by this window's records"
        return _check(constraint, Outcome.NOT_EVALUATED, None, reason)
    if not constraint.is_violated_by(value):
        return _check(constraint, Outcome.HELD, value)
    deviation = (deviations or {}).get(constraint.metric, math.nan)
    spread = f" +/- {deviation}" if math.isfinite(deviation) else ""
    text = (
        f"Metric {told_name(constraint.metric)} with {value}{spread} was {constraint.operator} '{constraint.threshold}'"
    )
    return _check(constraint, Outcome.VIOLATED, value, text)


def _check(constraint: QualityConstraint, outcome: Outcome, value: float | None, text: str = "") -> Check:
    return Check(
        constraint.operator, constraint.metric, outcome, value, constraint.threshold, text, constraint.is_required
    )


def told_name(metric: str) -> str:
    """The name in a violation: the four rates are in camel case there."""
    if not metric.endswith(RATE_END):
        return metric
    first, *rest = metric.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _worse(metric: str) -> str:
    return GREATER if metric in WORSE_WHEN_GREATER else LESS
