"""Alarms and a dashboard for the monitors of one endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_cdk import Environment, Stack, aws_sns as sns
from constructs import Construct

from model_monitor import contract
from stacks.constructs.dashboard import EndpointDashboard
from stacks.constructs.drift_alarm import DriftAlarm
from stacks.constructs.monitor_alarm import MonitorAlarmProps
from stacks.constructs.rehearsal_alarm import RehearsalAlarm
from stacks.constructs.run_error_alarm import RunErrorAlarm
from stacks.constructs.scheduled_monitor import ScheduledMonitor
from stacks.constructs.staleness_alarm import StalenessAlarm
from stacks.constructs.value_alarm import CustomMetricAlarm, LabelCoverageAlarm, LabelsMissingAlarm, QualityAlarm
from stacks.constructs.violation_alarm import BROKEN_DATA, MODEL, ViolationAlarm, Watched
from stacks.settings.endpoint import Endpoint
from stacks.settings.monitor import Monitor


@dataclass(frozen=True, kw_only=True)
class AlarmsProps:
    """Whose alarms, and who is told."""

    environment: str
    name: str
    endpoint: Endpoint
    monitors: Mapping[str, ScheduledMonitor]
    topic: sns.ITopic


@dataclass
class AlarmNames:
    """Of one monitor. of_model: type → alarm → the check types it is about; a policy chooses which types may train.
    of_broken_data: alarms that never do."""

    of_model: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    of_broken_data: list[str] = field(default_factory=list)


class AlarmsStack(Stack):
    """`names` tells the retraining policy which alarm means what."""

    def __init__(self, scope: Construct, construct_id: str, props: AlarmsProps, *, env: Environment) -> None:
        super().__init__(scope, construct_id, env=env, description=f"Model monitoring: alarms of {props.name}")
        self._props = props
        self.names = {name: self._alarms(name, monitor) for name, monitor in props.monitors.items()}
        EndpointDashboard(self, "Endpoint", props.endpoint, props.monitors)

    def _alarms(self, name: str, monitor: ScheduledMonitor) -> AlarmNames:
        settings = self._props.endpoint.monitors[name]
        scope = Construct(self, name.title().replace("-", ""))

        def props(periods: int) -> MonitorAlarmProps:
            return MonitorAlarmProps(
                environment=self._props.environment, monitor=monitor, topic=self._props.topic, periods=periods
            )

        usual, names = props(settings.alarms.periods), AlarmNames()
        if "data_quality" in settings.types:
            _data_alarms(scope, usual, settings, names)
        for type_ in settings.types:
            for watched in MODEL.get(type_, ()):
                alarm = ViolationAlarm(scope, watched.what.title().replace("-", ""), usual, watched)
                names.of_model.setdefault(type_, {})[alarm.name] = watched.checks
        _value_alarms(scope, usual, settings, names)
        if settings.labelled and self._props.endpoint.ground_truth is not None:
            LabelsMissingAlarm(scope, "LabelsMissing", props(1))
        RehearsalAlarm(scope, "Rehearsal", props(1))
        RunErrorAlarm(scope, "Error", props(1))
        patience, variants = props(settings.alarms.staleness_periods), self._props.endpoint.variant_names
        StalenessAlarm(scope, "Stale", patience, variants, settings.min_records)
        return names


def _data_alarms(scope: Construct, props: MonitorAlarmProps, settings: Monitor, names: AlarmNames) -> None:
    """Drift, and broken data by its kind."""
    alarms = settings.alarms
    drift = DriftAlarm(scope, "Drift", props, drift_max=alarms.drift_max, features=alarms.drift_features)
    names.of_model["data_quality"] = dict.fromkeys(drift.names, (contract.CheckType.BASELINE_DRIFT,))
    for watched in page_worthy(settings):
        (check,) = watched.checks
        alarm = ViolationAlarm(scope, check.title().replace("_", ""), props, watched)
        names.of_broken_data.append(alarm.name)


def _value_alarms(scope: Construct, props: MonitorAlarmProps, settings: Monitor, names: AlarmNames) -> None:
    """Values that the environment bounds by itself, whatever baselines and constraints say."""
    alarms = settings.alarms
    for metric, threshold in alarms.quality.items():
        quality = QualityAlarm(scope, f"Quality-{metric}", props, metric, threshold)
        names.of_model["model_quality"][quality.name] = (contract.CHECK_LESS, contract.CHECK_GREATER)
    for metric, bound in alarms.custom.items():
        custom = CustomMetricAlarm(scope, f"Custom-{metric}", props, metric, above=bound.above, below=bound.below)
        names.of_model["custom_metrics"][custom.name] = (contract.CHECK_CUSTOM_METRIC,)
    if alarms.label_coverage is not None:
        LabelCoverageAlarm(scope, "LabelCoverage", props, alarms.label_coverage)


def page_worthy(settings: Monitor) -> list[Watched]:
    """Kinds of broken data with an alarm of their own: all that the monitor evaluates."""
    off = set() if settings.check_non_negative else {contract.CheckType.NON_NEGATIVE}
    return [watched for watched in BROKEN_DATA if not off & set(watched.checks)]
