"""The twin as the demo uses it: clients, the mailboxes behind the topic, and the comparison of calls with policies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from demo.observe import Email
from twin.server import Twin


class TwinAccount:
    """An account in the twin."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin

    def client(self, service: str) -> Any:
        """A boto3 client of whoever deployed."""
        return self._twin.client(service)

    @property
    def emails(self) -> Sequence[Email]:
        """What the topic delivered to people."""
        return [Email(entry.time, entry.data["subject"]) for entry in self._twin.journal.of("mail")]

    def check_identity(self) -> tuple[list[str], int]:
        """(calls that a role's policies do not allow, calls compared)."""
        identity = self._twin.identity
        found = [f"{refused.role}: {refused.action} on {refused.resource}" for refused in identity.violations()]
        return found, sum(identity.calls(role).total() for role in identity.roles())

    def calls(self) -> dict[str, dict[str, list[str]]]:
        """`stack/role` → what it called: `actions` as IAM names them, `services` as boto3 does."""
        identity = self._twin.identity
        named = {
            f"{stack.name}/{logical_id}": resource.made.ref
            for stack in self._twin.deployments.stacks.values()
            for logical_id, resource in stack.resources.items()
            if resource.type == "AWS::IAM::Role"
        }
        return {
            role: {
                "actions": sorted(identity.actions(name)),
                "services": sorted({service for service, _ in identity.calls(name)}),
            }
            for role, name in sorted(named.items())
        }
