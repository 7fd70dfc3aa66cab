"""The faster way of the tests deploys, and the real CDK CLI destroys, a small app with one of everything the kit uses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.twin.deployed import ref
from twin import Twin, docker_shim
from twin.deploying import DeployFailed

APP = Path(__file__).parent / "app" / "app.py"


def output(twin: Twin) -> str:
    stack = twin.client("cloudformation").describe_stacks(StackName="Loop")["Stacks"][0]
    return {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}["Answer"]


def loop_works(twin: Twin) -> None:
    """The rule, the topic and the function of the small app reach each other, within their policies."""
    calls = len(twin.journal.of("function"))
    twin.advance(timedelta(hours=1))
    twin.client("sns").publish(TopicArn=ref(twin, "TopicBFC7AF6E", "Loop"), Message="hello")
    twin.functions.drain()
    made = twin.journal.of("function")[calls:]
    assert [entry.data["cause"].split()[0] for entry in made] == ["rule", "topic"]
    assert [entry.data["error"] for entry in made] == ["", ""]
    assert twin.identity.violations() == []


def bucket(twin: Twin) -> str:
    return next(r.made.ref for r in twin.deployments.find("Storage").resources.values() if r.type == "AWS::S3::Bucket")


def empty(twin: Twin, name: str) -> None:
    for found in twin.client("s3").list_objects_v2(Bucket=name).get("Contents", []):
        twin.client("s3").delete_object(Bucket=name, Key=found["Key"])


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small app, synthesized."""
    folder = tmp_path_factory.mktemp("assembly") / "cdk.out"
    environment = {**os.environ, "CDK_OUTDIR": str(folder)}
    subprocess.run([sys.executable, str(APP)], env=environment, check=True, capture_output=True)
    return folder


@pytest.mark.slow
def test_the_cdk_cli_says_why_a_bucket_is_not_destroyed_and_destroys_it_when_it_is_empty(
    twin: Twin, assembly: Path
) -> None:
    """What it does besides is shown with the kit's own app (test_real_app.py)."""
    twin.deploy_assembly(assembly, ["Storage"])
    twin.client("s3").put_object(Bucket=bucket(twin), Key="left", Body=b"x")
    destroy = ("destroy", "Storage", "--exclusively", "--force", "--app", str(assembly))
    failed = twin.cdk(*destroy, check=False)
    assert failed.status != 0
    assert "BucketNotEmpty" in failed.output
    empty(twin, bucket(twin))
    twin.cdk(*destroy)
    assert {stack.name: stack.status for stack in twin.deployments.stacks.values()} == {"Storage": "DELETE_COMPLETE"}


@pytest.mark.slow
def test_an_assembly_is_deployed_without_the_cli_and_again_without_changes(twin: Twin, assembly: Path) -> None:
    expected = {"Storage": "CREATE_COMPLETE", "Loop": "CREATE_COMPLETE"}
    assert twin.deploy_assembly(assembly) == expected
    assert output(twin) == "0.2"
    assert twin.deploy_assembly(assembly) == expected
    loop_works(twin)


@pytest.mark.slow
def test_a_changed_assembly_updates_what_changed(twin: Twin, assembly: Path, tmp_path: Path) -> None:
    twin.deploy_assembly(assembly)
    changed = tmp_path / "cdk.out"
    shutil.copytree(assembly, changed)
    template = changed / "Loop.template.json"
    body = json.loads(template.read_text())
    for resource in body["Resources"].values():
        if resource["Type"] in ("AWS::CloudWatch::Alarm", "Custom::Thing"):
            resource["Properties"]["Threshold"] = 0.3
    template.write_text(json.dumps(body))
    assert twin.deploy_assembly(changed) == {"Storage": "CREATE_COMPLETE", "Loop": "UPDATE_COMPLETE"}
    assert output(twin) == "0.3"
    assert [found["Threshold"] for found in twin.client("cloudwatch").describe_alarms()["MetricAlarms"]] == [0.3]


@pytest.mark.slow
def test_a_stack_that_fails_is_named_with_its_reason(twin: Twin, assembly: Path, tmp_path: Path) -> None:
    changed = tmp_path / "cdk.out"
    shutil.copytree(assembly, changed)
    template = changed / "Storage.template.json"
    body = json.loads(template.read_text())
    body["Resources"]["Moon"] = {"Type": "AWS::Moon::Phase"}
    template.write_text(json.dumps(body))
    with pytest.raises(DeployFailed, match=r"Storage: .*Unrecognized resource types: \[AWS::Moon::Phase\]"):
        twin.deploy_assembly(changed)


# --- the stand-in for docker --------------------------------------------------------------------------------------------


@pytest.fixture
def shim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    log = tmp_path / "images.jsonl"
    monkeypatch.setenv("TWIN_IMAGE_LOG", str(log))
    monkeypatch.setenv("TWIN_BUILD_IMAGE", "never")
    return log


def test_an_image_that_nobody_can_build_is_recorded_as_not_built(shim: Path) -> None:
    assert docker_shim.main(["inspect", "cdkasset-1"]) == 1
    assert docker_shim.main(["build", "--tag", "cdkasset-1", "--platform", "linux/amd64", "."]) == 0
    assert docker_shim.main(["inspect", "cdkasset-1"]) == 0
    assert docker_shim.main(["tag", "cdkasset-1", "repository:1"]) == 0
    first, second = map(json.loads, shim.read_text().splitlines())
    assert (first["tag"], first["built"]) == ("cdkasset-1", False)
    assert "neither docker nor buildah" in first["reason"]
    assert (second["tag"], second["built"]) == ("repository:1", False)


def test_where_the_image_is_required_an_unbuilt_one_fails(
    shim: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TWIN_BUILD_IMAGE", "required")
    monkeypatch.setenv("PATH", "/nowhere")
    assert docker_shim.main(["build", "--tag", "t", "."]) == 1
    assert docker_shim.main(["scan", "t"]) == 64
    assert "does not know: scan t" in capsys.readouterr().err


def test_a_builder_that_works_builds(shim: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "bin" / "docker"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\necho "$@" >> "$(dirname "$0")/seen"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TWIN_BUILD_IMAGE", "auto")
    assert docker_shim.main(["build", "--tag", "t", "."]) == 0
    assert (fake.parent / "seen").read_text().splitlines() == ["info", "build --tag t ."]
    recorded: dict[str, Any] = json.loads(shim.read_text())
    assert (recorded["built"], recorded["reason"]) == (True, "")


def test_a_pushed_image_is_known_to_the_registry(twin: Twin, shim: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in twin.environment.items():
        monkeypatch.setenv(name, value)
    twin.client("ecr").create_repository(repositoryName="images")
    docker_shim.main(["build", "--tag", "t", "."])
    docker_shim.main(["tag", "t", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/images:abc"])
    assert docker_shim.main(["push", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/images:abc"]) == 0
    (found,) = twin.client("ecr").list_images(repositoryName="images")["imageIds"]
    assert found["imageTag"] == "abc"
