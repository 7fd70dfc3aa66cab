"""Alarms and a dashboard for the monitors of one endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from aws_cdk import Environment, Stack, aws_sns as sns
from constructs import Construct

from model_monitor import contract
from stacks.constructs.dashboard import EndpointDashboard
from stacks.constructs.drift_alarm import drift, feature_drift
from stacks.constructs.monitor_alarm import MonitorAlarm, MonitorAlarmProps, watch
from stacks.constructs.rehearsal_alarm import rehearsal
from stacks.constructs.run_error_alarm import run_error
from stacks.constructs.scheduled_monitor import ScheduledMonitor
from stacks.constructs.staleness_alarm import staleness
from stacks.constructs.value_alarm import custom_metric, label_coverage, labels_missing, quality
from stacks.constructs.violation_alarm import BROKEN_DATA, MODEL, ViolationKind, violations
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
    messages: str = "alarms"  # who writes: runs, alarms, both


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

        def props(periods: int, of_periods: int | None = None) -> MonitorAlarmProps:
            return MonitorAlarmProps(
                environment=self._props.environment,
                monitor=monitor,
                topic=self._props.topic,
                periods=periods,
                of_periods=of_periods,
            )

        usual, names = props(settings.alarms.periods, settings.alarms.of_periods), AlarmNames()
        # with Model Monitor's scheduler there is no last step that could tell
        of_runs = replace(usual, is_silent=self._props.messages == "runs" and settings.is_managed)
        if "data_quality" in settings.types:
            _data_alarms(scope, usual, of_runs, settings, names)
        for type_ in settings.types:
            for kind in MODEL.get(type_, ()):
                alarm = MonitorAlarm(scope, kind.what.title().replace("-", ""), of_runs, violations(monitor, kind))
                names.of_model.setdefault(type_, {})[alarm.name] = kind.checks
        _value_alarms(scope, usual, settings, names)
        if settings.labelled and self._props.endpoint.ground_truth is not None:
            MonitorAlarm(scope, "LabelsMissing", props(1), labels_missing(monitor))
        MonitorAlarm(scope, "Rehearsal", props(1), rehearsal(monitor))
        MonitorAlarm(scope, "Error", props(1), run_error(monitor))
        if settings.is_managed:  # the control plane sweeps its table of runs
            return names
        periods = settings.alarms.staleness_periods
        stale = staleness(monitor, self._props.endpoint.variant_names, periods, settings.min_records)
        MonitorAlarm(scope, "Stale", props(periods), stale)
        return names


def _data_alarms(
    scope: Construct, props: MonitorAlarmProps, of_runs: MonitorAlarmProps, settings: Monitor, names: AlarmNames
) -> None:
    """Drift, of all features together and of single ones, and broken data by its kind.

    of_runs: of alarms on what a run itself finds violated; bounds of the environment are others.
    """
    monitor, alarms = props.monitor, settings.alarms
    alarm = MonitorAlarm(
        scope, "Drift", of_runs if alarms.drift_max is None else props, drift(monitor, alarms.drift_max)
    )
    drifted = [alarm.name]
    for feature, distance in alarms.drift_features.items():
        child = f"Feature-{feature.replace('/', '-')}"
        drifted.append(watch(alarm, child, props, feature_drift(monitor, feature, distance)))
    names.of_model["data_quality"] = dict.fromkeys(drifted, (contract.CheckType.BASELINE_DRIFT,))
    for kind in page_worthy(settings):
        (check,) = kind.checks
        alarm = MonitorAlarm(scope, check.title().replace("_", ""), of_runs, violations(monitor, kind))
        names.of_broken_data.append(alarm.name)


def _value_alarms(scope: Construct, props: MonitorAlarmProps, settings: Monitor, names: AlarmNames) -> None:
    """Values that the environment bounds by itself, whatever baselines and constraints say."""
    monitor, alarms = props.monitor, settings.alarms
    for metric, threshold in alarms.quality.items():
        alarm = MonitorAlarm(scope, f"Quality-{metric}", props, quality(monitor, metric, threshold))
        names.of_model["model_quality"][alarm.name] = (contract.CHECK_LESS, contract.CHECK_GREATER)
    for metric, bound in alarms.custom.items():
        bounded = custom_metric(monitor, metric, above=bound.above, below=bound.below)
        alarm = MonitorAlarm(scope, f"Custom-{metric}", props, bounded)
        names.of_model["custom_metrics"][alarm.name] = (contract.CHECK_CUSTOM_METRIC,)
    if alarms.label_coverage is not None:
        MonitorAlarm(scope, "LabelCoverage", props, label_coverage(monitor, alarms.label_coverage))


def page_worthy(settings: Monitor) -> list[ViolationKind]:
    """Kinds of broken data with an alarm of their own: all that the monitor evaluates."""
    off = set() if settings.check_non_negative else {contract.CheckType.NON_NEGATIVE}
    return [kind for kind in BROKEN_DATA if not off & set(kind.checks)]
