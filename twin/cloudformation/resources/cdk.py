"""What only the CDK and CloudFormation themselves know: recorded, without effect."""

from __future__ import annotations

from twin.cloudformation.types import Made, Request, Types


def register(types: Types) -> None:
    for name in ("AWS::CDK::Metadata", "AWS::CloudFormation::WaitConditionHandle"):
        types.register_type(name, create=_record, update=_nothing)


def _record(request: Request) -> Made:
    return Made(request.name())


def _nothing(request: Request) -> None:
    """A change of no effect."""
