"""The twin itself: starts everything on loopback and hands out what a client needs to reach it."""

from __future__ import annotations

import functools
import os
import shutil
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import boto3
from botocore.config import Config
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from model_monitor import contract
from twin import deploying, objects
from twin.api import Api
from twin.apigateway.apis import Apis
from twin.clock import Order, VirtualClock
from twin.cloudformation import resources
from twin.cloudformation.api import CloudFormationApi
from twin.cloudformation.custom_resources import CustomResources
from twin.cloudformation.deployments import Deployments
from twin.cloudformation.types import Types
from twin.cloudwatch import metric_queries
from twin.cloudwatch.alarms import Alarms
from twin.dynamodb.tables import Tables
from twin.ecr.images import Images
from twin.events.messages import Messages
from twin.events.rules import Events
from twin.functions.functions import Functions
from twin.iam import managed_policies
from twin.iam.identity import DEPLOYER_KEY, Identity
from twin.iam.policies import ResourcePolicies
from twin.journal import Journal
from twin.quotas import Quotas
from twin.sagemaker.flow_definitions import FlowDefinitions
from twin.sagemaker.human_loops import HumanLoops
from twin.sagemaker.inference import Endpoints
from twin.sagemaker.model_packages import ModelPackages
from twin.sagemaker.models import Models
from twin.sagemaker.pipelines import Pipelines
from twin.sagemaker.processing import ProcessingJobs
from twin.sagemaker.schedules import Schedules
from twin.sagemaker.tags import Tags
from twin.sagemaker.training import TrainingJobs
from twin.sagemaker.transform import TransformJobs
from twin.scheduler.schedules import Scheduler
from twin.states.machines import StateMachines
from twin.throttling import Throttling
from twin.workers import Workers

ROOT: Final = Path(__file__).resolve().parent.parent
ACCOUNT: Final = "123456789012"
LONGEST_CALL: Final = 900  # seconds: a function that is waited for
START: Final = datetime(2026, 3, 2, tzinfo=UTC)

_running = threading.Lock()  # moto's backends are process-wide
_making_clients = threading.Lock()  # sessions make one client at a time; clients are for every thread


@functools.cache
def _session() -> Any:
    """One session for the process: it keeps botocore's models, which take long to read."""
    return boto3.session.Session(aws_access_key_id="unused", aws_secret_access_key="unused")


