"""One endpoint whose model is retrained: a table, a bucket, its parameters, a SageMaker that remembers, and the functions called in
turn as the state machine calls them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

TABLE, BUCKET, PATH = "table", "data", "/model-monitor/dev"
ENDPOINT, SCHEDULE, RUN = "shop", "shop-quality", "shop-retraining-202603021200-1"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:retraining"
CHAMPION = f"s3://{BUCKET}/team/model.tar.gz"
CHALLENGER = f"s3://{BUCKET}/models/{RUN}/output/model.tar.gz"
SETS, RECORDS, PLACE = f"s3://{BUCKET}/shop/sets", f"s3://{BUCKET}/retraining/shop", f"s3://{BUCKET}/baselines/shop"
LIVE, LIVE_BASELINE = f"{PATH}/shop/live/model", f"{PATH}/shop/live/baseline"
SETTINGS: dict[str, Any] = {
    "endpoint": ENDPOINT,
    "schedule": SCHEDULE,
    "prefix": "shop-retraining",
    "deploys": True,
    "live_parameter": LIVE,
    "holdout": f"s3://{BUCKET}/shop/holdout/",
    "sets": SETS,
    "records": RECORDS,
    "reports": f"s3://{BUCKET}/reports/shop/{SCHEDULE}",
    "recent_hours": 24,
    "kms_key": "key",
    "tags": {"team": "a"},
    "transform": {
        "instance_type": "ml.m5.large",
        "volume_key": True,
        "content_type": "text/csv",
        "accept": "application/jsonlines",
    },
    "gate": {"confidence": 0.95},
    "registry": {"group": "model-monitor-dev-shop", "is_own": True, "instance_type": "ml.m5.large"},
    "approval_hours": 72,
    "deployment": {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "CANARY"}}},
    "watch": {"windows": 2, "types": ["model_quality"], "period_seconds": 3600},
}
COMPARISON = {"function": "model-monitor-dev_shop", "configuration": "s3://assets/comparison.json"}
BASELINE: dict[str, Any] = {
    "job": {
        "AppSpecification": {"ImageUri": "image"},
        "Environment": {"monitor_job": "baseline", "dataset_format": "{}", "baseline_version": "v1-a"},
        "ProcessingInputs": [],
        "ProcessingOutputConfig": {
            "KmsKeyId": "key",
            "Outputs": [
                {
                    "OutputName": "o",
                    "S3Output": {"S3Uri": f"{PLACE}/v1-a", "LocalPath": "/o", "S3UploadMode": "EndOfJob"},
                }
            ],
        },
        "RoleArn": "arn:aws:iam::123456789012:role/baseline",
    },
    "place": PLACE,
    "parameter": LIVE_BASELINE,
    "files": ["data_quality/statistics.json", "data_quality/constraints.json"],
    "types": ["data_quality"],
    "label": "size",
    "columns": [["label", "label"], ["score", "score"]],
}
TRAINING: dict[str, Any] = {
    "image": "image",
    "role_arn": "arn:aws:iam::123456789012:role/training",
    "instance_type": "ml.m5.large",
    "instance_count": 1,
    "volume_size_gb": 30,
    "max_runtime_seconds": 3600,
    "hyperparameters": {"num_round": "10"},
    "channels": [
        {"name": "train", "uri": f"s3://{BUCKET}/team/train/", "content_type": "text/csv"},
        {"name": "fresh", "uri": f"s3://{BUCKET}/shop/training/", "content_type": "text/csv"},
    ],
    "output_uri": f"s3://{BUCKET}/models",
    "kms_key_arn": "key",
    "source_uri": "s3://assets/sourcedir.tar.gz",
    "region": "eu-west-1",
    "tags": {"team": "a"},
    "encrypt_traffic": False,
    "subnets": [],
    "security_group_ids": [],
}


class TakenError(ClientError):
    """SageMaker's word for a name that is taken."""

    def __init__(self, operation: str) -> None:
        said = {"Error": {"Code": "ValidationException", "Message": "Cannot create already existing resource"}}
        super().__init__(said, operation)


