"""Step Functions: state machines."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from twin.cloudformation.shapes import arguments, only, tags
from twin.cloudformation.types import Made, Properties, Request, ResourceFailed, Types

SETTINGS: Final = ("LoggingConfiguration", "TracingConfiguration", "EncryptionConfiguration")
DEFINITIONS: Final = ("DefinitionString", "Definition")
PLACE: Final = re.compile(r"\$\{(\w+)\}")


def register(types: Types) -> None:
    types.register_type(
        "AWS::StepFunctions::StateMachine",
        create=_create_machine,
        update=_update_machine,
        delete=lambda request: request.client("stepfunctions").delete_state_machine(stateMachineArn=request.ref),
        replaced_by={"StateMachineName", "StateMachineType"},
    )


def _settings(request: Request, operation: str) -> Properties:
    wanted = only(
        request,
        "StateMachineName",
        "StateMachineType",
        "DefinitionSubstitutions",
        "RoleArn",
        "Tags",
        *DEFINITIONS,
        *SETTINGS,
    )
    chosen = {_lower(name): _lowered(wanted[name]) for name in SETTINGS if name in wanted}
    return {
        **arguments("stepfunctions", operation, chosen),
        "definition": _definition(wanted),
        "roleArn": wanted["RoleArn"],
    }


def _definition(wanted: Properties) -> str:
    given = [name for name in DEFINITIONS if name in wanted]
    if len(given) != 1:
        raise ResourceFailed(
            f"a state machine has one of {' and '.join(DEFINITIONS)}, found {', '.join(given) or 'none'}"
        )
    text = wanted[given[0]]
    values = wanted.get("DefinitionSubstitutions") or {}
    return PLACE.sub(
        lambda found: str(values.get(found[1], found[0])), text if isinstance(text, str) else json.dumps(text)
    )


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]


def _lowered(value: Any) -> Any:
    """The API spells in lower case what templates spell in upper case."""
    if isinstance(value, dict):
        return {_lower(name): _lowered(part) for name, part in value.items()}
    return [_lowered(part) for part in value] if isinstance(value, list) else value


def _create_machine(request: Request) -> Made:
    settings = _settings(request, "CreateStateMachine")
    name = request.properties.get("StateMachineName") or request.name_without_stack
    kind = request.properties.get("StateMachineType", "STANDARD")
    labels = [{"key": tag["Key"], "value": tag["Value"]} for tag in tags(request)]
    client = request.client("stepfunctions")
    arn = client.create_state_machine(name=name, type=kind, tags=labels, **settings)["stateMachineArn"]
    return _made(request, arn)


def _update_machine(request: Request) -> Made:
    settings = _settings(request, "UpdateStateMachine")
    request.client("stepfunctions").update_state_machine(stateMachineArn=request.ref, **settings)
    return _made(request, request.ref)


def _made(request: Request, arn: str) -> Made:
    found = request.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
    return Made(arn, {"Arn": arn, "Name": found["name"], "StateMachineRevisionId": found["revisionId"]})
