"""The settings of one environment: read once from environments/{name}.yaml, validated here and nowhere later.

`python -m stacks.settings --help` says what the command does.
Imports no CDK, so that commands can use it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError

from model_monitor import contract
from stacks.settings import account, defaults, fields, migrations
from stacks.settings.block import Block, check, check_what_is_valid
from stacks.settings.endpoint import Endpoint
from stacks.settings.faults import field_faults
from stacks.settings.fields import Count, told
from stacks.settings.review import AugmentedAi, ReviewApp
from stacks.settings.sources import of_the_user
from stacks.settings.traffic import Budget

MOST_WORKFORCES = 12  # how each is reached is a variable of one function, of which Lambda takes 4 KB
COLD_DAYS = 90
DAYS_OF_A_YEAR = 366
ENVIRONMENTS = of_the_user() / "environments"


class SettingsFaults(Exception):
    """An environment file that cannot be used: `faults` lists everything that is wrong with it, each with its path."""

    def __init__(self, where: str, faults: list[str]) -> None:
        self.where, self.faults = where, faults
        lines = "".join(f"\n  {fault}" for fault in faults)
        super().__init__(f"{where}: {len(faults)} fault{'s' if len(faults) != 1 else ''}{lines}")


class Recipients(Block):
    """Who else is told, besides the people of `alarms.email`, who are told of everything."""

    email: tuple[fields.Email, ...] = ()
    """E-mail addresses; a topic is created for them. Default: nobody."""
    topic_arn: fields.arn("sns", ".+") | None = None  # type: ignore[valid-type]
    """ARN of an SNS topic of yours instead. Its key must let cloudwatch.amazonaws.com publish. Left out: see email."""
    event_bus_arn: fields.arn("events", "event-bus/.+") | None = None  # type: ignore[valid-type]
    """ARN of an EventBridge bus of yours, to which every end of a run and every change of an alarm goes as an event, of whatever
    severity; its policy must admit this account. Left out: none."""
    endpoints: tuple[fields.EndpointName, ...] = ()
    """Endpoints that they are told of. Default: all."""
    severities: Annotated[tuple[Literal["urgent", "notice"], ...], Field(min_length=1)] = ("urgent", "notice")
    """What they are told of. urgent: runs that fail, silence, broken data, a model that answers worse; notice: drift, bias, other
    features that decide, metrics of your own, late labels, rehearsals. Default: both."""

    @check
    def _place_faults(self) -> Iterator[str]:
        if self.topic_arn and self.email:
            yield "email: subscribe people to the topic you brought, or leave topic_arn out"
        if not (self.topic_arn or self.email or self.event_bus_arn):
            yield "email: is nobody; give addresses, topic_arn or event_bus_arn"

    def are_told(self, endpoint: str, severity: str) -> bool:
        """Whether mails about an endpoint go to them."""
        return (not self.endpoints or endpoint in self.endpoints) and severity in self.severities


class Alarms(Block):
    """Who is told."""

    email: tuple[fields.Email, ...] = ()
    """E-mail addresses; each gets every alarm once it has confirmed the subscription. Default: nobody."""
    topic_arn: fields.arn("sns", ".+") | None = None  # type: ignore[valid-type]
    """ARN of an SNS topic of yours. Its key must let cloudwatch.amazonaws.com publish. Left out: a topic is created."""
    messages: Literal["runs", "alarms", "both"] = "alarms"
    """Who writes: alarms, one mail each; runs, one mail a cause that names the worst violations, and one when all is over, with
    alarms on violations silent (they still start retraining) and all others as ever; or both. Default: alarms."""

    recovery: bool = False
    """Whether alarms also write when they are over. A new alarm writes so once, too. Where runs write, they say when all is over,
    whatever stands here. Default: false."""
    recipients: Annotated[dict[fields.MonitorName, Recipients], Field(max_length=4)] = Field(default_factory=dict)
    """More people, by a name of yours: of some endpoints, or of what is urgent alone. Up to four, since an alarm has five actions.
    Default: none."""
    composites: bool = False
    """Whether composite alarms page once for one cause, of the model and of its service, and about the service only what outlasts
    an update of the endpoint. Each costs half a dollar a month. Default: false, every alarm pages."""

    @property
    def of_runs(self) -> bool:
        """Whether the last step of a run tells people."""
        return self.messages != "alarms"

    @check
    def _people_faults(self) -> Iterator[str]:
        if self.topic_arn and self.email:
            yield "email: subscribe people to the topic you brought, or leave topic_arn out"


class Links(Block):
    """Where pages and messages lead, besides AWS's console."""

    docs: fields.WebAddress | None = None
    """Where you publish the folder docs/ of this repository, such as a folder of your Git host: runbooks are linked below it.
    Left out: they are named by their path."""
    review: fields.WebAddress | None = None
    """Address of the review page: the output ReviewPage, or a name of yours before it. Left out: it is not linked."""


