"""What an endpoint is to serve, and how far it has got. Pure: no AWS calls, no clock, no environment."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

NAME_MAX = 63
BACK = "back"  # end of the names of what brings the old model back
UPDATING, SERVING, ROLLED_BACK, LOST = "updating", "serving", "rolled_back", "lost"
IN_SERVICE = "InService"
ON_ITS_WAY = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack"})
OF_A_CONFIGURATION = (  # what a new configuration repeats of the one that serves; the variants are made anew
    "DataCaptureConfig",
    "KmsKeyId",
    "AsyncInferenceConfig",
    "ExplainerConfig",
    "ShadowProductionVariants",
    "ExecutionRoleArn",
    "VpcConfig",
    "EnableNetworkIsolation",
)
OF_A_MODEL = ("ExecutionRoleArn", "VpcConfig", "EnableNetworkIsolation")


def back_name(run: str) -> str:
    """Of the model and the configuration that bring the old model back."""
    room = NAME_MAX - len(BACK) - 1
    if len(run) > room:
        run = f"{run[: room - 9].rstrip('-')}-{hashlib.sha256(run.encode()).hexdigest()[:8]}"
    return f"{run}-{BACK}"


def model(
    name: str, artifact: str, champion: Mapping[str, Any], served: Mapping[str, Any], tags: Mapping[str, str]
) -> dict[str, Any]:
    """The CreateModel request: another artefact in the champion's container. served: the champion as DescribeModel has it."""
    return {
        "ModelName": name,
        "PrimaryContainer": {**champion["container"], "ModelDataUrl": artifact},
        **{key: served[key] for key in OF_A_MODEL if served.get(key)},
        "Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())],
    }


def configuration(
    name: str, model_name: str, variants: list[str], served: Mapping[str, Any], tags: Mapping[str, str]
) -> dict[str, Any]:
    """The CreateEndpointConfig request: what serves now, its capture and its variants' names included, with another model.

    variants: those whose model it is; others stay as they are. served: as DescribeEndpointConfig has it.
    """
    made = [
        {**variant, "ModelName": model_name if variant["VariantName"] in variants else variant["ModelName"]}
        for variant in served["ProductionVariants"]
    ]
    return {
        "EndpointConfigName": name,
        "ProductionVariants": made,
        **{key: served[key] for key in OF_A_CONFIGURATION if served.get(key)},
        "Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())],
    }


def update(endpoint: str, name: str, deployment: Mapping[str, Any] | None) -> dict[str, Any]:
    """The UpdateEndpoint request. Instances that scaling added stay; capture is the configuration's."""
    return {
        "EndpointName": endpoint,
        "EndpointConfigName": name,
        "RetainAllVariantProperties": True,
        "ExcludeRetainedVariantProperties": [
            {"VariantPropertyType": type_} for type_ in ("DataCaptureConfig", "DesiredWeight")
        ],
        **({"DeploymentConfig": dict(deployment)} if deployment else {}),
    }


def status(endpoint: Mapping[str, Any], name: str) -> str:
    """How far an update to a configuration has got."""
    if endpoint["EndpointStatus"] in ON_ITS_WAY:
        return UPDATING
    if endpoint["EndpointStatus"] != IN_SERVICE:
        return LOST
    return SERVING if endpoint["EndpointConfigName"] == name else ROLLED_BACK
