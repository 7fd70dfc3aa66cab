"""The resource types the twin knows, by service. Each module has `register(types)`; each type is made with the public API
of its service, as CloudFormation does it, and refuses properties that it does not honour."""

from __future__ import annotations

from twin.cfn_types import access, compute, messaging, monitoring, sagemaker, storage
from twin.cloudformation import Types

MODULES = (storage, access, messaging, compute, sagemaker, monitoring)


def register_all(types: Types) -> None:
    """Teach the twin every type of this package."""
    for module in MODULES:
        module.register(types)