class Network(Block):
    """The VPC that jobs and models run in. Ids are given, never looked up."""

    vpc_id: Annotated[str, Field(pattern=r"^vpc-[0-9a-f]+$")] | None = None
    """Id of the VPC that the subnets belong to. Left out: the subnets alone say it."""
    subnets: Annotated[tuple[Annotated[str, Field(pattern=r"^subnet-[0-9a-f]+$")], ...], Field(max_length=16)] = ()
    """Ids of up to 16 subnets, which reach S3 and the services by VPC endpoints. Default: none, SageMaker's own network."""
    security_groups: Annotated[tuple[Annotated[str, Field(pattern=r"^sg-[0-9a-f]+$")], ...], Field(max_length=5)] = ()
    """Ids of one to five security groups, given exactly when subnets are. Default: none."""
    has_endpoints: bool = True
    """Whether the VPC has the interface endpoints already; false adds them to the monthly estimate. Default: true."""
    functions: bool = False
    """Whether functions run in these subnets too, for organisations that admit no others; they reach AWS by the subnets' VPC
    endpoints then. Default: false."""
    endpoints: Literal["shared", "created"] = "shared"
    """Whose VPC endpoints reach AWS's services. shared: those that the VPC has; `python -m stacks.settings --services FILE` names
    what it needs. created: a stack of the environment makes one for each service that is called. Default: shared."""
    route_tables: Annotated[tuple[Annotated[str, Field(pattern=r"^rtb-[0-9a-f]+$")], ...], Field(max_length=16)] = ()
    """Ids of the subnets' route tables, by which S3 and DynamoDB are reached; given exactly when endpoints are created.
    Default: none."""
    isolation: bool = False
    """Containers without any network; only false works: a monitoring schedule cannot mount the configuration. Default: false."""

    @property
    def is_private(self) -> bool:
        return bool(self.subnets)

    @check
    def _subnet_faults(self) -> Iterator[str]:
        if bool(self.subnets) != bool(self.security_groups):
            yield "security_groups: subnets and security groups are given together"
        if self.vpc_id and not self.subnets:
            yield "subnets: is empty, but a VPC is named"
        if self.functions and not self.subnets:
            yield "functions: should be false without subnets; give subnets and security groups, or leave it out"
        yield from self._endpoint_faults()

    def _endpoint_faults(self) -> Iterator[str]:
        """What creating VPC endpoints takes."""
        if self.endpoints == "shared":
            if self.route_tables:
                yield "route_tables: are of endpoints that are created; set endpoints: created, or leave them out"
            return
        for key, given in (("vpc_id", self.vpc_id), ("subnets", self.subnets), ("route_tables", self.route_tables)):
            if not given:
                yield f"{key}: is missing; endpoints that are created need the VPC, its subnets and their route tables"

    @check
    def _isolation_faults(self) -> Iterator[str]:
        if self.isolation:
            yield (
                "isolation: an isolated container cannot fetch its configuration and baseline from S3, and a monitoring schedule "
                "mounts neither; use subnets with VPC endpoints instead"
            )


class Security(Block):
    """What your organisation brings."""

    kms_key_arn: fields.arn("kms", "key/.+") | None = None  # type: ignore[valid-type]
    """ARN of the KMS key that encrypts buckets, volumes, logs, queues and executions. Left out: a key is created for data, and
    rotated yearly."""
    read_key_arns: Annotated[tuple[fields.arn("kms", "key/.+"), ...], Field(max_length=20)] = ()  # type: ignore[valid-type]
    """ARNs of KMS keys of others that captures, baselines, models, training data or facets are encrypted with, at most 20;
    their policies must admit the roles. Default: none."""
    permissions_boundary: fields.arn("iam", "policy/.+") | None = None  # type: ignore[valid-type]
    """ARN of the IAM policy that bounds every role. Left out: no boundary."""
    role_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9+=,.@_-]{1,20}$")] | None = None
    """How the names of roles begin that another team creates for this environment: all of them, of functions too, but for those
    that a role_arn names. `make roles ENV=NAME` prints names, trust and policies. Left out: roles are created."""
    instance_disks: Literal["refused", "allowed"] = "refused"
    """Instance types with disks of their own (NVMe), which are encrypted by their hardware and take no key of yours. Default:
    refused, so that the key encrypts whatever is at rest."""
    encrypt_traffic_between_containers: bool = True
    """Whether the containers of one job talk encrypted; costs some speed with several instances. Default: true."""


