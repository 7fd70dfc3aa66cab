"""What retraining may do for one endpoint: the policy that the environment's function obeys, and the role of its training jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_cdk import Stack, aws_kms as kms, aws_ssm as ssm
from constructs import Construct

from model_monitor import contract
from stacks.constructs import permissions
from stacks.constructs.files import UploadedFile
from stacks.constructs.places import EndpointPlaces, Place
from stacks.constructs.scheduled_monitor import ScheduledMonitor
from stacks.settings.environment import Network, Security
from stacks.settings.retraining import Retraining

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
CONTENT_TYPE = "text/csv"


@dataclass(frozen=True, kw_only=True)
class RetrainingPolicyProps:
    """What may start a training job, and what the job is.

    triggers: alarms that may start one, each with the check types it is about; other_alarms are of the model too, of types that
    the settings did not choose; broken_data_alarms never start one. code: the training script, None for algorithms.
    policy_parameter: SSM name of what the function obeys. role_path: where the function finds roles that it may hand on.
    """

    settings: Retraining
    monitor: ScheduledMonitor
    triggers: Mapping[str, Sequence[str]]
    other_alarms: Sequence[str]
    broken_data_alarms: Sequence[str]
    code: UploadedFile | None
    places: EndpointPlaces
    policy_parameter: str
    role_path: str
    key: kms.IKey
    network: Network
    security: Security
    tags: Mapping[str, str] = field(default_factory=dict)


class RetrainingPolicy(Construct):
    """A parameter and a role; which alarm belongs to them is told by the index of the function."""

    def __init__(self, scope: Construct, construct_id: str, props: RetrainingPolicyProps) -> None:
        super().__init__(scope, construct_id)
        self._props = props
        self._prefix = contract.training_job_prefix(props.monitor.endpoint_name)
        self._channels = channels(props.settings, props.places)
        self.training_role = permissions.service_role(
            self,
            "TrainingRole",
            permissions.SAGEMAKER,
            f"Trains {props.monitor.endpoint_name}",
            props.settings.role_arn,
            props.role_path,
        )
        self._grant_training()
        ssm.StringParameter(
            self,
            "Policy",
            parameter_name=props.policy_parameter,
            string_value=Stack.of(self).to_json_string(self._policy()),
            tier=ssm.ParameterTier.INTELLIGENT_TIERING,
            description=f"When alarms of {props.monitor.endpoint_name} may start a training job",
        )

    def _policy(self) -> dict[str, Any]:
        """What lambda/retraining/policy.py reads. An SSM parameter holds 4 KB, and 8 where the tier may follow the length."""
        props, settings = self._props, self._props.settings
        return {
            "endpoint": props.monitor.endpoint_name,
            "schedule": props.monitor.schedule_name,
            "mode": settings.mode,
            "namespace": props.monitor.namespace,
            "hours": props.monitor.hours,
            "alarms": {name: list(checks) for name, checks in props.triggers.items()},
            "other_alarm_names": list(props.other_alarms),
            "violation_alarm_names": list(props.broken_data_alarms),
            "allow_rehearsal": settings.allow_rehearsal,
            "cooldown_hours": settings.cooldown_hours,
            "max_per_week": settings.max_per_week,
            "retrain_on_broken_data": settings.retrain_on_broken_data,
            "persistent_windows": settings.persistent_windows,
            "persistent_of": settings.persistent_of or settings.persistent_windows,
            "min_new_labels": settings.min_new_labels,
            "freeze": [{"start": freeze.start, "end": freeze.end} for freeze in settings.freeze],
            "proposal_hours": settings.proposal_hours,
            "dry_run": settings.dry_run,
            "reports_uri": props.places.reports.uri,
            "job_name_prefix": self._prefix,
            "training": {
                "image": settings.image or "",
                "pipeline": _pipeline(settings),
                "role_arn": self.training_role.role_arn,
                "instance_type": settings.instance_type,
                "instance_count": settings.instance_count,
                "volume_size_gb": settings.volume_size_gb,
                "max_runtime_seconds": settings.max_runtime_seconds,
                "hyperparameters": {name: str(value) for name, value in settings.hyperparameters.items()},
                "channels": [
                    {"name": name, "uri": place.folder_uri, "content_type": CONTENT_TYPE}
                    for name, place in self._channels.items()
                ],
                "output_uri": props.places.models.uri,
                "kms_key_arn": props.key.key_arn,
                "source_uri": props.code.uri if props.code else "",
                "region": Stack.of(self).region,
                "tags": dict(props.tags),
                "encrypt_traffic": props.security.encrypt_traffic_between_containers,
                "subnets": list(props.network.subnets),
                "security_group_ids": list(props.network.security_groups),
            },
        }

    def _grant_training(self) -> None:
        props, role = self._props, self.training_role
        for place in self._channels.values():
            permissions.allow_reading(role, place)
        permissions.allow_writing(role, props.places.models)
        if props.settings.image is not None:
            permissions.allow_image(role, props.settings.image)
        if props.code is not None:
            props.code.allow_reading(role)
        permissions.allow_key(role, props.key)
        permissions.allow_volumes(role, props.key)
        permissions.allow_reading_keys(role, props.security.read_key_arns)
        permissions.allow_job_logs(role, self, LOG_GROUP)
        permissions.allow_metrics(role, LOG_GROUP)
        permissions.allow_network(role, self, props.network.subnets, props.network.security_groups)


def _pipeline(settings: Retraining) -> dict[str, Any] | None:
    """What a pipeline of yours is, and what its parameters are told; None where a job of ours trains."""
    chosen = settings.pipeline
    if chosen is None:
        return None
    return {"name": chosen.name, "step": chosen.step or "", "parameters": dict(chosen.parameters)}


def channels(settings: Retraining, places: EndpointPlaces) -> dict[str, Place]:
    """The original data, freshly labelled rows, and what the result is measured on."""
    found = {"train": Place.at(settings.training_data)}
    if settings.training_script == "kit" or settings.fresh_data is not None:
        found["fresh"] = places.fresh
    if settings.validation_data is not None:
        found["validation"] = Place.at(settings.validation_data)
    return found
