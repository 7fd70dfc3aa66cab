"""From CloudFormation's properties to the parameters of an API call: types cast by botocore's model, surplus refused."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from typing import Any

import botocore.session
from botocore.model import Shape

from twin.cloudformation.types import Properties, Request, ResourceFailed


@functools.cache
def _input_shape(service: str, operation: str) -> Shape:
    model = botocore.session.get_session().get_service_model(service)
    shape = model.operation_model(operation).input_shape
    assert shape is not None
    return shape


def arguments(service: str, operation: str, properties: Properties) -> dict[str, Any]:
    """Properties as the arguments of an operation. Raises: ResourceFailed for one that the operation does not have."""
    cast: dict[str, Any] = _cast(properties, _input_shape(service, operation), operation)
    return cast


def _cast(value: Any, shape: Any, path: str) -> Any:
    if shape.type_name == "structure":
        if not isinstance(value, Mapping):
            raise ResourceFailed(f"{path} should be an object, found {type(value).__name__}")
        surplus = sorted(set(value) - set(shape.members))
        if surplus:
            raise ResourceFailed(f"{path} has no property {', '.join(surplus)}; it has: {', '.join(shape.members)}")
        return {name: _cast(part, shape.members[name], f"{path}.{name}") for name, part in value.items()}
    if shape.type_name == "list":
        if not isinstance(value, list):
            raise ResourceFailed(f"{path} should be a list, found {type(value).__name__}")
        return [_cast(part, shape.member, f"{path}[{index}]") for index, part in enumerate(value)]
    if shape.type_name == "map":
        return {str(name): _cast(part, shape.value, f"{path}.{name}") for name, part in value.items()}
    try:
        if shape.type_name in ("integer", "long"):
            return int(value)
        if shape.type_name in ("float", "double"):
            return float(value)
    except (TypeError, ValueError) as error:
        raise ResourceFailed(f"{path} should be a number") from error
    if shape.type_name == "boolean":
        return is_true(value)
    if shape.type_name == "string" and isinstance(value, dict | list):
        raise ResourceFailed(f"{path} should be text, found {type(value).__name__}")
    return str(value) if shape.type_name == "string" else value


def only(request: Request, *honoured: str, stored: Iterable[str] = ()) -> Properties:
    """The properties of a resource, provided that each is honoured, or known to be of no effect in the twin (stored).

    Raises: ResourceFailed naming the others.
    """
    surplus = sorted(set(request.properties) - {*honoured, *stored})
    if surplus:
        raise ResourceFailed(f"{request.type}: the twin does not honour {', '.join(surplus)}")
    return request.properties


def part(properties: Properties, *names: str) -> Properties:
    """Those of the named properties that are there."""
    return {name: properties[name] for name in names if name in properties}


def texts(properties: Properties, *names: str) -> dict[str, str]:
    """Those of the named properties that are there, as SNS and SQS take them: text, JSON where they have parts."""
    return {name: _text(value) for name, value in part(properties, *names).items()}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def is_true(value: Any) -> bool:
    """Templates say true and "true"."""
    return str(value).lower() == "true"


def tags(request: Request) -> list[dict[str, str]]:
    """The resource's tags and the stack's; the resource's win."""
    own = request.properties.get("Tags") or []
    merged = {
        **{k: v for k, v in request.tags.items() if not k.startswith("aws:")},
        **{t["Key"]: t["Value"] for t in own},
    }
    return [{"Key": key, "Value": str(value)} for key, value in merged.items()]
