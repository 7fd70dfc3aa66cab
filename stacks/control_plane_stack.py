"""What an environment's runs share: their schedules' group, the state machine, the sweep for silence.

One of each, however many endpoints there are. What a schedule runs stands in an SSM parameter, so the functions know no endpoint.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import (
    ArnFormat,
    Aws,
    CfnOutput,
    Duration,
    Environment,
    RemovalPolicy,
    Stack,
    aws_cloudwatch as cloudwatch,
    aws_dynamodb as dynamodb,
    aws_events as events,
    aws_events_targets as targets,
    aws_iam as iam,
    aws_kms as kms,
    aws_logs as logs,
    aws_scheduler as scheduler,
    aws_sns as sns,
    aws_sqs as sqs,
    aws_stepfunctions as sfn,
)
from constructs import Construct

from model_monitor import contract
from stacks import findings
from stacks.constructs import permissions, run_workflow
from stacks.constructs.managed_schedule import Plane
from stacks.constructs.monitor_alarm import AT_LEAST, BELOW, Watched
from stacks.constructs.places import Place
from stacks.constructs.python_function import PythonFunction, PythonFunctionProps
from stacks.constructs.routes import Route, as_variable
from stacks.constructs.time_zones import zone_bytes, zone_file
from stacks.constructs.told_alarm import SILENCE_BREACHES, SILENCE_IS_FINE, Told, tell

SWEEP_MINUTES = 15
SILENT_SWEEPS = 3  # of them in a row, and the sweep itself is what is silent


@dataclass(frozen=True, kw_only=True)
class ControlPlaneProps:
    """Whose runs. captures, reports: places of all endpoints; roles: of runs that were brought; table: the environment's."""

    environment: str
    captures: Sequence[Place]
    reports: Place
    roles: Sequence[str]
    namespaces: Sequence[str]
    topic: sns.ITopic
    key: kms.IKey
    table: dynamodb.ITable
    has_messages: bool = False  # of runs, to the topic
    routes: Sequence[Route] = ()  # to others than those of the topic
    time_zones: Sequence[str] = ()  # of schedules
    manifests: Sequence[Place] = ()  # capture of transform jobs: lists of files
    read_key_arns: Sequence[str] = ()  # with which others encrypt these


