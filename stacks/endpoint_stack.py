"""One endpoint: its models, its capture configuration, and the endpoint itself."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import CfnOutput, Environment, Stack, aws_kms as kms, aws_ssm as ssm
from constructs import Construct

from model_monitor import contract
from stacks.constructs.captured_endpoint import CapturedEndpoint, CapturedEndpointProps
from stacks.constructs.files import below_its_name
from stacks.constructs.model_scripts import model_code
from stacks.constructs.places import EndpointPlaces
from stacks.settings.endpoint import Capture, Model
from stacks.settings.environment import Network, Security
from stacks.settings.payload import Payload


@dataclass(frozen=True, kw_only=True)
class EndpointProps:
    """live_parameter: the parameter that names the live artefact; it must exist before this stack is deployed.
    is_retrained: whether batch jobs ask its models."""

    environment: str
    name: str
    model: Model
    capture: Capture
    payload: Payload | None
    live_parameter: str
    places: EndpointPlaces
    key: kms.IKey
    network: Network
    security: Security
    is_retrained: bool = False


class EndpointStack(Stack):
    """The endpoint. A deployment reads the live parameter, so it never brings an old model back."""

    def __init__(self, scope: Construct, construct_id: str, props: EndpointProps, *, env: Environment) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            synthesizer=below_its_name(construct_id),
            description=f"Model monitoring: endpoint {props.name}",
        )
        is_kit = props.model.serving_script == "kit"
        self.endpoint = CapturedEndpoint(
            self,
            "Endpoint",
            CapturedEndpointProps(
                name=props.name,
                model=props.model,
                live_artifact=ssm.StringParameter.value_for_string_parameter(self, props.live_parameter),
                models=props.places.models,
                capture=props.capture,
                destination=props.places.capture,
                code=model_code(self, "Code", props.payload) if is_kit and props.payload else None,
                key=props.key,
                network=props.network,
                security=props.security,
                role_path=contract.role_path(props.environment),
                sets=props.places.sets if props.is_retrained else None,
            ),
        )
        CfnOutput(self, "EndpointName", value=props.name, description="What applications invoke")
        CfnOutput(
            self,
            "CaptureLocation",
            value=props.places.capture.below(props.name).uri,
            description="Captured requests and responses, by variant and hour",
        )
