"""Composition: read the settings of one environment, build its stacks, hand each what it needs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(
    0, str(Path(__file__).resolve().parent / "monitor_image")
)  # `contract`: the names that stacks and core share

from aws_cdk import App, Environment, Stack, Tags, aws_iam as iam, aws_sns as sns
from constructs import Construct

from model_monitor import contract
from stacks import findings, image_stack, roles
from stacks.alerting_stack import AlertingProps, AlertingStack
from stacks.constructs import customer_key, permissions, routes
from stacks.constructs.dashboard import Watched
from stacks.constructs.places import Place
from stacks.constructs.python_function import PythonFunction
from stacks.control_plane_stack import ControlPlaneProps, ControlPlaneStack
from stacks.dashboard_stack import DashboardProps, DashboardStack
from stacks.endpoint_stack import EndpointProps, EndpointStack
from stacks.history_stack import HistoryStack
from stacks.live_stack import LiveStack
from stacks.monitoring_stack import MonitoringProps, MonitoringStack
from stacks.network_stack import NetworkProps, NetworkStack
from stacks.price import estimate, reckoning
from stacks.recipients_stack import RecipientsStack
from stacks.reconciler_stack import ReconcilerStack, ReconcilerStackProps
from stacks.release_stack import ReleaseProps, ReleaseStack
from stacks.retraining_plane_stack import Retrained, RetrainingPlaneProps, RetrainingPlaneStack
from stacks.review_stack import ReviewProps, ReviewStack
from stacks.rules import compliance
from stacks.settings import environment as settings, services
from stacks.settings.attribution import shadow_prefix
from stacks.settings.environment import Settings
from stacks.storage_stack import StorageProps, StorageStack


def build(app: Construct, chosen: Settings) -> None:
    """Every stack of an environment."""
    if chosen.security.role_prefix is not None:
        permissions.bring_roles(app, chosen.security.role_prefix)
    shared = _shared(app, chosen)
    for name in chosen.endpoints:
        _endpoint(shared, name)
    _watch_all(shared)
    _retraining(shared)
    _review(shared)
    _order(shared)
    if chosen.security.kms_key_arn is not None:
        customer_key.encrypt(app, chosen.security.kms_key_arn)
    if chosen.network.functions:
        for construct in app.node.find_all():
            if isinstance(construct, PythonFunction):
                construct.enter(chosen.network.subnets, chosen.network.security_groups)
    for key, value in {**chosen.tags, "Environment": chosen.environment}.items():
        Tags.of(app).add(key, value)
    if chosen.security.permissions_boundary is not None:
        name = chosen.security.permissions_boundary
        boundary = iam.ManagedPolicy.from_managed_policy_arn(shared.storage, "Boundary", name)
        iam.PermissionsBoundary.of(app).apply(boundary)
    findings.acknowledge()
    if isinstance(app, App):  # an app of somebody else's decides for itself
        findings.check_security(app)


@dataclass(frozen=True)
class Shared:
    """What every endpoint uses. plane: None where SageMaker Model Monitor starts all runs; told: who, besides everybody;
    endpoints: those built so far."""

    app: Construct
    chosen: Settings
    env: Environment
    storage: StorageStack
    topic: sns.ITopic
    told: Sequence[routes.Route]
    plane: ControlPlaneStack | None
    endpoints: dict[str, MonitoringStack] = field(default_factory=dict)

    def name(self, part: str) -> str:
        """Of a stack."""
        return f"{self.chosen.environment}-{part}"

    @property
    def retrained(self) -> dict[str, Retrained]:
        """Endpoints whose alarms may start something."""
        found = self.chosen.endpoints
        return {name: Retrained(found[name], stack.watched) for name, stack in self.endpoints.items() if stack.watched}


def _shared(app: Construct, chosen: Settings) -> Shared:
    """Stacks that those of endpoints need."""
    env = Environment(account=chosen.account, region=chosen.region)
    start = chosen.environment
    storage = StorageStack(
        app, f"{start}-Storage", StorageProps(storage=chosen.storage, kms_key_arn=chosen.security.kms_key_arn), env=env
    )
    if chosen.storage.tables:
        HistoryStack(app, f"{start}-History", start, storage.tables, env=env)
    alerting = AlertingStack(
        app, f"{start}-Alerting", AlertingProps(alarms=chosen.alarms, endpoints=list(chosen.endpoints)), env=env
    )
    told: Sequence[routes.Route] = ()
    if named := chosen.alarms.recipients:
        told = RecipientsStack(app, f"{start}-Recipients", start, named, list(chosen.endpoints), env=env).routes
    models = {name: endpoint.model for name, endpoint in chosen.endpoints.items() if endpoint.model is not None}
    if models:
        artifacts = {name: model.artifact for name, model in models.items()}
        LiveStack(app, f"{start}-Live", start, artifacts, keep_data=chosen.storage.keep_data, env=env)
    plane = _control_plane(app, chosen, storage, alerting.topic, told, env)
    return Shared(app, chosen, env, storage, alerting.topic, told, plane)


def _control_plane(
    app: Construct,
    chosen: Settings,
    storage: StorageStack,
    topic: sns.ITopic,
    told: Sequence[routes.Route],
    env: Environment,
) -> ControlPlaneStack | None:
    """What the runs of all endpoints share; None where SageMaker Model Monitor starts every one of them."""
    managed = chosen.managed
    if not managed:
        return None
    places = {name: storage.places(name, endpoint) for name, endpoint in managed.items()}
    return ControlPlaneStack(
        app,
        f"{chosen.environment}-ControlPlane",
        ControlPlaneProps(
            environment=chosen.environment,
            captures=_distinct(listed for place in places.values() for listed in place.listed),
            manifests=_distinct(place.capture for place in places.values() if place.transform),
            read_key_arns=chosen.security.read_key_arns,
            reports=next(iter(places.values())).reports,
            roles=sorted({role for endpoint in managed.values() for role in endpoint.brought_roles}),
            namespaces=sorted({endpoint.metrics.namespace for endpoint in managed.values()}),
            topic=topic,
            key=storage.key,
            table=storage.table,
            has_messages=chosen.alarms.of_runs,
            routes=told,
            time_zones=chosen.time_zones,
        ),
        env=env,
    )


def _distinct(places: Iterable[Place]) -> list[Place]:
    return list({place.uri: place for place in places}.values())


def _endpoint(shared: Shared, name: str) -> None:
    """What serves one endpoint, and what watches it."""
    chosen, storage, endpoint = shared.chosen, shared.storage, shared.chosen.endpoints[name]
    places = storage.places(name, endpoint)
    monitoring = MonitoringStack(
        shared.app,
        shared.name(f"{name}-Monitoring"),
        MonitoringProps(
            settings=chosen,
            name=name,
            places=places,
            key=storage.key,
            plane=shared.plane.offer if shared.plane else None,
            topic=shared.topic,
            routes=shared.told,
        ),
        env=shared.env,
    )
    shared.endpoints[name] = monitoring
    Tags.of(monitoring).add("Endpoint", name)
    if endpoint.model is None:
        return
    serving = EndpointStack(
        shared.app,
        shared.name(f"{name}-Endpoint"),
        EndpointProps(
            environment=chosen.environment,
            name=name,
            model=endpoint.model,
            capture=endpoint.capture,
            payload=endpoint.payload,
            live_parameter=contract.live_parameter(chosen.environment, name, "model"),
            places=places,
            key=storage.key,
            network=chosen.network,
            security=chosen.security,
            is_retrained=endpoint.retraining is not None,
        ),
        env=shared.env,
    )
    Tags.of(serving).add("Endpoint", name)
    monitoring.add_stack_dependency(serving, "a schedule needs an endpoint that captures")


def _watch_all(shared: Shared) -> None:
    """The dashboard, and who looks after runs that report nothing and after endpoints that killed runs left."""
    chosen, table = shared.chosen, shared.storage.table
    shown = [Watched(name, chosen.endpoints[name], stack.monitors) for name, stack in shared.endpoints.items()]
    props = DashboardProps(environment=chosen.environment, watched=shown, table=table)
    DashboardStack(shared.app, shared.name("Dashboard"), props, env=shared.env)
    monitors = [monitor for stack in shared.endpoints.values() for monitor in stack.reconciled]
    prefixes = [shadow_prefix(name) for name, endpoint in chosen.endpoints.items() if endpoint.has_shadows]
    if monitors or prefixes:
        looked_at = ReconcilerStackProps(monitors=monitors, shadow_prefixes=prefixes, table=table)
        ReconcilerStack(shared.app, shared.name("Reconciler"), looked_at, env=shared.env)


def _retraining(shared: Shared) -> None:
    """Who decides about retraining, and the workflow that trains models and releases them; nobody where none is retrained."""
    chosen, retrained = shared.chosen, shared.retrained
    if not retrained:
        return
    RetrainingPlaneStack(
        shared.app,
        shared.name("RetrainingPlane"),
        RetrainingPlaneProps(
            environment=chosen.environment,
            endpoints=retrained,
            storage=shared.storage,
            topic=shared.topic,
            reserved_concurrency=chosen.decisions.reserved_concurrency or None,
            read_key_arns=chosen.security.read_key_arns,
        ),
        env=shared.env,
    )
    ReleaseStack(
        shared.app,
        shared.name("Release"),
        ReleaseProps(
            environment=chosen.environment,
            endpoints={name: found.endpoint for name, found in retrained.items()},
            storage=shared.storage,
            topic=shared.topic,
            in_network=chosen.network.is_private,
            read_key_arns=chosen.security.read_key_arns,
        ),
        env=shared.env,
    )


def _review(shared: Shared) -> None:
    """Predictions that people look at, where any endpoint has some."""
    chosen = shared.chosen
    if not chosen.reviewed:
        return
    ReviewStack(
        shared.app,
        shared.name("Review"),
        ReviewProps(
            environment=chosen.environment,
            endpoints=chosen.reviewed,
            app=chosen.review,
            storage=shared.storage,
            topic=shared.topic,
            keep_data=chosen.storage.keep_data,
        ),
        env=shared.env,
    )


def _order(shared: Shared) -> None:
    """Who is deployed before whom, where templates do not say it themselves; with VPC endpoints first, where the kit makes them."""
    chosen, app = shared.chosen, shared.app
    stacks = [stack for stack in app.node.children if isinstance(stack, Stack)]
    live = app.node.try_find_child(shared.name("Live"))
    for stack in stacks:
        if isinstance(stack, EndpointStack) and isinstance(live, Stack):
            stack.add_stack_dependency(live, "the template reads the parameter that the other stack seeds")
        if isinstance(stack, MonitoringStack) and shared.plane is not None:
            stack.add_stack_dependency(shared.plane, "its schedules start the state machine")
        if stack is not shared.storage:
            stack.add_stack_dependency(shared.storage, "places are outputs of it")
    if chosen.network.endpoints == "shared":
        return
    network = NetworkStack(
        app,
        shared.name("Network"),
        NetworkProps(network=chosen.network, services=services.needed(chosen)),
        env=shared.env,
    )
    for stack in stacks:
        stack.add_stack_dependency(network, "what runs in the VPC reaches AWS by its endpoints")


def report_roles(app: App, chosen: Settings) -> str | None:
    """Write the roles that the environment would create into the assembly, and say them; what keeps them from being said."""
    prefix = chosen.security.role_prefix
    if prefix is None:
        return f"{chosen.environment}: security.role_prefix is missing; say how the names of brought roles begin"
    build(app, chosen.model_copy(update={"security": chosen.security.model_copy(update={"role_prefix": None})}))
    assembly = Path(app.synth().directory)
    found = roles.Report(
        estimate.templates_of(assembly), account=chosen.account, region=chosen.region, prefix=prefix
    ).roles()
    (assembly / roles.FILE).write_text(roles.documents(found), encoding="utf-8")
    sys.stderr.write(roles.text(found))
    return None


def build_images(app: App, where: str, accounts: str) -> str | None:
    """The repository of images alone; what keeps it from being made."""
    try:
        env, admitted = image_stack.parse(where, accounts)
    except ValueError as error:
        return str(error)
    image_stack.ImageStack(app, "ModelMonitorImages", admitted, env=env)
    findings.check_security(app)
    app.synth()
    return None


def main() -> None:
    """What `cdk synth -c env=NAME` runs."""
    app = App(tree_metadata=False)  # a file with the properties of all resources once more, which nobody reads
    if (where := app.node.try_get_context("images")) is not None:
        sys.exit(build_images(app, str(where), str(app.node.try_get_context("accounts") or "")))
    try:
        chosen = settings.find(app.node.try_get_context("env"))
    except settings.SettingsFaults as faults:
        sys.exit(str(faults))
    if app.node.try_get_context("roles") is not None:
        sys.exit(report_roles(app, chosen))
    build(app, chosen)
    assembly = Path(app.synth().directory)
    if app.node.try_get_context("compliance") is not None:
        compliance.report(app)
    if chosen.budget is not None:
        above = estimate.faults(chosen, reckoning.items(chosen, estimate.templates_of(assembly)))
        if told := "\n".join(above):
            sys.exit(f"{chosen.environment}: {told}")


if __name__ == "__main__":
    main()
