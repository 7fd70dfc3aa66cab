"""The roles of an environment as a report, for the team that must create them: names, who takes them, what they may do.

What CloudFormation will name is written by how its names begin; what only a deployment knows stands in angle brackets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from stacks import role_names
from stacks.rules.templates import Resource, Templates, as_list, resources, statements
from stacks.settings.account import partition_of

FILE: Final = "roles.json"
VERSION: Final = "2012-10-17"
Value = Any
ARNS: Final = {  # type → its ARN behind the partition, and the property that may hold its name
    "AWS::S3::Bucket": ("s3:::{name}", "BucketName"),
    "AWS::DynamoDB::Table": ("dynamodb:{region}:{account}:table/{name}", "TableName"),
    "AWS::Lambda::Function": ("lambda:{region}:{account}:function:{name}", "FunctionName"),
    "AWS::SQS::Queue": ("sqs:{region}:{account}:{name}", "QueueName"),
    "AWS::SNS::Topic": ("sns:{region}:{account}:{name}", "TopicName"),
    "AWS::StepFunctions::StateMachine": ("states:{region}:{account}:stateMachine:{name}", "StateMachineName"),
    "AWS::Logs::LogGroup": ("logs:{region}:{account}:log-group:{name}:*", "LogGroupName"),
    "AWS::Cognito::UserPool": ("cognito-idp:{region}:{account}:userpool/{name}", ""),
}
IS_ARN_BY_REF: Final = ("AWS::SNS::Topic", "AWS::StepFunctions::StateMachine")
STEM: Final = 24  # characters of a stack's name that CloudFormation keeps where names are short


@dataclass(frozen=True)
class Role:
    """One role as its creator needs it. trust and policy: documents; policy is None where it may do nothing. managed: documents of
    more policies, where what it may is more than IAM takes as one (stacks/rules/sizes.py)."""

    stack: str
    name: str
    path: str
    description: str
    trust: Mapping[str, Any]
    policy: Mapping[str, Any] | None
    boundary: str | None
    managed: tuple[Mapping[str, Any], ...] = ()

    @property
    def allowed(self) -> list[Mapping[str, Any]]:
        """Every statement of its policies."""
        return [each for document in (self.policy or {}, *self.managed) for each in statements(document)]

    @property
    def services(self) -> list[str]:
        """Who takes it."""
        found = [each["Principal"].get("Service", ()) for each in statements(self.trust)]
        return sorted({str(name) for names in found for name in as_list(names)})


class Report:
    """Reads the roles from the templates of an environment that creates them."""

    def __init__(self, templates: Templates, *, account: str, region: str, prefix: str) -> None:
        self._templates, self._prefix = templates, prefix
        self._known = {
            "AWS::AccountId": account,
            "AWS::Region": region,
            "AWS::Partition": partition_of(region),
            "AWS::URLSuffix": "amazonaws.com.cn" if partition_of(region) == "aws-cn" else "amazonaws.com",
        }

    def roles(self) -> list[Role]:
        """All of them, by stack."""
        return [self._role(found) for found in resources(self._templates, "AWS::IAM::Role")]

    def _role(self, found: Resource) -> Role:
        given = found.properties
        inline = [each["PolicyDocument"] for each in given.get("Policies", ())]
        inline += self._attached(found, "AWS::IAM::Policy")
        allowed = [self._told(each, found.stack) for document in inline for each in statements(document)]
        boundary = given.get("PermissionsBoundary")
        return Role(
            stack=found.stack,
            name=self._name(found.stack, found.logical_id),
            path=str(given.get("Path", "/")),
            description=str(given.get("Description", "")),
            trust=self._told(given["AssumeRolePolicyDocument"], found.stack),
            policy={"Version": VERSION, "Statement": allowed} if allowed else None,
            boundary=None if boundary is None else str(self._told(boundary, found.stack)),
            managed=tuple(self._told(each, found.stack) for each in self._attached(found, "AWS::IAM::ManagedPolicy")),
        )

    def _attached(self, role: Resource, type_: str) -> list[Mapping[str, Any]]:
        """Documents of the role's policies of one type."""
        return [
            policy.properties["PolicyDocument"]
            for policy in resources(self._templates, type_)
            if policy.stack == role.stack and {"Ref": role.logical_id} in policy.properties.get("Roles", ())
        ]

    def _name(self, stack: str, logical_id: str) -> str:
        return role_names.name(self._prefix, stack, role_names.readable(logical_id))

    def _told(self, value: Value, stack: str) -> Value:
        """A part of a template with everything said that is known beforehand."""
        if isinstance(value, list):
            return [self._told(each, stack) for each in value]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            ((key, inner),) = value.items()
            if key == "Ref" or key.startswith("Fn::"):
                return self._reference(key, inner, stack)
        return {key: self._told(inner, stack) for key, inner in value.items()}

    def _reference(self, key: str, inner: Any, stack: str) -> str:
        match key:
            case "Ref":
                return self._named(str(inner), stack)
            case "Fn::GetAtt":
                logical_id, attribute = inner if isinstance(inner, list) else str(inner).split(".", 1)
                return self._attribute(logical_id, attribute, stack)
            case "Fn::Join":
                return str(inner[0]).join(str(self._told(each, stack)) for each in inner[1])
            case "Fn::Sub":
                return re.sub(r"\$\{([^}]+)\}", lambda found: self._named(found[1], stack), str(as_list(inner)[0]))
            case "Fn::GetStackOutput":
                source = inner["StackName"]
                return str(self._told(self._templates[source]["Outputs"][inner["OutputName"]]["Value"], source))
        return self._live(json.dumps(inner), stack)

    def _live(self, text: str, stack: str) -> str:
        """What is put together at deployment of the value of a parameter: the model that is live, and its bucket."""
        parameters = self._templates[stack].get("Parameters", {})
        named = [given.get("Default") for name, given in parameters.items() if f'"{name}"' in text]
        return f"<of {named[0] if named else text}>"

    def _named(self, logical_id: str, stack: str) -> str:
        if logical_id in self._known:
            return self._known[logical_id]
        template = self._templates[stack]
        if logical_id in template.get("Parameters", {}):
            return f"<{template['Parameters'][logical_id].get('Default', logical_id)}>"
        type_ = template["Resources"][logical_id]["Type"]
        if type_ == "AWS::IAM::Role":
            return self._name(stack, logical_id)
        if type_ in IS_ARN_BY_REF:
            return self._arn(logical_id, stack)
        return self._physical(logical_id, stack) if type_ in ARNS else f"<{stack}.{logical_id}>"

    def _attribute(self, logical_id: str, attribute: str, stack: str) -> str:
        found = self._templates[stack]["Resources"][logical_id]
        if attribute == "Name" and found["Type"] == "AWS::StepFunctions::StateMachine":
            return self._physical(logical_id, stack)
        if attribute != "Arn" or found["Type"] not in (*ARNS, "AWS::IAM::Role"):
            return f"<{stack}.{logical_id}.{attribute}>"
        if found["Type"] == "AWS::IAM::Role":
            path = str(found["Properties"].get("Path", "/"))
            account = self._known["AWS::AccountId"]
            return f"arn:{self._known['AWS::Partition']}:iam::{account}:role{path}{self._name(stack, logical_id)}"
        return self._arn(logical_id, stack)

    def _arn(self, logical_id: str, stack: str) -> str:
        pattern, _ = ARNS[self._templates[stack]["Resources"][logical_id]["Type"]]
        where = {"region": self._known["AWS::Region"], "account": self._known["AWS::AccountId"]}
        return f"arn:{self._known['AWS::Partition']}:{pattern.format(name=self._physical(logical_id, stack), **where)}"

    def _physical(self, logical_id: str, stack: str) -> str:
        """Its name, or how CloudFormation's names begin."""
        found = self._templates[stack]["Resources"][logical_id]
        given = found.get("Properties", {}).get(ARNS[found["Type"]][1])
        if given is not None:
            return str(self._told(given, stack))
        match found["Type"]:
            case "AWS::StepFunctions::StateMachine":
                return f"{logical_id}-*"  # the one type whose names do not begin with the stack
            case "AWS::S3::Bucket":
                return f"{stack[:STEM].lower()}*"
            case "AWS::Cognito::UserPool":
                return f"{self._known['AWS::Region']}_*"
        return f"{stack[:STEM]}*"


