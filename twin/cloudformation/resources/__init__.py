"""The resource types the twin knows, by service. Each module has `register(types)`; each type is made with the public API
of its service, as CloudFormation does it, and refuses properties that it does not honour."""

from __future__ import annotations

from twin.cloudformation.resources import (
    cloudwatch as monitoring,
    compute,
    iam as access,
    messaging,
    sagemaker,
    storage,
)
from twin.cloudformation.types import Types

MODULES = (storage, access, messaging, compute, sagemaker, monitoring)


def register_all(types: Types) -> None:
    """Teach the twin every type of this package."""
    for module in MODULES:
        module.register(types)
