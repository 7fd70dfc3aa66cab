"""Alarms on values that a run measures: a quality of the model, the share of labels that came, a metric of a user's own."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from model_monitor import contract
from stacks.constructs.monitor_alarm import MonitorAlarmProps, watch
from stacks.settings.analysis import WORSE_WHEN_GREATER

ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD  # equal is not beyond, as in the checks
BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD


class QualityAlarm(Construct):
    """Fires when a metric of model quality is worse than a value. name: of the alarm."""

    def __init__(
        self, scope: Construct, construct_id: str, props: MonitorAlarmProps, metric: str, threshold: float
    ) -> None:
        super().__init__(scope, construct_id)
        is_greater_worse = metric in WORSE_WHEN_GREATER
        self.name = props.name(f"quality-{metric}")
        watch(
            self,
            "Alarm",
            props,
            metric=props.monitor.metric(metric, statistic="Maximum" if is_greater_worse else "Minimum"),
            what=f"quality-{metric}",
            description=(
                f"{metric} in a run of {props.monitor.schedule_name} is {'above' if is_greater_worse else 'below'} "
                f"{threshold:g}. The report says how many labels it was measured on."
            ),
            threshold=threshold,
            operator=ABOVE if is_greater_worse else BELOW,
        )


class LabelCoverageAlarm(Construct):
    """Fires when fewer predictions than expected have a label although labels are due."""

    def __init__(self, scope: Construct, construct_id: str, props: MonitorAlarmProps, threshold: float) -> None:
        super().__init__(scope, construct_id)
        watch(
            self,
            "Alarm",
            props,
            metric=props.monitor.metric(contract.METRIC_LABEL_COVERAGE, statistic="Minimum"),
            what="label-coverage",
            description=(
                f"Fewer than {threshold:.0%} of the predictions that {props.monitor.schedule_name} scored have a label. "
                "Labels are late, or do not carry the ids of the captured requests."
            ),
            threshold=threshold,
            operator=BELOW,
        )


class LabelsMissingAlarm(Construct):
    """Fires when a window was given up: its labels had not come when its horizon ended, so it will never be judged."""

    def __init__(self, scope: Construct, construct_id: str, props: MonitorAlarmProps) -> None:
        super().__init__(scope, construct_id)
        watch(
            self,
            "Alarm",
            props,
            metric=props.monitor.metric(contract.METRIC_WINDOWS_EXPIRED),
            what="labels-missing",
            description=(
                f"Windows of {props.monitor.schedule_name} were given up at their horizon: too few labels came, and nothing was "
                "concluded about them. Labels stopped, are late, or do not carry the ids of the captured requests."
            ),
            threshold=1,
        )


class CustomMetricAlarm(Construct):
    """Fires when a metric of a user's own passes a bound. name: of the alarm."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        props: MonitorAlarmProps,
        metric: str,
        *,
        above: float | None = None,
        below: float | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        threshold = above if above is not None else below
        if threshold is None:
            raise ValueError("an alarm needs a bound: above or below")
        side, statistic = ("above", "Maximum") if above is not None else ("below", "Minimum")
        self.name = props.name(f"custom-{metric}")
        watch(
            self,
            "Alarm",
            props,
            metric=props.monitor.metric(contract.custom_metric(metric), statistic=statistic),
            what=f"custom-{metric}",
            description=f"{metric} in a run of {props.monitor.schedule_name} is {side} {threshold:g}.",
            threshold=threshold,
            operator=ABOVE if above is not None else BELOW,
        )
