"""Alarms of one endpoint and its monitors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from aws_cdk import Stack, aws_cloudwatch as cloudwatch, aws_sns as sns
from constructs import Construct

from model_monitor import contract
from model_monitor.contract import CHECKS_OF, Cause
from stacks.constructs import alarm_words
from stacks.constructs.capture_alarm import capture_loss
from stacks.constructs.cause_alarm import OF_TYPE, cause_alarm
from stacks.constructs.composite_alarm import MODEL, SERVICE, PageOnce, updating
from stacks.constructs.drift_alarm import drift, drift_share, feature_drift
from stacks.constructs.monitor_alarm import MonitorAlarm, MonitorAlarmProps, watch
from stacks.constructs.rehearsal_alarm import rehearsal
from stacks.constructs.scheduled_monitor import ScheduledMonitor
from stacks.constructs.service_alarm import PERIODS, errors, latency
from stacks.constructs.staleness_alarm import staleness
from stacks.constructs.told_alarm import Told, tell
from stacks.constructs.value_alarm import custom_metric, label_coverage, quality
from stacks.settings.endpoint import Endpoint
from stacks.settings.environment import Alarms
from stacks.settings.monitor import Monitor


@dataclass(frozen=True, kw_only=True)
class EndpointAlarmsProps:
    """Whose alarms, and who is told."""

    environment: str
    name: str
    endpoint: Endpoint
    monitors: Mapping[str, ScheduledMonitor]
    topic: sns.ITopic
    alarms: Alarms


@dataclass
class AlarmNames:
    """Of one monitor. of_model: type → alarm → the check types it is about; a policy chooses which types may train.
    of_broken_data: alarms that never do. of_bounds: those on bounds of the environment, which no message of a run tells."""

    of_model: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    of_broken_data: list[str] = field(default_factory=list)
    of_bounds: list[str] = field(default_factory=list)

    @property
    def every(self) -> list[str]:
        """All that runs find violated."""
        return [*self.of_broken_data, *(name for alarms in self.of_model.values() for name in alarms)]


class EndpointAlarms(Construct):
    """`names` tells the retraining policy which alarm means what."""

    def __init__(self, scope: Construct, construct_id: str, props: EndpointAlarmsProps) -> None:
        super().__init__(scope, construct_id)
        self._props, self._region = props, Stack.of(self).region
        self.names = {name: self._alarms(name, monitor) for name, monitor in props.monitors.items()}
        served = list(self._service())
        if props.alarms.composites:
            self._page_once(served)

    def _alarms(self, name: str, monitor: ScheduledMonitor) -> AlarmNames:
        settings = self._props.endpoint.monitors[name]
        scope = Construct(self, name.title().replace("-", ""))

        def props(periods: int, of_periods: int | None = None) -> MonitorAlarmProps:
            return MonitorAlarmProps(
                environment=self._props.environment,
                region=self._region,
                monitor=monitor,
                topic=self._props.topic,
                periods=periods,
                of_periods=of_periods,
            )

        usual, names = props(settings.alarms.periods, settings.alarms.of_periods), AlarmNames()
        bounded = replace(usual, is_silent=self._props.alarms.composites)
        of_runs = replace(usual, is_silent=self._is_told(name) or self._props.alarms.composites)
        if "data_quality" in settings.types:
            _data_alarms(scope, bounded, of_runs, settings, names)
        for type_ in settings.types:
            if type_ in OF_TYPE:
                names.of_model[type_] = {_watch(scope, of_runs, OF_TYPE[type_]): CHECKS_OF[OF_TYPE[type_]]}
        _value_alarms(scope, bounded, settings, names)
        if settings.labelled and self._props.endpoint.ground_truth is not None:
            _watch(scope, props(1), Cause.LABELS_MISSING)
        if monitor.publishes(contract.METRIC_REHEARSAL):
            MonitorAlarm(scope, "Rehearsal", props(1), rehearsal(monitor))
        _watch(scope, usual, Cause.REJECTED)
        self._capture_loss(scope, props(1), settings)
        _watch(scope, props(1), Cause.ERROR)
        if settings.is_managed:  # the control plane sweeps its table of runs
            return names
        periods = settings.alarms.staleness_periods
        stale = staleness(monitor, self._props.endpoint.variant_names, periods, settings.min_records)
        MonitorAlarm(scope, "Stale", props(periods), stale)
        return names

    def _is_told(self, name: str) -> bool:
        """Whether the last step of a run tells people; with Model Monitor's scheduler there is none that could."""
        return self._props.alarms.messages == "runs" and self._props.endpoint.monitors[name].is_managed

    def _capture_loss(self, scope: Construct, props: MonitorAlarmProps, settings: Monitor) -> None:
        """The last step of a run compares captures with calls; where there is none, metric math does."""
        endpoint = self._props.endpoint
        if not endpoint.variant_names:  # of batch transform jobs nobody counts calls
            return
        if settings.is_managed:
            _watch(scope, props, Cause.CAPTURE_LOSS)
            return
        variants, sampling = settings.variants or endpoint.variant_names, endpoint.capture.sampling_percentage
        lost = capture_loss(props.monitor, variants, sampling, settings.alarms.captured_share)
        MonitorAlarm(scope, "CaptureLoss", props, lost)

    def _service(self) -> Iterator[str]:
        """How the endpoint answers; a release's own alarms watch the same, and take a bad one back."""
        props, bounds = self._props, self._props.endpoint.alarms
        is_released = props.endpoint.retraining is not None and props.endpoint.model is not None
        if is_released or not props.endpoint.variant_names:  # batch transform jobs serve nobody
            return
        variants, found = props.endpoint.variant_names, []
        if bounds.error_share is not None:
            found.append(errors(props.name, variants, bounds.error_share))
        if bounds.latency_seconds is not None:
            found.append(latency(props.name, variants, bounds.latency_seconds))
        told = Told(environment=props.environment, of=props.name, topic=props.topic)
        for watched in found:
            text = alarm_words.with_links(watched.description, props.environment, self._region)
            yield tell(
                self,
                watched.what.title(),
                told,
                replace(watched, description=text),
                periods=PERIODS,
                is_silent=props.alarms.composites,
            )

    def _page_once(self, served: Sequence[str]) -> None:
        """One page for what runs find, unless they tell people themselves, and one for the service."""
        props = self._props
        found = [
            alarm
            for name, names in self.names.items()
            for alarm in (names.of_bounds if self._is_told(name) else names.every)
        ]
        pages = {"model": (MODEL, found), "service": (SERVICE, served)}
        for what, (words, over) in pages.items():
            if not over:
                continue
            suppressor = updating(self, "Updating", props.environment, props.name) if what == "service" else None
            page = PageOnce(
                self,
                f"{what.title()}Page",
                props.environment,
                props.name,
                props.topic,
                what=what,
                words=words,
                over=over,
                suppressor=suppressor,
            )
            for alarm in self.node.find_all():
                if isinstance(alarm, cloudwatch.Alarm):
                    page.node.add_dependency(alarm)


