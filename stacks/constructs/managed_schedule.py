"""The kit's own scheduler: one schedule a monitor, one Lambda function an endpoint, and a document that says what a run is.

The document is an SSM parameter, so that a schedule, an operator and the sweep mean the same run, and the state machine of the
environment needs to know no endpoint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aws_cdk import (
    CustomResource,
    RemovalPolicy,
    Stack,
    aws_iam as iam,
    aws_lambda as lambda_,
    aws_logs as logs,
    aws_scheduler as scheduler,
    aws_ssm as ssm,
)
from constructs import Construct

from model_monitor import contract
from stacks.constructs import permissions, run_settings
from stacks.constructs.job_role import allow_job
from stacks.constructs.scheduled_monitor import MonitorProps
from stacks.settings.cadence import HOUR

LAMBDA = "lambda.amazonaws.com"
SECONDS = 900  # the longest that a function may run
DISK_MEGABYTES = 4096
JITTER_MINUTES = 5  # of schedules by the hour or rarer, so that a fleet does not start in one second
RETRIES, RETRY_SECONDS = 20, 1800  # of starting a run


@dataclass(frozen=True, kw_only=True)
class Plane:
    """What the environment's control plane offers to schedules."""

    environment: str
    group_name: str
    machine_arn: str
    starter_role_arn: str
    failed_queue_arn: str
    quiet_function_arn: str


class RunFunction(Construct):
    """Runs the small windows of one endpoint: the monitor image as a Lambda function, with a role that jobs share."""

    def __init__(self, scope: Construct, construct_id: str, environment: str, monitors: Sequence[MonitorProps]) -> None:
        super().__init__(scope, construct_id)
        first = monitors[0]
        self.name = contract.run_function_name(environment, first.monitor.endpoint_name)
        self.role = self._role(environment, monitors)
        log = logs.LogGroup(
            self, "Log", retention=logs.RetentionDays.THREE_MONTHS, removal_policy=RemovalPolicy.DESTROY
        )
        permissions.allow(self.role, ["logs:CreateLogStream", "logs:PutLogEvents"], [log.log_group_arn])
        network = first.network
        vpc = lambda_.CfnFunction.VpcConfigProperty(
            subnet_ids=list(network.subnets), security_group_ids=list(network.security_groups)
        )
        self.megabytes = max(each.settings.function_megabytes for each in monitors)
        self.function = lambda_.CfnFunction(
            self,
            "Function",
            function_name=self.name,
            description=f"Analyses small windows of {first.monitor.endpoint_name}",
            package_type="Image",
            code=lambda_.CfnFunction.CodeProperty(image_uri=(first.function_image or first.image).uri),
            role=self.role.role_arn,
            architectures=[first.architecture],
            memory_size=self.megabytes,
            ephemeral_storage=lambda_.CfnFunction.EphemeralStorageProperty(size=DISK_MEGABYTES),
            timeout=SECONDS,
            vpc_config=vpc if network.is_private else None,
            logging_config=lambda_.CfnFunction.LoggingConfigProperty(log_group=log.log_group_name),
        )
        self.function.node.add_dependency(self.role)

    def _role(self, environment: str, monitors: Sequence[MonitorProps]) -> iam.IRole:
        brought = next((each.settings.role_arn for each in monitors if each.settings.role_arn), None)
        if brought is not None:
            return iam.Role.from_role_arn(self, "Role", brought, mutable=False)
        role = permissions.role(
            self,
            "Role",
            path=contract.role_path(environment),
            assumed_by=iam.CompositePrincipal(
                iam.ServicePrincipal(LAMBDA), permissions.of_this_account(self, permissions.SAGEMAKER)
            ),
            description=f"Runs the monitors of {monitors[0].monitor.endpoint_name}",
        )
        if monitors[0].network.is_private:
            permissions.allow_function_network(role)
        for each in monitors:
            allow_job(role, self, each)
            run_settings.allow(role, each)
            manifests = each.places.reports.below(each.monitor.endpoint_name, each.monitor.schedule_name, "manifests")
            permissions.allow_reading(role, manifests)
        return role


