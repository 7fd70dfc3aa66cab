"""Policies: evaluating documents by action and resource, and keeping those of resources, which are not enforced by moto."""

from __future__ import annotations

import fnmatch
import functools
import json
from collections.abc import Iterable, Mapping
from typing import Any

Document = Mapping[str, Any]


class ResourcePolicies:
    """Bucket, topic and queue policies as deployed: recorded, and not applied to calls (moto would apply a Deny without
    looking at its conditions)."""

    def __init__(self) -> None:
        self._documents: dict[str, Document] = {}

    def put(self, resource: str, document: Document) -> None:
        """Record the policy of `s3:{bucket}`, `sns:{topic arn}` or `sqs:{queue url}`."""
        self._documents[resource] = document

    def forget(self, resource: str) -> None:
        """The policy was deleted."""
        self._documents.pop(resource, None)

    def get(self, resource: str) -> Document | None:
        """The recorded policy, if there is one."""
        return self._documents.get(resource)


def as_list(value: Any) -> list[Any]:
    """IAM writes one value or a list of them."""
    return list(value) if isinstance(value, list | tuple) else [value]


def statements(document: Document | str) -> list[Document]:
    """The statements of a document."""
    parsed = _read(document) if isinstance(document, str) else document
    return as_list(parsed.get("Statement", []))


@functools.lru_cache(maxsize=512)
def _read(text: str) -> Document:
    document: Document = json.loads(text)
    return document


def allows(
    documents: Iterable[Document | str],
    action: str,
    resources: Iterable[str] = (),
    context: Mapping[str, str] | None = None,
) -> bool:
    """Whether the documents allow an action, on every one of the resources where they are known.

    Conditions on keys of the context are evaluated. Others are taken as met in an Allow and as not met in a Deny: what this
    calls denied is denied in AWS too.
    """
    known_keys = context or {}
    found = [s for document in documents for s in statements(document) if _is_met(s, known_keys)]
    known: list[str | None] = [*resources] or [None]
    return all(_decide(found, action, resource) for resource in known)


def admits(document: Document | str, service: str, action: str) -> bool:
    """Whether a resource's policy lets an AWS service do something; conditions are taken as met."""
    found = [s for s in statements(document) if _names(s.get("Principal"), service) and _covers_action(s, action)]
    if any(s["Effect"] == "Deny" and not s.get("Condition") for s in found):
        return False
    return any(s["Effect"] == "Allow" for s in found)


def admits_role(document: Document | str, role_arn: str, action: str, resource: str | None = None) -> bool:
    """Whether a resource's policy lets a role do something, by its own name or by its account's; conditions are taken as met."""
    root = f"{':'.join(role_arn.split(':')[:5])}:root"
    known = {"*", role_arn, root, root.split(":")[4]}
    found = [
        s
        for s in statements(document)
        if _covers_action(s, action)
        and _covers_resource(s, resource)
        and known.intersection(_of_aws(s.get("Principal")))
    ]
    if any(s["Effect"] == "Deny" and not s.get("Condition") for s in found):
        return False
    return any(s["Effect"] == "Allow" for s in found)


def _of_aws(principal: Any) -> list[str]:
    return as_list(principal.get("AWS", [])) if isinstance(principal, Mapping) else as_list(principal)


def _names(principal: Any, service: str) -> bool:
    services = as_list(principal.get("Service", [])) if isinstance(principal, Mapping) else []
    return principal == "*" or service in services or "*" in services


def covers(wildcard: str, action: str) -> bool:
    """Whether an action of a policy, wildcards allowed, covers an action; case does not count."""
    return _any_match(action.lower(), [wildcard.lower()])


def _decide(found: list[Document], action: str, resource: str | None) -> bool:
    matching = [s for s in found if _covers_action(s, action) and _covers_resource(s, resource)]
    if any(s["Effect"] == "Deny" and not s.get("Condition") and resource is not None for s in matching):
        return False
    return any(s["Effect"] == "Allow" for s in matching)


def _is_met(statement: Document, context: Mapping[str, str]) -> bool:
    """Whether no condition on a key that is known fails."""
    for operator, wanted in (statement.get("Condition") or {}).items():
        for key, values in wanted.items():
            if key not in context or operator not in ("StringEquals", "StringLike"):
                continue
            found = context[key]
            if found not in as_list(values) and not (operator == "StringLike" and _any_match(found, as_list(values))):
                return False
    return True


def _covers_action(statement: Document, action: str) -> bool:
    if "NotAction" in statement:
        return not _any_match(action.lower(), [a.lower() for a in as_list(statement["NotAction"])])
    return _any_match(action.lower(), [a.lower() for a in as_list(statement.get("Action", []))])


def _covers_resource(statement: Document, resource: str | None) -> bool:
    if resource is None:
        return True
    if "NotResource" in statement:
        return not _any_match(resource, as_list(statement["NotResource"]))
    return _any_match(resource, as_list(statement.get("Resource", "*")))


def _any_match(value: str, wildcards: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(value, wildcard.replace("[", "[[]")) for wildcard in wildcards)