@dataclass
class SageMaker:
    """Endpoints, models, packages as far as a release sees them. status: of the endpoint."""

    status: str = "InService"
    config: str = "first"
    pending: str | None = None
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    packages: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:  # noqa: N803 (as boto3 spells them)
        assert EndpointName == ENDPOINT
        pending = {"PendingDeploymentSummary": {"EndpointConfigName": self.pending}} if self.pending else {}
        return {"EndpointName": ENDPOINT, "EndpointStatus": self.status, "EndpointConfigName": self.config, **pending}

    def describe_endpoint_config(self, EndpointConfigName: str) -> dict[str, Any]:  # noqa: N803
        return self.configs[EndpointConfigName]

    def describe_model(self, ModelName: str) -> dict[str, Any]:  # noqa: N803
        return self.models[ModelName]

    def create_model(self, **request: Any) -> None:
        self.calls.append("create_model")
        if request["ModelName"] in self.models:
            raise TakenError("CreateModel")
        self.models[request["ModelName"]] = request

    def create_endpoint_config(self, **request: Any) -> None:
        if request["EndpointConfigName"] in self.configs:
            raise TakenError("CreateEndpointConfig")
        self.configs[request["EndpointConfigName"]] = request

    def update_endpoint(self, **request: Any) -> None:
        self.updates.append(request)
        self.status, self.pending = "Updating", request["EndpointConfigName"]

    def create_model_package_group(self, **request: Any) -> None:
        self.calls.append("create_model_package_group")
        if self.calls.count("create_model_package_group") > 1:
            raise TakenError("CreateModelPackageGroup")

    def create_model_package(self, **request: Any) -> dict[str, Any]:
        arn = f"arn:aws:sagemaker:eu-west-1:123456789012:model-package/{request['ModelPackageGroupName']}/{len(self.packages) + 1}"
        self.packages[arn] = {**request, "ModelPackageArn": arn}
        return {"ModelPackageArn": arn}

    def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:  # noqa: N803
        return self.packages[ModelPackageName]

    def ends(self, *, config: str | None = None) -> None:
        """The update is over; the endpoint has the configuration asked for, or another one again."""
        self.config, self.status, self.pending = config or self.pending or self.config, "InService", None


@dataclass
class World:
    """`call("release", ...)` is that function's handler; what it tells is kept."""

    load: Callable[[str], SimpleNamespace]
    monkeypatch: pytest.MonkeyPatch
    sagemaker: SageMaker = field(default_factory=SageMaker)
    tasks: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    assumed: list[tuple[str, str]] = field(default_factory=list)
    executions: dict[str, dict[str, Any]] = field(
        default_factory=dict
    )  # by name: status, and the event of its first step
    s3: Any = field(default_factory=lambda: boto3.client("s3"))
    ssm: Any = field(default_factory=lambda: boto3.client("ssm"))
    dynamodb: Any = field(default_factory=lambda: boto3.resource("dynamodb"))

    def call(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """Call a function, in a fresh process as it were."""
        room = self.load(function)
        for module in vars(room).values():
            if hasattr(module, "table_named"):
                self.monkeypatch.setattr(module, "table_named", self.dynamodb.Table)
            if hasattr(module, "client"):
                self.monkeypatch.setattr(module, "client", self._client)
            if hasattr(module, "client_as"):
                self.monkeypatch.setattr(module, "client_as", self._client_as)
        answer: dict[str, Any] = room.handler.handle(event)
        return answer

    def step(self, function: str, plan: dict[str, Any], step: str = "", now: datetime = NOON) -> dict[str, Any]:
        """One step of a run, as the state machine calls it."""
        return self.call(function, {"plan": plan, "step": step, "now": now.isoformat()})

    def collect(self, now: datetime = NOON, execution: str = RUN, **given: Any) -> dict[str, Any]:
        """The first step of a run."""
        wanted = {"endpoint": ENDPOINT, "run": execution, "mode": "deploy", "reason": "drift", **given}
        return self.call("collect", {"input": wanted, "execution": execution, "now": now.isoformat()})

    def put(self, key: str, content: Any) -> str:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key}"

    def text(self, uri: str) -> str:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return str(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())

    def configure(self, what: str, content: Any) -> None:
        name = f"{PATH}/{ENDPOINT}/retraining/{what}"
        self.ssm.put_parameter(Name=name, Value=json.dumps(content), Type="String", Overwrite=True)

    def parameter(self, name: str) -> str:
        return str(self.ssm.get_parameter(Name=name)["Parameter"]["Value"])

    def item(self, sk: str, pk: str = f"retraining#{ENDPOINT}") -> dict[str, Any]:
        return dict(self.dynamodb.Table(TABLE).get_item(Key={"pk": pk, "sk": sk}).get("Item", {}))

    def window(self, end: datetime, verdict: str, report: dict[str, Any] | None = None) -> None:
        """What the table of runs and the reports say of one hour."""
        uri = self.put(f"reports/shop/{SCHEDULE}/{end:%Y/%m/%d/%H}/report.json", report) if report is not None else ""
        stamp = "%Y-%m-%dT%H:%M:%SZ"
        item = {"pk": f"run#{SCHEDULE}", "sk": f"{end:{stamp}}", "window_start": f"{end - HOUR:{stamp}}"}
        self.dynamodb.Table(TABLE).put_item(Item={**item, "verdict": verdict, "report": uri})

    def _client_as(self, service: str, role: str) -> Any:
        if role:
            self.assumed.append((role, service))
        return self._client(service)

    def _client(self, service: str) -> Any:
        if service == "sagemaker":
            return self.sagemaker
        if service == "sns":
            return SimpleNamespace(publish=lambda **message: self.messages.append(message))
        if service == "events":
            return SimpleNamespace(put_events=self._put_events)
        if service == "stepfunctions":
            return SimpleNamespace(
                send_task_success=lambda **told: self.tasks.append(("success", told)),
                send_task_failure=lambda **told: self.tasks.append(("failure", told)),
                start_execution=self._start_execution,
                describe_execution=self._describe_execution,
                exceptions=SimpleNamespace(ClientError=ClientError),
            )
        return self.ssm if service == "ssm" else self.s3

    def _start_execution(self, stateMachineArn: str, name: str, input: str) -> None:  # noqa: N803
        assert stateMachineArn == MACHINE
        if name in self.executions:
            raise ClientError({"Error": {"Code": "ExecutionAlreadyExists", "Message": ""}}, "StartExecution")
        event = {"input": json.loads(input), "execution": name, "now": NOON.isoformat()}
        self.executions[name] = {"status": "RUNNING", "event": event}

    def _describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        start, _, name = executionArn.rpartition(":")
        assert start == MACHINE.replace("stateMachine", "execution")
        if name not in self.executions:
            raise ClientError({"Error": {"Code": "ExecutionDoesNotExist", "Message": ""}}, "DescribeExecution")
        return {
            "name": name,
            "status": self.executions[name]["status"],
            "input": self.executions[name].get("input", "{}"),
        }

    def _put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 (as boto3 spells them)
        self.events += [json.loads(entry["Detail"]) for entry in Entries]
        return {"FailedEntryCount": 0, "Entries": []}


