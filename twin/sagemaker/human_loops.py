"""Augmented AI's human loops, and the workers who answer them: scripted, one call for a day's work.

A loop is over when as many workers answered as its flow definition asks; its output.json is written as the flow's role, and an
event tells. Nothing expires by itself: a scenario says when a loop fails.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from twin.api import ApiError, Call
from twin.listing import is_between, page
from twin.sagemaker.flow_definitions import NAME, Flow, FlowDefinitions
from twin.surroundings import Surroundings

EVENT: Final = "SageMaker A2I HumanLoop Status Change"
IN_PROGRESS, COMPLETED, FAILED, STOPPED = "InProgress", "Completed", "Failed", "Stopped"
OVER: Final = (COMPLETED, FAILED, STOPPED)
LARGEST_INPUT: Final = 3_145_728
PAGE: Final = 100
TIME: Final = "%Y-%m-%dT%H:%M:%S.000Z"


@dataclass(frozen=True)
class Shown:
    """What a worker has before them. html: the template, filled."""

    loop: str
    input: Mapping[str, Any]
    html: str


Worker = Callable[[Shown], Mapping[str, Any] | None]  # the form's fields; None: leaves it to others


@dataclass(eq=False)
class Loop:
    """One human loop."""

    name: str
    arn: str
    flow: Flow
    created: datetime
    input: Mapping[str, Any]
    status: str = IN_PROGRESS
    failure: str = ""
    output: str = ""
    answers: list[dict[str, Any]] = field(default_factory=list)

    def describe(self) -> dict[str, Any]:
        """As the API shows it."""
        shown: dict[str, Any] = {
            "CreationTime": self.created,
            "HumanLoopStatus": self.status,
            "HumanLoopName": self.name,
            "HumanLoopArn": self.arn,
            "FlowDefinitionArn": self.flow.arn,
        }
        if self.failure:
            shown |= {"FailureReason": self.failure, "FailureCode": "ValidationError"}
        return shown | ({"HumanLoopOutput": {"OutputS3Uri": self.output}} if self.output else {})


class HumanLoops:
    """All loops; `work` is how they are answered."""

    def __init__(self, twin: Surroundings, flows: FlowDefinitions) -> None:
        self._twin, self._flows = twin, flows
        self._loops: dict[str, Loop] = {}
        self._lock = threading.Lock()
        twin.api.register(
            "sagemaker-a2i-runtime",
            StartHumanLoop=self._start,
            DescribeHumanLoop=lambda asked, _: self._find(asked["HumanLoopName"]).describe(),
            ListHumanLoops=self._list,
            StopHumanLoop=self._stop,
            DeleteHumanLoop=self._delete,
        )
        twin.api.register("sagemaker", DeleteFlowDefinition=self._delete_flow)

    def work(self, worker: Worker, name: str = "worker-1") -> int:
        """One person looks at every loop that waits for them; how many they answered."""
        waiting = [loop for loop in self._loops.values() if loop.status == IN_PROGRESS]
        answered = 0
        for loop in waiting:
            if name in (answer["workerId"] for answer in loop.answers):
                continue
            fields = worker(Shown(loop.name, loop.input, self._flows.rendered(loop.flow, loop.input)))
            if fields is not None:
                answered += 1
                self._answer(loop, name, fields)
        return answered

    def fail(self, name: str, reason: str = "The task expired") -> None:
        """A loop comes to nothing."""
        loop = self._find(name)
        loop.failure = reason
        self._end(loop, FAILED)

    def _answer(self, loop: Loop, worker: str, fields: Mapping[str, Any]) -> None:
        now = self._twin.clock.now().strftime(TIME)
        identity = {"identityProviderType": "Cognito", "issuer": f"{self._twin.url}/pool", "sub": f"sub-{worker}"}
        loop.answers.append(
            {
                "acceptanceTime": now,
                "answerContent": dict(fields),
                "submissionTime": now,
                "timeSpentInSeconds": 30.0,
                "workerId": worker,
                "workerMetadata": {"identityData": identity},
            }
        )
        if len(loop.answers) >= loop.flow.people:
            self._write(loop)
            self._end(loop, COMPLETED)

    def _write(self, loop: Loop) -> None:
        config = loop.flow.asked["OutputConfig"]
        place = urlsplit(config["S3OutputPath"].rstrip("/"))
        key = f"{place.path.lstrip('/')}/{loop.flow.name}/{loop.created:%Y/%m/%d/%H/%M/%S}/{loop.name}/output.json"
        content = {
            "flowDefinitionArn": loop.flow.arn,
            "humanAnswers": loop.answers,
            "humanLoopName": loop.name,
            "inputContent": loop.input,
        }
        encrypted = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_id} if (key_id := config.get("KmsKeyId")) else {}
        )
        s3 = self._twin.client("s3", role=loop.flow.asked["RoleArn"])
        s3.put_object(Bucket=place.netloc, Key=key.lstrip("/"), Body=json.dumps(content).encode(), **encrypted)
        loop.output = f"s3://{place.netloc}/{key.lstrip('/')}"

    def _end(self, loop: Loop, status: str) -> None:
        loop.status = status
        detail: dict[str, Any] = {
            "creationTime": loop.created.strftime(TIME),
            "flowDefinitionArn": loop.flow.arn,
            "humanLoopArn": loop.arn,
            "humanLoopName": loop.name,
            "humanLoopStatus": status,
        }
        if loop.output:
            detail["humanLoopOutput"] = {"outputS3Uri": loop.output}
        if loop.failure:
            detail |= {"failureCode": "ValidationError", "failureReason": loop.failure}
        self._twin.events.emit("aws.sagemaker", EVENT, detail, [loop.arn])

    # --- the API -----------------------------------------------------------------------------------------------------

    def _find(self, name: str) -> Loop:
        if name not in self._loops:
            raise ApiError("ResourceNotFoundException", f"Could not find human loop {name}")
        return self._loops[name]

    def _start(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        name, text = asked["HumanLoopName"], asked["HumanLoopInput"]["InputContent"]
        flow = self._flows.flows.get(asked["FlowDefinitionArn"].rpartition("/")[2])
        if flow is None or flow.failure:
            raise _invalid(f"{asked['FlowDefinitionArn']} is no active flow definition")
        if not NAME.fullmatch(name):
            raise _invalid(f"HumanLoopName: '{name}' should be small letters, digits and hyphens, at most 63")
        try:
            content = json.loads(text) if len(text.encode()) <= LARGEST_INPUT else None
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise _invalid(f"InputContent: should be a JSON object of at most {LARGEST_INPUT} bytes")
        arn = f"arn:aws:sagemaker:{self._twin.region}:{self._twin.account}:human-loop/{name}"
        with self._lock:
            if name in self._loops:
                raise ApiError("ConflictException", f"Human loop {name} already exists")
            self._loops[name] = Loop(name, arn, flow, self._twin.clock.now(), content)
        return {"HumanLoopArn": arn}

    def _list(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        bounds = (asked.get("CreationTimeAfter"), asked.get("CreationTimeBefore"))
        found = [
            {key: value for key, value in loop.describe().items() if key not in ("HumanLoopArn", "HumanLoopOutput")}
            for loop in self._loops.values()
            if loop.flow.arn == asked["FlowDefinitionArn"] and is_between(loop.created, *bounds)
        ]
        found.sort(key=lambda one: (one["CreationTime"], one["HumanLoopName"]))
        if asked.get("SortOrder", "Descending") == "Descending":
            found.reverse()
        return page("HumanLoopSummaries", found, asked.get("NextToken"), asked.get("MaxResults") or PAGE)

    def _stop(self, asked: dict[str, Any], _: Call) -> None:
        loop = self._find(asked["HumanLoopName"])
        if loop.status in OVER:
            raise _invalid(f"human loop {loop.name} is {loop.status}")
        self._end(loop, STOPPED)

    def _delete(self, asked: dict[str, Any], _: Call) -> None:
        loop = self._find(asked["HumanLoopName"])
        if loop.status not in OVER:
            raise _invalid(f"human loop {loop.name} is {loop.status}: stop it first")
        del self._loops[loop.name]

    def _delete_flow(self, asked: dict[str, Any], _: Call) -> None:
        """Loops that nobody has begun are stopped."""
        flow = self._flows.find(asked["FlowDefinitionName"])
        del self._flows.flows[flow.name]
        for loop in self._loops.values():
            if loop.flow is flow and loop.status == IN_PROGRESS and not loop.answers:
                self._end(loop, STOPPED)


def _invalid(problem: str) -> ApiError:
    return ApiError("ValidationException", problem)
