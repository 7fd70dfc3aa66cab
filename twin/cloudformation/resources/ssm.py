"""Systems Manager: parameters."""

from __future__ import annotations

from twin.cloudformation.shapes import only, part
from twin.cloudformation.types import Made, Request, Types


def register(types: Types) -> None:
    types.register_type(
        "AWS::SSM::Parameter",
        create=_put_parameter,
        update=_put_parameter,
        delete=lambda request: request.client("ssm").delete_parameter(Name=request.ref),
        replaced_by={"Name"},
    )


def _put_parameter(request: Request) -> Made:
    wanted = only(request, "Name", "Type", "Value", "Description", "AllowedPattern", "Tier", "DataType", "Tags")
    name = wanted.get("Name") or request.name(limit=1000)
    arguments = part(wanted, "Type", "Value", "Description", "AllowedPattern", "Tier", "DataType")
    request.client("ssm").put_parameter(Name=name, Overwrite=bool(request.ref), **arguments)
    return Made(name, {"Type": wanted["Type"], "Value": wanted["Value"]})