@pytest.fixture
def world(load: Callable[[str], SimpleNamespace], monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Two hours of labelled rows, a fifth of them held out; one variant serves the champion and captures."""
    for name, value in {"TABLE": TABLE, "PARAMETERS": PATH, "KMS_KEY": "key", "TOPIC_ARN": "topic"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RECORDS", f"s3://{BUCKET}/retraining")
    monkeypatch.setenv("MACHINE_ARN", MACHINE)
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        boto3.client("dynamodb").create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        found = World(load, monkeypatch)
        found.ssm.put_parameter(Name=LIVE, Value=CHAMPION, Type="String")
        found.ssm.put_parameter(Name=LIVE_BASELINE, Value="v1-a", Type="String")
        documents = {
            "release": SETTINGS,
            "comparison": COMPARISON,
            "baseline": BASELINE,
            "policy": {"training": TRAINING},
        }
        for what, content in documents.items():
            found.configure(what, content)
        found.configure("features/000", ["height"])
        found.configure("features/001", ["weight"])
        container = {"Image": "image", "ModelDataUrl": CHAMPION, "Environment": {"SAGEMAKER_PROGRAM": "inference.py"}}
        found.sagemaker.models["m"] = {
            "ModelName": "m",
            "PrimaryContainer": container,
            "ExecutionRoleArn": "arn:aws:iam::123456789012:role/serving",
        }
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": "m",
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 2,
        }
        found.sagemaker.configs["first"] = {
            "EndpointConfigName": "first",
            "ProductionVariants": [variant],
            "DataCaptureConfig": {"EnableCapture": True, "DestinationS3Uri": f"s3://{BUCKET}/capture"},
            "KmsKeyId": "key",
        }
        found.put("team/train/a.csv", b"1,10,20\n")
        for hour in (10, 11):
            found.put(f"shop/training/2026-03-02T{hour}00.csv", f"1,{hour},20\n".encode())
            found.put(f"shop/holdout/2026-03-02T{hour}00.csv", f'"a ""b"", c",{hour},\n0,{hour},7.5\n'.encode())
        found.put("baselines/shop/current.json", {"version": "v1-a", "endpoint": ENDPOINT})
        for name in BASELINE["files"]:
            found.put(f"baselines/shop/v1-a/{name}", {})
        yield found
