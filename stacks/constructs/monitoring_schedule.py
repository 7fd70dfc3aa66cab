"""SageMaker Model Monitor's own scheduler with the kit's image: an inline job definition, for accounts that have the service."""

from __future__ import annotations

from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from model_monitor import contract
from stacks.constructs import permissions, run_settings
from stacks.constructs.job_role import job_role
from stacks.constructs.scheduled_monitor import MonitorProps
from stacks.settings.cadence import model_monitor_expression

Definition = sagemaker.CfnMonitoringSchedule


class MonitoringSchedule(Construct):
    """A schedule and the role of its runs. The endpoint must exist before it, and a baseline before its first run counts."""

    def __init__(self, scope: Construct, construct_id: str, props: MonitorProps) -> None:
        super().__init__(scope, construct_id)
        self.monitor = props.monitor
        self._props = props
        self.role = job_role(self, "Role", props, f"Runs {props.monitor.schedule_name}")
        run_settings.allow(self.role, props)
        is_of_file = props.monitor.namespace in contract.SPELLINGS_OF_FILE
        namespaces = contract.SPELLINGS_OF_FILE if is_of_file else [props.monitor.namespace]
        permissions.allow_metrics(self.role, *namespaces)
        self.schedule = Definition(
            self,
            "Schedule",
            monitoring_schedule_name=props.monitor.schedule_name,
            monitoring_schedule_config=Definition.MonitoringScheduleConfigProperty(
                schedule_config=Definition.ScheduleConfigProperty(
                    schedule_expression=model_monitor_expression(props.settings.schedule)
                ),
                monitoring_job_definition=self._definition(),
            ),
        )
        self.schedule.node.add_dependency(self.role)

    def _definition(self) -> Definition.MonitoringJobDefinitionProperty:
        props = self._props
        return Definition.MonitoringJobDefinitionProperty(
            baseline_config=self._baseline(),
            environment=run_settings.variables(
                self, props, publishes=True
            ),  # a schedule made without the SDK emits no metrics unless it is told to
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