class ControlPlaneStack(Stack):
    """Runs of every endpoint. `offer`: what a monitor's schedule needs of it."""

    def __init__(self, scope: Construct, construct_id: str, props: ControlPlaneProps, *, env: Environment) -> None:
        super().__init__(scope, construct_id, env=env, description="Model monitoring: runs of every endpoint")
        self._props = props
        self.prefix = contract.monitors_prefix(props.environment)
        self.table = props.table
        plan, finish = self._plan(), self._finish()
        self.machine = self._machine(plan, finish)
        self.group = scheduler.CfnScheduleGroup(self, "Schedules", name=contract.schedule_group(props.environment))
        self.failed = sqs.Queue(
            self,
            "NotStarted",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        findings.accept(self.failed, "SQS3", "it is the dead-letter queue of schedules")
        self.starter = self._starter()
        self.offer = Plane(
            environment=props.environment,
            group_name=contract.schedule_group(props.environment),
            machine_arn=self.machine.state_machine_arn,
            starter_role_arn=self.starter.role_arn,
            failed_queue_arn=self.failed.queue_arn,
            quiet_function_arn=self._quiet().function.function_arn,
        )
        sweep = self._sweep()
        self._alarms({"plan": plan, "finish": finish, "sweep": sweep}, sweep)
        CfnOutput(self, "RunsMachine", value=self.machine.state_machine_arn, description="Starts a run by hand")

    def _function(self, name: str, description: str, more: dict[str, str] | None = None) -> PythonFunction:
        environment = {"TABLE": self.table.table_name, "MONITORS_PREFIX": self.prefix, **(more or {})}
        return PythonFunction(
            self,
            name.title(),
            PythonFunctionProps(
                code=name,
                description=description,
                environment=environment,
                timeout=Duration.minutes(5),
                megabytes=1024,  # a processor of some speed: hundreds of monitors, or of thousands of objects
                files={zone_file(zone): zone_bytes(zone) for zone in self._props.time_zones},
            ),
        )

    def _allow_state(self, function: PythonFunction, actions_: Sequence[str]) -> None:
        permissions.allow_items(function.role, self.table, actions_)

    def _allow_monitor(self, function: PythonFunction) -> None:
        """Reading what any one schedule runs."""
        arn = f"{self._monitors_arn}/*"
        permissions.allow_named(function.role, ["ssm:GetParameter"], arn, "monitors are deployed by other stacks")

    @property
    def _monitors_arn(self) -> str:
        return self.format_arn(service="ssm", resource="parameter", resource_name=self.prefix.lstrip("/"))

    def _plan(self) -> PythonFunction:
        function = self._function("plan", "First step of a run: claims its window and chooses its runner")
        self._allow_state(function, ["UpdateItem"])
        self._allow_monitor(function)
        permissions.allow_listings(function.role, self._props.captures)
        for place in self._props.manifests:
            permissions.allow_reading(function.role, place)
        permissions.allow_reading_keys(function.role, self._props.read_key_arns if self._props.manifests else ())
        permissions.allow_writing(function.role, self._props.reports)
        permissions.allow_key(function.role, self._props.key)
        return function

    def _allow_publishing(self, function: PythonFunction) -> None:
        """Messages to the topics, and the use of their keys."""
        for topic in (self._props.topic, *(route.topic for route in self._props.routes)):
            permissions.allow(function.role, ["sns:Publish"], [topic.topic_arn])
            if isinstance(topic, sns.Topic) and topic.master_key is not None:
                permissions.allow(function.role, ["kms:Decrypt", "kms:GenerateDataKey"], [topic.master_key.key_arn])
            else:
                permissions.allow_key_through(function.role, self, "sns")

    def _finish(self) -> PythonFunction:
        to = {"MESSAGES_TOPIC_ARN": self._props.topic.topic_arn, **as_variable(self._props.routes)}
        more = to if self._props.has_messages else {}
        function = self._function("finish", "Last step of a run: its verdict, its metrics, its event", more)
        self._allow_state(function, ["UpdateItem", *(["GetItem", "PutItem"] if more else [])])
        if more:
            self._allow_publishing(function)
        self._allow_monitor(function)
        permissions.allow_reading(function.role, self._props.reports)
        permissions.allow_writing(function.role, self._props.reports)
        permissions.allow_key(function.role, self._props.key)
        permissions.allow_metrics(function.role, *self._props.namespaces)
        permissions.allow_list_calls(function.role, ["cloudwatch:GetMetricData"])
        bus = self.format_arn(service="events", resource="event-bus", resource_name="default")
        permissions.allow(function.role, ["events:PutEvents"], [bus])
        return function

    def _sweep(self) -> PythonFunction:
        props = self._props
        more = {
            "TOPIC_ARN": props.topic.topic_arn,
            "NAMESPACE": contract.NAMESPACE_OWN,
            "ENVIRONMENT": props.environment,
            **as_variable(props.routes),
        }
        function = self._function("sweep", "Tells people of monitors that are silent while there is traffic", more)
        self._allow_state(function, ["GetItem", "PutItem", "DeleteItem", "Query"])
        permissions.allow(function.role, ["ssm:GetParametersByPath"], [self._monitors_arn])
        permissions.allow_list_calls(function.role, ["cloudwatch:GetMetricData"])
        permissions.allow_metrics(function.role, contract.NAMESPACE_OWN)
        for kind, action in (("endpoint", "DescribeEndpoint"), ("endpoint-config", "DescribeEndpointConfig")):
            arn = self.format_arn(service="sagemaker", resource=kind, resource_name="*")
            reason = "configurations get new names, and monitors of any endpoint are deployed by other stacks"
            permissions.allow_named(function.role, [f"sagemaker:{action}"], arn, reason)
        self._allow_publishing(function)
        events.Rule(
            self,
            "EveryFewMinutes",
            schedule=events.Schedule.rate(Duration.minutes(SWEEP_MINUTES)),
            targets=[targets.LambdaFunction(function.function, retry_attempts=0)],  # the next sweep is near
        )
        return function

    def _quiet(self) -> PythonFunction:
        """What deletions of monitors wait in."""
        function = PythonFunction(
            self,
            "Quiet",
            PythonFunctionProps(
                code="quiet",
                description="Lets the deletion of a monitor wait until none of its runs goes on",
                timeout=Duration.minutes(15),
            ),
        )
        machine = self.machine.state_machine_arn
        permissions.allow(function.role, ["states:ListExecutions"], [machine])
        name = self.machine.state_machine_name
        executions = self.format_arn(
            service="states", resource="execution", resource_name=f"{name}:*", arn_format=permissions.COLON
        )
        reason = "executions get names of their own"
        permissions.allow_named(function.role, ["states:DescribeExecution"], executions, reason)
        return function

    # --- the state machine -------------------------------------------------------------------------------------------

    def _machine(self, plan: PythonFunction, finish: PythonFunction) -> sfn.StateMachine:
        role = permissions.role(
            self,
            "MachineRole",
            assumed_by=self._service("states.amazonaws.com"),
            description="Takes a run through its steps",
        )
        log = logs.LogGroup(
            self,
            "MachineLog",
            log_group_name=f"/aws/vendedlogs/states/{contract.schedule_group(self._props.environment)}-runs",
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.DESTROY,
        )
        content = run_workflow.definition(Aws.PARTITION, plan.function.function_arn, finish.function.function_arn)
        machine = sfn.StateMachine(
            self,
            "Machine",
            definition_body=sfn.DefinitionBody.from_string(json.dumps(content)),
            role=role,
            logs=sfn.LogOptions(destination=log, level=sfn.LogLevel.ALL, include_execution_data=False),
            tracing_enabled=True,
            comment="Runs of monitors",
        )
        permissions.accept(role, "*", "log delivery and traces know no resources")
        self._allow_runs(role, plan, finish)
        return machine

    def _allow_runs(self, role: iam.IRole, plan: PythonFunction, finish: PythonFunction) -> None:
        """Runs of endpoints whose stacks come later: their functions and roles are known by how their names begin."""
        environment = self._props.environment
        permissions.allow(role, ["lambda:InvokeFunction"], [plan.function.function_arn, finish.function.function_arn])
        runners = self.format_arn(
            service="lambda",
            resource="function",
            resource_name=f"{contract.run_function_prefix(environment)}*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        later = "endpoints are deployed by other stacks, and their names begin alike"
        permissions.allow_named(role, ["lambda:InvokeFunction"], runners, later)
        jobs = self.format_arn(service="sagemaker", resource="processing-job", resource_name="*")
        permissions.allow_named(
            role,
            [
                f"sagemaker:{action}"
                for action in (
                    "CreateProcessingJob",
                    "DescribeProcessingJob",
                    "StopProcessingJob",
                    "AddTags",
                    "ListTags",
                )
            ],
            jobs,
            later,
        )
        passed = self.format_arn(
            service="iam", region="", resource="role", resource_name=f"{contract.role_path(environment).strip('/')}/*"
        )
        to_sagemaker = {"StringEquals": {"iam:PassedToService": permissions.SAGEMAKER}}
        permissions.allow(role, ["iam:PassRole"], [passed, *self._props.roles], to_sagemaker)
        permissions.accept(role, passed, later)
        rule = self.format_arn(
            service="events", resource="rule", resource_name="StepFunctionsGetEventsForSageMakerProcessingJobsRule"
        )
        permissions.allow(role, ["events:PutTargets", "events:PutRule", "events:DescribeRule"], [rule])

    def _service(self, name: str) -> iam.IPrincipal:
        """A service, for this account alone."""
        return iam.ServicePrincipal(name, conditions={"StringEquals": {"aws:SourceAccount": self.account}})

    def _starter(self) -> iam.IRole:
        """What schedules act as."""
        role = permissions.role(
            self,
            "StarterRole",
            assumed_by=self._service("scheduler.amazonaws.com"),
            description="Starts runs when they are due",
        )
        permissions.allow(role, ["states:StartExecution"], [self.machine.state_machine_arn])
        permissions.allow(role, ["sqs:SendMessage"], [self.failed.queue_arn])
        return role

    # --- who watches the watchers ----------------------------------------------------------------------------------------

    def _alarms(self, functions: dict[str, PythonFunction], sweep: PythonFunction) -> None:
        minutes = Duration.minutes(SWEEP_MINUTES)
        for name, function in functions.items():
            self._alarm(
                f"{name}-failed",
                f"The function {name} of the runs' control plane failed. Its log says why.",
                function.function.metric_errors(period=minutes, statistic="Sum"),
                periods=1 if name == "finish" else SILENT_SWEEPS,
            )
        self._alarm(
            "runs-failed",
            "An execution of the runs' state machine failed, so a window has no verdict. Its history says which step.",
            self.machine.metric_failed(period=minutes, statistic="Sum"),
        )
        self._alarm(
            "runs-not-started",
            "A schedule could not start a run. The queue of failed starts holds the reason.",
            self.failed.metric_approximate_number_of_messages_visible(period=minutes, statistic="Maximum"),
        )
        self._alarm(
            "sweep-silent",
            "The sweep that looks for silent monitors does not run itself. See its rule and its function.",
            sweep.function.metric_invocations(period=minutes, statistic="Sum"),
            periods=SILENT_SWEEPS,
            is_silence=True,
        )

    def _alarm(
        self,
        what: str,
        description: str,
        metric: cloudwatch.IMetric,
        *,
        periods: int = 1,
        is_silence: bool = False,
    ) -> None:
        """is_silence: of what should happen all the time; else of what never should."""
        tell(
            self,
            what.title().replace("-", ""),
            Told(environment=self._props.environment, of="control-plane", topic=self._props.topic),
            Watched(what=what, description=description, metric=metric, operator=BELOW if is_silence else AT_LEAST),
            periods=periods,
            missing=SILENCE_BREACHES if is_silence else SILENCE_IS_FINE,
        )
