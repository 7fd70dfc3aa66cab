"""How a custom resource answers CloudFormation: what an answer holds, and the signed address that it is PUT to."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

ANSWER_MAX_BYTES = 4096  # CloudFormation refuses a longer one
TIMEOUT_SECONDS = 20


def success(request: Mapping[str, Any], physical_id: str, data: Mapping[str, str]) -> dict[str, Any]:
    """An answer that lets the deployment go on. data: the resource's attributes."""
    return _answer(request, physical_id) | {"Status": "SUCCESS", "Data": data}


def failure(request: Mapping[str, Any], physical_id: str, reason: str) -> dict[str, Any]:
    """An answer that fails the deployment with the reason in its events."""
    answer = _answer(request, physical_id) | {"Status": "FAILED", "Reason": reason}
    while len(json.dumps(answer)) > ANSWER_MAX_BYTES:
        answer["Reason"] = answer["Reason"][: len(answer["Reason"]) * 3 // 4]
    return answer


def _answer(request: Mapping[str, Any], physical_id: str) -> dict[str, Any]:
    return {
        "PhysicalResourceId": physical_id,
        "StackId": request.get("StackId", ""),
        "RequestId": request.get("RequestId", ""),
        "LogicalResourceId": request.get("LogicalResourceId", ""),
    }


def respond(url: str, answer: Mapping[str, Any]) -> None:
    """PUT to the signed address; an empty content type is part of its signature."""
    if not url.startswith(("https://", "http://")):
        raise ValueError("ResponseURL should be an http(s) address")
    body = json.dumps(answer).encode()
    request = urllib.request.Request(url, data=body, method="PUT", headers={"Content-Type": ""})  # noqa: S310 (scheme checked above)
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310 (scheme checked above)
        return
