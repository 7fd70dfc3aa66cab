"""What IAM takes of one role is what the twin takes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.deployed import TRUST, deploy, reason, role
from twin import Twin
from twin.iam import limits


def document(characters: int) -> str:
    """A policy of so many characters, and some white space that counts for nothing."""
    resource = "arn:aws:s3:::bucket/"
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": resource}
    content = {"Version": "2012-10-17", "Statement": [statement]}
    statement["Resource"] = resource + "r" * (characters - len(json.dumps(content, separators=(",", ":"))))
    return json.dumps(content, indent=4)


def put(client: Any, name: str, characters: int) -> None:
    client.put_role_policy(RoleName="r", PolicyName=name, PolicyDocument=document(characters))


@pytest.fixture
def iam(twin: Twin) -> Any:
    client = twin.client("iam")
    client.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))
    return client


def test_inline_policies_of_a_role_have_one_limit_together(iam: Any) -> None:
    put(iam, "a", limits.INLINE_MAX - 1_000)
    put(iam, "b", 1_000)
    put(iam, "b", 900)  # in the place of itself
    with pytest.raises(ClientError, match="Maximum policy size of 10240 bytes exceeded for role r"):
        put(iam, "c", 101)
    iam.delete_role_policy(RoleName="r", PolicyName="a")
    put(iam, "c", 101)


def test_managed_policies_have_one_each_and_a_role_has_ten(iam: Any) -> None:
    def policy(name: str, characters: int) -> str:
        return str(iam.create_policy(PolicyName=name, PolicyDocument=document(characters))["Policy"]["Arn"])

    with pytest.raises(ClientError, match="Cannot exceed quota for PolicySize: 6144"):
        policy("large", limits.MANAGED_MAX + 1)
    arns = [policy(f"p{number}", limits.MANAGED_MAX) for number in range(limits.ATTACHED_MAX + 1)]
    for arn in arns[:-1]:
        iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    iam.attach_role_policy(RoleName="r", PolicyArn=arns[0])  # once more is no more
    with pytest.raises(ClientError, match="Cannot exceed quota for PoliciesPerRole: 10"):
        iam.attach_role_policy(RoleName="r", PolicyArn=arns[-1])
    large = document(limits.MANAGED_MAX + 1)
    with pytest.raises(ClientError, match="Cannot exceed quota for PolicySize: 6144"):
        iam.create_policy_version(PolicyArn=arns[0], PolicyDocument=large, SetAsDefault=True)


def test_a_trust_policy_has_one(iam: Any) -> None:
    large = json.dumps({"Version": "2012-10-17", "Statement": TRUST["Statement"] * 30})
    with pytest.raises(ClientError, match="Cannot exceed quota for ACLSizePerRole: 2048"):
        iam.create_role(RoleName="s", AssumeRolePolicyDocument=large)
    with pytest.raises(ClientError, match="Cannot exceed quota for ACLSizePerRole: 2048"):
        iam.update_assume_role_policy(RoleName="r", PolicyDocument=large)


def test_a_stack_with_too_large_a_role_fails_and_names_it(twin: Twin) -> None:
    many = role(*(f"s3:Action{number:04}" for number in range(800)))
    assert deploy(twin, {"Role": many}) == "ROLLBACK_COMPLETE"
    assert "Maximum policy size of 10240 bytes exceeded for role test-Role" in reason(twin)
