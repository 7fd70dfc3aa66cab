"""Who calls what: credentials for each role, the record of every API call by the role that made it, and whether the role's
policies allow it.

A call that the policies do not allow is refused as AWS refuses it, and listed. The deployer may do everything. Conditions of
policies are not evaluated, and a resource is compared only where the call names it plainly (twin/iam/actions.py).
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from moto.backends import get_backend

from twin.api import ApiError, Call
from twin.iam import actions, limits, policies, service_principals
from twin.surroundings import Surroundings

DEPLOYER: Final = "deployer"
SERVICE: Final = ".amazonaws.com"
DEPLOYER_KEY: Final = "AKIADEPLOYER00000000"
LENT_FOR: Final = timedelta(hours=1)
SHORT_CODE: Final = ("s3", "sns", "sqs", "iam", "sts", "cloudwatch", "cloudformation")  # say AccessDenied


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A role of another account, as that account tells of it: whom it trusts, and what it may do."""

    arn: str
    trust: Mapping[str, Any]
    policies: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Violation:
    """A call that a role made and that its policies do not allow."""

    role: str
    action: str
    resource: str
    reason: str


def role_name(role: str) -> str:
    """The name in a role's ARN; a name stays as it is."""
    return role.rpartition("/")[2]


class Identity:
    """Hands out credentials per role, remembers which role a call came from, and holds it to its policies."""

    def __init__(self, twin: Surroundings) -> None:
        self._twin = twin
        self._role_of_key: dict[str, str] = {DEPLOYER_KEY: DEPLOYER}
        self._calls: dict[str, Counter[tuple[str, str]]] = {}
        self._actions: dict[str, set[str]] = {}
        self._violations: dict[Violation, int] = {}
        self._neighbours: dict[str, Neighbour] = {}
        self._lock = threading.Lock()
        twin.api.gate(self._authorize)
        twin.api.gate(limits.check)
        twin.api.register("sts", AssumeRole=self.assume)

    def lend(self, arn: str, trust: Mapping[str, Any], *policies: Mapping[str, Any]) -> None:
        """Tell of a role of another account, which roles of this one may take where it trusts them."""
        self._neighbours[arn] = Neighbour(arn, trust, policies)

    def account_of(self, access_key: str) -> str:
        """The account that a caller belongs to."""
        return _account(self.principal(access_key)) or self._twin.account

    def arn_of(self, access_key: str) -> str:
        """The ARN of the role behind an access key; "" for who is none."""
        name = self.principal(access_key)
        return name if name in self._neighbours else next((r.arn for r in self._roles() if r.name == name), "")

    def assume(self, asked: dict[str, Any], call: Call) -> dict[str, Any]:
        """Credentials of a role that trusts the caller. The deployer may be everybody, and stays itself."""
        arn = str(asked["RoleArn"])
        trust = next((r.assume_role_policy_document for r in self._roles() if r.arn == arn), None)
        trust = self._neighbours[arn].trust if arn in self._neighbours else trust
        caller = self.principal(call.access_key)
        keys = {"AWS_ACCESS_KEY_ID": DEPLOYER_KEY, "AWS_SECRET_ACCESS_KEY": "twin", "AWS_SESSION_TOKEN": "twin"}
        if caller != DEPLOYER:
            if trust is None or not policies.admits_role(trust, self.arn_of(call.access_key), "sts:AssumeRole"):
                self._refuse(call, Violation(caller, "sts:AssumeRole", arn, "the role does not trust it"))
            keys = self.credentials(arn)
        session = f"{arn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/{asked['RoleSessionName']}"
        lent = {
            "AccessKeyId": keys["AWS_ACCESS_KEY_ID"],
            "SecretAccessKey": keys["AWS_SECRET_ACCESS_KEY"],
            "SessionToken": keys["AWS_SESSION_TOKEN"],
            "Expiration": self._twin.clock.now() + LENT_FOR,
        }
        return {"Credentials": lent, "AssumedRoleUser": {"AssumedRoleId": "AROATWIN:twin", "Arn": session}}

    def credentials(self, role: str) -> dict[str, str]:
        """Environment variables that make a process act as a role (name or ARN)."""
        name = role if role in self._neighbours else role_name(role)
        key = "ASIA" + hashlib.sha256(name.encode()).hexdigest()[:16].upper()
        self._role_of_key[key] = name
        return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "twin", "AWS_SESSION_TOKEN": "twin"}

    def environment(self, role: str) -> dict[str, str]:
        """A clean process environment for a role: its credentials, the twin's endpoints and nothing else.

        SageMaker's containers know their Region by AWS_REGION alone; boto3 reads AWS_DEFAULT_REGION.
        """
        return {**self._twin.endpoints, **self.credentials(role)}

    def service_key(self, service: str) -> str:
        """The access key of an AWS service's own principal, such as cloudwatch.amazonaws.com."""
        key = "AKSV" + hashlib.sha256(service.encode()).hexdigest()[:16].upper()
        self._role_of_key[key] = service
        return key

    def principal(self, access_key: str) -> str:
        """The role (or `deployer`, or an AWS service) behind an access key."""
        return self._role_of_key.get(access_key, DEPLOYER)

    def may(self, role: str, action: str, resource: str) -> bool:
        """Whether a role's policies allow an action on a resource."""
        documents = self._documents(role_name(role))
        return documents is not None and policies.allows(documents, action, [resource])

    def trusts(self, role: str, service: str) -> bool:
        """Whether there is such a role and an AWS service may take it."""
        found = next((r for r in self._roles() if r.name == role_name(role)), None)
        return found is not None and policies.admits(found.assume_role_policy_document, service, "sts:AssumeRole")

    def roles(self) -> list[str]:
        """Every role that called something."""
        with self._lock:
            return sorted(name for name in self._calls if name != DEPLOYER and not name.endswith(SERVICE))

    def calls(self, role: str) -> Counter[tuple[str, str]]:
        """(service, operation) → how often the role called it, refused calls included."""
        with self._lock:
            return Counter(self._calls.get(role_name(role), {}))

    def actions(self, role: str) -> set[str]:
        """The actions that the role's calls took, as IAM names them: each step of a transaction, roles handed over, tags."""
        with self._lock:
            return set(self._actions.get(role_name(role), ()))

    def violations(self) -> list[Violation]:
        """The calls that roles made and that their policies do not allow, each once."""
        with self._lock:
            return list(self._violations)

    def unused(self, role: str) -> list[str]:
        """The actions that a role's policies name and that it never called: what least privilege could drop."""
        used = {action.lower() for action in self.actions(role)}
        granted = {
            action
            for document in self._documents(role_name(role)) or []
            for statement in policies.statements(document)
            if statement["Effect"] == "Allow"
            for action in policies.as_list(statement.get("Action", []))
        }
        return sorted(a for a in granted if not any(policies.covers(a, u) for u in used))

    def _authorize(self, call: Call) -> None:
        role = self.principal(call.access_key)
        with self._lock:
            self._calls.setdefault(role, Counter())[call.service, call.operation] += 1
        if role == DEPLOYER:
            return
        if role.endswith(SERVICE):
            self._authorize_service(call, role)
            return
        documents, account = self._documents(role), self.account_of(call.access_key)
        for need in actions.needed(call.service, call.operation, call.parameters, call.region, account):
            resources = [need.resource] if need.resource else []
            if documents is not None and policies.allows(documents, need.action, resources, need.context):
                with self._lock:
                    self._actions.setdefault(role, set()).add(need.action)
                continue
            reason = "no policy of the role allows it" if documents is not None else "the role does not exist"
            self._refuse(call, Violation(role, need.action, need.resource or "*", reason))
        self._hide_missing(call, role, documents or [])

    def _hide_missing(self, call: Call, role: str, documents: list[Any]) -> None:
        """Of an object that is not there, S3 says so to those alone who may list its key; others are forbidden."""
        if call.service != "s3" or call.operation not in ("GetObject", "HeadObject"):
            return
        bucket, key = str(call.parameters.get("Bucket")), str(call.parameters.get("Key"))
        found = get_backend("s3")[self._twin.account]["aws"].buckets.get(bucket)
        arn = f"arn:aws:s3:::{bucket}"
        if found is None or key in found.keys or policies.allows(documents, "s3:ListBucket", [arn], {"s3:prefix": key}):
            return
        reason = f"{key} is not there, and only s3:ListBucket with its prefix would let S3 say so"
        self._refuse(call, Violation(role, "s3:ListBucket", arn, reason))

    def _authorize_service(self, call: Call, service: str) -> None:
        """Services act within the policies of the resources they reach; topics are where that goes wrong."""
        if (call.service, call.operation) != ("sns", "Publish"):
            return
        topic = str(call.parameters.get("TopicArn"))
        reason = service_principals.refusal(self._twin, service, topic)
        if reason:
            self._refuse(call, Violation(service, "sns:Publish", topic, reason))

    def _refuse(self, call: Call, violation: Violation) -> None:
        with self._lock:
            is_first = violation not in self._violations
            self._violations[violation] = self._violations.get(violation, 0) + 1
        if is_first:
            text = f"{violation.role} may not {violation.action} on {violation.resource}: {violation.reason}"
            self._twin.journal.add(
                "denied", text, role=violation.role, action=violation.action, resource=violation.resource
            )
        code = "AccessDenied" if call.service in SHORT_CODE else "AccessDeniedException"
        session = f"arn:aws:sts::{self._twin.account}:assumed-role/{violation.role}/twin"
        message = f"User: {session} is not authorized to perform: {violation.action} on resource: {violation.resource}"
        raise ApiError(code, f"{message} because {violation.reason}")

    def _documents(self, role: str) -> list[Any] | None:
        """The policies of a role as deployed; None when there is no such role."""
        if role in self._neighbours:
            return list(self._neighbours[role].policies)
        for found in self._roles():
            if found.name == role:
                managed = [
                    version.document
                    for policy in found.managed_policies.values()
                    for version in policy.versions
                    if version.version_id == policy.default_version_id
                ]
                return [*found.policies.values(), *managed]
        return None

    def _roles(self) -> list[Any]:
        """Roles of this account."""
        return list(get_backend("iam")[self._twin.account]["aws"].roles.values())


def _account(arn: str) -> str:
    return arn.split(":")[4] if arn.startswith("arn:") else ""