def _data_alarms(
    scope: Construct, props: MonitorAlarmProps, of_runs: MonitorAlarmProps, settings: Monitor, names: AlarmNames
) -> None:
    """Drift, of all features together and of single ones, and broken data.

    of_runs: of alarms on what a run itself finds violated; bounds of the environment are others.
    """
    monitor, alarms = props.monitor, settings.alarms
    told = of_runs if alarms.drift_max is None else props
    alarm = MonitorAlarm(scope, "Drift", told, drift(monitor, alarms.drift_max))
    drifted = [alarm.name]
    if alarms.drift_max is not None:
        names.of_bounds.append(alarm.name)
    if alarms.drift_share is not None:
        drifted.append(watch(alarm, "Share", props, drift_share(monitor, alarms.drift_share)))
    for feature, distance in alarms.drift_features.items():
        child = f"Feature-{feature.replace('/', '-')}"
        drifted.append(watch(alarm, child, props, feature_drift(monitor, feature, distance)))
    names.of_bounds += drifted[1:]
    names.of_model["data_quality"] = dict.fromkeys(drifted, CHECKS_OF[Cause.DRIFT])
    names.of_broken_data.append(_watch(scope, of_runs, Cause.DATA_QUALITY))


def _value_alarms(scope: Construct, props: MonitorAlarmProps, settings: Monitor, names: AlarmNames) -> None:
    """Values that the environment bounds by itself, whatever baselines and constraints say."""
    monitor, alarms = props.monitor, settings.alarms
    for metric, threshold in alarms.quality.items():
        alarm = MonitorAlarm(scope, f"Quality-{metric}", props, quality(monitor, metric, threshold))
        names.of_bounds.append(alarm.name)
        names.of_model["model_quality"][alarm.name] = (contract.CHECK_LESS, contract.CHECK_GREATER)
    for metric, bound in alarms.custom.items():
        bounded = custom_metric(monitor, metric, above=bound.above, below=bound.below)
        alarm = MonitorAlarm(scope, f"Custom-{metric}", props, bounded)
        names.of_bounds.append(alarm.name)
        names.of_model["custom_metrics"][alarm.name] = (contract.CHECK_CUSTOM_METRIC,)
    if alarms.label_coverage is not None:
        told = replace(props, is_silent=False)  # late labels are no cause of the others
        MonitorAlarm(scope, "LabelCoverage", told, label_coverage(monitor, alarms.label_coverage))


def _watch(scope: Construct, props: MonitorAlarmProps, cause: Cause) -> str:
    """An alarm on one cause; its name."""
    words = str(cause).split("_")
    return MonitorAlarm(scope, "".join(word.title() for word in words), props, cause_alarm(props.monitor, cause)).name
