"""Parameters that say which models are live. Each is seeded once by a deployment, moved by releases since."""

from __future__ import annotations

from aws_cdk import CustomResource, Stack
from constructs import Construct

from model_monitor import contract
from stacks.constructs import permissions
from stacks.constructs.python_function import PythonFunction, PythonFunctionProps


class LivePointers(Construct):
    """Parameters that exist after the deployment of their stack; whoever reads one belongs into a later stack.

    keep_data: whether buckets survive their stacks, and with them what is live.
    """

    def __init__(self, scope: Construct, construct_id: str, environment: str, *, keep_data: bool) -> None:
        super().__init__(scope, construct_id)
        self._keep_data = keep_data
        description = "Seeds what is live, once an endpoint"
        self._seed = PythonFunction(self, "Seed", PythonFunctionProps(code="live_pointer", description=description))
        any_of_them = contract.live_parameter(environment, "*", "model").lstrip("/")
        arn = Stack.of(self).format_arn(service="ssm", resource="parameter", resource_name=any_of_them)
        removing = [] if keep_data else ["ssm:DeleteParameter"]
        actions = ["ssm:GetParameter", "ssm:PutParameter", *removing]
        permissions.allow_named(self._seed.role, actions, arn, "a policy holds no list of hundreds of endpoints")

    def add(self, name: str, parameter_name: str, initial_value: str) -> None:
        """One more endpoint."""
        pointer = CustomResource(
            self,
            f"Pointer-{name}",
            resource_type="Custom::LivePointer",
            service_token=self._seed.function.function_arn,
            properties={
                "ParameterName": parameter_name,
                "InitialValue": initial_value,
                "KeepData": "true" if self._keep_data else "false",
            },
        )
        pointer.node.add_dependency(self._seed)  # with the policy of its role