class Decisions(Block):
    """The one function that decides about retraining, for all endpoints."""

    reserved_concurrency: Annotated[int, Field(ge=0, le=100)] = 5
    """How many of its calls run at once at most, 0 to 100; they are taken from what the account may run, and a storm of
    alarms takes no more. Default: 5; 0 reserves none, for accounts whose limit leaves nothing to reserve."""


class RunFunctions(Block):
    """The functions that run small windows, one an endpoint."""

    architecture: Literal["x86_64", "arm64"] = "x86_64"
    """Processor of the functions; arm64 costs a fifth less. Processing jobs are x86_64 whatever this says. Default: x86_64."""
    image: fields.ImageUri | None = None
    """URI of the monitor image for linux/arm64, where monitor_image is given. Left out: built beside the other, where it is."""


class Buckets(Block):
    """Names of buckets that exist already; what is left out is created."""

    capture: fields.BucketName | None = None
    """Name of an existing bucket for captured requests and responses. Left out: one is created."""
    baseline: fields.BucketName | None = None
    """Name of an existing bucket for baselines: versions and their pointer. Left out: one is created."""
    reports: fields.BucketName | None = None
    """Name of an existing bucket for the reports of runs. Left out: one is created."""
    ground_truth: fields.BucketName | None = None
    """Name of an existing bucket for labels and freshly labelled training rows. Left out: one is created."""
    models: fields.BucketName | None = None
    """Name of an existing bucket for what training jobs make. Left out: one is created."""


class WriteOnce(Block):
    """Reports and records of retrainings that nobody changes or removes before their time (S3 Object Lock)."""

    years: Annotated[int, Field(ge=1, le=100)]
    """For how many years each object is kept as it was written, 1 to 100."""
    mode: Literal["governance", "compliance"] = "governance"
    """governance: who holds s3:BypassGovernanceRetention may still remove one. compliance: nobody may, AWS included, before
    the years are over. Default: governance."""


class Storage(Block):
    """How long data is kept."""

    capture_days: Count = 30
    """Days after which captured requests and responses are deleted, at least 1. Default: 30."""
    report_days: Count = 400
    """Days after which reports are deleted, at least 1. Default: 400, a year and a month to compare with."""
    log_days: Count = 90
    """Days after which access logs of the buckets are deleted, at least 1. Default: 90."""
    write_once: WriteOnce | None = None
    """Lock the reports bucket. Decide before the first deployment: CloudFormation replaces a bucket to lock it, and the old one
    stays beside it. Default: reports can be removed, as above."""
    keep_data: bool = True
    """Whether buckets and keys survive the deletion of their stack. Default: true, nothing is lost by a wrong command."""
    termination_protection: bool | None = None
    """Whether the stack NAME-Storage refuses to be deleted until somebody lifts that. Default: as keep_data."""
    tables: bool = False
    """Whether Glue tables stand over the history of windows in the reports bucket (`tables/`), for Athena and QuickSight. Default:
    false."""
    buckets: Buckets = Buckets()
    """Buckets of yours to use instead of created ones. Default: all are created."""

    @property
    def is_protected(self) -> bool:
        """Whether its stack refuses to be deleted."""
        return self.keep_data if self.termination_protection is None else self.termination_protection

    @property
    def has_cold_reports(self) -> bool:
        """Whether large files of reports go where a GB costs a sixth and is read at once: not below the 90 days that the class
        charges at least, and not in a bucket of others."""
        return self.buckets.reports is None and self.report_days >= COLD_DAYS

    @check
    def _write_once_faults(self) -> Iterator[str]:
        if self.write_once is None:
            return
        needed = self.write_once.years * DAYS_OF_A_YEAR
        if not self.keep_data:
            yield "keep_data: should be true with write_once; a locked bucket cannot be emptied with its stack"
        if self.buckets.reports is not None:
            yield "buckets.reports: is yours, so lock it yourself (S3 Object Lock, default retention); leave write_once out"
        if self.report_days < needed:
            yield (
                f"report_days: hides reports after {self.report_days} days, and write_once keeps them for "
                f"{self.write_once.years} years; raise it to at least {needed}"
            )


