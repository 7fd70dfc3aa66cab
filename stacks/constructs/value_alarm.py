"""Alarms on values that a run measures: a quality of the model, the share of labels that came, a metric of a user's own."""

from __future__ import annotations

from model_monitor import contract
from stacks.constructs.monitor_alarm import ABOVE, BELOW, Watched
from stacks.constructs.scheduled_monitor import ScheduledMonitor
from stacks.settings.analysis import WORSE_WHEN_GREATER


def quality(monitor: ScheduledMonitor, metric: str, threshold: float) -> Watched:
    """A metric of model quality is worse than a value."""
    is_greater_worse = metric in WORSE_WHEN_GREATER
    return Watched(
        what=f"quality-{metric}",
        description=(
            f"{metric} in a run of {monitor.schedule_name} is {'above' if is_greater_worse else 'below'} "
            f"{threshold:g}.\nOften: drifted data, another meaning of the label, few labels.\n"
            "Do: see in the report how many labels it was measured on, compare with drift, then retrain or roll back."
        ),
        metric=monitor.metric(metric, statistic="Maximum" if is_greater_worse else "Minimum"),
        operator=ABOVE if is_greater_worse else BELOW,
        threshold=threshold,
    )


def label_coverage(monitor: ScheduledMonitor, threshold: float) -> Watched:
    """Fewer predictions than expected have a label although labels are due."""
    return Watched(
        what="label-coverage",
        description=(
            f"Fewer than {threshold:.0%} of the predictions that {monitor.schedule_name} scored have a label. "
            "\nOften: labels are late, or do not carry the ids of the captured requests.\n"
            "Do: see whether labels arrive, and whether their ids are those of the capture."
        ),
        metric=monitor.metric(contract.METRIC_LABEL_COVERAGE, statistic="Minimum"),
        operator=BELOW,
        threshold=threshold,
    )


def custom_metric(
    monitor: ScheduledMonitor, metric: str, *, above: float | None = None, below: float | None = None
) -> Watched:
    """A metric of a user's own passes a bound."""
    threshold = above if above is not None else below
    if threshold is None:
        raise ValueError("an alarm needs a bound: above or below")
    side, statistic = ("above", "Maximum") if above is not None else ("below", "Minimum")
    return Watched(
        what=f"custom-{metric}",
        description=(
            f"{metric} in a run of {monitor.schedule_name} is {side} {threshold:g}.\nOften: what this metric of yours "
            "measures.\nDo: see the metric, and the records it was computed on, in the report."
        ),
        metric=monitor.metric(contract.custom_metric(metric), statistic=statistic),
        operator=ABOVE if above is not None else BELOW,
        threshold=threshold,
    )
