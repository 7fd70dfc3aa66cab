"""An alarm on violations that some types of checks count: of broken data, of a worse model, of metrics of a user's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_cloudwatch as cloudwatch

from model_monitor import contract
from stacks.constructs.monitor_alarm import Watched
from stacks.constructs.scheduled_monitor import ScheduledMonitor


@dataclass(frozen=True)
class ViolationKind:
    """One kind of violation. what: the end of the alarm's name; checks: types whose counts it adds up; meaning: for people."""

    what: str
    checks: tuple[str, ...]
    meaning: str


def _of_data(check: contract.CheckType, meaning: str) -> ViolationKind:
    return ViolationKind(check.removesuffix("_check").replace("_", "-"), (check,), meaning)


BROKEN_DATA = (
    _of_data(contract.CheckType.DATA_TYPE, "values of another type than in the baseline"),
    _of_data(contract.CheckType.COMPLETENESS, "more missing values than the baseline allows"),
    _of_data(contract.CheckType.MISSING_COLUMN, "features that did not arrive at all"),
    _of_data(contract.CheckType.EXTRA_COLUMN, "features that the baseline does not know"),
    _of_data(contract.CheckType.CATEGORICAL_VALUES, "categories that the baseline does not know"),
    _of_data(contract.CheckType.NON_NEGATIVE, "negative values where the baseline has none"),
)
MODEL = {
    "model_quality": (
        ViolationKind(
            "model-quality",
            (contract.CHECK_LESS, contract.CHECK_GREATER),
            "a quality of the model beyond its threshold",
        ),
        ViolationKind(
            "prediction-drift", (contract.CHECK_PREDICTION_DRIFT,), "predictions that moved away from the baseline"
        ),
    ),
    "model_bias": (ViolationKind("bias-drift", (contract.CHECK_BIAS_DRIFT,), "more bias than in the baseline"),),
    "model_explainability": (
        ViolationKind(
            "attribution-drift",
            (contract.CHECK_ATTRIBUTION_DRIFT,),
            "features of another importance than in the baseline",
        ),
    ),
    "custom_metrics": (
        ViolationKind("custom-metrics", (contract.CHECK_CUSTOM_METRIC,), "metrics of your own beyond their threshold"),
    ),
}


def violations(monitor: ScheduledMonitor, kind: ViolationKind) -> Watched:
    """A run counts one violation or more."""
    return Watched(
        what=kind.what,
        description=f"Runs of {monitor.schedule_name} found {kind.meaning}. The report names them.",
        metric=_count(monitor, kind.checks),
    )


def _count(monitor: ScheduledMonitor, checks: Sequence[str]) -> cloudwatch.IMetric:
    """Violations of one check type, or of several together: every run emits the counts of all of them, zeros included."""
    series = {f"m{number}": monitor.metric(contract.violations_metric(check)) for number, check in enumerate(checks)}
    if len(series) == 1:
        return series["m0"]
    return cloudwatch.MathExpression(
        expression=" + ".join(series), using_metrics=dict(series), period=monitor.period, label="violations"
    )
