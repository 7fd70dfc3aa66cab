"""The monitors of one endpoint: image, baselines, schedules, and the verdicts of runs that never started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aws_cdk import CfnOutput, Environment, Stack, aws_kms as kms
from constructs import Construct

from model_monitor import contract
from stacks.configuration import baseline_document, baseline_version, configuration_document
from stacks.constructs.baseline_step import BaselineStep
from stacks.constructs.files import UploadedFile, json_bytes
from stacks.constructs.monitor_image import MonitorImage
from stacks.constructs.monitoring_schedule import MonitoringSchedule
from stacks.constructs.places import EndpointPlaces
from stacks.constructs.reconciler import Reconciler, ReconcilerProps
from stacks.constructs.scheduled_monitor import MonitorProps, ScheduledMonitor
from stacks.settings.attribution import shadow_prefix
from stacks.settings.endpoint import Endpoint
from stacks.settings.environment import Network, Security

EXECUTORS = {"model_monitor": MonitoringSchedule}  # scheduler of the settings → construct with `monitor`


@dataclass(frozen=True, kw_only=True)
class MonitoringProps:
    """Whose monitors, with what image, and where their data lies."""

    environment: str
    name: str
    endpoint: Endpoint
    image_uri: str | None
    places: EndpointPlaces
    key: kms.IKey
    network: Network
    security: Security
    tags: Mapping[str, str] = field(default_factory=dict)


class MonitoringStack(Stack):
    """One schedule per monitor. `monitors` is what alarms and retraining need to know of them."""

    def __init__(self, scope: Construct, construct_id: str, props: MonitoringProps, *, env: Environment) -> None:
        super().__init__(scope, construct_id, env=env, description=f"Model monitoring: monitors of {props.name}")
        self._props = props
        self._image = MonitorImage(self, "Image", props.image_uri, loads_models=props.endpoint.loads_models)
        self._baseline: BaselineStep | None = None
        self._code = {
            written: UploadedFile(self, f"Code-{path.stem}-{number}", name=path.name, content=path.read_bytes())
            for number, (written, path) in enumerate(sorted(props.endpoint.code_files.items()))
        }
        self.monitors = {name: self._monitor(name) for name in props.endpoint.monitors}
        Reconciler(
            self,
            "Reconciler",
            ReconcilerProps(
                monitors=list(self.monitors.values()),
                state_prefix=contract.state_prefix(props.environment, props.name),
                shadow_prefixes=[shadow_prefix(props.name)] if props.endpoint.has_shadows else [],
            ),
        )
        CfnOutput(
            self,
            "ReportLocation",
            value=props.places.reports.below(props.name).uri,
            description="Reports of every run, by schedule and hour",
        )

    @property
    def _code_uris(self) -> dict[str, str]:
        return {written: file.uri for written, file in self._code.items()}

    def _monitor(self, name: str) -> ScheduledMonitor:
        props, settings = self._props, self._props.endpoint.monitors[name]
        scope = Construct(self, name.title().replace("-", ""))
        document = configuration_document(props.name, props.endpoint, name, self._code_uris)
        monitor_props = MonitorProps(
            monitor=ScheduledMonitor(
                endpoint_name=props.name,
                schedule_name=contract.schedule_name(props.name, name),
                namespace=props.endpoint.metrics.namespace,
                hours=settings.hours,
            ),
            settings=settings,
            image=self._image,
            configuration=UploadedFile(scope, "Configuration", name="config.json", content=json_bytes(document)),
            places=props.places,
            key=props.key,
            network=props.network,
            security=props.security,
            code=self._code,
            tags=props.tags,
            has_labels=props.endpoint.ground_truth is not None and bool(settings.labelled),
        )
        executor = EXECUTORS[settings.scheduler](scope, "Executor", monitor_props)
        if settings.baseline.dataset is not None:
            executor.node.add_dependency(self._baseline_step(scope, monitor_props, document))
        return executor.monitor

    def _baseline_step(self, scope: Construct, monitor_props: MonitorProps, document: dict[str, Any]) -> BaselineStep:
        """One step for all monitors of the endpoint: one version holds the baseline of every type that any of them runs."""
        if self._baseline is None:
            props = self._props
            of_all = baseline_document(props.name, props.endpoint, self._code_uris)
            monitor_props = replace(monitor_props, sharing=tuple(props.endpoint.computed.values()))
            if of_all != document:
                file = UploadedFile(scope, "BaselineConfiguration", name="config.json", content=json_bytes(of_all))
                monitor_props = replace(monitor_props, configuration=file)
            self._baseline = BaselineStep(
                scope,
                "Baseline",
                monitor_props,
                types=list(of_all["monitors"]),
                version=baseline_version(props.endpoint),
                live_parameter=contract.live_parameter(props.environment, props.name, "baseline"),
            )
        return self._baseline
