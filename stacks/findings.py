"""Security findings that are accepted, each where it arises and with its reason.

cdk-nag's rules of AWS Solutions and our own (stacks/rules/) run at every synthesis, and an unexplained finding fails it. An
acknowledgement names one finding of one construct; a test proves that each still matches a finding: none outlives its cause.
"""

from __future__ import annotations

import re
from typing import Any

from aws_cdk import Acknowledgment, App, Stack, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

from stacks.rules.pack import ModelMonitorChecks

PACK = "AwsSolutions"
REFERENCE = "${Token["  # how the CDK writes what only the deployment knows


def check_security(app: App) -> None:
    """Run the rules of AWS Solutions and our own at synthesis."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ModelMonitorChecks())


def accept(scope: IConstruct, rule: str, reason: str) -> None:
    """Accept a finding on a construct and what is below it. `rule` as in `S1` or `IAM5[Action::s3:List*]`."""
    Validations.of(scope).acknowledge(Acknowledgment(id=f"{PACK}::{PACK}-{rule}", reason=reason))


def accept_wildcard(scope: IConstruct, resource: str, reason: str) -> None:
    """Accept the wildcard in a resource of a policy of `scope`; `resource` may hold references."""
    resolved = (
        Stack.of(scope).resolve(resource) if REFERENCE in resource else resource
    )  # most are plain: no call to the CDK
    accept(scope, f"IAM5[Resource::{_flat(resolved)}]", reason)


def _flat(value: Any) -> str:
    """A resolved value as cdk-nag spells it in the id of a finding."""
    if isinstance(value, str):
        return re.sub(r"\$\{([^}]+)\}", r"<\1>", value)
    if "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return str(separator).join(_flat(part) for part in parts)
    if "Ref" in value:
        return f"<{value['Ref']}>"
    if "Fn::GetAtt" in value:
        resource, attribute = value["Fn::GetAtt"]
        return f"<{resource}.{attribute}>"
    if "Fn::ImportValue" in value:
        return _flat(value["Fn::ImportValue"])
    raise ValueError(f"no spelling is known for {next(iter(value))} in the id of a finding")
