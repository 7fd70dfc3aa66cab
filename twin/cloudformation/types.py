"""CloudFormation: which resource types the twin knows, and what creating, changing and deleting one means.

A type is registered with plain functions. What is not registered fails the deployment: nothing is skipped in silence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from twin.surroundings import Surroundings

Properties = dict[str, Any]


class ResourceFailed(Exception):
    """A resource could not be made, changed or deleted; the message becomes the stack event's reason."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a handler made: `ref` is what `Ref` gives (and the physical id), `attributes` what `Fn::GetAtt` gives."""

    ref: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """What a handler is told: which resource of which stack, with all references resolved."""

    twin: Surroundings
    type: str
    logical_id: str
    stack_name: str
    stack_id: str
    properties: Properties
    previous: Properties = field(default_factory=dict)  # the properties before an update
    ref: str = ""  # the physical id of what exists already (update, delete)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    generation: int = 0  # how often the resource was replaced; a replacement gets another generated name
    tags: Mapping[str, str] = field(default_factory=dict)  # the stack's

    def name(self, *, limit: int = 64, lower: bool = False) -> str:
        """A generated physical name, as CloudFormation makes them: stack, logical id, and a suffix that depends on both."""
        seed = f"{self.stack_id}/{self.logical_id}/{self.generation}"
        return generated_name(seed, self.stack_name, self.logical_id, limit=limit, lower=lower)

    @property
    def name_without_stack(self) -> str:
        """The same of types whose names do not begin with the stack: state machines."""
        return f"{self.logical_id[:67]}-{self.name().rpartition('-')[2]}"

    def client(self, service: str) -> Any:
        """A boto3 client of the deploying principal."""
        return self.twin.client(service)


Create = Callable[[Request], Made]
Update = Callable[[Request], Made | None]
Delete = Callable[[Request], None]


@dataclass(frozen=True, slots=True)
class ResourceType:
    """The functions of one type. `replaced_by` names properties whose change makes a new resource instead of an update."""

    create: Create
    update: Update | None
    delete: Delete | None
    replaced_by: frozenset[str] | None


class Types:
    """The types a twin knows."""

    def __init__(self) -> None:
        self._types: dict[str, ResourceType] = {}

    def register_type(
        self,
        type_name: str,
        *,
        create: Create,
        update: Update | None = None,
        delete: Delete | None = None,
        replaced_by: frozenset[str] | set[str] | None = None,
    ) -> None:
        """Teach the twin a resource type.

        Args:
            create: makes the resource; raises ResourceFailed or a botocore ClientError to fail the stack.
            update: changes it in place and returns Made (a different `ref` is a replacement that the handler did itself),
                or None for "nothing about it changed". Without one, every change is a replacement: create, then delete.
            delete: removes it. Without one, nothing has to be removed.
            replaced_by: names of properties that cannot be changed in place: their change is create, then delete.
        """
        self._types[type_name] = ResourceType(create, update, delete, frozenset(replaced_by) if replaced_by else None)

    def find(self, type_name: str) -> ResourceType:
        """The functions of a type; `Custom::*` all share one entry. Raises: ResourceFailed for an unknown type."""
        key = "AWS::CloudFormation::CustomResource" if type_name.startswith("Custom::") else type_name
        if key not in self._types:
            raise ResourceFailed(
                f"the twin does not know the resource type {type_name}: register it in twin/cloudformation/resources, or say in "
                "twin/README.md that it is refused"
            )
        return self._types[key]

    def names(self, template: Mapping[str, Any]) -> set[str]:
        """The known types, with the custom types of a template."""
        custom = {body["Type"] for body in template["Resources"].values() if body["Type"].startswith("Custom::")}
        return {*self._types, *custom}


def generated_name(seed: str, stack_name: str, logical_id: str, *, limit: int, lower: bool) -> str:
    """`{stack}-{logical id}-{suffix}` cut to `limit`; the same seed always gives the same name."""
    suffix = hashlib.sha256(seed.encode()).hexdigest()[:12]
    suffix = suffix if lower else suffix.upper()
    room = limit - len(suffix) - 2
    stack_part = stack_name[: max(room // 2, room - len(logical_id))].rstrip("-")
    name = f"{stack_part}-{logical_id[: room - len(stack_part)]}-{suffix}"
    return name.lower() if lower else name
