"""A model in the registry, with what is known of it. Pure: no AWS calls, no clock, no environment."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

APPROVED, PENDING, REJECTED = "Approved", "PendingManualApproval", "Rejected"
JSON = "application/json"
METADATA_MAX = 256  # characters of a value
TOKEN_MAX = 36
DRIFT_CHECKS: dict[str, tuple[str, dict[str, str]]] = {  # type → the registry's block → its parts' files
    "data_quality": ("ModelDataQuality", {"Statistics": "statistics.json", "Constraints": "constraints.json"}),
    "model_quality": ("ModelQuality", {"Statistics": "statistics.json", "Constraints": "constraints.json"}),
    "model_bias": ("Bias", {"PostTrainingConstraints": "analysis.json"}),
    "model_explainability": ("Explainability", {"Constraints": "analysis.json"}),
}


def status(mode: str) -> str:
    """Whether a person is asked."""
    return APPROVED if mode == "deploy" else PENDING


def token(text: str) -> str:
    """The same request twice is one package."""
    return hashlib.sha256(text.encode()).hexdigest()[:TOKEN_MAX]


def package(
    plan: Mapping[str, Any], settings: Mapping[str, Any], artifact: str, approval: str, about: Mapping[str, str]
) -> dict[str, Any]:
    """The CreateModelPackage request. about: who needs to know where it comes from, besides its endpoint."""
    transform = settings["transform"]
    container = {**plan["champion"]["container"], "ModelDataUrl": artifact}
    known = {"endpoint": plan["endpoint"], **about}
    return {
        "ModelPackageGroupName": settings["registry"]["group"],
        "ModelPackageDescription": str(about.get("description", ""))[:1024],
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": [transform["content_type"]],
            "SupportedResponseMIMETypes": [transform["accept"]],
            "SupportedTransformInstanceTypes": [transform["instance_type"]],
            "SupportedRealtimeInferenceInstanceTypes": [settings["registry"]["instance_type"]],
        },
        "ModelApprovalStatus": approval,
        "CustomerMetadataProperties": {
            name: value[:METADATA_MAX] for name, value in known.items() if value and name != "description"
        },
        "ClientToken": token(f"{plan['endpoint']}/{artifact}"),
    }


def measured(request: Mapping[str, Any], plan: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """With the comparison, and with the baselines that the model's windows will be compared with."""
    comparison = plan["comparison"]["event"]["comparison"]["output_uri"]
    found = {**request, "ModelMetrics": {"ModelQuality": {"Statistics": _source(comparison)}}}
    baseline = settings["baseline"]
    if not baseline:
        return found
    folder = f"{baseline['place']}/{plan['version']}"
    is_one = not any("/" in name for name in baseline["files"])  # as AWS's own jobs write them
    checks = {
        block: {
            part: _source(f"{folder}/{name}" if is_one else f"{folder}/{type_}/{name}") for part, name in parts.items()
        }
        for type_, (block, parts) in DRIFT_CHECKS.items()
        if type_ in baseline["types"]
    }
    return {**found, **({"DriftCheckBaselines": checks} if checks else {})}


def _source(uri: str) -> dict[str, str]:
    return {"ContentType": JSON, "S3Uri": uri}
