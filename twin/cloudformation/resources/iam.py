"""IAM: roles and policies. They are what `twin.iam.identity` compares the calls of each role with."""

from __future__ import annotations

import json
from typing import Any

from twin.cloudformation.shapes import only, part, tags
from twin.cloudformation.types import Made, Properties, Request, Types

ROLE_PROPERTIES = (
    "RoleName",
    "AssumeRolePolicyDocument",
    "Path",
    "Description",
    "MaxSessionDuration",
    "PermissionsBoundary",
    "ManagedPolicyArns",
    "Policies",
    "Tags",
)


def register(types: Types) -> None:
    types.register_type(
        "AWS::IAM::Role",
        create=_create_role,
        update=_update_role,
        delete=_delete_role,
        replaced_by={"RoleName", "Path"},
    )
    types.register_type(
        "AWS::IAM::Policy",
        create=_create_policy,
        update=_update_policy,
        delete=lambda request: _remove_from_roles(request.client("iam"), request.properties),
        replaced_by={"PolicyName"},
    )
    types.register_type(
        "AWS::IAM::ManagedPolicy",
        create=_create_managed_policy,
        update=_update_managed_policy,
        delete=_delete_managed_policy,
        replaced_by={"ManagedPolicyName", "Path", "Description"},
    )


def _create_role(request: Request) -> Made:
    wanted = only(request, *ROLE_PROPERTIES)
    iam = request.client("iam")
    name = wanted.get("RoleName") or request.name(limit=64)
    arguments = part(wanted, "Path", "Description", "PermissionsBoundary")
    if "MaxSessionDuration" in wanted:
        arguments["MaxSessionDuration"] = int(wanted["MaxSessionDuration"])
    role = iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps(wanted["AssumeRolePolicyDocument"]),
        Tags=tags(request),
        **arguments,
    )["Role"]
    _grant(iam, name, wanted)
    return Made(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})


def _update_role(request: Request) -> None:
    wanted = only(request, *ROLE_PROPERTIES)
    iam = request.client("iam")
    document = json.dumps(wanted["AssumeRolePolicyDocument"])
    iam.update_assume_role_policy(RoleName=request.ref, PolicyDocument=document)
    if wanted.get("Description") != request.previous.get("Description"):
        iam.update_role(RoleName=request.ref, Description=wanted.get("Description", ""))
    _revoke(iam, request.ref, request.previous)
    _grant(iam, request.ref, wanted)


def _delete_role(request: Request) -> None:
    iam = request.client("iam")
    _revoke(iam, request.ref, request.properties)
    iam.delete_role(RoleName=request.ref)


def _grant(iam: Any, role: str, wanted: Properties) -> None:
    for arn in wanted.get("ManagedPolicyArns", []):
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    for policy in wanted.get("Policies", []):
        document = json.dumps(policy["PolicyDocument"])
        iam.put_role_policy(RoleName=role, PolicyName=policy["PolicyName"], PolicyDocument=document)


def _revoke(iam: Any, role: str, granted: Properties) -> None:
    for arn in granted.get("ManagedPolicyArns", []):
        iam.detach_role_policy(RoleName=role, PolicyArn=arn)
    for policy in granted.get("Policies", []):
        iam.delete_role_policy(RoleName=role, PolicyName=policy["PolicyName"])


def _create_policy(request: Request) -> Made:
    wanted = only(request, "PolicyName", "PolicyDocument", "Roles")
    _put_on_roles(request.client("iam"), wanted)
    return Made(request.name(limit=64), {"Id": request.name(limit=64)})


def _update_policy(request: Request) -> None:
    iam = request.client("iam")
    left = set(request.previous.get("Roles", [])) - set(request.properties.get("Roles", []))
    _remove_from_roles(iam, {**request.previous, "Roles": sorted(left)})
    _put_on_roles(iam, only(request, "PolicyName", "PolicyDocument", "Roles"))


def _put_on_roles(iam: Any, wanted: Properties) -> None:
    for role in wanted.get("Roles", []):
        document = json.dumps(wanted["PolicyDocument"])
        iam.put_role_policy(RoleName=role, PolicyName=wanted["PolicyName"], PolicyDocument=document)


def _remove_from_roles(iam: Any, granted: Properties) -> None:
    for role in granted.get("Roles", []):
        iam.delete_role_policy(RoleName=role, PolicyName=granted["PolicyName"])


def _create_managed_policy(request: Request) -> Made:
    wanted = only(request, "ManagedPolicyName", "PolicyDocument", "Roles", "Path", "Description")
    iam = request.client("iam")
    name = wanted.get("ManagedPolicyName") or request.name(limit=128)
    document = json.dumps(wanted["PolicyDocument"])
    arguments = part(wanted, "Path", "Description")
    policy = iam.create_policy(PolicyName=name, PolicyDocument=document, **arguments)["Policy"]
    for role in wanted.get("Roles", []):
        iam.attach_role_policy(RoleName=role, PolicyArn=policy["Arn"])
    return Made(policy["Arn"], {"PolicyArn": policy["Arn"], "PolicyId": policy["PolicyId"]})


def _update_managed_policy(request: Request) -> None:
    iam, wanted = request.client("iam"), request.properties
    before = set(request.previous.get("Roles", []))
    after = set(wanted.get("Roles", []))
    versions = iam.list_policy_versions(PolicyArn=request.ref)["Versions"]
    for version in versions[4:]:  # IAM keeps five
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=request.ref, VersionId=version["VersionId"])
    document = json.dumps(wanted["PolicyDocument"])
    iam.create_policy_version(PolicyArn=request.ref, PolicyDocument=document, SetAsDefault=True)
    for role in before - after:
        iam.detach_role_policy(RoleName=role, PolicyArn=request.ref)
    for role in after - before:
        iam.attach_role_policy(RoleName=role, PolicyArn=request.ref)


def _delete_managed_policy(request: Request) -> None:
    iam = request.client("iam")
    for role in request.properties.get("Roles", []):
        iam.detach_role_policy(RoleName=role, PolicyArn=request.ref)
    for version in iam.list_policy_versions(PolicyArn=request.ref)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=request.ref, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=request.ref)
