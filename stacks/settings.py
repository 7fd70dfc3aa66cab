"""The settings of one environment: read once from environments/{name}.yaml, validated here and nowhere later.

    python -m stacks.settings environments/dev.yaml     tells every fault at once, by path
    python -m stacks.settings --schema                  prints the JSON Schema, for editors

Imports no CDK, so that commands can use it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from model_monitor import contract
from stacks import fields
from stacks.endpoint_settings import Endpoint
from stacks.fields import Block, Count, FaultyBlock, refuse

ENVIRONMENTS = Path(__file__).resolve().parent.parent / "environments"


class SettingsFaults(Exception):
    """An environment file that cannot be used: `faults` lists everything that is wrong with it, each with its path."""

    def __init__(self, where: str, faults: list[str]) -> None:
        self.where, self.faults = where, faults
        lines = "".join(f"\n  {fault}" for fault in faults)
        super().__init__(f"{where}: {len(faults)} fault{'s' if len(faults) != 1 else ''}{lines}")


class Alarms(Block):
    """Who is told."""

    email: tuple[fields.Email, ...] = ()
    topic_arn: fields.arn("sns", ".+") | None = None  # type: ignore[valid-type]
    """A topic of yours. Its key must let cloudwatch.amazonaws.com publish."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        refuse(self._faults())
        return self

    def _faults(self) -> Iterator[str]:
        if self.topic_arn and self.email:
            yield "email: subscribe people to the topic you brought, or leave topic_arn out"


class Network(Block):
    """The VPC that jobs and models run in. Ids are given, never looked up."""

    vpc_id: Annotated[str, Field(pattern=r"^vpc-[0-9a-f]+$")] | None = None
    subnets: Annotated[tuple[Annotated[str, Field(pattern=r"^subnet-[0-9a-f]+$")], ...], Field(max_length=16)] = ()
    security_groups: Annotated[tuple[Annotated[str, Field(pattern=r"^sg-[0-9a-f]+$")], ...], Field(max_length=5)] = ()
    isolation: bool = False
    """Containers without any network."""

    @property
    def is_private(self) -> bool:
        return bool(self.subnets)

    @model_validator(mode="after")
    def _check(self) -> Self:
        refuse(self._faults())
        return self

    def _faults(self) -> Iterator[str]:
        if bool(self.subnets) != bool(self.security_groups):
            yield "security_groups: subnets and security groups are given together"
        if self.vpc_id and not self.subnets:
            yield "subnets: is empty, but a VPC is named"
        if self.isolation:
            yield (
                "isolation: an isolated container cannot fetch its configuration and baseline from S3, and a monitoring schedule "
                "mounts neither; use subnets with VPC endpoints instead"
            )


class Security(Block):
    """What your organisation brings."""

    kms_key_arn: fields.arn("kms", "key/.+") | None = None  # type: ignore[valid-type]
    permissions_boundary: fields.arn("iam", "policy/.+") | None = None  # type: ignore[valid-type]
    encrypt_traffic_between_containers: bool = True


class Buckets(Block):
    """Names of buckets that exist already; what is left out is created."""

    capture: fields.BucketName | None = None
    baseline: fields.BucketName | None = None
    reports: fields.BucketName | None = None
    ground_truth: fields.BucketName | None = None
    models: fields.BucketName | None = None


class Storage(Block):
    """How long data is kept."""

    capture_days: Count = 30
    report_days: Count = 400
    log_days: Count = 90
    keep_data: bool = True
    """Buckets and keys survive the deletion of their stack."""
    buckets: Buckets = Buckets()


