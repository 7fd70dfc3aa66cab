"""Custom resources: the function is called with the real request, and the stack waits until somebody answers it.

The answer may come from the call itself or from a later call of any function (a job's completion event, say): whoever PUTs to
the ResponseURL. The stack waits in a thread of its own, virtual time stands still meanwhile, and everything else goes on.
Unlike the service, which lets a crashed function run into the timeout, the stack fails at once with the function's error.
"""

from __future__ import annotations

import json
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from twin.cloudformation.types import Made, Request, ResourceFailed, Types
from twin.functions.functions import Functions
from twin.surroundings import Surroundings

PATH: Final = "/twin/custom-resource-response/"
TIMEOUT_SECONDS: Final = 600.0  # real seconds where the resource names none; the service waits an hour
RESPONSE_BYTES: Final = 4096
ATTEMPTS: Final = 3


@dataclass
class _Question:
    answered: threading.Event = field(default_factory=threading.Event)
    answer: dict[str, Any] = field(default_factory=dict)
    fault: str = ""


class CustomResources:
    """Asks functions and takes their answers."""

    def __init__(self, twin: Surroundings, types: Types, functions: Functions) -> None:
        self._twin, self._functions = twin, functions
        self._open: dict[str, _Question] = {}
        twin.api.page(PATH, self._receive)
        types.register_type(
            "AWS::CloudFormation::CustomResource",
            create=lambda request: self._ask(request, "Create"),
            update=lambda request: self._ask(request, "Update"),
            delete=self._delete,
            replaced_by={"ServiceToken"},
        )

    def _delete(self, request: Request) -> None:
        self._ask(request, "Delete")

    def _ask(self, request: Request, kind: str) -> Made:
        properties = _as_text(request.properties)
        token = str(uuid.uuid4())
        question = self._open[token] = _Question()
        event = {
            "RequestType": kind,
            "ServiceToken": request.properties["ServiceToken"],
            "ResponseURL": f"{self._twin.url}{PATH}{token}",
            "StackId": request.stack_id,
            "RequestId": str(uuid.uuid4()),
            "LogicalResourceId": request.logical_id,
            "ResourceType": request.type,
            "ResourceProperties": properties,
        }
        if kind != "Create":
            event["PhysicalResourceId"] = request.ref
        if kind == "Update":
            event["OldResourceProperties"] = _as_text(request.previous)
        try:
            self._call(event, request, question)
            timeout = float(request.properties.get("ServiceTimeout", TIMEOUT_SECONDS))
            if not question.answered.wait(timeout):
                raise ResourceFailed(
                    f"CloudFormation did not receive a response from your Custom Resource within {timeout:g} seconds. "
                    f"Please check the logs for RequestId [{event['RequestId']}]"
                )
        finally:
            del self._open[token]
        return self._conclude(question, event, request)

    def _call(self, event: dict[str, Any], request: Request, question: _Question) -> None:
        function = event["ServiceToken"]
        if ":lambda:" not in function:
            raise ResourceFailed(f"the twin asks functions only, not {function}")
        cause = f"{event['RequestType']} of {request.type} {request.stack_name}/{request.logical_id}"
        for attempt in range(1, ATTEMPTS + 1):
            result = self._functions.invoke(function, event, cause, attempt)
            if not result.error or question.answered.is_set():
                return
        raise ResourceFailed(f"the function of the custom resource failed {ATTEMPTS} times: {result.error}")

    def _conclude(self, question: _Question, event: dict[str, Any], request: Request) -> Made:
        answer = question.answer
        if question.fault:
            raise ResourceFailed(f"Invalid response to the custom resource: {question.fault}")
        if answer["Status"] != "SUCCESS":
            reason = answer.get("Reason") or "no reason given"
            raise ResourceFailed(f"Received response status [FAILED] from custom resource. Message returned: {reason}")
        for key in ("StackId", "RequestId", "LogicalResourceId"):
            if answer.get(key) != event[key]:
                raise ResourceFailed(f"Invalid response to the custom resource: {key} is not the request's")
        ref = answer.get("PhysicalResourceId") or (request.ref if event["RequestType"] == "Delete" else "")
        if not ref:
            raise ResourceFailed("Invalid PhysicalResourceId: the response must name one")
        return Made(str(ref), dict(answer.get("Data") or {}))

    def _receive(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """The sink behind ResponseURL."""
        question = self._open.get(path.removeprefix(PATH))
        if question is None or method != "PUT":
            return 403, b"nobody waits for this response"
        if question.answered.is_set():
            return 200, b""  # the first answer counts
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if len(body) > RESPONSE_BYTES:
            question.fault = f"{len(body)} bytes where {RESPONSE_BYTES} are allowed"
        elif not isinstance(answer, dict) or answer.get("Status") not in ("SUCCESS", "FAILED"):
            question.fault = "it should be a JSON object whose Status is SUCCESS or FAILED"
        else:
            question.answer = answer
        question.answered.set()
        return 200, b""


def _as_text(value: Any) -> Any:
    """CloudFormation hands every scalar to the function as text."""
    if isinstance(value, dict):
        return {key: _as_text(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_as_text(part) for part in value]
    return str(value).lower() if isinstance(value, bool) else str(value)
