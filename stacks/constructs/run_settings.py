"""What a run is told and what it may touch, whoever starts it."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from model_monitor import contract
from stacks.constructs import permissions
from stacks.constructs.places import Place
from stacks.constructs.scheduled_monitor import MonitorProps, region_variables

PENDING = "pending"  # the only folder of the history whose files a run removes


def history(props: MonitorProps) -> Place:
    """Of this schedule alone: windows that wait for labels, and scores by window."""
    return props.places.history.below(props.monitor.schedule_name)


def variables(scope: Construct, props: MonitorProps, *, publishes: bool) -> dict[str, str]:
    """The environment of every run. publishes: the run's metrics leave with it; else somebody sends them in its place."""
    found = {**props.variables(contract.JobKind.MONITOR), **region_variables(scope)}
    found[contract.Variable.PUBLISH_CLOUDWATCH_METRICS] = contract.ENABLED if publishes else contract.DISABLED
    if props.settings.baseline.dataset is not None:
        found[contract.Variable.MONITOR_BASELINE] = props.places.baseline.uri
    if props.has_labels:
        found[contract.Variable.GROUND_TRUTH_URI] = props.places.ground_truth.uri
        found[contract.Variable.MONITOR_HISTORY] = history(props).uri
    if props.writes_rows:
        found[contract.Variable.FRESH_ROWS] = props.places.fresh.uri
        found[contract.Variable.HOLDOUT_ROWS] = props.places.holdout.uri
    return found


def allow(role: iam.IRole, props: MonitorProps) -> None:
    """What every run reads and writes."""
    for place in props.places.read(props.monitor.endpoint_name):
        permissions.allow_reading(role, place)
    reports = props.places.reports.below(props.monitor.endpoint_name, props.monitor.schedule_name)
    permissions.allow_writing(role, reports)
    baseline = props.settings.baseline
    if baseline.dataset is not None:
        permissions.allow_reading(role, props.places.baseline)
    for uri in filter(None, (baseline.constraints, baseline.statistics)):
        permissions.allow_input(role, Place.at(uri))
    bias = props.settings.model_bias
    if bias is not None and bias.facet_source is not None:
        permissions.allow_reading(role, Place.at(bias.facet_source))
    if props.has_labels:
        permissions.allow_reading(role, props.places.ground_truth)
        permissions.allow_reading(role, history(props))
        permissions.allow_writing(role, history(props))
        for type_ in props.settings.labelled:
            permissions.allow_removing(role, history(props).below(type_, PENDING))
    if props.writes_rows:
        permissions.allow_writing(role, props.places.fresh)
        permissions.allow_writing(role, props.places.holdout)
