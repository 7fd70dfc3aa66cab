"""Small templates and what they become: used by the tests of the twin's deploying side."""

from __future__ import annotations

import json
from typing import Any

from twin import Twin

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}],
}


def role(*allowed: str, resource: Any = "*") -> dict[str, Any]:
    """A role that may do these actions."""
    statement = {"Effect": "Allow", "Action": list(allowed), "Resource": resource}
    policies = [{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}]
    properties: dict[str, Any] = {"AssumeRolePolicyDocument": TRUST}
    if allowed:
        properties["Policies"] = policies
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def function(code: str, role_id: str = "Role", **properties: Any) -> dict[str, Any]:
    """A function whose code is a text; its handler is `index.handle`."""
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": {"ZipFile": code},
            "Handler": "index.handle",
            "Runtime": "python3.13",
            "Role": {"Fn::GetAtt": [role_id, "Arn"]},
            "Timeout": 30,
            **properties,
        },
    }


def deploy(twin: Twin, resources: dict[str, Any], name: str = "test", **template: Any) -> str:
    """Create or update a stack; returns its status."""
    client, body = twin.client("cloudformation"), json.dumps({"Resources": resources, **template})
    try:
        client.describe_stacks(StackName=name)
    except client.exceptions.ClientError:
        client.create_stack(StackName=name, TemplateBody=body)
    else:
        client.update_stack(StackName=name, TemplateBody=body)
    return twin.deployments.wait(twin.deployments.find(name))


def reason(twin: Twin, name: str = "test") -> str:
    """Why a stack is in its state."""
    return twin.deployments.find(name).reason


def ref(twin: Twin, logical_id: str, name: str = "test") -> str:
    """The physical id of a resource."""
    return twin.deployments.find(name).resources[logical_id].made.ref