def unknown(role: Role) -> list[str]:
    """What only a deployment knows of a role's policies."""
    return sorted(set(re.findall("<[^<>]+>", json.dumps(role.allowed))))


def text(roles: list[Role]) -> str:
    """For people: a paragraph a role."""
    lines = []
    for role in roles:
        lines += [f"{role.path}{role.name}", f"  {role.description}", f"  taken by {', '.join(role.services)}"]
        lines += [f"  bounded by {role.boundary}"] if role.boundary else []
        for statement in role.allowed:
            lines.append(f"  may {', '.join(as_list(statement['Action']))}")
            lines += [f"      on {resource}" for resource in dict.fromkeys(as_list(statement["Resource"]))]
            lines += [f"      if {json.dumps(statement['Condition'])}"] if "Condition" in statement else []
        lines += [f"  known at deployment alone: {', '.join(unknown(role))}"] if unknown(role) else []
        lines.append("")
    return "\n".join(lines)


def documents(roles: list[Role]) -> str:
    """For programs: what `aws iam create-role` and `put-role-policy` take, and `create-policy` where one policy is not enough."""
    found = [
        {
            "RoleName": role.name,
            "Path": role.path,
            "Description": role.description,
            "AssumeRolePolicyDocument": role.trust,
            "PolicyDocument": role.policy,
            **({"ManagedPolicyDocuments": role.managed} if role.managed else {}),
            **({"PermissionsBoundary": role.boundary} if role.boundary else {}),
        }
        for role in roles
    ]
    return json.dumps(found, indent=1) + "\n"
