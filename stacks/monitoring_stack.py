"""What watches one endpoint: image, baselines, schedules, alarms, and what alarms may start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aws_cdk import CfnOutput, Environment, Stack, aws_kms as kms, aws_sns as sns
from constructs import Construct

from model_monitor import contract
from stacks.configuration import baseline_document, baseline_version, comparison_document, configuration_document
from stacks.constructs.baseline_step import BaselineStep
from stacks.constructs.endpoint_alarms import AlarmNames, EndpointAlarms, EndpointAlarmsProps
from stacks.constructs.endpoint_retraining import EndpointRetraining, EndpointRetrainingProps
from stacks.constructs.files import UploadedFile, below_its_name, json_bytes
from stacks.constructs.label_writers import LabelWriters
from stacks.constructs.managed_schedule import ManagedSchedule, Plane, RunFunction
from stacks.constructs.model_comparison import ModelComparison
from stacks.constructs.monitor_image import X86_64, MonitorImage
from stacks.constructs.monitoring_schedule import MonitoringSchedule
from stacks.constructs.next_baseline import NextBaseline
from stacks.constructs.places import EndpointPlaces
from stacks.constructs.routes import Route, tell_more
from stacks.constructs.scheduled_monitor import MonitorProps, ScheduledMonitor
from stacks.links import links
from stacks.settings import published
from stacks.settings.environment import Settings


@dataclass(frozen=True, kw_only=True)
class MonitoringProps:
    """Whose monitors, where their data lies, and who is told.

    plane: of the kit's own scheduler; None: nobody uses it. routes: who is told besides everybody.
    """

    settings: Settings
    name: str
    places: EndpointPlaces
    key: kms.IKey
    plane: Plane | None
    topic: sns.ITopic
    routes: Sequence[Route] = ()


class MonitoringStack(Stack):
    """One schedule per monitor, alarms, and what they may start. monitors: what the environment's other stacks need to know of
    them; watched: alarms that a policy of retraining names."""

    def __init__(self, scope: Construct, construct_id: str, props: MonitoringProps, *, env: Environment) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            synthesizer=below_its_name(construct_id),
            description=f"Model monitoring: monitors of {props.name}",
        )
        self._props = props
        self._settings, self._endpoint = props.settings, props.settings.endpoints[props.name]
        self._image = MonitorImage(
            self, "Image", self._settings.monitor_image, loads_models=self._endpoint.loads_models
        )
        self._function_image = self._of_functions()
        self._baseline: BaselineStep | None = None
        self._code = {
            written: UploadedFile(self, f"Code-{path.stem}-{number}", name=path.name, content=path.read_bytes())
            for number, (written, path) in enumerate(sorted(self._endpoint.code_files.items()))
        }
        runs = {name: self._props_of(name) for name in self._endpoint.monitors}
        managed = [each for each in runs.values() if each.settings.is_managed]
        function = self._run_function(runs, managed)
        self.monitors = {name: self._monitor(name, each, function) for name, each in runs.items()}
        self.reconciled = [each.monitor for each in runs.values() if not each.settings.is_managed]
        self.watched = self._retraining(self._alarms())
        self._offer_labels()
        CfnOutput(
            self,
            "ReportLocation",
            value=props.places.reports.below(props.name).uri,
            description="Reports of every run, by schedule and hour",
        )

    def _alarms(self) -> Mapping[str, AlarmNames]:
        """Alarms of the endpoint and its monitors, by monitor."""
        props, alarms = self._props, self._settings.alarms
        made = EndpointAlarms(
            self,
            "EndpointAlarms",
            EndpointAlarmsProps(
                environment=self._settings.environment,
                name=props.name,
                endpoint=self._endpoint,
                monitors=self.monitors,
                topic=props.topic,
                alarms=alarms,
            ),
        )
        if props.routes or alarms.recovery:
            schedules = sorted((each.schedule_name for each in self.monitors.values()), key=len, reverse=True)
            starts = [contract.alarm_name(self._settings.environment, each, "") for each in schedules]
            tell_more(made, props.name, starts, props.routes, props.topic if alarms.recovery else None)
        return made.names

    def _retraining(self, alarms: Mapping[str, AlarmNames]) -> list[str]:
        """What alarms may start; those that may."""
        props, endpoint = self._props, self._endpoint
        if endpoint.retraining is None:
            return []
        return EndpointRetraining(
            self,
            "EndpointRetraining",
            EndpointRetrainingProps(
                environment=self._settings.environment,
                name=props.name,
                endpoint=endpoint,
                settings=endpoint.retraining,
                topic=props.topic,
                payload=endpoint.payload,
                monitor=self.monitors[endpoint.watched],
                alarms=alarms[endpoint.watched],
                places=props.places,
                key=props.key,
                network=self._settings.network,
                security=self._settings.security,
                tags=self._settings.tags_of(props.name),
            ),
        ).watched

    def _offer_labels(self) -> None:
        """Tell applications what their roles need to write labels."""
        truth = self._endpoint.ground_truth
        if truth is None:
            return
        LabelWriters(
            self,
            "LabelWriters",
            parameter=contract.label_writers_parameter(self._settings.environment, self._props.name),
            endpoint_name=self._props.name,
            place=self._props.places.ground_truth,
            key=self._props.key if truth.location is None else None,
        )

    def _run_function(self, runs: Mapping[str, MonitorProps], managed: list[MonitorProps]) -> RunFunction | None:
        """What analyses small windows, and compares models where the endpoint is retrained."""
        props = self._props
        if not managed and self._endpoint.retraining is None:
            return None
        function = RunFunction(self, "Runs", self._settings.environment, managed or list(runs.values()))
        if self._endpoint.retraining is not None:
            ModelComparison(
                self,
                "Comparison",
                function,
                document=comparison_document(props.name, self._endpoint),
                parameter=contract.retraining_parameter(self._settings.environment, props.name, "comparison"),
                places=props.places,
                endpoint_name=props.name,
            )
        return function

    def _of_functions(self) -> MonitorImage | None:
        """The image for another processor than that of jobs; None where there is no other."""
        chosen = self._settings.run_functions
        if chosen.architecture == X86_64:
            return None
        return MonitorImage(
            self,
            "FunctionImage",
            chosen.image,
            loads_models=self._endpoint.loads_models,
            architecture=chosen.architecture,
        )

    @property
    def _code_uris(self) -> dict[str, str]:
        return {written: file.uri for written, file in self._code.items()}

    def _props_of(self, name: str) -> MonitorProps:
        props, settings = self._props, self._endpoint.monitors[name]
        scope = Construct(self, name.title().replace("-", ""))
        schedule = contract.schedule_name(props.name, name)
        document = configuration_document(
            props.name,
            self._endpoint,
            name,
            self._code_uris,
            links(self._settings.environment, self.region, schedule, self._settings.links),
        )
        return MonitorProps(
            monitor=ScheduledMonitor(
                endpoint_name=props.name,
                schedule_name=schedule,
                namespace=self._endpoint.metrics.namespace,
                every=settings.period,
                published=published.names(self._endpoint, settings),
            ),
            settings=settings,
            image=self._image,
            configuration=UploadedFile(scope, "Configuration", name="config.json", content=json_bytes(document)),
            places=props.places,
            key=props.key,
            network=self._settings.network,
            security=self._settings.security,
            code=self._code,
            tags=self._settings.tags_of(props.name),
            has_labels=self._endpoint.ground_truth is not None and bool(settings.labelled),
            writes_rows=self._endpoint.rows_monitor == name,
            transform=self._endpoint.capture.transform,
            function_image=self._function_image,
            architecture=self._settings.run_functions.architecture,
        )

    def _monitor(self, name: str, monitor_props: MonitorProps, function: RunFunction | None) -> ScheduledMonitor:
        scope = monitor_props.configuration.node.scope
        if not isinstance(scope, Construct):
            raise TypeError(f"the monitor {name} should have a scope")
        executor = self._executor(scope, monitor_props, function)
        if monitor_props.settings.baseline.dataset is not None:
            document = configuration_document(self._props.name, self._endpoint, name, self._code_uris)
            executor.node.add_dependency(self._baseline_step(scope, monitor_props, document))
        return monitor_props.monitor

    def _executor(self, scope: Construct, monitor_props: MonitorProps, function: RunFunction | None) -> Construct:
        """Whoever starts the runs."""
        props = self._props
        if not monitor_props.settings.is_managed:
            return MonitoringSchedule(scope, "Executor", monitor_props)
        if props.plane is None or function is None:
            raise ValueError("a managed monitor needs the environment's control plane")
        return ManagedSchedule(
            scope,
            "Executor",
            monitor_props,
            plane=props.plane,
            function=function,
            variants=self._endpoint.variant_names,
            sampling_percentage=self._endpoint.capture.sampling_percentage,
        )

    def _baseline_step(self, scope: Construct, monitor_props: MonitorProps, document: dict[str, Any]) -> BaselineStep:
        """One step for all monitors of the endpoint: one version holds the baseline of every type that any of them runs."""
        if self._baseline is None:
            props = self._props
            of_all = baseline_document(props.name, self._endpoint, self._code_uris)
            monitor_props = replace(monitor_props, sharing=tuple(self._endpoint.computed.values()))
            if of_all != document:
                file = UploadedFile(scope, "BaselineConfiguration", name="config.json", content=json_bytes(of_all))
                monitor_props = replace(monitor_props, configuration=file)
            self._baseline = BaselineStep(
                scope,
                "Baseline",
                monitor_props,
                types=list(of_all["monitors"]),
                version=baseline_version(self._endpoint),
                live_parameter=contract.live_parameter(self._settings.environment, props.name, "baseline"),
                role_path=contract.role_path(self._settings.environment),
            )
            self._offer_baseline(scope, self._baseline, list(of_all["monitors"]))
        return self._baseline

    def _offer_baseline(self, scope: Construct, step: BaselineStep, types: list[str]) -> None:
        """Tell retrainings how the next version is made."""
        props, retraining = self._props, self._endpoint.retraining
        if retraining is None:
            return
        NextBaseline(
            scope,
            "NextBaseline",
            step,
            parameter=contract.retraining_parameter(self._settings.environment, props.name, "baseline"),
            live_parameter=contract.live_parameter(self._settings.environment, props.name, "baseline"),
            types=types,
            places=props.places,
            payload=self._endpoint.payload,
            answers=retraining.answers,
        )
