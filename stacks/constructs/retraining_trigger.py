"""From an alarm to a training job: the function, what it may decide, and the role of the jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_cdk import Stack, aws_kms as kms, aws_sns as sns, aws_sns_subscriptions as subscriptions, aws_ssm as ssm
from constructs import Construct

from model_monitor import contract
from stacks.constructs import permissions
from stacks.constructs.files import UploadedFile
from stacks.constructs.places import EndpointPlaces, Place
from stacks.constructs.python_function import PythonFunction, PythonFunctionProps
from stacks.constructs.scheduled_monitor import ScheduledMonitor
from stacks.settings.endpoint import Retraining
from stacks.settings.environment import Network, Security

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
CONTENT_TYPE = "text/csv"


@dataclass(frozen=True, kw_only=True)
class RetrainingTriggerProps:
    """What may start a training job, and what the job is.

    triggers: alarms that may start one, each with the check types it is about; other_alarms are of the model too, of types that
    the settings did not choose; broken_data_alarms never start one. code: the training script, None for algorithms.
    policy_parameter, state_prefix: SSM names of what the function obeys and of what it remembers.
    """

    settings: Retraining
    monitor: ScheduledMonitor
    triggers: Mapping[str, Sequence[str]]
    other_alarms: Sequence[str]
    broken_data_alarms: Sequence[str]
    topic: sns.ITopic
    code: UploadedFile | None
    places: EndpointPlaces
    policy_parameter: str
    role_path: str
    state_prefix: str
    key: kms.IKey
    network: Network
    security: Security
    tags: Mapping[str, str] = field(default_factory=dict)


class RetrainingTrigger(Construct):
    """Subscribed to the topic of alarms; judges each by its policy and starts at most one job. failed: what it could not judge."""

    def __init__(self, scope: Construct, construct_id: str, props: RetrainingTriggerProps) -> None:
        super().__init__(scope, construct_id)
        self._props = props
        self._prefix = contract.training_job_prefix(props.monitor.endpoint_name)
        self._channels = _channels(props)
        self.training_role = permissions.service_role(
            self,
            "TrainingRole",
            permissions.SAGEMAKER,
            f"Trains {props.monitor.endpoint_name}",
            props.settings.role_arn,
            props.role_path,
        )
        self._grant_training()
        policy = ssm.StringParameter(
            self,
            "Policy",
            parameter_name=props.policy_parameter,
            string_value=Stack.of(self).to_json_string(self._policy()),
            tier=ssm.ParameterTier.INTELLIGENT_TIERING,
            description=f"When alarms of {props.monitor.endpoint_name} may start a training job",
        )
        trigger = PythonFunction(
            self,
            "Decide",
            PythonFunctionProps(
                code="retraining",
                description=f"Decides whether an alarm of {props.monitor.endpoint_name} starts a training job",
                environment={"POLICY_PARAMETER": props.policy_parameter, "STATE_PREFIX": props.state_prefix},
                keeps_failed=True,
            ),
        )
        self.failed = trigger.failed
        self._grant_decision(trigger, policy)
        props.topic.add_subscription(subscriptions.LambdaSubscription(trigger.function))

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
            "reports_uri": props.places.reports.uri,
            "job_name_prefix": self._prefix,
            "training": {
                "image": settings.image,
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
        permissions.allow_image(role, props.settings.image)
        if props.code is not None:
            props.code.allow_reading(role)
        permissions.allow_key(role, props.key)
        permissions.allow_volumes(role, props.key)
        permissions.allow_reading_keys(role, props.security.read_key_arns)
        permissions.allow_job_logs(role, self, LOG_GROUP)
        permissions.allow_metrics(role, LOG_GROUP)
        permissions.allow_network(role, self, props.network.subnets, props.network.security_groups)

    def _grant_decision(self, trigger: PythonFunction, policy: ssm.StringParameter) -> None:
        props, role, stack = self._props, trigger.role, Stack.of(self)
        state = f"{props.state_prefix.lstrip('/')}/retraining"
        state_arn = stack.format_arn(service="ssm", resource="parameter", resource_name=state)
        permissions.allow(role, ["ssm:GetParameter"], [policy.parameter_arn])
        permissions.allow(role, ["ssm:GetParameter", "ssm:PutParameter"], [state_arn])
        permissions.allow_reading(
            role, props.places.reports.below(props.monitor.endpoint_name, props.monitor.schedule_name)
        )
        for place in self._channels.values():
            permissions.allow_listing(role, place)
        permissions.allow_key(role, props.key)
        jobs = stack.format_arn(service="sagemaker", resource="training-job", resource_name=f"{self._prefix.lower()}-*")
        permissions.allow_named(
            role,
            ["sagemaker:AddTags", "sagemaker:CreateTrainingJob"],
            jobs,
            "the hour of the alarm is part of a job's name",
        )
        endpoint = stack.format_arn(
            service="sagemaker", resource="endpoint", resource_name=props.monitor.endpoint_name.lower()
        )
        permissions.allow(role, ["sagemaker:DescribeEndpoint"], [endpoint])
        permissions.allow_list_calls(role, ["cloudwatch:GetMetricStatistics", "sagemaker:ListTrainingJobs"])
        permissions.allow_passing(role, self.training_role)


def _channels(props: RetrainingTriggerProps) -> dict[str, Place]:
    """The original data, freshly labelled rows, and what the result is measured on."""
    settings = props.settings
    channels = {"train": Place.at(settings.training_data)}
    if settings.training_script == "kit" or settings.fresh_data is not None:
        channels["fresh"] = props.places.fresh
    if settings.validation_data is not None:
        channels["validation"] = Place.at(settings.validation_data)
    return channels
