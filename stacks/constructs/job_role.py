"""The role of a monitor's processing jobs: what both the baseline job and the scheduled runs need."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.constructs import endpoint_permissions, permissions
from stacks.constructs.places import Place
from stacks.constructs.scheduled_monitor import MonitorProps
from stacks.settings.attribution import ModelExplainability, shadow_prefix

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"


def job_role(
    scope: Construct, construct_id: str, props: MonitorProps, description: str, path: str | None = None
) -> iam.IRole:
    """A role that can start the image and read its configuration; inputs and outputs are granted by whoever knows them."""
    role = permissions.service_role(
        scope, construct_id, permissions.SAGEMAKER, description, props.settings.role_arn, path
    )
    allow_job(role, scope, props)
    return role


def allow_job(role: iam.IRole, scope: Construct, props: MonitorProps) -> None:
    """What starting the image and reading its configuration takes."""
    props.image.allow_pull(role)
    props.configuration.allow_reading(role)
    for settings in props.sharing or (props.settings,):
        for written in settings.code_files:
            props.code[written].allow_reading(role)
        for uri in settings.code_objects:
            place = Place.at(uri)
            permissions.allow_object(role, place.bucket_name, place.prefix)
        if settings.model_explainability is not None:
            _allow_predictions(role, scope, props.monitor.endpoint_name, settings.model_explainability)
    permissions.allow_key(role, props.key)
    permissions.allow_volumes(role, props.key)
    permissions.allow_reading_keys(role, props.security.read_key_arns)
    permissions.allow_job_logs(role, scope, LOG_GROUP)
    permissions.allow_metrics(role, LOG_GROUP)  # of its instances: processor, memory, disk
    permissions.allow_network(role, scope, props.network.subnets, props.network.security_groups)


def _allow_predictions(role: iam.IRole, scope: Construct, endpoint_name: str, explained: ModelExplainability) -> None:
    """What asking the model takes: its file, an endpoint of the job's own, or an endpoint that is there."""
    predictor = explained.predictor
    if predictor is None:
        return
    for uri in (predictor.artefact, explained.baseline_rows):
        if isinstance(uri, str):
            place = Place.at(uri)
            permissions.allow_object(role, place.bucket_name, place.prefix)
    if predictor.model_name is not None:
        endpoint_permissions.allow_shadows(role, scope, shadow_prefix(endpoint_name))
    elif predictor.artefact is None:
        endpoint_permissions.allow_asking(role, scope, predictor.endpoint_name or endpoint_name)
