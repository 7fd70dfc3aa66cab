"""What the steps of a retraining share: what was deployed for an endpoint, the record of a run, files.

Environment: PARAMETERS (SSM path of the environment's endpoints), TABLE (of the control plane), KMS_KEY (of what is written).
The record of a run is one item, `pk` = retraining#{endpoint}, `sk` = run#{run}: a step that is called again finds there what it
did before.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from aws import client, encrypted


class SettingsMissing(LookupError):
    """An endpoint is asked about that no deployment prepared for retraining."""


def settings(endpoint: str) -> dict[str, Any]:
    """What the deployment said about retraining an endpoint: how models are compared and released, and how the next baseline is
    made, None where none is computed. Raises: SettingsMissing."""
    found = {**parameter(f"{_path(endpoint)}/release"), "comparison": parameter(f"{_path(endpoint)}/comparison")}
    try:
        return {**found, "baseline": parameter(f"{_path(endpoint)}/baseline")}
    except SettingsMissing:
        return {**found, "baseline": None}


def training(endpoint: str) -> dict[str, Any]:
    """What a training job of an endpoint is. Raises: SettingsMissing."""
    found: dict[str, Any] = parameter(f"{_path(endpoint)}/policy")["training"]
    return found


def features(endpoint: str) -> list[str]:
    """The names of the features in the order of rows; a wide table's names fill several parameters."""
    pages = client("ssm").get_paginator("get_parameters_by_path").paginate(Path=f"{_path(endpoint)}/features")
    parts = {found["Name"]: json.loads(found["Value"]) for page in pages for found in page["Parameters"]}
    return [name for part in sorted(parts) for name in parts[part]]


def places(endpoint: str) -> list[tuple[list[str | int], str]]:
    """Where a record of JSON holds each feature, and its declared type; in the order of rows. Of models that are asked in JSON."""
    pages = client("ssm").get_paginator("get_parameters_by_path").paginate(Path=f"{_path(endpoint)}/places")
    parts = {found["Name"]: json.loads(found["Value"]) for page in pages for found in page["Parameters"]}
    return [(steps, str(kind)) for part in sorted(parts) for steps, kind in parts[part]]


def parameter(name: str) -> dict[str, Any]:
    """A JSON document in a parameter. Raises: SettingsMissing."""
    ssm = client("ssm")
    try:
        found: dict[str, Any] = json.loads(ssm.get_parameter(Name=name)["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound as error:
        raise SettingsMissing(
            f"{name} is missing: the endpoint's stacks of this environment were not deployed, or it has no retraining block"
        ) from error
    return found


def _path(endpoint: str) -> str:
    return f"{os.environ['PARAMETERS']}/{endpoint}/retraining"


# --- the record of a run ------------------------------------------------------------------------------------------------


def key(endpoint: str, run: str) -> dict[str, str]:
    """Where the record of a run is kept."""
    return {"pk": f"retraining#{endpoint}", "sk": f"run#{run}"}


def recorded(table: Any, endpoint: str, run: str) -> dict[str, Any]:
    """What is known of a run; nothing of one that has not begun."""
    return dict(table.get_item(Key=key(endpoint, run), ConsistentRead=True).get("Item", {}))


def remember(table: Any, endpoint: str, run: str, facts: Mapping[str, Any]) -> None:
    """Add to the record of a run; what it says already of a fact is replaced."""
    names = {f"#f{number}": name for number, name in enumerate(facts)}
    values = {f":f{number}": value for number, value in enumerate(facts.values())}
    table.update_item(
        Key=key(endpoint, run),
        UpdateExpression="SET " + ", ".join(f"#f{number} = :f{number}" for number in range(len(facts))),
        ExpressionAttributeNames=names,
        ExpressionAttributeValues=values,
    )


def package_name(artifact: str) -> str:
    """Under which the package of an artefact is found again, beside the runs."""
    return f"package:{hashlib.sha256(artifact.encode()).hexdigest()[:36]}"


# --- files --------------------------------------------------------------------------------------------------------------


def split(uri: str) -> tuple[str, str]:
    """Bucket and key of an S3 URI. Raises: ValueError."""
    bucket, _, found = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise ValueError(f"{uri} should be an S3 URI")
    return bucket, found


def read(uri: str) -> bytes | None:
    """An object's content; None when there is none, which a role sees only where it may list."""
    bucket, found = split(uri)
    s3 = client("s3")
    try:
        content: bytes = s3.get_object(Bucket=bucket, Key=found)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    return content


def read_json(uri: str) -> dict[str, Any] | None:
    """A document; None when there is none."""
    content = read(uri)
    document: dict[str, Any] | None = None if content is None else json.loads(content)
    return document


def write(uri: str, content: bytes, kind: str = "application/json") -> None:
    bucket, found = split(uri)
    key = encrypted(os.environ.get("KMS_KEY", ""))
    client("s3").put_object(Bucket=bucket, Key=found, Body=content, ContentType=kind, **key)


def write_json(uri: str, document: Any) -> None:
    write(uri, json.dumps(document, indent=1, sort_keys=True).encode() + b"\n")


def listed(uri: str) -> Iterator[dict[str, Any]]:
    """Every object below a prefix: Key, Size, ETag, LastModified."""
    bucket, prefix = split(uri)
    for page in client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from page.get("Contents", ())
