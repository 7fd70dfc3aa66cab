"""A metric that says when an endpoint is being updated, for alarms that wait meanwhile: one function for all."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_events as events, aws_events_targets as targets
from constructs import Construct

from model_monitor import contract
from stacks.constructs import permissions
from stacks.constructs.python_function import PythonFunction, PythonFunctionProps

STATES = ("CREATING", "UPDATING", "SYSTEM_UPDATING", "ROLLING_BACK", "IN_SERVICE")  # in events they are spelt so


class EndpointUpdates(Construct):
    """SageMaker tells EventBridge, which calls the function."""

    def __init__(self, scope: Construct, construct_id: str, endpoints: Sequence[str]) -> None:
        super().__init__(scope, construct_id)
        function = PythonFunction(
            self,
            "Updates",
            PythonFunctionProps(
                code="updates",
                description="Says as a metric that an endpoint is being updated",
                environment={"NAMESPACE": contract.NAMESPACE_OWN},
            ),
        )
        permissions.allow_metrics(function.role, contract.NAMESPACE_OWN)
        events.Rule(
            self,
            "Changes",
            event_pattern=events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Endpoint State Change"],
                detail={"EndpointName": list(endpoints), "EndpointStatus": list(STATES)},
            ),
            targets=[targets.LambdaFunction(function.function)],
        )
