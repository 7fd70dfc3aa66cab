"""IAM's quotas of one role, as in an account where nobody asked for more: what is too large is refused as IAM refuses it."""

from __future__ import annotations

from typing import Any, Final

from moto.backends import get_backend

from twin.api import ApiError, Call

INLINE_MAX: Final = 10_240  # characters of all inline policies of a role, white space not counted
MANAGED_MAX: Final = 6_144  # of one managed policy
TRUST_MAX: Final = 2_048
ATTACHED_MAX: Final = 10


def check(call: Call) -> None:
    """Refuse what is too large. Raises: ApiError."""
    if call.service != "iam":
        return
    asked = call.parameters
    match call.operation:
        case "PutRolePolicy":
            if _inline(asked) > INLINE_MAX:
                raise _exceeded(f"Maximum policy size of {INLINE_MAX} bytes exceeded for role {asked['RoleName']}")
        case "CreatePolicy" | "CreatePolicyVersion":
            _hold("PolicySize", size(asked["PolicyDocument"]), MANAGED_MAX)
        case "CreateRole":
            _hold("ACLSizePerRole", size(asked["AssumeRolePolicyDocument"]), TRUST_MAX)
        case "UpdateAssumeRolePolicy":
            _hold("ACLSizePerRole", size(asked["PolicyDocument"]), TRUST_MAX)
        case "AttachRolePolicy":
            role = _role(str(asked["RoleName"]))
            known = set() if role is None else set(role.managed_policies)
            _hold("PoliciesPerRole", len(known | {str(asked["PolicyArn"])}), ATTACHED_MAX)


def size(document: Any) -> int:
    """Characters of a policy as IAM counts them."""
    return len("".join(str(document).split()))


def _inline(asked: dict[str, Any]) -> int:
    """Of all inline policies that the role would have."""
    role = _role(str(asked["RoleName"]))
    others = {} if role is None else {name: text for name, text in role.policies.items() if name != asked["PolicyName"]}
    return size(asked["PolicyDocument"]) + sum(map(size, others.values()))


def _role(name: str) -> Any:
    for account in get_backend("iam").values():
        found = next((role for role in account["aws"].roles.values() if role.name == name), None)
        if found is not None:
            return found
    return None


def _hold(quota: str, found: int, most: int) -> None:
    if found > most:
        raise _exceeded(f"Cannot exceed quota for {quota}: {most}")


def _exceeded(message: str) -> ApiError:
    return ApiError("LimitExceeded", message)
