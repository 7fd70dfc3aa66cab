"""What each step of a retraining may touch, and what the state machine of all retrainings may.

Endpoint by endpoint, but for what is the environment's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Stack, aws_iam as iam, aws_sns as sns

from model_monitor import contract
from stacks.constructs import permissions
from stacks.constructs.places import EndpointPlaces, Place
from stacks.constructs.python_function import PythonFunction
from stacks.settings.endpoint import Endpoint
from stacks.settings.release import Registry
from stacks.storage_stack import StorageStack

LATER = "endpoints are deployed by other stacks, and their names begin alike"
MADE_BY_RUNS = "what a retraining makes is named after its run"
GONE_BACK_TO = "packages of the endpoint's own group, where another one was chosen later"
MANAGED_RULES = ("Training", "Transform", "Processing")  # of Step Functions, by which it hears of jobs that end
EACH_JOB = "*-job"  # other kinds have none of the calls but those on tags; a list of each kind would not fit a fleet
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


@dataclass(frozen=True, kw_only=True)
class ReleaseRights:
    """Of the functions by their step. places: of each endpoint, to read; named: to write; records: what came of retrainings."""

    stack: Stack
    environment: str
    endpoints: Mapping[str, Endpoint]
    storage: StorageStack
    topic: sns.ITopic
    read_key_arns: Sequence[str]
    functions: Mapping[str, PythonFunction]
    places: Mapping[str, EndpointPlaces]
    named: Mapping[str, EndpointPlaces]
    records: Place
    machine_name: str
    machine_arn: str

    def _sagemaker(self, kind: str, name: str) -> str:
        """SageMaker writes names in ARNs in lower case."""
        return self.stack.format_arn(service="sagemaker", resource=kind, resource_name=name.lower())

    def _made(self, kind: str) -> list[str]:
        """What retrainings make, by how its name begins."""
        return [self._sagemaker(kind, f"{contract.training_job_prefix(name)}-*") for name in self.endpoints]

    def _allow_made(self, role: iam.IRole, calls: Sequence[str], kind: str) -> None:
        """Calls on what retrainings make."""
        arns = self._made(kind)
        permissions.allow(role, [f"sagemaker:{call}" for call in calls], arns)
        for arn in arns:
            permissions.accept(role, arn, MADE_BY_RUNS)

    def grant_steps(self) -> None:
        """To each function what its step calls."""
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
        table = self.storage.table
        path = contract.environment_path(self.environment).lstrip("/")
        below = self.stack.format_arn(service="ssm", resource="parameter", resource_name=f"{path}/*")
        live = self.stack.format_arn(service="ssm", resource="parameter", resource_name=f"{path}/*/live/*")
        for step, function in self.functions.items():
            if step == "pipeline":  # it remembers nothing
                continue
            permissions.allow_items(function.role, table, STATE_CALLS.get(step, ("GetItem", "UpdateItem")))
            if step in SETTINGS_CALLS:
                permissions.allow_named(function.role, SETTINGS_CALLS[step], below, LATER)
            permissions.allow_key(function.role, self.storage.key)
        for step in ("release", "rebaseline"):
            permissions.allow_named(self.functions[step].role, ["ssm:PutParameter"], live, LATER)

    def _grant_rows(self) -> None:
        """Rows of every channel are listed; those that models are asked about are read, and put into a place of their own."""
        collect, rebaseline = (self.functions[step].role for step in ("collect", "rebaseline"))
        permissions.allow_reading_keys(collect, self.read_key_arns)
        baselines = [places.baseline for places in self.places.values()]
        channels = [place for name in self.places for place in self._channels(name)]
        permissions.allow_listings(collect, self._unique([*channels, *baselines]))
        for place in self._unique([p for places in self.places.values() for p in (places.fresh, places.holdout)]):
            permissions.allow_objects(collect, place)
        for place in self._unique([places.sets for places in self.places.values()]):
            permissions.allow_writing(collect, place)
            permissions.allow_reading(rebaseline, place)
            permissions.allow_writing(rebaseline, place)
        reports = next(iter(self.places.values())).reports
        for step in ("collect", "watch"):
            permissions.allow_reading(self.functions[step].role, reports)
        for step in ("collect", "conclude"):
            permissions.allow_writing(self.functions[step].role, self.records)
        permissions.allow_reading(self.functions["conclude"].role, self.records)  # of which it makes a page

    def _channels(self, name: str) -> list[Place]:
        retraining = self.endpoints[name].retraining
        places = self.places[name]
        if retraining is None:
            return []
        given = [retraining.training_data, *([retraining.validation_data] if retraining.validation_data else [])]
        return [*map(Place.at, given), places.fresh, places.holdout]

    @staticmethod
    def _unique(places: Sequence[Place]) -> list[Place]:
        return list({place.folder_uri: place for place in places}.values())

    def _grant_models(self) -> None:
        """Looking at what serves, making models and configurations, updating the endpoints that are retrained."""
        endpoints = [self._sagemaker("endpoint", name) for name in self.endpoints]
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
            [contract.role_path(self.environment)],
            [endpoint.model.role_arn for endpoint in self.endpoints.values() if endpoint.model],
        )

    def _grant_pipelines(self) -> None:
        """Starting those that train, asking how far they are, and which model their training job made."""
        role = self.functions["pipeline"].role
        chosen = [found.retraining.pipeline for found in self.endpoints.values() if found.retraining]
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
            self.stack.format_arn(service="iam", region="", resource="role", resource_name=f"{path.strip('/')}/*")
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
        chosen = {name: self._registry_of(endpoint) for name, endpoint in self.endpoints.items()}
        own = {name: self._group(contract.model_group(self.environment, name)) for name in chosen}
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
        for place in self._unique([places.baseline for places in self.places.values()]):
            permissions.allow_reading(self.functions["register"].role, place)
            permissions.allow_reading(role, place)
        own = [places.baseline for places in self.named.values()]
        pointers = [f"{place.bucket_arn}/{place.prefix}{contract.CURRENT_BASELINE_FILE}" for place in own]
        permissions.allow(role, ["s3:PutObject"], pointers)

    def _grant_telling(self) -> None:
        topic = self.topic
        for step in ("approval", "conclude"):
            role = self.functions[step].role
            permissions.allow(role, ["sns:Publish"], [topic.topic_arn])
            if isinstance(topic, sns.Topic) and topic.master_key is not None:
                permissions.allow(role, ["kms:Decrypt", "kms:GenerateDataKey"], [topic.master_key.key_arn])
            else:
                permissions.allow_key_through(role, self.stack, "sns")
        bus = self.stack.format_arn(service="events", resource="event-bus", resource_name="default")
        permissions.allow(self.functions["conclude"].role, ["events:PutEvents"], [bus])
        conclude = self.functions["conclude"].role
        permissions.allow(conclude, ["states:StartExecution"], [self.machine_arn])
        executions = self.stack.format_arn(
            service="states",
            resource="execution",
            resource_name=f"{self.machine_name}:*",
            arn_format=permissions.COLON,
        )
        permissions.allow_named(
            conclude, ["states:DescribeExecution"], executions, "executions are named after their runs"
        )
        permissions.allow(
            self.functions["approval"].role, ["states:SendTaskFailure", "states:SendTaskSuccess"], [self.machine_arn]
        )

    def allow_machine(self, role: iam.IRole, functions: list[str]) -> None:
        """To the state machine its steps, the jobs that it starts, and the roles that it hands to them."""
        environment = self.environment
        permissions.allow(role, ["lambda:InvokeFunction"], functions)
        runners = self.stack.format_arn(
            service="lambda",
            resource="function",
            resource_name=f"{contract.run_function_prefix(environment)}*",
            arn_format=permissions.COLON,
        )
        permissions.allow_named(role, ["lambda:InvokeFunction"], runners, LATER)
        jobs = [f"{call}{kind}Job" for kind in MANAGED_RULES for call in ("Create", "Describe", "Stop")]
        self._allow_made(role, [*jobs, "AddTags", "ListTags"], EACH_JOB)
        brought: list[str | None] = []
        for endpoint in self.endpoints.values():
            brought += [endpoint.retraining.role_arn if endpoint.retraining else None]
            brought += [monitor.role_arn for monitor in endpoint.computed.values()]
        environments = (contract.role_path, contract.training_role_path)
        self._allow_passing(role, [path(environment) for path in environments], brought)
        rules = [
            self.stack.format_arn(
                service="events", resource="rule", resource_name=f"StepFunctionsGetEventsForSageMaker{kind}JobsRule"
            )
            for kind in MANAGED_RULES
        ]
        permissions.allow(role, ["events:PutTargets", "events:PutRule", "events:DescribeRule"], rules)
