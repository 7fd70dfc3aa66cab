"""What is live, per endpoint: deployed before the stacks that read it."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Environment, Stack
from constructs import Construct

from stacks.constructs.live_pointer import LivePointer


@dataclass(frozen=True, kw_only=True)
class LiveProps:
    """parameter_name: of the live model; artifact: what it names after the first deployment.
    keep_data: whether buckets survive their stacks, and with them what is live."""

    endpoint_name: str
    parameter_name: str
    artifact: str
    keep_data: bool


class LiveStack(Stack):
    """The parameter that names the live model."""

    def __init__(self, scope: Construct, construct_id: str, props: LiveProps, *, env: Environment) -> None:
        super().__init__(
            scope, construct_id, env=env, description=f"Model monitoring: what {props.endpoint_name} serves"
        )
        LivePointer(
            self,
            "Model",
            parameter_name=props.parameter_name,
            initial_value=props.artifact,
            keep_data=props.keep_data,
        )