class Settings(Block):
    """One environment: an account, a region, and the endpoints in it."""

    version: Literal[1]
    """The version of this file's format: 1."""
    environment: fields.EnvironmentName
    """The environment's name, taken from the file's name."""
    account: fields.AccountId
    """The AWS account to deploy into: 12 digits, in quotes."""
    region: fields.Region
    """The Region to deploy into, such as eu-west-1."""
    tags: dict[Annotated[str, Field(min_length=1, max_length=128)], Annotated[str, Field(max_length=256)]] = Field(
        default_factory=dict
    )
    """Tags of every resource, at most 128 characters a key and 256 a value; Endpoint and Environment are set besides.
    Default: only those two."""
    monitor_image: fields.ImageUri | None = None
    """URI of the monitor image, built once and promoted by digest. Left out: built from monitor_image/ at deployment."""
    run_functions: RunFunctions = RunFunctions()
    """The functions that run small windows. Default: of the processor that jobs have, too."""
    alarms: Alarms = Alarms()
    """Who is told. Default: a topic without subscribers."""
    links: Links = Links()
    """Where pages and messages lead. Default: to AWS's console alone."""
    network: Network = Network()
    """The VPC of jobs and models. Default: none."""
    security: Security = Security()
    """What your organisation brings. Default: a key is created, roles have no boundary."""
    storage: Storage = Storage()
    """How long data is kept, and in whose buckets. Default: in created buckets, for the days below."""
    decisions: Decisions = Decisions()
    """The function that decides about retraining. Default: five calls at once."""
    budget: Budget | None = None
    """What it may cost a month, by the estimate. Left out: it is printed, and nothing fails."""
    review: ReviewApp = ReviewApp()
    """The page of human review, where an endpoint has it. Default: a user pool is created, the page is reached from anywhere."""
    endpoints: Annotated[dict[fields.EndpointName, Endpoint], Field(min_length=1)]
    """What is monitored, at least one: the endpoint's name in SageMaker (1 to 63 letters, digits, hyphens) and its settings."""

    @property
    def managed(self) -> dict[str, Endpoint]:
        """Endpoints of which the kit's own scheduler starts runs."""
        return {
            name: endpoint
            for name, endpoint in self.endpoints.items()
            if any(monitor.is_managed for monitor in endpoint.monitors.values())
        }

    @property
    def time_zones(self) -> list[str]:
        """Of schedules that do not run by UTC."""
        monitors = [monitor for endpoint in self.endpoints.values() for monitor in endpoint.monitors.values()]
        return sorted({monitor.time_zone for monitor in monitors} - {"UTC"})

    @property
    def retrained(self) -> dict[str, Endpoint]:
        """Endpoints whose alarms may start a training."""
        return {name: endpoint for name, endpoint in self.endpoints.items() if endpoint.retraining is not None}

    @property
    def reviewed(self) -> dict[str, Endpoint]:
        """Endpoints whose predictions people look at."""
        return {name: endpoint for name, endpoint in self.endpoints.items() if endpoint.review is not None}

    @check
    def _workforce_faults(self) -> Iterator[str]:
        found = [(name, each.review.workforce) for name, each in self.reviewed.items() if each.review is not None]
        outside = [name for name, workforce in found if workforce is not None]
        if len(outside) > MOST_WORKFORCES:
            yield f"endpoints: {len(outside)} are reviewed outside of the page, at most {MOST_WORKFORCES} of an environment"
        for name, workforce in found:
            if isinstance(workforce, AugmentedAi) and not workforce.work_team_arn and self.review.user_pool_arn:
                yield (
                    f"endpoints.{name}.review.augmented_ai.work_team_arn: is needed beside review.user_pool_arn; a work team is "
                    "created over a created pool only"
                )

    def tags_of(self, endpoint: str) -> dict[str, str]:
        """Tags of what belongs to one endpoint."""
        return {**self.tags, "Environment": self.environment, "Endpoint": endpoint}

    @check
    def _schedule_faults(self) -> Iterator[str]:
        owners: dict[str, str] = {}
        for endpoint_name, endpoint in self.endpoints.items():
            for monitor_name in endpoint.monitors:
                path = f"endpoints.{endpoint_name}.monitors.{monitor_name}"
                schedule = contract.schedule_name(endpoint_name, monitor_name)
                if schedule in owners:
                    yield f"{path}: makes the schedule {schedule}, which {owners[schedule]} makes too"
                owners[schedule] = path

    @check
    def _alarm_owner_faults(self) -> Iterator[str]:
        """A message names its alarm alone, so an alarm is of one endpoint."""
        owners: dict[str, str] = {}
        for name, endpoint in self.retrained.items():
            for alarm in endpoint.retraining.more_alarms if endpoint.retraining else ():
                path = f"endpoints.{name}.retraining.more_alarms"
                if (other := owners.setdefault(alarm, path)) != path:
                    yield f"{path}: names {alarm}, which {other} names too; make an alarm for each endpoint"

    @check
    def _label_horizon_faults(self) -> Iterator[str]:
        """A window that waits for labels is read again when they come, from the capture."""
        storage = self.storage
        for endpoint_name, endpoint in self.endpoints.items():
            kept = {"report_days": storage.report_days if storage.buckets.reports is None else None}
            is_ours = endpoint.capture.destination is None and storage.buckets.capture is None
            kept["capture_days"] = storage.capture_days if is_ours else None
            for monitor_name, monitor in endpoint.monitors.items():
                path = f"endpoints.{endpoint_name}.monitors.{monitor_name}"
                for type_, block in monitor.labelled.items() if endpoint.ground_truth else ():
                    needed = math.ceil((block.horizon + monitor.period) / timedelta(days=1))
                    for key, days in kept.items():
                        if days is not None and days < needed:
                            yield (
                                f"{path}.{type_}.label_horizon: a window waits {told(block.horizon)} for its labels, and "
                                f"storage.{key} deletes what it needs after {days} days; raise {key} to at least {needed}, or "
                                "shorten label_horizon"
                            )

    @check
    def _tag_faults(self) -> Iterator[str]:
        if set(account.OUR_TAGS) & self.tags.keys():
            yield "tags: Endpoint and Environment are set by the stacks"
        yield from account.of_tags(self.tags)

    @check
    def _endpoint_name_faults(self) -> Iterator[str]:
        if self.network.endpoints == "created" and self.region.startswith("cn-"):
            yield (
                "network.endpoints: services have other names in China; make the endpoints that --services lists yourself, and "
                "leave it at shared"
            )

    @check
    def _way_out_faults(self) -> Iterator[str]:
        """What only the internet reaches, where there is no way to it."""
        if self.network.endpoints != "created":
            return
        for name, endpoint in self.reviewed.items():
            for key in ("augmented_ai", "webhook"):
                if getattr(endpoint.review, key) is not None:
                    yield (
                        f"endpoints.{name}.review.{key}: has no VPC endpoint, and network.endpoints: created leaves no way out; "
                        "use queue or the page, or the VPC's own endpoints and its own way out (endpoints: shared)"
                    )

    @check
    def _brought_faults(self) -> Iterator[str]:
        security = self.security
        yield from account.of_arn("security.kms_key_arn", security.kms_key_arn, self.region)
        for number, key in enumerate(security.read_key_arns):
            yield from account.of_arn(f"security.read_key_arns[{number}]", key, self.region)
        boundary = security.permissions_boundary
        yield from account.of_arn("security.permissions_boundary", boundary, self.region, self.account)
        yield from account.of_topic("alarms.topic_arn", self.alarms.topic_arn, self.region)
        for name, group in self.alarms.recipients.items():
            path = f"alarms.recipients.{name}"
            yield from account.of_topic(f"{path}.topic_arn", group.topic_arn, self.region)
            for endpoint in sorted(set(group.endpoints) - self.endpoints.keys()):
                yield f"{path}.endpoints: names {endpoint}, which is no endpoint of this environment"
        yield from account.of_image("monitor_image", self.monitor_image, self.region)

    @check
    def _run_function_faults(self) -> Iterator[str]:
        given, path = self.run_functions, "run_functions.image"
        yield from account.of_image(path, given.image, self.region)
        if given.architecture == "x86_64" and given.image is not None:
            yield f"{path}: belongs to architecture arm64; functions of x86_64 run monitor_image, so leave it out"
        elif given.architecture == "arm64" and (given.image is None) != (self.monitor_image is None):
            missing = "monitor_image" if self.monitor_image is None else path
            yield f"{missing}: is missing; of arm64 and of x86_64 both images are given, of one source, or both are built"

    @check
    def _endpoint_account_faults(self) -> Iterator[str]:
        yield from account.of_names(self.endpoints)
        for name, endpoint in self.endpoints.items():
            path = f"endpoints.{name}"
            yield from account.of_region(path, endpoint, self.region)
            for at, uri in endpoint.images.items():
                yield from account.of_image(f"{path}.{at}", uri, self.region)
            for at, arn in endpoint.role_arns.items():
                yield from account.of_arn(f"{path}.{at}", arn, self.region, self.account)
            yield from account.of_monitor_ids(path, endpoint)
            yield from account.of_feature_names(path, endpoint)
            if self.security.instance_disks == "refused":
                yield from account.of_instances(path, endpoint)
            yield from account.of_policy_size(path, self.environment, name, endpoint, self.tags)


