"""An environment that an earlier version deployed goes over to this one by the path of docs/upgrade.md, and keeps what it knows.

`upgrade/before.json.gz` is what commit 0ae3fc2 made of `upgrade/upgraded.yaml`: its templates, and the one function that its
stacks call when they come and go. An endpoint had five stacks then, and stacks imported from each other.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from aws_cdk import App

from app import build
from model_monitor import contract
from stacks import findings
from stacks.settings import environment as settings
from stacks.storage_stack import REFERENCES
from tests.synthesis import ROOT
from tests.twin.accounts import make_buckets, named_model
from twin import Twin
from twin.deploying import DeployFailed, bootstrap

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parent / "upgrade"
TEAM = "team-123456789012"
POINTER = contract.live_parameter("upgraded", "fraud", "model")
CURRENT = "baselines/fraud/current.json"
ROW = {"pk": {"S": "run#fraud-data"}, "sk": {"S": "2026-03-02T00:00:00Z"}, "verdict": {"S": "violated"}}


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    """The earlier version, deployed, with something to lose."""
    with Twin(tmp_path / "twin") as running:
        make_buckets(running, TEAM)
        for number, name in enumerate(("first", "second")):
            content = named_model(name)
            running.client("s3").put_object(Bucket=TEAM, Key=f"fraud/{'next/' * number}model.tar.gz", Body=content)
        deploy_before(running)
        live = {"Value": f"s3://{TEAM}/fraud/next/model.tar.gz", "Type": "String", "Overwrite": True}
        running.client("ssm").put_parameter(Name=POINTER, **live)
        running.client("dynamodb").put_item(TableName=holders(running)["RunsTable"], Item=ROW)
        running.client("s3").put_object(Bucket=holders(running)["BaselineBucket"], Key=CURRENT, Body=b"{}")
        yield running


def deploy_before(twin: Twin) -> None:
    """All of its stacks, each after those that it needs."""
    before = json.loads(gzip.decompress((FOLDER / "before.json.gz").read_bytes()))
    bootstrap(twin)
    waiting: dict[str, Any] = before["stacks"]
    done: list[str] = []
    while len(done) < len(waiting):
        name = next(name for name, stack in waiting.items() if name not in done and {*stack["needs"]} <= {*done})
        body = json.dumps(waiting[name]["template"])
        for key in re.findall(r'"S3Key": "([^"]+)"', body):
            code = before["seed"] if name.endswith("-Live") else {"handler.py": "def handle(event, context): pass\n"}
            put_code(twin, key, code)
        twin.client("cloudformation").create_stack(
            StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"]
        )
        stack = twin.deployments.find(name)
        assert twin.deployments.wait(stack) == "CREATE_COMPLETE", stack.reason
        done.append(name)


def put_code(twin: Twin, key: str, files: Mapping[str, str]) -> None:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as file:
        for name, text in files.items():
            file.writestr(name, text)
    bucket = f"cdk-hnb659fds-assets-{twin.account}-{twin.region}"
    twin.client("s3").put_object(Bucket=bucket, Key=key, Body=body.getvalue())


@cache
def synthesized(references: str = "weak") -> Path:
    """This version of the same environment."""
    document = yaml.safe_load((FOLDER / "upgraded.yaml").read_text())
    context = json.loads((ROOT / "cdk.json").read_text())["context"] | {REFERENCES: references}
    folder = Path(tempfile.mkdtemp(prefix="synthesis-"))
    app = App(context=context, outdir=str(folder), analytics_reporting=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(findings, "check_security", lambda _: None)  # other tests hold these stacks to the rules
        build(app, settings.parse(document, "upgraded", "test"))
    app.synth()
    return folder


def remove(twin: Twin, *stacks: str) -> None:
    for name in stacks:
        stack = twin.deployments.find(name)
        twin.client("cloudformation").delete_stack(StackName=name)
        assert twin.deployments.wait(stack) == "DELETE_COMPLETE", stack.reason


def there(twin: Twin) -> set[str]:
    """Stacks, without the environment in front."""
    found = [s.name for s in twin.deployments.stacks.values() if s.status != "DELETE_COMPLETE"]
    return {name.removeprefix("upgraded-") for name in found}


def holders(twin: Twin) -> dict[str, str]:
    """What holds data, by the output that names it."""
    outputs = twin.deployments.find("upgraded-Storage").outputs
    return {
        name: output["OutputValue"]
        for name, output in outputs.items()
        if name == "RunsTable" or re.fullmatch("(Capture|Baseline|Reports|GroundTruth|Models)Bucket", name)
    }


def answer(twin: Twin) -> str:
    asked = {"EndpointName": "fraud", "ContentType": "text/csv", "Accept": "text/csv"}
    return str(twin.client("sagemaker-runtime").invoke_endpoint(Body=b"1,2,3", **asked)["Body"].read().decode())


def alarm_names(twin: Twin) -> set[str]:
    return {alarm["AlarmName"] for alarm in twin.client("cloudwatch").describe_alarms()["MetricAlarms"]}


def test_a_deployed_environment_goes_over_in_two_steps_and_keeps_its_state(twin: Twin) -> None:
    held, alarms = holders(twin), alarm_names(twin)
    remove(twin, "upgraded-fraud-Retraining", "upgraded-fraud-Alarms")
    with pytest.raises(DeployFailed, match=r"Export .* cannot be changed or deleted as it is in use"):
        twin.deploy_assembly(synthesized(), ["upgraded-Storage"])

    twin.deploy_assembly(synthesized("both"))
    assert len(twin.deployments.exports()) > 10
    twin.deploy_assembly(synthesized())
    remove(twin, "upgraded-fraud-Live")

    shared = {"Storage", "Alerting", "Live", "ControlPlane", "Dashboard", "RetrainingPlane", "Release"}
    assert there(twin) == shared | {"fraud-Endpoint", "fraud-Monitoring"}
    assert twin.deployments.exports() == {}
    assert holders(twin) == held
    assert answer(twin) == "second", "what a release made live"
    assert twin.client("s3").get_object(Bucket=held["BaselineBucket"], Key=CURRENT)["Body"].read() == b"{}"
    key = {name: ROW[name] for name in ("pk", "sk")}
    assert twin.client("dynamodb").get_item(TableName=held["RunsTable"], Key=key)["Item"] == ROW
    assert {name for name in alarms if "fraud-data" in name} & alarm_names(twin)