class ManagedSchedule(Construct):
    """When a monitor runs, and what its runs are."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        props: MonitorProps,
        *,
        plane: Plane,
        function: RunFunction,
        variants: Sequence[str],
        sampling_percentage: int,
    ) -> None:
        super().__init__(scope, construct_id)
        self.monitor, self._props = props.monitor, props
        self._plane, self._function = plane, function
        self._variants, self._sampling = list(variants), sampling_percentage
        document = ssm.StringParameter(
            self,
            "Runs",
            parameter_name=f"{contract.monitors_prefix(plane.environment)}/{props.monitor.schedule_name}",
            string_value=Stack.of(self).to_json_string(self._document()),
            tier=ssm.ParameterTier.INTELLIGENT_TIERING,
            description=f"What a run of {props.monitor.schedule_name} is",
        )
        schedule = scheduler.CfnSchedule(
            self,
            "Starts",  # not as the resource of the other scheduler is called: a resource cannot change its type
            name=props.monitor.schedule_name,
            group_name=plane.group_name,
            description=f"Runs {props.monitor.schedule_name}",
            schedule_expression=props.settings.cadence.scheduler_expression(props.settings.delay_time),
            schedule_expression_timezone=props.settings.time_zone,
            flexible_time_window=self._jitter(),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=plane.machine_arn,
                role_arn=plane.starter_role_arn,
                input=Stack.of(self).to_json_string(
                    {
                        "schedule": props.monitor.schedule_name,
                        "scheduled_time": "<aws.scheduler.scheduled-time>",
                    }
                ),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_retry_attempts=RETRIES, maximum_event_age_in_seconds=RETRY_SECONDS
                ),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=plane.failed_queue_arn),
            ),
        )
        quiet = CustomResource(  # deleted after the schedule, and before what its runs need
            self,
            "Quiet",
            resource_type="Custom::QuietSchedule",
            service_token=plane.quiet_function_arn,
            properties={"Schedule": props.monitor.schedule_name, "MachineArn": plane.machine_arn},
        )
        quiet.node.add_dependency(document, function)
        schedule.node.add_dependency(quiet)

    @property
    def _jitter_minutes(self) -> int:
        return JITTER_MINUTES if self._props.settings.period >= HOUR else 0

    def _jitter(self) -> scheduler.CfnSchedule.FlexibleTimeWindowProperty:
        if not self._jitter_minutes:
            return scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF")
        return scheduler.CfnSchedule.FlexibleTimeWindowProperty(
            mode="FLEXIBLE", maximum_window_in_minutes=self._jitter_minutes
        )

    def _document(self) -> Mapping[str, Any]:
        """What lambda/plan, lambda/finish and lambda/sweep read. What is None is left out by the CDK: minutes of a month."""
        props, settings = self._props, self._props.settings
        cadence, name = settings.cadence, props.monitor.endpoint_name
        window = timedelta_minutes(settings.window_time or cadence.period)
        return {
            "endpoint": name,
            "schedule": props.monitor.schedule_name,
            "namespace": props.monitor.namespace,
            "time_zone": settings.time_zone,
            "published": None if props.monitor.published is None else list(props.monitor.published),
            "period_minutes": timedelta_minutes(cadence.period),
            "offset_minutes": timedelta_minutes(cadence.offset),
            "window_minutes": window,
            "delay_minutes": timedelta_minutes(settings.delay_time),
            "jitter_minutes": self._jitter_minutes,
            "capture": props.places.captured(name).uri,
            "transform": self._transform(),
            "reports": props.places.reports.below(name, props.monitor.schedule_name).uri,
            "runner": settings.runner,
            "asks_model": settings.model_explainability is not None and settings.model_explainability.is_asked,
            "function": self._function.name,
            "function_megabytes": self._function.megabytes,
            "function_architecture": props.architecture,
            "lambda_max_megabytes": settings.function_max_megabytes,
            "environment": run_settings.variables(self, props, publishes=False),
            "baseline": self._baseline(),
            "processing": self._processing(),
            "variants": self._variants,
            "sampling_percentage": self._sampling,
            "captured_variants": list(settings.variants) or self._variants,
            "captured_share": settings.alarms.captured_share,
            "min_records": settings.min_records,
            "staleness_periods": settings.alarms.staleness_periods,
        }

    def _transform(self) -> dict[str, Any]:
        """Of batch transform jobs: where their files lie, and how they are written; {} for an endpoint."""
        places, given = self._props.places.transform, self._props.transform
        if places is None or given is None:
            return {}
        return {
            "inputs": places.inputs.folder_uri,
            "outputs": places.outputs.folder_uri,
            **given.model_dump(include={"format", "inference_id", "joined"}),
            "longest_hours": given.longest_hours,
        }

    def _baseline(self) -> dict[str, str]:
        """Files that exist already are mounted; computed baselines are found by their pointer."""
        baseline = self._props.settings.baseline
        given = {"constraints": baseline.constraints, "statistics": baseline.statistics}
        return {name: uri for name, uri in given.items() if uri and baseline.dataset is None}

    def _processing(self) -> dict[str, Any]:
        props, settings, network = self._props, self._props.settings, self._props.network
        vpc = {"VpcConfig": {"Subnets": list(network.subnets), "SecurityGroupIds": list(network.security_groups)}}
        cluster: dict[str, Any] = {
            "InstanceCount": 1,
            "InstanceType": settings.instance_type,
            "VolumeSizeInGB": settings.volume_size_gb,
        }
        if props.volume_key_arn is not None:
            cluster["VolumeKmsKeyId"] = props.volume_key_arn
        return {
            "cluster": cluster,
            "max_seconds": settings.max_runtime_seconds,
            "application": {
                "ImageUri": props.image.uri,
                "ContainerEntrypoint": list(contract.CONTAINER_ENTRYPOINT),
            },
            "network": {
                "EnableInterContainerTrafficEncryption": props.security.encrypt_traffic_between_containers,
                "EnableNetworkIsolation": False,
                **(vpc if network.is_private else {}),
            },
            "role": self._function.role.role_arn,
            "kms_key": permissions.key_arn(props.key),
            "tags": [{"Key": key, "Value": value} for key, value in props.tags.items()],
        }


def timedelta_minutes(time: timedelta | None) -> int | None:
    """In whole minutes; None for a month, which has no length."""
    return None if time is None else time // timedelta(minutes=1)
