"""Alarms on drift of the data: it is well formed, and not what the model was trained on."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from model_monitor import contract
from stacks.constructs.monitor_alarm import MonitorAlarmProps, watch

ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD  # the same inequality as the check


class DriftAlarm(Construct):
    """Fires when live data moved away from the baseline.

    drift_max: a distance that no feature may exceed; None: whatever the drift check finds violated.
    features: distances of single features, each with an alarm of its own.
    names: of all its alarms.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        props: MonitorAlarmProps,
        *,
        drift_max: float | None = None,
        features: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        schedule = props.monitor.schedule_name
        if drift_max is None:
            watch(
                self,
                "Alarm",
                props,
                metric=props.monitor.metric(contract.violations_metric(contract.CheckType.BASELINE_DRIFT)),
                what="drift",
                description=f"Runs of {schedule} found features that drifted from the baseline. The report names them.",
                threshold=1,
            )
        else:
            watch(
                self,
                "Alarm",
                props,
                metric=props.monitor.metric(contract.METRIC_DRIFT_MAX),
                what="drift",
                description=f"The largest drift in a run of {schedule} exceeds {drift_max}. The report names the feature.",
                threshold=drift_max,
                operator=ABOVE,
            )
        self.names = [props.name("drift")]
        for feature, distance in (features or {}).items():
            watch(
                self,
                f"Feature-{feature.replace('/', '-')}",
                props,
                metric=props.monitor.metric(contract.feature_drift_metric(feature)),
                what=f"drift-{feature}",
                description=f"The drift of {feature} in a run of {schedule} exceeds {distance}.",
                threshold=distance,
                operator=ABOVE,
            )
            self.names.append(props.name(f"drift-{feature}"))
