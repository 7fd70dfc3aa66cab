"""From a decision to a better model that serves: the state machine of all retrainings, and the functions of its steps.

One of each, however many endpoints there are. What a retraining of an endpoint is stands in its SSM parameters, so that the
functions know no endpoint. What they may touch is in `release_rights.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import (
    Aws,
    CfnOutput,
    Duration,
    Environment,
    RemovalPolicy,
    Size,
    Stack,
    aws_events as events,
    aws_events_targets as targets,
    aws_iam as iam,
    aws_lambda as lambda_,
    aws_logs as logs,
    aws_sns as sns,
    aws_stepfunctions as sfn,
)
from constructs import Construct

from model_monitor import contract
from stacks.constructs import permissions, retraining_workflow
from stacks.constructs.monitor_alarm import Watched
from stacks.constructs.places import Place
from stacks.constructs.python_function import PythonFunction, PythonFunctionProps
from stacks.constructs.told_alarm import Told, tell
from stacks.release_rights import ReleaseRights
from stacks.settings.endpoint import Endpoint
from stacks.storage_stack import StorageStack

WITHOUT_SETTINGS = ("approval", "pipeline")  # the plan tells them all
HEARERS = ("approval", "conclude")  # called by events, too, which nobody repeats
LOOK_MINUTES = 30  # between two looks at runs that hold an endpoint
ENDPOINTS_FILE = "endpoints.json"
DISK_GIGABYTES = 4  # rows and answers of a comparison pass through the disk
DESCRIPTIONS = {
    "collect": "First step of a retraining: which rows, which models",
    "pipeline": "Has a SageMaker Pipeline train",
    "register": "Registers a model that is better",
    "approval": "Waits for a person's decision about a package",
    "release": "Puts a model live and takes it back",
    "rebaseline": "Makes a new model's baseline current",
    "watch": "Asks the monitors about a new model",
    "conclude": "Last step of a retraining: the record, the event, the message",
}


@dataclass(frozen=True, kw_only=True)
class ReleaseProps:
    """Whose models. endpoints: those that are retrained; in_network: whether training jobs run in subnets."""

    environment: str
    endpoints: Mapping[str, Endpoint]
    storage: StorageStack
    topic: sns.ITopic
    in_network: bool
    read_key_arns: Sequence[str] = ()


class ReleaseStack(Stack):
    """The state machine, its functions, and who hears of it."""

    def __init__(self, scope: Construct, construct_id: str, props: ReleaseProps, *, env: Environment) -> None:
        super().__init__(
            scope, construct_id, env=env, description="Model monitoring: retraining, from rows to a release"
        )
        self._props = props
        storage, endpoints = props.storage, props.endpoints.items()
        self._places = {name: storage.shared_places(name, endpoint) for name, endpoint in endpoints}  # to read
        self._named = {name: storage.places(name, endpoint) for name, endpoint in endpoints}  # to write
        self.functions = {step: self._function(step) for step in retraining_workflow.STEPS}
        self._rights = self._all_rights()
        self._rights.grant_steps()
        self.machine = self._machine()
        self._listen()
        self._alarms()
        CfnOutput(
            self,
            "RetrainingMachine",
            value=self.machine.state_machine_arn,
            description="Starts a retraining or a rollback by hand",
        )

    # --- functions --------------------------------------------------------------------------------------------------------

    def _function(self, step: str) -> PythonFunction:
        props = self._props
        environment = {} if step == "pipeline" else {"TABLE": props.storage.table.table_name}
        if step not in WITHOUT_SETTINGS:
            environment["PARAMETERS"] = contract.environment_path(props.environment)
            environment["KMS_KEY"] = props.storage.key.key_arn
        if step in ("approval", "conclude"):
            environment["TOPIC_ARN"] = props.topic.topic_arn
        if step == "conclude":
            environment |= {"RECORDS": self._records.uri, "MACHINE_ARN": self._machine_arn}
        is_large = step in ("collect", "rebaseline")
        function = PythonFunction(
            self,
            step.title(),
            PythonFunctionProps(
                code=step,
                description=DESCRIPTIONS[step],
                environment=environment,
                timeout=Duration.minutes(15 if is_large else 2),
                megabytes=1024 if is_large else 256,
                keeps_failed=step in HEARERS,
                files={ENDPOINTS_FILE: json.dumps(sorted(props.endpoints)).encode()} if step == "conclude" else {},
            ),
        )
        if is_large:
            resource = function.function.node.default_child
            assert isinstance(resource, lambda_.CfnFunction)
            resource.ephemeral_storage = lambda_.CfnFunction.EphemeralStorageProperty(
                size=int(Size.gibibytes(DISK_GIGABYTES).to_mebibytes())
            )
        return function

    @property
    def _records(self) -> Place:
        """What came of retrainings, for audit, beside the reports."""
        return next(iter(self._places.values())).records

    def _all_rights(self) -> ReleaseRights:
        props = self._props
        return ReleaseRights(
            stack=self,
            environment=props.environment,
            endpoints=props.endpoints,
            storage=props.storage,
            topic=props.topic,
            read_key_arns=props.read_key_arns,
            functions=self.functions,
            places=self._places,
            named=self._named,
            records=self._records,
            machine_name=self._machine_name,
            machine_arn=self._machine_arn,
        )

    # --- the state machine --------------------------------------------------------------------------------------------------

    @property
    def _machine_name(self) -> str:
        return contract.retraining_machine(self._props.environment)

    @property
    def _machine_arn(self) -> str:
        return self.format_arn(
            service="states", resource="stateMachine", resource_name=self._machine_name, arn_format=permissions.COLON
        )

    def _machine(self) -> sfn.StateMachine:
        role = permissions.role(
            self,
            "MachineRole",
            assumed_by=iam.ServicePrincipal(
                "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": self.account}}
            ),
            description="Takes a retraining through its steps",
        )
        log = logs.LogGroup(
            self,
            "MachineLog",
            log_group_name=f"/aws/vendedlogs/states/{self._machine_name}",
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.DESTROY,
        )
        arns = {step: function.function.function_arn for step, function in self.functions.items()}
        content: dict[str, Any] = retraining_workflow.definition(Aws.PARTITION, arns, in_network=self._props.in_network)
        machine = sfn.StateMachine(
            self,
            "Machine",
            state_machine_name=self._machine_name,
            definition_body=sfn.DefinitionBody.from_string(json.dumps(content)),
            role=role,
            logs=sfn.LogOptions(destination=log, level=sfn.LogLevel.ALL, include_execution_data=False),
            tracing_enabled=True,
            comment="Retrainings",
        )
        permissions.accept(role, "*", "log delivery and traces know no resources")
        self._rights.allow_machine(role, list(arns.values()))
        return machine

    def _listen(self) -> None:
        """Decisions in the registry, and executions that somebody stopped, which have no last step of their own."""
        events.Rule(
            self,
            "Approved",
            description="Somebody decided about a package",
            event_pattern=events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Model Package State Change"],
                detail={"ModelApprovalStatus": ["Approved", "Rejected"]},
            ),
            targets=[targets.LambdaFunction(self.functions["approval"].function)],
        )
        events.Rule(
            self,
            "Stopped",
            description="A retraining was stopped from outside",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={"stateMachineArn": [self._machine_arn], "status": ["ABORTED", "TIMED_OUT"]},
            ),
            targets=[targets.LambdaFunction(self.functions["conclude"].function)],
        )
        events.Rule(
            self,
            "WithoutEnd",
            description="Looks for retrainings that were stopped and not put back, should the event be lost",
            schedule=events.Schedule.rate(Duration.minutes(LOOK_MINUTES)),
            targets=[targets.LambdaFunction(self.functions["conclude"].function, retry_attempts=0)],
        )

    # --- who watches the watchers -----------------------------------------------------------------------------------------

    def _alarms(self) -> None:
        tell(
            self,
            "Failed",
            Told(environment=self._props.environment, of="retraining", topic=self._props.topic),
            Watched(
                what="workflow-failed",
                description=(
                    "A retraining failed at one of its steps; the old model serves. The message about it and the execution's "
                    "history say which."
                ),
                metric=self.machine.metric_failed(period=Duration.minutes(5), statistic="Sum"),
            ),
        )
        for step in HEARERS:
            tell(
                self,
                f"{step.title()}Unheard",
                Told(environment=self._props.environment, of="retraining", topic=self._props.topic),
                Watched(
                    what=f"{step}-unheard",
                    description=(
                        f"The function {step} of retrainings failed on an event every time. Its log says why; the event waits in "
                        "its queue of failed events."
                    ),
                    metric=self.functions[step].failed.metric_approximate_number_of_messages_visible(
                        period=Duration.minutes(5), statistic="Maximum"
                    ),
                ),
            )
