"""What IAM takes of one role: a fleet's shared roles name what each endpoint adds, and an account refuses what is too much.

A text's length is exact. Of a name that only the deployment knows it is about the longest that the service allows; of what
`Fn::Select`, `Fn::If` and the like choose it is a guess.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from stacks.rules.rule import Finding, Rule
from stacks.rules.templates import Resource, Templates, as_list, resources

# of IAM's quotas, in characters without white space; none of the first three can be raised
INLINE_MAX: Final = 10_240  # all inline policies of one role
MANAGED_MAX: Final = 6_144  # one managed policy
TRUST_MAX: Final = 2_048  # as it is where nobody asked for more
ATTACHED_MAX: Final = 10  # managed policies of one role, as it is where nobody asked for more
SPLIT: Final = (
    "Let fewer endpoints share the role: put some into an environment of their own, or what they read into fewer buckets "
    "and prefixes (docs/deploy.md, Many endpoints)."
)
PSEUDO: Final = {"AWS::AccountId": 12, "AWS::Region": 14, "AWS::Partition": 10, "AWS::URLSuffix": 16}
LONGEST_NAME: Final = 64  # of a bucket, a function, a role: 63 or 64
LONGEST_ARN: Final = 140  # of one of these, with partition, service, Region, account and kind
OTHER: Final = 128  # the value of a parameter, a part of one, or one of several values
NAMED: Final = re.compile(r"\$\{([^!}][^}]*)\}")  # in the text of Fn::Sub


class Lengths:
    """Of documents in the templates of an environment."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    def of(self, value: Any, stack: str) -> int:
        """Characters of a value as JSON, white space left out."""
        if isinstance(value, Mapping):
            if len(value) == 1:
                ((key, inner),) = value.items()
                if key == "Ref" or key.startswith("Fn::"):
                    return 2 + self._reference(key, inner, stack)
            return 1 + sum(2 + self.of(key, stack) + self.of(inner, stack) for key, inner in value.items())
        if isinstance(value, list):
            return 1 + sum(1 + self.of(each, stack) for each in value)
        return len("".join(json.dumps(value, ensure_ascii=False).split()))

    def _reference(self, key: str, inner: Any, stack: str) -> int:
        match key:
            case "Ref":
                return PSEUDO.get(str(inner), LONGEST_NAME)
            case "Fn::GetAtt":
                return LONGEST_ARN if str(inner[-1]).endswith("Arn") else LONGEST_NAME
            case "Fn::Join":
                between = len(inner[0]) * (len(inner[1]) - 1)
                return between + sum(self.of(each, stack) - 2 for each in inner[1])
            case "Fn::Sub":
                text, values = inner if isinstance(inner, list) else (inner, {})
                return self._substituted(text, values, stack)
            case "Fn::GetStackOutput":
                source = inner["StackName"]
                output = self._templates.get(source, {}).get("Outputs", {}).get(inner["OutputName"])
                return OTHER if output is None else self.of(output["Value"], source) - 2
        return OTHER

    def _substituted(self, text: str, values: Mapping[str, Any], stack: str) -> int:
        """What is written, and what stands for each `${...}` of it; `${!...}` is written without its `!`."""
        found = 0
        for name in NAMED.findall(text):
            at, _, attribute = name.partition(".")
            given = values.get(name, {"Fn::GetAtt": [at, attribute]} if attribute else {"Ref": at})
            found += self.of(given, stack) - 2
        return self.of(NAMED.sub("", text).replace("${!", "${"), stack) - 2 + found


def large_policies(templates: Templates) -> Iterator[Finding]:
    """Roles whose inline policies, managed policies or trust are more than IAM takes."""
    lengths, attached = Lengths(templates), _by_role(templates)
    for role in resources(templates, "AWS::IAM::Role"):
        policies = attached.get((role.stack, role.logical_id), ())
        for what, found, most in _measured(role, policies, lengths):
            if found > most:
                yield Finding(role, f"{what}: {found:,}, at most {most:,}")


def _by_role(templates: Templates) -> dict[tuple[str, str], list[Resource]]:
    """Policies by the roles of their stack, each by its logical id."""
    found: dict[tuple[str, str], list[Resource]] = {}
    for policy in resources(templates, "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for named in policy.properties.get("Roles", ()):
            if isinstance(named, Mapping):
                found.setdefault((policy.stack, str(named.get("Ref"))), []).append(policy)
    return found


def _measured(role: Resource, policies: Iterable[Resource], lengths: Lengths) -> Iterator[tuple[str, int, int]]:
    """What is measured of a role: what it is, how much there is, how much there may be."""
    inline = [each["PolicyDocument"] for each in as_list(role.properties.get("Policies", []))]
    inline += [each.properties["PolicyDocument"] for each in policies if each.type == "AWS::IAM::Policy"]
    yield "characters of inline policies", sum(lengths.of(each, role.stack) for each in inline), INLINE_MAX
    managed = [each for each in policies if each.type == "AWS::IAM::ManagedPolicy"]
    for each in managed:
        size = lengths.of(each.properties["PolicyDocument"], role.stack)
        yield f"characters of the managed policy {each.logical_id}", size, MANAGED_MAX
    count = len(managed) + len(as_list(role.properties.get("ManagedPolicyArns", [])))
    yield "managed policies", count, ATTACHED_MAX
    trust = lengths.of(role.properties["AssumeRolePolicyDocument"], role.stack)
    yield "characters of the trust policy", trust, TRUST_MAX


RULES: Final = (Rule("PolicySize", "IAM takes what a role may do.", SPLIT, large_policies),)
