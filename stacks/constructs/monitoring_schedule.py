"""SageMaker Model Monitor's own scheduler with the kit's image: an inline job definition, for accounts that have the service."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from model_monitor import contract
from stacks.constructs import permissions
from stacks.constructs.job_role import job_role
from stacks.constructs.places import Place
from stacks.constructs.scheduled_monitor import MonitorProps, region_variables

Definition = sagemaker.CfnMonitoringSchedule
PENDING = "pending"  # the only folder of the history whose files a run removes


class MonitoringSchedule(Construct):
    """A schedule and the role of its runs. The endpoint must exist before it, and a baseline before its first run counts."""

    def __init__(self, scope: Construct, construct_id: str, props: MonitorProps) -> None:
        super().__init__(scope, construct_id)
        self.monitor = props.monitor
        self._props = props
        self.role = job_role(self, "Role", props, f"Runs {props.monitor.schedule_name}")
        self._grant()
        self.schedule = Definition(
            self,
            "Schedule",
            monitoring_schedule_name=props.monitor.schedule_name,
            monitoring_schedule_config=Definition.MonitoringScheduleConfigProperty(
                schedule_config=Definition.ScheduleConfigProperty(schedule_expression=props.settings.expression),
                monitoring_job_definition=self._definition(),
            ),
        )
        self.schedule.node.add_dependency(self.role)

    def _definition(self) -> Definition.MonitoringJobDefinitionProperty:
        props = self._props
        return Definition.MonitoringJobDefinitionProperty(
            baseline_config=self._baseline(),
            environment=dict(self._environment()),
            monitoring_app_specification=Definition.MonitoringAppSpecificationProperty(
                image_uri=props.image.uri, container_entrypoint=list(contract.CONTAINER_ENTRYPOINT)
            ),
            monitoring_inputs=[
                Definition.MonitoringInputProperty(
                    endpoint_input=Definition.EndpointInputProperty(
                        endpoint_name=props.monitor.endpoint_name,
                        local_path=contract.DATASET_SOURCE,
                        s3_data_distribution_type="FullyReplicated",
                        s3_input_mode="File",
                    )
                )
            ],
            monitoring_output_config=Definition.MonitoringOutputConfigProperty(
                kms_key_id=props.key.key_arn,
                monitoring_outputs=[
                    Definition.MonitoringOutputProperty(
                        s3_output=Definition.S3OutputProperty(
                            local_path=contract.OUTPUT_PATH, s3_uri=props.places.reports.uri, s3_upload_mode="EndOfJob"
                        )
                    )
                ],
            ),
            monitoring_resources=Definition.MonitoringResourcesProperty(
                cluster_config=Definition.ClusterConfigProperty(
                    instance_count=1,
                    instance_type=props.settings.instance_type,
                    volume_size_in_gb=props.settings.volume_size_gb,
                    volume_kms_key_id=props.volume_key_arn,
                )
            ),
            network_config=self._network(),
            role_arn=self.role.role_arn,
            stopping_condition=Definition.StoppingConditionProperty(
                max_runtime_in_seconds=props.settings.max_runtime_seconds
            ),
        )

    def _environment(self) -> Mapping[str, str]:
        """`publish_cloudwatch_metrics` is always set: a schedule made without the SDK emits no metrics unless it is."""
        variables = {**self._props.variables(contract.JobKind.MONITOR), **region_variables(self)}
        variables[contract.Variable.PUBLISH_CLOUDWATCH_METRICS] = contract.ENABLED
        if self._props.settings.baseline.dataset is not None:
            variables[contract.Variable.MONITOR_BASELINE] = self._props.places.baseline.uri
        if self._props.has_labels:
            variables[contract.Variable.GROUND_TRUTH_URI] = self._props.places.ground_truth.uri
            variables[contract.Variable.MONITOR_HISTORY] = self._history.uri
        return variables

    @property
    def _history(self) -> Place:
        """Of this schedule alone: windows that wait for labels, and scores by window."""
        return self._props.places.history.below(self._props.monitor.schedule_name)

    def _baseline(self) -> Definition.BaselineConfigProperty | None:
        """Files that exist already are mounted by the service; computed baselines are found by their pointer."""
        baseline = self._props.settings.baseline
        if baseline.dataset is not None:
            return None
        constraints, statistics = baseline.constraints, baseline.statistics
        return Definition.BaselineConfigProperty(
            constraints_resource=Definition.ConstraintsResourceProperty(s3_uri=constraints) if constraints else None,
            statistics_resource=Definition.StatisticsResourceProperty(s3_uri=statistics) if statistics else None,
        )

    def _network(self) -> Definition.NetworkConfigProperty:
        network, security = self._props.network, self._props.security
        vpc = Definition.VpcConfigProperty(
            subnets=list(network.subnets), security_group_ids=list(network.security_groups)
        )
        return Definition.NetworkConfigProperty(
            enable_inter_container_traffic_encryption=security.encrypt_traffic_between_containers,
            enable_network_isolation=False,
            vpc_config=vpc if network.is_private else None,
        )

    def _grant(self) -> None:
        props, role = self._props, self.role
        permissions.allow_reading(role, props.places.capture.below(props.monitor.endpoint_name))
        reports = props.places.reports.below(props.monitor.endpoint_name, props.monitor.schedule_name)
        permissions.allow_writing(role, reports)
        baseline = props.settings.baseline
        if baseline.dataset is not None:
            permissions.allow_reading(role, props.places.baseline)
        for uri in filter(None, (baseline.constraints, baseline.statistics)):
            permissions.allow_input(role, Place.at(uri))
        namespace = props.monitor.namespace
        is_of_file = namespace == contract.NAMESPACE_DATA_QUALITY
        permissions.allow_metrics(role, *(contract.SPELLINGS_OF_FILE if is_of_file else [namespace]))
        bias = props.settings.model_bias
        if bias is not None and bias.facet_source is not None:
            permissions.allow_reading(role, Place.at(bias.facet_source))
        if props.has_labels:
            permissions.allow_reading(role, props.places.ground_truth)
            permissions.allow_reading(role, self._history)
            permissions.allow_writing(role, self._history)
            for type_ in props.settings.labelled:
                permissions.allow_removing(role, self._history.below(type_, PENDING))