class Settings(Block):
    """One environment: an account, a region, and the endpoints in it."""

    version: Literal[1]
    environment: fields.EnvironmentName
    account: fields.AccountId
    region: fields.Region
    tags: dict[Annotated[str, Field(min_length=1, max_length=128)], Annotated[str, Field(max_length=256)]] = Field(
        default_factory=dict
    )
    monitor_image: fields.ImageUri | None = None
    """The monitor image, built once and promoted by digest; left out: built from monitor_image/ at deployment."""
    alarms: Alarms = Alarms()
    network: Network = Network()
    security: Security = Security()
    storage: Storage = Storage()
    endpoints: Annotated[dict[fields.EndpointName, Endpoint], Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        refuse(self._faults())
        return self

    def _faults(self) -> Iterator[str]:
        owners: dict[str, str] = {}
        for endpoint_name, endpoint in self.endpoints.items():
            for monitor_name in endpoint.monitors:
                path = f"endpoints.{endpoint_name}.monitors.{monitor_name}"
                schedule = contract.schedule_name(endpoint_name, monitor_name)
                if schedule in owners:
                    yield f"{path}: makes the schedule {schedule}, which {owners[schedule]} makes too"
                owners[schedule] = path
        if {"Endpoint", "Environment"} & self.tags.keys():
            yield "tags: Endpoint and Environment are set by the stacks"


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
    """Settings of the environment that the file is named after. Raises: SettingsFaults."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 (a SafeLoader)
    except OSError as error:
        raise SettingsFaults(str(path), [f"the file cannot be read ({error.strerror})"]) from error
    except yaml.YAMLError as error:
        raise SettingsFaults(str(path), [f"the file is no YAML: {' '.join(str(error).split())}"]) from error
    return parse(document, path.stem, str(path))


def parse(document: object, environment: str, where: str) -> Settings:
    """Settings of a parsed file. Raises: SettingsFaults with every fault."""
    if not isinstance(document, dict):
        raise SettingsFaults(where, ["the file should hold keys and values"])
    unknown = ["environment: is unknown; an environment is named by its file"] if "environment" in document else []
    try:
        settings = Settings.model_validate({**document, "environment": environment})
    except ValidationError as error:
        raise SettingsFaults(where, unknown + [line for detail in error.errors() for line in _fault(detail)]) from error
    if unknown:
        raise SettingsFaults(where, unknown)
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
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **document}


_MESSAGES = {
    "missing": "is missing",
    "extra_forbidden": "is unknown",
    "string_type": "should be text; quote it",
    "string_pattern_mismatch": "should match {pattern}",
    "model_type": "should hold keys and values",
    "dict_type": "should hold keys and values",
    "tuple_type": "should be a list",
    "none_required": "is not there yet; leave it out",
    "literal_error": "should be one of {expected}",
    "enum": "should be one of {expected}",
}


def _fault(detail: ErrorDetails) -> Iterator[str]:
    """The lines of one of pydantic's errors: path and problem. Values are not repeated: they may be secrets in the wrong place."""
    path = _path(detail["loc"])
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, FaultyBlock):
        for line in str(cause).split("\n"):
            yield f"{path}.{line}" if path else line
        return
    if isinstance(cause, ValueError):
        message = str(cause)
    elif detail["type"] in _MESSAGES:
        message = _MESSAGES[detail["type"]].format(**detail.get("ctx", {}))
    else:
        message = detail["msg"][0].lower() + detail["msg"][1:]
    yield f"{path}: {message}"


def _path(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        if part == "[key]":
            continue
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def main(arguments: list[str]) -> int:
    """Print the schema, or validate files."""
    if arguments == ["--schema"]:
        sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
        return 0
    if not arguments or any(argument.startswith("-") for argument in arguments):
        sys.stderr.write(f"{(__doc__ or '').strip()}\n")
        return 1
    status = 0
    for argument in arguments:
        try:
            settings = load(Path(argument))
        except SettingsFaults as faults:
            sys.stderr.write(f"{faults}\n")
            status = 1
        else:
            sys.stdout.write(
                f"{argument}: valid, {len(settings.endpoints)} endpoints in {settings.account}/{settings.region}\n"
            )
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
