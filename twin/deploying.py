"""Two ways to deploy: the real CDK CLI with nothing but variables, and a faster one for tests that reads a cloud assembly."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from twin.cloudformation.deployments import Deployments
from twin.surroundings import Surroundings

BOOTSTRAP_VERSION: Final = "30"
QUALIFIER: Final = "hnb659fds"
PLACEHOLDER: Final = re.compile(r"\$\{AWS::(AccountId|Region|Partition)\}")
CLI: Final = Path(__file__).resolve().parent.parent / "node_modules" / ".bin" / "cdk"
ALWAYS: Final = ("--no-notices",)
FOR_DEPLOY: Final = {"--require-approval": "never", "--method": "direct"}


class Account(Surroundings, Protocol):
    """What is deployed to."""

    @property
    def deployments(self) -> Deployments: ...

    @property
    def environment(self) -> dict[str, str]:
        """Variables for whoever deploys: endpoints, credentials, and the CDK CLI's switches."""
        ...


class DeployFailed(Exception):
    """A deployment did not succeed; the message says which stack, why, and where the log is."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a CLI command ended."""

    status: int
    log: Path

    @property
    def output(self) -> str:
        """Everything it printed."""
        return self.log.read_text(errors="replace")


def cdk(
    twin: Account, arguments: Sequence[str], *, directory: Path, check: bool, variables: dict[str, str]
) -> CommandResult:
    """Run `npx --no-install cdk …` against the twin.

    Raises: DeployFailed with the end of the log when the command fails and `check` is set.
    """
    number = len(list(twin.directory.glob("cdk-*.log"))) + 1
    log = twin.directory / f"cdk-{number}-{arguments[0]}.log"
    command = ["npx", "--no-install", "cdk", *arguments, *ALWAYS]
    if arguments[0] == "bootstrap" and "--app" not in arguments:
        # bootstrapping needs no app: outside of the project's folder the CLI does not synthesize one
        command[:3] = [str(CLI)]
        directory = twin.directory
    if arguments[0] == "deploy":
        given = {argument.split("=")[0] for argument in arguments}
        command += [f"{name}={value}" for name, value in FOR_DEPLOY.items() if name not in given]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CDK_"))}
    environment = {**kept, **twin.environment, **_docker(twin), **variables}
    # the app runs with the interpreter of this process, whatever `python` is elsewhere
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    twin.journal.add("cli", f"cdk {' '.join(arguments)}", log=str(log))
    with log.open("wb") as stream:
        done = subprocess.run(
            command, cwd=directory, env=environment, stdout=stream, stderr=subprocess.STDOUT, check=False
        )
    _report_images(twin)
    result = CommandResult(done.returncode, log)
    if check and done.returncode:
        tail = "\n".join(result.output.splitlines()[-30:])
        raise DeployFailed(f"cdk {' '.join(arguments)} ended with status {done.returncode} (log: {log}):\n{tail}")
    return result


def _docker(twin: Account) -> dict[str, str]:
    """A command that stands for docker, in the twin's own directory."""
    script = twin.directory / "docker"
    if not script.is_file():
        shim = Path(__file__).resolve().parent / "docker_shim.py"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{shim}" "$@"\n')
        script.chmod(0o755)
    return {"CDK_DOCKER": str(script), "TWIN_IMAGE_LOG": str(twin.directory / "images.jsonl")}


def _report_images(twin: Account) -> None:
    log = twin.directory / "images.jsonl"
    if not log.is_file():
        return
    told = {entry.data["tag"] for entry in twin.journal.of("image")}
    for line in map(json.loads, log.read_text().splitlines()):
        if line.get("pushed") and line["tag"] not in told:
            text = "built and recorded" if line["built"] else f"not built: {line['reason']}"
            twin.journal.add("image", f"{line['tag'].rpartition('/')[2]}: {text}", **line)


