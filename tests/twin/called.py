"""What the roles of deployed environments really called, kept in called.json for the tests that compare it with templates.

Each test that deploys an environment and lets it live says so of its twin: what is kept of it must have been called. CALLED=record
keeps what was called instead, so that whoever changes a program runs the tests that it names once and reads the difference.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from twin import Twin

KEPT: Final = Path(__file__).with_name("called.json")
OF_EVERY_MONITOR: Final = re.compile(r"^\w+?(BaselineRole|BaselineStepRole|ExecutorRole)$")
OF_SEVERAL_STACKS: Final = ("MachineRole",)
Calls = dict[str, dict[str, list[str]]]
"""Role → what it called: `actions` as IAM names them, `services` as boto3 does."""


def role_of(stack: str, logical_id: str) -> str:
    """What a role is called here: its id in templates without the hash, and without the monitor's name."""
    name = re.sub("[0-9A-F]{8}$", "", logical_id)
    if name in OF_SEVERAL_STACKS:
        return f"{stack.rpartition('-')[2]}{name}"
    return OF_EVERY_MONITOR.sub(r"\1", name)


def roles(twin: Twin) -> dict[str, str]:
    """Physical name → role, of all that is deployed."""
    return {
        resource.made.ref: role_of(stack.name, logical_id)
        for stack in twin.deployments.stacks.values()
        if stack.name != "CDKToolkit"
        for logical_id, resource in stack.resources.items()
        if resource.type == "AWS::IAM::Role"
    }


def collect(twin: Twin, named: Mapping[str, str]) -> Calls:
    """What these roles (physical name → role) called."""
    found: dict[str, dict[str, set[str]]] = {}
    for name, role in named.items():
        one = found.setdefault(role, {"actions": set(), "services": set()})
        one["actions"] |= twin.identity.actions(name)
        one["services"] |= {service for service, _ in twin.identity.calls(name)}
    return {role: {key: sorted(value) for key, value in one.items()} for role, one in found.items() if one["actions"]}


def kept() -> dict[str, Calls]:
    """Test → what roles called in it."""
    content: dict[str, Calls] = json.loads(KEPT.read_text())
    return content


def gone(source: str, calls: Calls) -> list[str]:
    """What is kept of a test and was not called in it now: a right that nothing needs any more, or CALLED=record once more.
    Raises: KeyError of a test of which nothing is kept."""
    if os.environ.get("CALLED") == "record":
        KEPT.write_text(json.dumps({**kept(), source: calls}, indent=1, sort_keys=True) + "\n")
    return list(_missing(kept()[source], calls))


def _missing(expected: Calls, calls: Calls) -> Iterator[str]:
    for role, one in expected.items():
        found: Mapping[str, Any] = calls.get(role, {})
        for key, values in one.items():
            yield from (f"{role} {value}" for value in values if value not in found.get(key, ()))


def union(key: str) -> dict[str, set[str]]:
    """Role → all that it called, in whatever test."""
    found: dict[str, set[str]] = {}
    for calls in kept().values():
        for role, one in calls.items():
            found.setdefault(role, set()).update(one[key])
    return found
