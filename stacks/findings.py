"""Security findings that are accepted, each where it arises and with its reason.

cdk-nag's rules of AWS Solutions and our own (stacks/rules/) run at every synthesis, and an unexplained finding fails it. An
acknowledgement names one finding of one construct; a test proves that each still matches a finding: none outlives its cause.
"""

from __future__ import annotations

import json
import re
from typing import Any

from aws_cdk import Acknowledgment, App, Stack, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

from stacks.rules.pack import ModelMonitorChecks

PACK = "AwsSolutions"
REFERENCE = re.compile(r"\$\{Token\[[^\]]+\]\}")  # how the CDK writes what only the deployment knows
_ACCEPTED: dict[IConstruct, dict[str, Acknowledgment]] = {}  # that the CDK does not know yet
_SPELLINGS: dict[str, str] = {}


def check_security(app: App) -> None:
    """Run the rules of AWS Solutions and our own at synthesis, with what the constructs that stand accept: they come first."""
    acknowledge()
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ModelMonitorChecks())


def accept(scope: IConstruct, rule: str, reason: str) -> None:
    """Accept a finding on a construct and what is below it. `rule` as in `S1` or `IAM5[Action::s3:List*]`."""
    # monitors of one role accept much that is the same
    _ACCEPTED.setdefault(scope, {}).setdefault(rule, Acknowledgment(id=f"{PACK}::{PACK}-{rule}", reason=reason))


def acknowledge() -> None:
    """Tell the CDK what was accepted: all of a construct in one call, since each takes longer than what it says."""
    while _ACCEPTED:
        scope, found = _ACCEPTED.popitem()
        Validations.of(scope).acknowledge(*found.values())


def accept_wildcard(scope: IConstruct, resource: str, reason: str) -> None:
    """Accept the wildcard in a resource of a policy of `scope`; `resource` may hold references."""
    accept(scope, f"IAM5[Resource::{REFERENCE.sub(lambda found: _spelled(scope, found[0]), resource)}]", reason)


def _spelled(scope: IConstruct, reference: str) -> str:
    """As cdk-nag spells it in the id of a finding; each is looked up once, in whatever stack it is used."""
    if reference not in _SPELLINGS:
        _SPELLINGS[reference] = _flat(Stack.of(scope).resolve(reference))
    return _SPELLINGS[reference]


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
    if "Fn::GetStackOutput" in value:
        return json.dumps(value, separators=(",", ":"))
    raise ValueError(f"no spelling is known for {next(iter(value))} in the id of a finding")
