"""The parameter that says which model is live. Seeded once by a deployment, moved by releases since."""

from __future__ import annotations

from aws_cdk import CustomResource, Stack
from constructs import Construct

from stacks.constructs import permissions
from stacks.constructs.python_function import PythonFunction, PythonFunctionProps


class LivePointer(Construct):
    """A parameter that exists after the deployment of its stack; whoever reads it belongs into a later stack."""

    def __init__(
        self, scope: Construct, construct_id: str, *, parameter_name: str, initial_value: str, keep_data: bool
    ) -> None:
        super().__init__(scope, construct_id)
        seed = PythonFunction(
            self, "Seed", PythonFunctionProps(code="live_pointer", description=f"Seeds {parameter_name} once")
        )
        arn = Stack.of(self).format_arn(service="ssm", resource="parameter", resource_name=parameter_name.lstrip("/"))
        removing = [] if keep_data else ["ssm:DeleteParameter"]
        permissions.allow(seed.role, ["ssm:GetParameter", "ssm:PutParameter", *removing], [arn])
        pointer = CustomResource(
            self,
            "Pointer",
            resource_type="Custom::LivePointer",
            service_token=seed.function.function_arn,
            properties={
                "ParameterName": parameter_name,
                "InitialValue": initial_value,
                "KeepData": "true" if keep_data else "false",
            },
        )
        pointer.node.add_dependency(seed)  # with the policy of its role
        self.parameter_name = parameter_name
