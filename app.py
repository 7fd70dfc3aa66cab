"""Composition: read the settings of one environment, build its stacks, hand each what it needs."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(
    0, str(Path(__file__).resolve().parent / "monitor_image")
)  # `contract`: the names that stacks and core share

from aws_cdk import App, Environment, Stack, Tags, aws_iam as iam
from constructs import Construct

from model_monitor import contract
from stacks import findings, image_stack, role_names, roles
from stacks.alarms_stack import AlarmsProps, AlarmsStack
from stacks.alerting_stack import AlertingProps, AlertingStack
from stacks.constructs import customer_key, routes
from stacks.constructs.dashboard import Watched
from stacks.constructs.places import Place
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.scheduled_monitor import ScheduledMonitor
from stacks.control_plane_stack import ControlPlaneProps, ControlPlaneStack
from stacks.dashboard_stack import DashboardProps, DashboardStack
from stacks.endpoint_stack import EndpointProps, EndpointStack
from stacks.history_stack import HistoryStack
from stacks.live_stack import LiveProps, LiveStack
from stacks.monitoring_stack import MonitoringProps, MonitoringStack
from stacks.network_stack import NetworkProps, NetworkStack
from stacks.price import estimate, reckoning
from stacks.recipients_stack import RecipientsStack
from stacks.reconciler_stack import ReconcilerStack, ReconcilerStackProps
from stacks.release_stack import ReleaseProps, ReleaseStack
from stacks.retraining_plane_stack import Retrained, RetrainingPlaneProps, RetrainingPlaneStack
from stacks.retraining_stack import RetrainingProps, RetrainingStack
from stacks.review_stack import ReviewProps, ReviewStack
from stacks.rules import compliance
from stacks.settings import environment as settings, services
from stacks.settings.attribution import shadow_prefix
from stacks.settings.endpoint import Endpoint
from stacks.settings.environment import Settings
from stacks.storage_stack import StorageProps, StorageStack

OF_AN_ENDPOINT = ("Live", "Endpoint", "Monitoring", "Alarms", "Retraining")  # stacks


def build(app: Construct, chosen: Settings) -> None:
    """Every stack of an environment."""
    env = Environment(account=chosen.account, region=chosen.region)
    if chosen.security.role_prefix is not None:
        app.node.set_context(role_names.PREFIX, chosen.security.role_prefix)
    storage = StorageStack(
        app,
        f"{chosen.environment}-Storage",
        StorageProps(storage=chosen.storage, kms_key_arn=chosen.security.kms_key_arn),
        env=env,
    )
    if chosen.storage.tables:
        HistoryStack(app, f"{chosen.environment}-History", chosen.environment, storage.tables, env=env)
    alerting = AlertingStack(
        app,
        f"{chosen.environment}-Alerting",
        AlertingProps(alarms=chosen.alarms, endpoints=list(chosen.endpoints)),
        env=env,
    )
    told = _recipients(app, chosen, env)
    plane = _control_plane(app, chosen, storage, alerting, told, env)
    retrained: dict[str, Retrained] = {}
    reconciled: list[ScheduledMonitor] = []
    shown: list[Watched] = []
    for name, endpoint in chosen.endpoints.items():
        monitoring = _build_endpoint(app, chosen, name, endpoint, storage, plane, env)
        reconciled += monitoring.reconciled
        shown.append(Watched(name, endpoint, monitoring.monitors))
        watched = _close_loop(app, chosen, name, endpoint, storage, alerting, monitoring, env)
        _tell_more(app, chosen, name, alerting, told)
        if watched:
            retrained[name] = Retrained(endpoint, watched)
        for part in OF_AN_ENDPOINT:
            if (stack := app.node.try_find_child(f"{chosen.environment}-{name}-{part}")) is not None:
                Tags.of(stack).add("Endpoint", name)
    dashboard = DashboardStack(
        app,
        f"{chosen.environment}-Dashboard",
        DashboardProps(environment=chosen.environment, watched=shown, table=storage.table),
        env=env,
    )
    dashboard.add_stack_dependency(storage, "the table is exported by it")
    _reconciler(app, chosen, reconciled, storage, env)
    _retraining_plane(app, chosen, retrained, storage, alerting, env)
    _release(app, chosen, retrained, storage, alerting, env)
    _review(app, chosen, storage, alerting, env)
    _network(app, chosen, env)
    if chosen.security.kms_key_arn is not None:
        customer_key.encrypt(app, chosen.security.kms_key_arn)
    if chosen.network.functions:
        for construct in app.node.find_all():
            if isinstance(construct, PythonFunction):
                construct.enter(chosen.network.subnets, chosen.network.security_groups)
    for key, value in {**chosen.tags, "Environment": chosen.environment}.items():
        Tags.of(app).add(key, value)
    if chosen.security.permissions_boundary is not None:
        boundary = iam.ManagedPolicy.from_managed_policy_arn(storage, "Boundary", chosen.security.permissions_boundary)
        iam.PermissionsBoundary.of(app).apply(boundary)
    if isinstance(app, App):  # an app of somebody else's decides for itself
        findings.check_security(app)


def _recipients(app: Construct, chosen: Settings, env: Environment) -> list[routes.Route]:
    """Who is told besides everybody; no stack where that is nobody."""
    named = chosen.alarms.recipients
    if not named:
        return []
    return RecipientsStack(
        app, f"{chosen.environment}-Recipients", chosen.environment, named, list(chosen.endpoints), env=env
    ).routes


def _tell_more(app: Construct, chosen: Settings, name: str, alerting: AlertingStack, told: list[routes.Route]) -> None:
    """Alarms of one endpoint tell these people, too, and that they are over, where that is wanted."""
    stack = app.node.find_child(f"{chosen.environment}-{name}-Alarms")
    schedules = [contract.schedule_name(name, monitor) for monitor in chosen.endpoints[name].monitors]
    starts = [contract.alarm_name(chosen.environment, each, "") for each in sorted(schedules, key=len, reverse=True)]
    if isinstance(stack, AlarmsStack) and (told or chosen.alarms.recovery):
        routes.tell_more(stack, name, starts, told, alerting.topic if chosen.alarms.recovery else None)


def _control_plane(
    app: Construct,
    chosen: Settings,
    storage: StorageStack,
    alerting: AlertingStack,
    told: list[routes.Route],
    env: Environment,
) -> ControlPlaneStack | None:
    """What the runs of all endpoints share; None where SageMaker Model Monitor starts every one of them."""
    managed = chosen.managed
    if not managed:
        return None
    places = {name: storage.places(name, endpoint) for name, endpoint in managed.items()}
    plane = ControlPlaneStack(
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
            topic=alerting.topic,
            key=storage.key,
            table=storage.table,
            has_messages=chosen.alarms.of_runs,
            routes=told,
            time_zones=chosen.time_zones,
        ),
        env=env,
    )
    plane.add_stack_dependency(storage, "places are exported by it")
    return plane


def _distinct(places: Iterable[Place]) -> list[Place]:
    return list({place.uri: place for place in places}.values())


def _network(app: Construct, chosen: Settings, env: Environment) -> None:
    """VPC endpoints, before all that runs in the VPC; none where it has its own."""
    if chosen.network.endpoints == "shared":
        return
    stacks = [stack for stack in app.node.children if isinstance(stack, Stack)]
    network = NetworkStack(
        app,
        f"{chosen.environment}-Network",
        NetworkProps(network=chosen.network, services=services.needed(chosen)),
        env=env,
    )
    for stack in stacks:
        stack.add_stack_dependency(network, "what runs in the VPC reaches AWS by its endpoints")


def _reconciler(
    app: Construct, chosen: Settings, monitors: list[ScheduledMonitor], storage: StorageStack, env: Environment
) -> None:
    """Who looks after runs that report nothing, and after endpoints that killed runs left."""
    prefixes = [shadow_prefix(name) for name, endpoint in chosen.endpoints.items() if endpoint.has_shadows]
    if not monitors and not prefixes:
        return
    stack = ReconcilerStack(
        app,
        f"{chosen.environment}-Reconciler",
        ReconcilerStackProps(monitors=monitors, shadow_prefixes=prefixes, table=storage.table),
        env=env,
    )
    stack.add_stack_dependency(storage, "the table is exported by it")


def _retraining_plane(
    app: Construct,
    chosen: Settings,
    retrained: dict[str, Retrained],
    storage: StorageStack,
    alerting: AlertingStack,
    env: Environment,
) -> None:
    """Who decides about retraining; nobody where no endpoint is retrained."""
    if not retrained:
        return
    plane = RetrainingPlaneStack(
        app,
        f"{chosen.environment}-RetrainingPlane",
        RetrainingPlaneProps(
            environment=chosen.environment,
            endpoints=retrained,
            storage=storage,
            topic=alerting.topic,
            reserved_concurrency=chosen.decisions.reserved_concurrency or None,
            read_key_arns=chosen.security.read_key_arns,
        ),
        env=env,
    )
    plane.add_stack_dependency(storage, "places are exported by it")


def _release(
    app: Construct,
    chosen: Settings,
    retrained: dict[str, Retrained],
    storage: StorageStack,
    alerting: AlertingStack,
    env: Environment,
) -> None:
    """The workflow that retrains models and releases them; none where no endpoint is retrained."""
    if not retrained:
        return
    release = ReleaseStack(
        app,
        f"{chosen.environment}-Release",
        ReleaseProps(
            environment=chosen.environment,
            endpoints={name: found.endpoint for name, found in retrained.items()},
            storage=storage,
            topic=alerting.topic,
            in_network=chosen.network.is_private,
            read_key_arns=chosen.security.read_key_arns,
        ),
        env=env,
    )
    release.add_stack_dependency(storage, "places are exported by it")


def _build_endpoint(
    app: Construct,
    chosen: Settings,
    name: str,
    endpoint: Endpoint,
    storage: StorageStack,
    plane: ControlPlaneStack | None,
    env: Environment,
) -> MonitoringStack:
    """What serves and watches one endpoint."""
    prefix = f"{chosen.environment}-{name}"
    places = storage.places(name, endpoint)
    monitoring = MonitoringStack(
        app,
        f"{prefix}-Monitoring",
        MonitoringProps(
            environment=chosen.environment,
            name=name,
            endpoint=endpoint,
            image_uri=chosen.monitor_image,
            run_functions=chosen.run_functions,
            places=places,
            key=storage.key,
            network=chosen.network,
            security=chosen.security,
            plane=plane.offer if plane else None,
            links=chosen.links,
            tags=chosen.tags_of(name),
        ),
        env=env,
    )
    monitoring.add_stack_dependency(storage, "places are exported by it")
    if plane is not None:
        monitoring.add_stack_dependency(plane, "its schedules start the state machine")
    if endpoint.model is not None:
        parameter = contract.live_parameter(chosen.environment, name, "model")
        live = LiveStack(
            app,
            f"{prefix}-Live",
            LiveProps(
                endpoint_name=name,
                parameter_name=parameter,
                artifact=endpoint.model.artifact,
                keep_data=chosen.storage.keep_data,
            ),
            env=env,
        )
        serving = EndpointStack(
            app,
            f"{prefix}-Endpoint",
            EndpointProps(
                environment=chosen.environment,
                name=name,
                model=endpoint.model,
                capture=endpoint.capture,
                payload=endpoint.payload,
                live_parameter=parameter,
                places=places,
                key=storage.key,
                network=chosen.network,
                security=chosen.security,
                is_retrained=endpoint.retraining is not None,
            ),
            env=env,
        )
        serving.add_stack_dependency(storage, "places are exported by it")
        serving.add_stack_dependency(live, "the template reads the parameter that the other stack seeds")
        monitoring.add_stack_dependency(serving, "a schedule needs an endpoint that captures")
    return monitoring


def _close_loop(
    app: Construct,
    chosen: Settings,
    name: str,
    endpoint: Endpoint,
    storage: StorageStack,
    alerting: AlertingStack,
    monitoring: MonitoringStack,
    env: Environment,
) -> list[str]:
    """Who is told about one endpoint, and what that starts; the alarms that may."""
    prefix = f"{chosen.environment}-{name}"
    alarms = AlarmsStack(
        app,
        f"{prefix}-Alarms",
        AlarmsProps(
            environment=chosen.environment,
            name=name,
            endpoint=endpoint,
            monitors=monitoring.monitors,
            topic=alerting.topic,
            alarms=chosen.alarms,
        ),
        env=env,
    )
    if endpoint.retraining is None:
        return []
    watched = endpoint.watched
    retraining = RetrainingStack(
        app,
        f"{prefix}-Retraining",
        RetrainingProps(
            environment=chosen.environment,
            name=name,
            endpoint=endpoint,
            settings=endpoint.retraining,
            topic=alerting.topic,
            payload=endpoint.payload,
            monitor=monitoring.monitors[watched],
            alarms=alarms.names[watched],
            places=storage.places(name, endpoint),
            key=storage.key,
            network=chosen.network,
            security=chosen.security,
            tags=chosen.tags_of(name),
        ),
        env=env,
    )
    retraining.add_stack_dependency(storage, "places are exported by it")
    return retraining.watched


def _review(app: Construct, chosen: Settings, storage: StorageStack, alerting: AlertingStack, env: Environment) -> None:
    """Predictions that people look at, where any endpoint has some."""
    if not chosen.reviewed:
        return
    review = ReviewStack(
        app,
        f"{chosen.environment}-Review",
        ReviewProps(
            environment=chosen.environment,
            endpoints=chosen.reviewed,
            app=chosen.review,
            storage=storage,
            topic=alerting.topic,
            keep_data=chosen.storage.keep_data,
        ),
        env=env,
    )
    review.add_stack_dependency(storage, "the table and the places are exported by it")


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
    app = App()
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
