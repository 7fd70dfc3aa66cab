"""What is remembered of a stack: its resources, its history, and what a create or an update asks for."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from twin.cloudformation.templates import Template
from twin.cloudformation.types import Made, Properties


@dataclass
class Resource:
    """What a stack holds for one logical id."""

    logical_id: str
    type: str
    properties: Properties
    made: Made
    generation: int = 0
    is_retained: bool = False
    status: str = "CREATE_COMPLETE"
    changed: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a stack's history."""

    id: str
    time: datetime
    logical_id: str
    ref: str
    type: str
    status: str
    reason: str


@dataclass
class Stack:
    """A stack as the API shows it."""

    name: str
    id: str
    body: str = ""
    template: Template = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    role: str | None = None
    is_protected: bool = False
    status: str = "REVIEW_IN_PROGRESS"
    reason: str = ""
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime | None = None
    deleted: datetime | None = None
    thread: threading.Thread | None = None

    def record(self, status: str, reason: str = "", resource: Resource | None = None) -> None:
        """Add an event; without a resource it is about the stack itself and sets its status."""
        if resource is None:
            self.status, self.reason = status, reason
            about = (self.name, self.id, "AWS::CloudFormation::Stack")
        else:
            resource.status, resource.changed = status, datetime.now(UTC)
            about = (resource.logical_id, resource.made.ref, resource.type)
        self.events.append(Event(str(uuid.uuid4()), datetime.now(UTC), *about, status, reason))


@dataclass(frozen=True)
class Wish:
    """What a create or an update asks for."""

    body: str
    template: Template
    given: dict[str, str]
    parameters: dict[str, Any]
    tags: dict[str, str]
    role: str | None