class _Loader(yaml.SafeLoader):
    """YAML that refuses a key given twice: the second would silently win."""


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    for key in keys:
        if keys.count(key) > 1:
            raise yaml.MarkedYAMLError(problem=f"the key '{key}' is given twice", problem_mark=node.start_mark)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load(path: Path) -> Settings:
    """Settings of the environment that the file is named after. Raises: SettingsFaults.

    Beside it a folder of the same name may hold more endpoints, one a file that is named after its endpoint.
    """
    document = _read(path)
    folder = path.with_suffix("")
    if folder.is_dir() and isinstance(document, dict):
        document["endpoints"] = _with_files(path, folder, document.get("endpoints") or {})
    return parse(document, path.stem, str(path))


def _read(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 (a SafeLoader)
    except OSError as error:
        raise SettingsFaults(str(path), [f"the file cannot be read ({error.strerror})"]) from error
    except yaml.YAMLError as error:
        raise SettingsFaults(str(path), [f"the file is no YAML: {' '.join(str(error).split())}"]) from error


def _with_files(path: Path, folder: Path, endpoints: Any) -> Any:
    """The endpoints of a file and of the files beside it. Raises: SettingsFaults where one stands twice."""
    more = {file.stem: _read(file) for file in sorted(folder.glob("*.yaml"))}
    if not isinstance(endpoints, dict):
        return endpoints
    if twice := sorted(endpoints.keys() & more.keys()):
        told = [f"endpoints.{name}: stands in {path} and in {folder / name}.yaml; keep one of them" for name in twice]
        raise SettingsFaults(str(path), told)
    return endpoints | more


def parse(document: object, environment: str, where: str) -> Settings:
    """Settings of a parsed file. Raises: SettingsFaults with every fault."""
    if not isinstance(document, dict):
        raise SettingsFaults(where, ["the file should hold keys and values"])
    unknown = ["environment: is unknown; an environment is named by its file"] if "environment" in document else []
    document, of_version = migrations.newest(document)
    unknown += of_version
    named = defaults.spread({**document, "environment": environment})
    try:
        settings = Settings.model_validate(named)
    except ValidationError as error:
        of_fields = field_faults(Settings, error.errors(), named)
        faults = unknown + of_fields + check_what_is_valid(Settings, named)
        raise SettingsFaults(where, defaults.located(faults, document)) from error
    if faults := defaults.located(unknown, document):
        raise SettingsFaults(where, faults)
    return settings


def find(environment: object, folder: Path = ENVIRONMENTS) -> Settings:
    """Settings of `-c env={environment}`; there is no environment to fall back to. Raises: SettingsFaults."""
    known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml"))) or "none"
    if not isinstance(environment, str) or not environment:
        raise SettingsFaults("context env", [f"no environment was chosen: add -c env=NAME. Environments: {known}"])
    path = folder / f"{environment}.yaml"
    if path.parent != folder or not path.is_file():
        raise SettingsFaults("context env", [f"there is no environment '{environment}'. Environments: {known}"])
    return load(path)


def schema() -> dict[str, Any]:
    """JSON Schema of an environment file."""
    document = Settings.model_json_schema()
    del document["properties"]["environment"]
    document["required"].remove("environment")
    document["properties"][defaults.KEY] = {
        "type": "object",
        "description": "What the endpoints of this file have in common: keys of an endpoint, which each endpoint may override.",
        "propertyNames": {"enum": sorted(Endpoint.model_fields)},
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **document}
