"""From a decision to a better model that serves: the state machine of all retrainings, and the functions of its steps.

One of each, however many endpoints there are. What a retraining of an endpoint is stands in its SSM parameters, so that the
functions know no endpoint. What they may touch is named endpoint by endpoint, but for what is the environment's own.
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
from stacks.settings.endpoint import Endpoint
from stacks.settings.release import Registry
from stacks.storage_stack import StorageStack

LATER = "endpoints are deployed by other stacks, and their names begin alike"
MADE_BY_RUNS = "what a retraining makes is named after its run"
GONE_BACK_TO = "packages of the endpoint's own group, where another one was chosen later"
MANAGED_RULES = ("Training", "Transform", "Processing")  # of Step Functions, by which it hears of jobs that end
EACH_JOB = "*-job"  # other kinds have none of the calls but those on tags; a list of each kind would not fit a fleet
WITHOUT_SETTINGS = ("approval", "pipeline")  # the plan tells them all
HEARERS = ("approval", "conclude")  # called by events, too, which nobody repeats
LOOK_MINUTES = 30  # between two looks at runs that hold an endpoint
ENDPOINTS_FILE = "endpoints.json"
DISK_GIGABYTES = 4  # rows and answers of a comparison pass through the disk
STATE_CALLS = {  # of the table, where a step does other things than to read and to add to the record of a run
    "approval": ("GetItem", "PutItem", "DeleteItem"),
    "collect": ("GetItem", "PutItem", "Query", "UpdateItem"),
    "watch": ("Query",),
}
SETTINGS_CALLS = {  # of the parameters, in whole or by their path where wide tables fill several; other steps read none
    **dict.fromkeys(("register", "release", "watch"), ("ssm:GetParameter",)),
    **dict.fromkeys(("collect", "rebaseline"), ("ssm:GetParameter", "ssm:GetParametersByPath")),
}
PACKAGE_CALLS = {
    "register": ("CreateModelPackage", "DescribeModelPackage"),
    "approval": ("DescribeModelPackage",),
    "collect": ("DescribeModelPackage",),
}
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
    """The state machine and what it may."""

    def __init__(self, scope: Construct, construct_id: str, props: ReleaseProps, *, env: Environment) -> None:
        super().__init__(
            scope, construct_id, env=env, description="Model monitoring: retraining, from rows to a release"
        )
        self._props = props
        storage, endpoints = props.storage, props.endpoints.items()
        self._places = {name: storage.shared_places(name, endpoint) for name, endpoint in endpoints}  # to read
        self._named = {name: storage.places(name, endpoint) for name, endpoint in endpoints}  # to write
        self.functions = {step: self._function(step) for step in retraining_workflow.STEPS}
        self._grant_steps()
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

    def _sagemaker(self, kind: str, name: str) -> str:
        """SageMaker writes names in ARNs in lower case."""
        return self.format_arn(service="sagemaker", resource=kind, resource_name=name.lower())

    def _made(self, kind: str) -> list[str]:
        """What retrainings make, by how its name begins."""
        return [self._sagemaker(kind, f"{contract.training_job_prefix(name)}-*") for name in self._props.endpoints]

    def _allow_made(self, role: iam.IRole, calls: Sequence[str], kind: str) -> None:
        """Calls on what retrainings make."""
        arns = self._made(kind)
        permissions.allow(role, [f"sagemaker:{call}" for call in calls], arns)
        for arn in arns:
            permissions.accept(role, arn, MADE_BY_RUNS)

    def _grant_steps(self) -> None:
        grants = (
            self._grant_state,
            self._grant_rows,
            self._grant_models,
            self._grant_pipelines,
            self._grant_registry,
            self._grant_baselines,
            self._grant_telling,
        )
        for grant in grants:
            grant()

    def _grant_state(self) -> None:
        """The table, and the parameters of every endpoint."""
        props, table = self._props, self._props.storage.table
        path = contract.environment_path(props.environment).lstrip("/")
        below = self.format_arn(service="ssm", resource="parameter", resource_name=f"{path}/*")
        live = self.format_arn(service="ssm", resource="parameter", resource_name=f"{path}/*/live/*")
        for step, function in self.functions.items():
            if step == "pipeline":  # it remembers nothing
                continue
            permissions.allow_items(function.role, table, STATE_CALLS.get(step, ("GetItem", "UpdateItem")))
            if step in SETTINGS_CALLS:
                permissions.allow_named(function.role, SETTINGS_CALLS[step], below, LATER)
            permissions.allow_key(function.role, props.storage.key)
        for step in ("release", "rebaseline"):
            permissions.allow_named(self.functions[step].role, ["ssm:PutParameter"], live, LATER)

    def _grant_rows(self) -> None:
        """Rows of every channel are listed; those that models are asked about are read, and put into a place of their own."""
        collect, rebaseline = (self.functions[step].role for step in ("collect", "rebaseline"))
        permissions.allow_reading_keys(collect, self._props.read_key_arns)
        baselines = [places.baseline for places in self._places.values()]
        channels = [place for name in self._places for place in self._channels(name)]
        permissions.allow_listings(collect, self._unique([*channels, *baselines]))
        for place in self._unique([p for places in self._places.values() for p in (places.fresh, places.holdout)]):
            permissions.allow_objects(collect, place)
        for place in self._unique([places.sets for places in self._places.values()]):
            permissions.allow_writing(collect, place)
            permissions.allow_reading(rebaseline, place)
            permissions.allow_writing(rebaseline, place)
        reports = next(iter(self._places.values())).reports
        for step in ("collect", "watch"):
            permissions.allow_reading(self.functions[step].role, reports)
        for step in ("collect", "conclude"):
            permissions.allow_writing(self.functions[step].role, self._records)
        permissions.allow_reading(self.functions["conclude"].role, self._records)  # of which it makes a page

    def _channels(self, name: str) -> list[Place]:
        retraining = self._props.endpoints[name].retraining
        places = self._places[name]
        if retraining is None:
            return []
        given = [retraining.training_data, *([retraining.validation_data] if retraining.validation_data else [])]
        return [*map(Place.at, given), places.fresh, places.holdout]

    @staticmethod
    def _unique(places: Sequence[Place]) -> list[Place]:
        return list({place.folder_uri: place for place in places}.values())

    def _grant_models(self) -> None:
        """Looking at what serves, making models and configurations, updating the endpoints that are retrained."""
        endpoints = [self._sagemaker("endpoint", name) for name in self._props.endpoints]
        looked = [self._sagemaker(kind, "*") for kind in ("endpoint-config", "model")]
        for step, calls in (("collect", ["DescribeEndpoint"]), ("release", ["DescribeEndpoint", "UpdateEndpoint"])):
            role = self.functions[step].role
            permissions.allow(role, [f"sagemaker:{call}" for call in calls], endpoints)
            permissions.allow(role, ["sagemaker:DescribeEndpointConfig", "sagemaker:DescribeModel"], looked)
            for arn in looked:
                permissions.accept(role, arn, "what serves is named by CloudFormation, or by a retraining")
        release = self.functions["release"].role
        for kind, calls in (
            ("model", ["CreateModel"]),
            ("endpoint-config", ["CreateEndpointConfig", "UpdateEndpoint"]),
        ):
            self._allow_made(release, [*calls, "AddTags"], kind)
        permissions.allow_list_calls(release, ["cloudwatch:DescribeAlarms"])
        self._allow_passing(
            release,
            [contract.role_path(self._props.environment)],
            [endpoint.model.role_arn for endpoint in self._props.endpoints.values() if endpoint.model],
        )

    def _grant_pipelines(self) -> None:
        """Starting those that train, asking how far they are, and which model their training job made."""
        role = self.functions["pipeline"].role
        chosen = [found.retraining.pipeline for found in self._props.endpoints.values() if found.retraining]
        names = sorted({pipeline.name for pipeline in chosen if pipeline is not None})
        if not names:
            return
        permissions.allow(role, ["sagemaker:StartPipelineExecution"], [self._sagemaker("pipeline", n) for n in names])
        calls = ["DescribePipelineExecution", "ListPipelineExecutionSteps", "StopPipelineExecution"]
        for name in names:
            arn = f"{self._sagemaker('pipeline', name)}/execution/*"
            permissions.allow_named(
                role, [f"sagemaker:{call}" for call in calls], arn, "executions have ids of their own"
            )
        jobs = self._sagemaker("training-job", "*")
        permissions.allow_named(role, ["sagemaker:DescribeTrainingJob"], jobs, "a pipeline names its jobs itself")

    def _allow_passing(self, role: iam.IRole, paths: Sequence[str], brought: Sequence[str | None]) -> None:
        """Roles of the environment by their path, those that were brought by their ARN, to SageMaker alone."""
        passed = [
            self.format_arn(service="iam", region="", resource="role", resource_name=f"{path.strip('/')}/*")
            for path in paths
        ]
        to_sagemaker = {"StringEquals": {"iam:PassedToService": permissions.SAGEMAKER}}
        named = sorted({arn for arn in brought if arn is not None})
        permissions.allow(role, ["iam:PassRole"], [*passed, *named], to_sagemaker)
        for arn in passed:
            permissions.accept(role, arn, LATER)

    def _grant_registry(self) -> None:
        """Packages of the endpoints' groups; of those that a retraining makes itself, the groups too."""
        register = self.functions["register"].role
        chosen = {name: self._registry_of(endpoint) for name, endpoint in self._props.endpoints.items()}
        own = {name: self._group(contract.model_group(self._props.environment, name)) for name in chosen}
        used = {name: self._group(found.group) if found.group else own[name] for name, found in chosen.items()}
        made = [own[name] for name, found in chosen.items() if found.group is None]
        create = ["CreateModelPackage", "CreateModelPackageGroup", "AddTags"]
        permissions.allow(register, [f"sagemaker:{call}" for call in create], made)
        permissions.allow(
            register, ["sagemaker:CreateModelPackage"], [used[name] for name in used if used[name] not in made]
        )
        for step, calls in PACKAGE_CALLS.items():
            self._allow_packages(step, calls, list(used.values()), "packages are numbered by the registry")
        left = [own[name] for name in own if used[name] != own[name]]
        self._allow_packages("collect", PACKAGE_CALLS["collect"], left, GONE_BACK_TO)
        roles = sorted({found.role_arn for found in chosen.values() if found.role_arn is not None})
        for step in PACKAGE_CALLS if roles else ():
            permissions.allow(self.functions[step].role, ["sts:AssumeRole"], roles)

    @staticmethod
    def _registry_of(endpoint: Endpoint) -> Registry:
        return Registry() if endpoint.retraining is None else endpoint.retraining.registry

    def _group(self, name: str) -> str:
        """A group of the registry: by its ARN where it is another account's."""
        return name if name.startswith("arn:") else self._sagemaker("model-package-group", name)

    def _allow_packages(self, step: str, calls: Sequence[str], groups: Sequence[str], reason: str) -> None:
        """Calls on every version of some groups."""
        packages = [f"{group.replace(':model-package-group/', ':model-package/')}/*" for group in dict.fromkeys(groups)]
        permissions.allow(self.functions[step].role, [f"sagemaker:{call}" for call in calls], packages)
        for arn in packages:
            permissions.accept(self.functions[step].role, arn, reason)

    def _grant_baselines(self) -> None:
        """Reading what is current; moving it; knowing whether an earlier package has one."""
        role = self.functions["rebaseline"].role
        for place in self._unique([places.baseline for places in self._places.values()]):
            permissions.allow_reading(self.functions["register"].role, place)
            permissions.allow_reading(role, place)
        own = [places.baseline for places in self._named.values()]
        pointers = [f"{place.bucket_arn}/{place.prefix}{contract.CURRENT_BASELINE_FILE}" for place in own]
        permissions.allow(role, ["s3:PutObject"], pointers)

    def _grant_telling(self) -> None:
        topic = self._props.topic
        for step in ("approval", "conclude"):
            role = self.functions[step].role
            permissions.allow(role, ["sns:Publish"], [topic.topic_arn])
            if isinstance(topic, sns.Topic) and topic.master_key is not None:
                permissions.allow(role, ["kms:Decrypt", "kms:GenerateDataKey"], [topic.master_key.key_arn])
            else:
                permissions.allow_key_through(role, self, "sns")
        bus = self.format_arn(service="events", resource="event-bus", resource_name="default")
        permissions.allow(self.functions["conclude"].role, ["events:PutEvents"], [bus])
        conclude = self.functions["conclude"].role
        permissions.allow(conclude, ["states:StartExecution"], [self._machine_arn])
        executions = self.format_arn(
            service="states",
            resource="execution",
            resource_name=f"{self._machine_name}:*",
            arn_format=permissions.COLON,
        )
        permissions.allow_named(
            conclude, ["states:DescribeExecution"], executions, "executions are named after their runs"
        )
        permissions.allow(
            self.functions["approval"].role, ["states:SendTaskFailure", "states:SendTaskSuccess"], [self._machine_arn]
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
        self._allow_steps(role, list(arns.values()))
        return machine

    def _allow_steps(self, role: iam.IRole, functions: list[str]) -> None:
        environment = self._props.environment
        permissions.allow(role, ["lambda:InvokeFunction"], functions)
        runners = self.format_arn(
            service="lambda",
            resource="function",
            resource_name=f"{contract.run_function_prefix(environment)}*",
            arn_format=permissions.COLON,
        )
        permissions.allow_named(role, ["lambda:InvokeFunction"], runners, LATER)
        jobs = [f"{call}{kind}Job" for kind in MANAGED_RULES for call in ("Create", "Describe", "Stop")]
        self._allow_made(role, [*jobs, "AddTags", "ListTags"], EACH_JOB)
        brought: list[str | None] = []
        for endpoint in self._props.endpoints.values():
            brought += [endpoint.retraining.role_arn if endpoint.retraining else None]
            brought += [monitor.role_arn for monitor in endpoint.computed.values()]
        environments = (contract.role_path, contract.training_role_path)
        self._allow_passing(role, [path(environment) for path in environments], brought)
        rules = [
            self.format_arn(
                service="events", resource="rule", resource_name=f"StepFunctionsGetEventsForSageMaker{kind}JobsRule"
            )
            for kind in MANAGED_RULES
        ]
        permissions.allow(role, ["events:PutTargets", "events:PutRule", "events:DescribeRule"], rules)

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
