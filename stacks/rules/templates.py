"""Reading synthesized templates: resources, policies, and the texts that hold requests of jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Templates = Mapping[str, Mapping[str, Any]]
"""Stack name → template, of a whole environment: what one stack makes, another may watch."""

TOKEN: Final = "token"  # stands for what is known at deployment alone  # noqa: S105
ROLE_POLICIES: Final = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
RESOURCE_POLICIES: Final = {  # type → where its document stands
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
}


@dataclass(frozen=True)
class Resource:
    """One resource: its stack, logical id, type and properties."""

    stack: str
    logical_id: str
    type: str
    properties: Mapping[str, Any]


def resources(templates: Templates, *types: str) -> Iterator[Resource]:
    """Resources of some types, or all of them."""
    for stack, template in templates.items():
        for logical_id, found in template.get("Resources", {}).items():
            if not types or found["Type"] in types:
                yield Resource(stack, logical_id, found["Type"], found.get("Properties", {}))


def as_list(value: Any) -> list[Any]:
    """IAM and CloudFormation write a list of one as its only member."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def statements(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Of a policy."""
    return as_list(document.get("Statement", []))


def granted(templates: Templates) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    """Statements that allow roles something: of their policies, and of those written into the role itself."""
    for policy in resources(templates, *ROLE_POLICIES):
        for statement in statements(policy.properties["PolicyDocument"]):
            yield policy, statement
    for role in resources(templates, "AWS::IAM::Role"):
        for inline in role.properties.get("Policies", ()):
            for statement in statements(inline["PolicyDocument"]):
                yield role, statement


def services(statement: Mapping[str, Any]) -> list[str]:
    """AWS services that a statement of a resource's policy, or of a role's trust, admits."""
    principal = statement.get("Principal", {})
    return [str(name) for name in as_list(principal.get("Service", []))] if isinstance(principal, Mapping) else []


def text(value: Any) -> str:
    """A text of a template, with `token` for each part that only the deployment knows."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return str(separator).join(map(text, parts))
    if isinstance(value, Mapping) and "Fn::Sub" in value:
        return str(as_list(value["Fn::Sub"])[0])
    return TOKEN


def documents(resource: Resource) -> Iterator[Any]:
    """The JSON documents that a parameter or a custom resource carries as texts: requests of jobs stand there."""
    keys: Sequence[str] = ("Value",) if resource.type == "AWS::SSM::Parameter" else tuple(resource.properties)
    for key in keys:
        written = text(resource.properties.get(key))
        if written.startswith("{"):
            yield json.loads(written)


def blocks(document: Any, *keys: str) -> Iterator[Mapping[str, Any]]:
    """Every mapping inside of a document that has all of these keys."""
    if isinstance(document, Mapping):
        if set(keys) <= document.keys():
            yield document
        for value in document.values():
            yield from blocks(value, *keys)
    elif isinstance(document, (list, tuple)):
        for value in document:
            yield from blocks(value, *keys)
