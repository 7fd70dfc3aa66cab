"""Two models compared: the function that runs small windows does it, too, since it knows what rows and answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Stack, aws_ssm as ssm
from constructs import Construct

from stacks.constructs import permissions
from stacks.constructs.files import UploadedFile, json_bytes
from stacks.constructs.managed_schedule import RunFunction
from stacks.constructs.places import EndpointPlaces


class ModelComparison(Construct):
    """What the function reads and writes for it, and a parameter by which a retraining finds it.

    document: the configuration of a comparison.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        function: RunFunction,
        *,
        document: Mapping[str, Any],
        parameter: str,
        places: EndpointPlaces,
        endpoint_name: str,
    ) -> None:
        super().__init__(scope, construct_id)
        configuration = UploadedFile(self, "Configuration", name="comparison.json", content=json_bytes(document))
        configuration.allow_reading(function.role)
        permissions.allow_reading(function.role, places.sets)
        permissions.allow_writing(function.role, places.records.below(endpoint_name))
        ssm.StringParameter(
            self,
            "Settings",
            parameter_name=parameter,
            string_value=Stack.of(self).to_json_string({"function": function.name, "configuration": configuration.uri}),
            tier=ssm.ParameterTier.INTELLIGENT_TIERING,
            description=f"Who compares models of {endpoint_name}, and by what",
        )
