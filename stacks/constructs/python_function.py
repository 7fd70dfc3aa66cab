"""One Lambda of ours: a folder of plain Python below lambda/, with its own role and its own log group.

Every function carries the modules of lambda/shared/ beside its own, and imports both by their bare names. Some carry modules of
the core that need the standard library alone, too, and import them as the core does.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from aws_cdk import Duration, RemovalPolicy, aws_iam as iam, aws_lambda as lambda_, aws_logs as logs, aws_sqs as sqs
from constructs import Construct

from stacks.constructs import permissions
from stacks.settings.sources import source

FOLDER = source("lambda")
SHARED = FOLDER / "shared"
CORE = FOLDER.parent / "monitor_image"
HANDLER = "handler.handle"
RUNTIME = lambda_.Runtime.PYTHON_3_14


@dataclass(frozen=True, kw_only=True)
class PythonFunctionProps:
    """What a function is. keeps_failed: events that failed every retry are kept in a queue. files: more that lies beside its
    code. core: names of modules of the core that it carries. reserved_concurrency: how many run at once at most, and always
    may; None: what the account has left."""

    code: str
    description: str
    environment: Mapping[str, str] = field(default_factory=dict)
    megabytes: int = 256
    timeout: Duration = field(default_factory=lambda: Duration.minutes(1))
    log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS
    keeps_failed: bool = False
    files: Mapping[str, bytes] = field(default_factory=dict)
    core: Sequence[str] = ()
    reserved_concurrency: int | None = None


class PythonFunction(Construct):
    """A function. role: what may be granted to it."""

    def __init__(self, scope: Construct, construct_id: str, props: PythonFunctionProps) -> None:
        super().__init__(scope, construct_id)
        self.log_group = logs.LogGroup(self, "Log", retention=props.log_retention, removal_policy=RemovalPolicy.DESTROY)
        self.role = permissions.role(
            self, "Role", iam.ServicePrincipal("lambda.amazonaws.com"), description=props.description
        )
        permissions.allow(self.role, ["logs:CreateLogStream", "logs:PutLogEvents"], [self.log_group.log_group_arn])
        self._failed: sqs.Queue | None = None
        if props.keeps_failed:
            self._failed = sqs.Queue(
                self,
                "Failed",
                encryption=sqs.QueueEncryption.SQS_MANAGED,
                enforce_ssl=True,
                retention_period=Duration.days(14),
            )
        self.function = lambda_.Function(
            self,
            "Function",
            runtime=RUNTIME,
            handler=HANDLER,
            code=lambda_.Code.from_asset(staged(props.code, props.files, props.core)),
            description=props.description,
            environment=dict(props.environment),
            timeout=props.timeout,
            memory_size=props.megabytes,
            role=self.role,
            log_group=self.log_group,
            dead_letter_queue=self._failed,
            reserved_concurrent_executions=props.reserved_concurrency,
        )

    def enter(self, subnets: Sequence[str], security_groups: Sequence[str]) -> None:
        """Run inside of subnets, given by their ids alone: nothing is looked up."""
        function = self.function.node.default_child
        if not isinstance(function, lambda_.CfnFunction):
            raise TypeError("a function should be an AWS::Lambda::Function")
        function.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
            subnet_ids=list(subnets), security_group_ids=list(security_groups)
        )
        permissions.allow_function_network(self.role)

    @property
    def failed(self) -> sqs.Queue:
        """The queue of events that it could not handle. Raises: ValueError where none are kept."""
        if self._failed is None:
            raise ValueError("failed events should be watched, but keeps_failed is not set")
        return self._failed


def staged(code: str, files: Mapping[str, bytes] | None = None, core: Sequence[str] = ()) -> str:
    """A folder with all that a function is made of. The asset is known by names and contents of files alone."""
    return _staged(FOLDER / code, tuple((files or {}).items()), tuple(core))


@cache  # a function of each endpoint is made of the same, and a folder that the CDK has copied is not copied again
def _staged(code: Path, files: tuple[tuple[str, bytes], ...], core: tuple[str, ...]) -> str:
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for module in (*SHARED.glob("*.py"), *code.glob("*.py")):
        shutil.copy(module, folder)
    for path in _core_files(core):
        (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CORE / path, Path(folder) / path)
    for name, content in files:
        (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
        (Path(folder) / name).write_bytes(content)
    return folder


def _core_files(modules: Sequence[str]) -> list[Path]:
    """Modules of the core, below the core's folder, with the packages that they lie in."""
    found: dict[Path, None] = {}
    for module in modules:
        path = Path(*module.split(".")).with_suffix(".py")
        found |= dict.fromkeys(folder / "__init__.py" for folder in path.parents if folder.name)
        found[path] = None
    return list(found)
