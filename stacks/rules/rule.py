"""What a rule is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stacks.rules.templates import Resource, Templates


@dataclass(frozen=True)
class Finding:
    """A resource that breaks a rule, and where: a path below the resource."""

    resource: Resource
    where: str


@dataclass(frozen=True)
class Rule:
    """name: of the rule; says: what must hold; mend: what to do where it does not; find: what breaks it."""

    name: str
    says: str
    mend: str
    find: Callable[[Templates], Iterable[Finding]]
