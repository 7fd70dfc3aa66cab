"""What roles may do, and who may take them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from stacks.rules.rule import Finding, Rule
from stacks.rules.templates import RESOURCE_POLICIES, Templates, as_list, granted, resources, services, statements

WITHOUT_RESOURCES: Final = {  # calls that IAM lets nobody bind to a resource, by the service's reference; each with its reason
    r"ecr:GetAuthorizationToken": "the token is of the whole registry",
    r"cloudwatch:PutMetricData": "metrics are no resources; a condition binds the namespace",
    r"cloudwatch:GetMetric(Data|Statistics)": "metrics are no resources",
    r"cloudwatch:DescribeAlarms": "which alarms ring is asked as one list, by us and by SageMaker during a deployment",
    r"ec2:Describe\w+": "EC2's descriptions are lists",
    r"sagemaker:List\w+": "lists",
    r"logs:\w+LogDelivery|logs:ListLogDeliveries": "log deliveries of state machines belong to the account",
    r"logs:(Put|Describe)ResourcePolic(y|ies)|logs:DescribeLogGroups": "as above",
    r"ec2:(Create|Delete)NetworkInterface": "Lambda makes interfaces of functions in subnets, and checks on all resources",
    r"ec2:(Una|A)ssignPrivateIpAddresses": "as above",
    r"xray:(GetSamplingRules|GetSamplingTargets|PutTelemetryRecords|PutTraceSegments)": "traces belong to no resource",
}
_KNOWN: Final = re.compile("|".join(WITHOUT_RESOURCES))
SOURCES: Final = ("aws:SourceAccount", "aws:SourceArn", "aws:SourceOrgID", "kms:CallerAccount")
UNBOUND_TRUST: Final = {  # services that name no source when they take a role
    "lambda.amazonaws.com": "a function's role is of its own account: iam:PassRole crosses none",
}


def star_actions(templates: Templates) -> Iterator[Finding]:
    """Whole services, or families of calls."""
    for policy, statement in granted(templates):
        for action in as_list(statement.get("Action", [])) + as_list(statement.get("NotAction", [])):
            if statement["Effect"] == "Allow" and ("*" in str(action) or "NotAction" in statement):
                yield Finding(policy, f"Action {action}")


def star_resources(templates: Templates) -> Iterator[Finding]:
    """Calls on everything that IAM could bind."""
    for policy, statement in granted(templates):
        if statement["Effect"] != "Allow" or "*" not in as_list(statement.get("Resource", "*")):
            continue
        for action in as_list(statement.get("Action", [])):
            if not _KNOWN.fullmatch(str(action)):
                yield Finding(policy, f"Resource * of {action}")


def loose_passing(templates: Templates) -> Iterator[Finding]:
    """Roles that may be handed to any service, or any role to one."""
    for policy, statement in granted(templates):
        if "iam:PassRole" not in as_list(statement.get("Action", [])) or statement["Effect"] != "Allow":
            continue
        bound = statement.get("Condition", {}).get("StringEquals", {}).get("iam:PassedToService")
        if not bound or "*" in as_list(statement.get("Resource", "*")):
            yield Finding(policy, "iam:PassRole")


def _is_sourced(statement: Mapping[str, Any]) -> bool:
    conditions = statement.get("Condition", {})
    return any(key in SOURCES for operator in conditions.values() for key in operator)


def loose_trust(templates: Templates) -> Iterator[Finding]:
    """Services that may take a role for anybody's resources, and accounts or people of anywhere."""
    for role in resources(templates, "AWS::IAM::Role"):
        for statement in statements(role.properties["AssumeRolePolicyDocument"]):
            named = [service for service in services(statement) if service not in UNBOUND_TRUST]
            if (named and not _is_sourced(statement)) or statement.get("Principal") == "*":
                yield Finding(role, "Properties.AssumeRolePolicyDocument")


def loose_resource_policies(templates: Templates) -> Iterator[Finding]:
    """Policies of resources by which a service acts for anybody, or anybody acts."""
    for type_, key in RESOURCE_POLICIES.items():
        for policy in resources(templates, type_):
            for statement in statements(policy.properties.get(key, {})):
                is_open = statement.get("Principal") in ("*", {"AWS": "*"}) or bool(services(statement))
                if statement["Effect"] == "Allow" and is_open and not _is_sourced(statement):
                    yield Finding(policy, f"Properties.{key}")
    for permission in resources(templates, "AWS::Lambda::Permission"):
        if not {"SourceAccount", "SourceArn", "PrincipalOrgID"} & permission.properties.keys():
            yield Finding(permission, "Properties.SourceArn")


RULES: Final = (
    Rule("NoStarAction", "No role may call a family of calls.", "Name the calls.", star_actions),
    Rule(
        "NoStarResource",
        "Only calls that IAM cannot bind are granted on all resources.",
        "Name the resource, or review the call in stacks/rules/rights.py with its reason.",
        star_resources,
    ),
    Rule("PassRoleBound", "Roles are handed to named services.", "Add iam:PassedToService.", loose_passing),
    Rule("TrustBound", "Services take roles for this account.", "Add aws:SourceAccount.", loose_trust),
    Rule(
        "SourceBound",
        "Services use what they may for this account.",
        "Add aws:SourceAccount or aws:SourceArn.",
        loose_resource_policies,
    ),
)