def bootstrap(twin: Account) -> None:
    """What `cdk bootstrap` leaves that `deploy_assembly` needs: the assets' bucket and repository, and the version."""
    account, region = twin.account, twin.region
    bucket, repository = (
        f"cdk-{QUALIFIER}-assets-{account}-{region}",
        f"cdk-{QUALIFIER}-container-assets-{account}-{region}",
    )
    version = {"Name": f"/cdk-bootstrap/{QUALIFIER}/version", "Value": BOOTSTRAP_VERSION, "Type": "String"}
    steps: tuple[Callable[[], Any], ...] = (
        lambda: twin.client("s3").create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region}
        ),
        lambda: twin.client("ecr").create_repository(repositoryName=repository),
        lambda: twin.client("ssm").put_parameter(**version),
    )
    for create in steps:
        try:
            create()
        except ClientError as error:
            if "Already" not in error.response["Error"]["Code"]:
                raise


def deploy_assembly(twin: Account, assembly: Path, stacks: Sequence[str] | None = None) -> dict[str, str]:
    """Deploy a `cdk.out` through boto3: assets, then the stacks in the order of their dependencies.

    Returns: stack name → status. Raises: DeployFailed naming the stack and its reasons.
    """
    bootstrap(twin)
    artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"]
    for artifact in artifacts.values():
        if artifact["type"] == "cdk:asset-manifest":
            _publish(twin, assembly, json.loads((assembly / artifact["properties"]["file"]).read_text()))
    statuses: dict[str, str] = {}
    for name in _in_order(artifacts):
        properties = artifacts[name]["properties"]
        stack = properties.get("stackName", name)
        if stacks is None or stack in stacks or name in stacks:
            body = (assembly / properties["templateFile"]).read_text()
            statuses[stack] = _deploy(twin, stack, body, properties.get("parameters", {}), properties.get("tags", {}))
            twin.client("cloudformation").update_termination_protection(
                StackName=stack, EnableTerminationProtection=properties.get("terminationProtection", False)
            )
    return statuses


def _in_order(artifacts: dict[str, Any]) -> list[str]:
    done: list[str] = []

    def visit(name: str) -> None:
        for dependency in artifacts[name].get("dependencies", []):
            visit(dependency)
        if artifacts[name]["type"] == "aws:cloudformation:stack" and name not in done:
            done.append(name)

    for name in artifacts:
        visit(name)
    return done


def _deploy(twin: Account, name: str, body: str, parameters: dict[str, str], tags: dict[str, str]) -> str:
    client = twin.client("cloudformation")
    arguments = {
        "StackName": name,
        "TemplateBody": body,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    }
    try:
        exists = bool(client.describe_stacks(StackName=name)["Stacks"])
    except ClientError:
        exists = False
    try:
        (client.update_stack if exists else client.create_stack)(**arguments)
    except ClientError as error:
        if "No updates are to be performed" not in error.response["Error"]["Message"]:
            raise DeployFailed(f"{name}: {error.response['Error']['Message']}") from error
    stack = twin.deployments.find(name)
    status = twin.deployments.wait(stack)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise DeployFailed(f"{name}: {status}: {stack.reason}")
    return status


def _publish(twin: Account, assembly: Path, manifest: dict[str, Any]) -> None:
    values = {"AccountId": twin.account, "Region": twin.region, "Partition": "aws"}

    def fill(text: str) -> str:
        return PLACEHOLDER.sub(lambda match: values[match.group(1)], text)

    for asset in manifest.get("files", {}).values():
        path = assembly / asset["source"]["path"]
        body = _zip(path) if asset["source"].get("packaging") == "zip" else path.read_bytes()
        for destination in asset["destinations"].values():
            bucket, key = fill(destination["bucketName"]), fill(destination["objectKey"])
            twin.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    for asset in manifest.get("dockerImages", {}).values():
        for destination in asset["destinations"].values():
            tag = f"{fill(destination['repositoryName'])}:{fill(destination['imageTag'])}"
            twin.journal.add("image", f"{tag}: not built: deployed without the CLI", tag=tag, built=False)


def _zip(folder: Path) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            file.writestr(zipfile.ZipInfo(str(path.relative_to(folder))), path.read_bytes())
    return archive.getvalue()
