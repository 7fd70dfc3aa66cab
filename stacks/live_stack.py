"""What is live of every endpoint: deployed before the stacks that read it."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Environment, Stack
from constructs import Construct

from model_monitor import contract
from stacks.constructs.live_pointer import LivePointers


class LiveStack(Stack):
    """The parameters that name live models. artifacts: endpoint → what its parameter names after the first deployment."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        environment: str,
        artifacts: Mapping[str, str],
        *,
        keep_data: bool,
        env: Environment,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Model monitoring: what endpoints serve")
        pointers = LivePointers(self, "Models", environment, keep_data=keep_data)
        for name, artifact in artifacts.items():
            pointers.add(name, contract.live_parameter(environment, name, "model"), artifact)