class _RequestHandler(MotoRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Calls are in the identity log; nothing goes to stderr."""


class Twin:
    """An AWS account and region on this machine. Use as a context manager; one at a time in a process."""

    def __init__(
        self,
        directory: Path = ROOT / "build" / "twin",
        *,
        start: datetime = START,
        region: str = "eu-west-1",
        image_python: Path | None = None,
        xgboost_python: Path | None = None,
    ) -> None:
        self.directory = Path(directory).resolve()
        self.region = region
        self.account = ACCOUNT
        self.image_python = image_python or ROOT / "build" / "venv" / "image" / "bin" / "python"
        self.xgboost_python = xgboost_python or ROOT / "build" / "venv" / "xgboost" / "bin" / "python"
        self.image_entry: Sequence[str] = (str(self.image_python), *contract.CONTAINER_ENTRYPOINT[1:])
        self.quotas = Quotas()
        self.clock = VirtualClock(start)
        self.api = Api()
        self.journal = Journal(self.clock.now, self.directory / "journal.jsonl")
        self._closers: list[Callable[[], None]] = []
        self._clients: dict[str, Any] = {}
        self._server: BaseWSGIServer | None = None
        # the services, each after what it needs: calls are checked in this order, and what runs is ended in the other
        Throttling(self)
        self.resource_policies = ResourcePolicies()
        self.identity = Identity(self)
        managed_policies.install(self)
        Tables(self)
        self.images = Images(self)
        self.functions = Functions(self)
        self.apis = Apis(self, self.functions)
        self.messages = Messages(self, self.functions)
        self.events = Events(self, self.functions)
        self.cloudformation = Types()
        resources.register_all(self.cloudformation)
        CustomResources(self, self.cloudformation, self.functions)
        self.deployments = Deployments(self, self.cloudformation)
        CloudFormationApi(self, self.deployments)
        tags = Tags(self)
        self.model_packages = ModelPackages(self, tags)
        models = Models(self, self.model_packages)
        Endpoints(self, models)
        self.human_loops = HumanLoops(self, FlowDefinitions(self))
        self.workers = Workers(self)
        self.processing = ProcessingJobs(self, self.workers, tags)
        training = TrainingJobs(self, self.workers, tags)
        Pipelines(self, training)
        transform = TransformJobs(self, self.workers, tags, models)
        self.tasks = Workers(self)  # calls of state machines: no job waits for one of them to be told its end
        StateMachines(self, self.tasks, {"Processing": self.processing, "Training": training, "Transform": transform})
        Schedules(self, self.processing, tags)
        self.scheduler = Scheduler(self)
        Alarms(self, metric_queries.install(self))
        self.clock.register(lambda _: self.settle(), Order.JOBS)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Empty the account, its folder included, and serve it on a free port of the loopback interface."""
        if not _running.acquire(blocking=False):
            raise RuntimeError("another twin runs in this process: stop it first")
        os.environ.setdefault("MOTO_ACCOUNT_ID", ACCOUNT)
        os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
        moto_api_backend.reset()
        self.on_stop(objects.date_by(self.clock.now))
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self._server = make_server("127.0.0.1", 0, self.api, threaded=True, request_handler=_RequestHandler)
        serve = functools.partial(self._server.serve_forever, poll_interval=0.05)
        threading.Thread(target=serve, name="twin", daemon=True).start()

    def stop(self) -> None:
        """Stop serving and end what the services started."""
        for close in reversed(self._closers):
            close()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            _running.release()

    def on_stop(self, close: Callable[[], None]) -> None:
        """Have a function called when the twin stops."""
        self._closers.append(close)

    @property
    def port(self) -> int:
        """The port of every AWS API."""
        if self._server is None:
            raise RuntimeError("the twin is not running: use `with Twin(...) as twin:`")
        return int(self._server.server_port)

    @property
    def url(self) -> str:
        """The endpoint. `localhost` and not 127.0.0.1: moto reads template URLs path-style only then."""
        return f"http://localhost:{self.port}"

    @property
    def endpoints(self) -> dict[str, str]:
        """Variables that lead any AWS client to the twin, without credentials; SageMaker, too, names the Region once."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def environment(self) -> dict[str, str]:
        """Variables for whoever deploys and operates: endpoints, the deployer's credentials, and the CDK CLI's switches."""
        return {
            **self.endpoints,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": DEPLOYER_KEY,
            "AWS_SECRET_ACCESS_KEY": "twin",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_DEFAULT_ACCOUNT": self.account,
            "CDK_DEFAULT_REGION": self.region,
        }

    def client(self, service: str, role: str | None = None, principal: str | None = None) -> Any:
        """A boto3 client of the deployer, of a role, or of an AWS service's principal (cloudwatch.amazonaws.com)."""
        key = f"{service}/{role or principal or ''}"
        if key not in self._clients:
            access_key = self.identity.credentials(role)["AWS_ACCESS_KEY_ID"] if role else DEPLOYER_KEY
            access_key = self.identity.service_key(principal) if principal else access_key
            with _making_clients:
                self._clients[key] = _session().client(
                    service,
                    region_name=self.region,
                    endpoint_url=self.url,
                    aws_access_key_id=access_key,
                    aws_secret_access_key="twin",
                    config=Config(
                        retries={"total_max_attempts": 1},
                        max_pool_connections=16,
                        read_timeout=LONGEST_CALL if service == "lambda" else 60,
                    ),
                )
        return self._clients[key]

    def settle(self) -> None:
        """Wait until nothing runs: the end of a job may start a function, which may start an execution, and so on."""
        while any([self.functions.drain(), self.workers.wait(), self.tasks.wait()]):
            pass

    def advance_to(self, time: datetime) -> None:
        """Let virtual time pass: schedules fire, jobs run, alarms are evaluated, in order."""
        self.clock.advance_to(time)

    def advance(self, by: timedelta) -> None:
        """Let a duration of virtual time pass."""
        self.clock.advance(by)

    def cdk(
        self,
        *arguments: str,
        directory: Path = ROOT,
        check: bool = True,
        variables: dict[str, str] | None = None,
    ) -> deploying.CommandResult:
        """Run the CDK CLI against the twin; see `deploying.cdk`."""
        return deploying.cdk(self, arguments, directory=directory, check=check, variables=variables or {})

    def deploy_assembly(self, assembly: Path, stacks: Sequence[str] | None = None) -> dict[str, str]:
        """Deploy a `cdk.out` without the CLI; see `deploying.deploy_assembly`."""
        return deploying.deploy_assembly(self, assembly, stacks)

    @property
    def python(self) -> Path:
        """The interpreter of the Lambdas."""
        return Path(sys.executable)
