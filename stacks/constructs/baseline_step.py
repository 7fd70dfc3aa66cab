"""The baseline, computed at deployment: a processing job with the same image, and a deployment that waits for it.

CloudFormation calls the function, which starts the job; the job's end calls it again through EventBridge, and it answers.
Events may be lost, so that a rule looks after jobs besides, switched on while a request waits.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aws_cdk import CustomResource, Duration, Stack, aws_events as events, aws_events_targets as targets
from constructs import Construct

from model_monitor import contract
from stacks.constructs import permissions
from stacks.constructs.job_role import job_role
from stacks.constructs.places import Place
from stacks.constructs.python_function import PythonFunction, PythonFunctionProps
from stacks.constructs.scheduled_monitor import MonitorProps, region_variables
from stacks.settings.monitor import BASELINE_MAX_SECONDS

FORMATS = {"csv": {"csv": {"header": True}}, "json_lines": {"json": {"lines": True}}, "parquet": {"parquet": {}}}
WAIT = Duration.hours(1)  # the longest that CloudFormation waits for a custom resource
POLL = Duration.minutes(5)


class BaselineStep(Construct):
    """One version of a baseline. A version is computed once; an update to a version that exists only moves the pointer.

    types: what the version must hold once its job completed. role_path: of the job's role, by which a retraining may hand it to
    the job of the next version.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        props: MonitorProps,
        *,
        types: Sequence[str],
        version: str,
        live_parameter: str,
        role_path: str,
    ) -> None:
        super().__init__(scope, construct_id)
        self._props, self._version = props, version
        self._job_name = contract.baseline_job_name(props.monitor.schedule_name, version)
        dataset = props.settings.baseline.dataset
        if dataset is None:
            raise ValueError("a baseline step needs a dataset")
        self._dataset = Place.at(dataset)
        self.role = job_role(self, "Role", props, f"Computes the baseline of {props.monitor.schedule_name}", role_path)
        permissions.allow_reading(self.role, self._dataset)
        # every version and never the pointer: a job that an update overtakes still writes its own
        versions = replace(props.places.baseline, prefix=f"{props.places.baseline.prefix}v")
        permissions.allow_writing(self.role, versions)
        function = self._function(live_parameter)
        rules = self._rules(function)
        resource = CustomResource(
            self,
            "Baseline",
            resource_type="Custom::ModelBaseline",
            service_token=function.function.function_arn,
            service_timeout=WAIT,
            properties={
                "Endpoint": props.monitor.endpoint_name,
                "Schedule": props.monitor.schedule_name,
                "Version": version,
                "JobName": self._job_name,
                "ProcessingJob": Stack.of(self).to_json_string(self.job),
                "CurrentKey": f"{props.places.baseline.prefix}{contract.CURRENT_BASELINE_FILE}",
                "LiveParameter": live_parameter,
                "Files": " ".join(files_of(types)),
            },
        )
        resource.node.add_dependency(function, *rules, self.role)

    @property
    def job(self) -> dict[str, Any]:
        """The CreateProcessingJob request without its name."""
        props, network = self._props, self._props.network
        vpc = {"VpcConfig": {"Subnets": list(network.subnets), "SecurityGroupIds": list(network.security_groups)}}
        return {
            "AppSpecification": {
                "ImageUri": props.image.uri,
                "ContainerEntrypoint": list(contract.CONTAINER_ENTRYPOINT),
            },
            "Environment": self._environment(),
            "NetworkConfig": {
                "EnableInterContainerTrafficEncryption": props.security.encrypt_traffic_between_containers,
                "EnableNetworkIsolation": False,
                **(vpc if network.is_private else {}),
            },
            "ProcessingInputs": [
                {
                    "InputName": "baseline_dataset_input",
                    "S3Input": {
                        "S3Uri": self._dataset.folder_uri,
                        "LocalPath": contract.BASELINE_DATASET_SOURCE,
                        "S3DataType": "S3Prefix",
                        "S3InputMode": "File",
                        "S3DataDistributionType": "FullyReplicated",
                    },
                }
            ],
            "ProcessingOutputConfig": {
                "KmsKeyId": permissions.key_arn(props.key),
                "Outputs": [
                    {
                        "OutputName": "monitoring_output",
                        "S3Output": {
                            "S3Uri": props.places.baseline.below(self._version).uri,
                            "LocalPath": contract.OUTPUT_PATH,
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ],
            },
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceCount": 1,
                    "InstanceType": props.settings.instance_type,
                    "VolumeSizeInGB": props.settings.volume_size_gb,
                    **({"VolumeKmsKeyId": props.volume_key_arn} if props.volume_key_arn else {}),
                }
            },
            "RoleArn": self.role.role_arn,
            "Tags": [{"Key": key, "Value": value} for key, value in sorted(props.tags.items())],
            "StoppingCondition": {"MaxRuntimeInSeconds": min(props.settings.max_runtime_seconds, BASELINE_MAX_SECONDS)},
        }

    def _environment(self) -> dict[str, str]:
        variable, baseline = contract.Variable, self._props.settings.baseline
        format_ = {"csv": {"header": baseline.header}} if baseline.format == "csv" else FORMATS[baseline.format]
        return {
            **self._props.variables(contract.JobKind.BASELINE),
            **region_variables(self),
            variable.DATASET_FORMAT: json.dumps(format_, separators=(",", ":")),
            variable.DATASET_SOURCE: contract.BASELINE_DATASET_SOURCE,
            variable.OUTPUT_PATH: contract.OUTPUT_PATH,
            variable.PUBLISH_CLOUDWATCH_METRICS: contract.DISABLED,
            variable.BASELINE_VERSION: self._version,
        }

    def _function(self, live_parameter: str) -> PythonFunction:
        places, stack = self._props.places, Stack.of(self)
        function = PythonFunction(
            self,
            "Step",
            PythonFunctionProps(
                code="baseline",
                description=f"Baseline of {self._props.monitor.schedule_name}: starts its job, answers CloudFormation",
                environment={
                    "BUCKET": places.baseline.bucket_name,
                    "PENDING": places.pending.prefix,
                    "KMS_KEY": permissions.key_arn(self._props.key),
                    "POLL_RULE": self._poll_rule,
                },
                keeps_failed=True,
            ),
        )
        role = function.role
        jobs = stack.format_arn(
            service="sagemaker", resource="processing-job", resource_name=f"{self._job_stem.lower()}*"
        )
        permissions.allow_named(
            role,
            ["sagemaker:AddTags", "sagemaker:CreateProcessingJob", "sagemaker:DescribeProcessingJob"],
            jobs,
            "versions and the attempts at one are parts of a job's name",
        )
        permissions.allow_passing(role, self.role)
        parameter = stack.format_arn(service="ssm", resource="parameter", resource_name=live_parameter.lstrip("/"))
        permissions.allow(role, ["ssm:PutParameter"], [parameter])
        current = f"{places.baseline.bucket_arn}/{places.baseline.prefix}{contract.CURRENT_BASELINE_FILE}"
        permissions.allow(role, ["s3:GetObject", "s3:PutObject"], [current])
        rule = stack.format_arn(service="events", resource="rule", resource_name=self._poll_rule)
        permissions.allow(role, ["events:DisableRule", "events:EnableRule"], [rule])
        permissions.allow_listing(role, places.baseline)
        for grant in (permissions.allow_reading, permissions.allow_writing, permissions.allow_removing):
            grant(role, places.pending)
        permissions.allow_key(role, self._props.key)
        return function

    @property
    def _job_stem(self) -> str:
        """What the names of its jobs begin with, of every version: an update must not cut off a job that still runs."""
        return contract.baseline_job_stem(f"{self._props.monitor.schedule_name}-baseline")

    @property
    def _poll_rule(self) -> str:
        return contract.baseline_poll_rule(self._props.monitor.endpoint_name)

    def _rules(self, function: PythonFunction) -> list[events.Rule]:
        """The ends of this endpoint's baseline jobs, and the clock that looks for ends of which no event told."""
        ended = events.Rule(
            self,
            "JobEnded",
            event_pattern=events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Processing Job State Change"],
                detail={
                    "ProcessingJobName": [{"prefix": self._job_stem}],
                    "ProcessingJobStatus": ["Completed", "Failed", "Stopped"],
                },
            ),
            targets=[targets.LambdaFunction(function.function, retry_attempts=10)],
        )
        poll = events.Rule(
            self,
            "Poll",
            rule_name=self._poll_rule,
            schedule=events.Schedule.rate(POLL),
            enabled=False,
            targets=[targets.LambdaFunction(function.function)],
        )
        return [ended, poll]


def files_of(types: Sequence[str]) -> list[str]:
    """What a complete version holds, relative to its folder."""
    named = {contract.MONITOR_KEYS[type_]: names for type_, names in contract.BASELINE_FILES.items()}
    if len(types) == 1:  # as AWS's own jobs write them
        return list(named[types[0]])
    return [f"{type_}/{name}" for type_ in types for name in named[type_]]
