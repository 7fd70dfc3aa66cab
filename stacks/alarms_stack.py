"""Alarms and a dashboard for the monitors of one endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Environment, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from model_monitor import contract
from stacks.constructs.drift_alarm import DriftAlarm
from stacks.constructs.monitor_alarm import MonitorAlarmProps
from stacks.constructs.run_error_alarm import RunErrorAlarm
from stacks.constructs.scheduled_monitor import ScheduledMonitor
from stacks.constructs.staleness_alarm import StalenessAlarm
from stacks.constructs.violation_alarm import ViolationAlarm
from stacks.endpoint_settings import Endpoint
from stacks.monitor_settings import Monitor


@dataclass(frozen=True, kw_only=True)
class AlarmsProps:
    """Whose alarms, and who is told."""

    environment: str
    name: str
    endpoint: Endpoint
    monitors: Mapping[str, ScheduledMonitor]
    topic: sns.ITopic


@dataclass(frozen=True)
class AlarmNames:
    """Of one monitor: those that may start a retraining, and those that never do."""

    drift: Sequence[str]
    violations: Sequence[str]


class AlarmsStack(Stack):
    """`names` tells the retraining policy which alarm means what."""

    def __init__(self, scope: Construct, construct_id: str, props: AlarmsProps, *, env: Environment) -> None:
        super().__init__(scope, construct_id, env=env, description=f"Model monitoring: alarms of {props.name}")
        self._props = props
        self.names = {name: self._alarms(name, monitor) for name, monitor in props.monitors.items()}
        cloudwatch.Dashboard(self, "Dashboard", widgets=[_row(monitor) for monitor in props.monitors.values()])

    def _alarms(self, name: str, monitor: ScheduledMonitor) -> AlarmNames:
        settings = self._props.endpoint.monitors[name]
        scope = Construct(self, name.title().replace("-", ""))

        def props(periods: int) -> MonitorAlarmProps:
            return MonitorAlarmProps(
                environment=self._props.environment, monitor=monitor, topic=self._props.topic, periods=periods
            )

        usual = props(settings.alarms.periods)
        drift = DriftAlarm(
            scope, "Drift", usual, drift_max=settings.alarms.drift_max, features=settings.alarms.drift_features
        )
        violations = [
            ViolationAlarm(scope, check.title().replace("_", ""), usual, check) for check in page_worthy(settings)
        ]
        RunErrorAlarm(scope, "Error", props(1))
        StalenessAlarm(scope, "Stale", props(settings.alarms.staleness_periods), self._props.endpoint.variant_names)
        return AlarmNames(drift.names, [alarm.name for alarm in violations])


def page_worthy(settings: Monitor) -> list[contract.CheckType]:
    """Check types with an alarm of their own: all that the monitor evaluates, but drift."""
    off = {contract.CheckType.BASELINE_DRIFT}
    if not settings.check_non_negative:
        off.add(contract.CheckType.NON_NEGATIVE)
    return [check for check in contract.CheckType if check not in off]


def _row(monitor: ScheduledMonitor) -> list[cloudwatch.IWidget]:
    """One monitor: how its runs ended, what they read, what they found."""
    verdicts = [monitor.metric(contract.run_metric(verdict)) for verdict in contract.VERDICT_ORDER]
    reading = [contract.METRIC_RECORDS, contract.METRIC_REJECTED, contract.METRIC_OUTSIDE_WINDOW]
    found = [contract.violations_metric(check) for check in contract.CheckType]
    return [
        cloudwatch.GraphWidget(title=f"{monitor.schedule_name}: verdicts", left=verdicts, stacked=True, width=8),
        cloudwatch.GraphWidget(title="records", left=[monitor.metric(name) for name in reading], width=8),
        cloudwatch.GraphWidget(
            title="violations and drift",
            left=[monitor.metric(name) for name in found],
            right=[monitor.metric(contract.METRIC_DRIFT_MAX)],
            width=8,
        ),
    ]
