"""Runs without an end: their execution was stopped, took too long, or died in its last step.

Environment: MACHINE_ARN. endpoints.json beside this module names the endpoints that are retrained. Step Functions tells of an
execution that was stopped, once and perhaps never; so whoever holds an endpoint is looked at from time to time, too.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import decisions
import releases
from aws import client, log
from botocore.exceptions import ClientError

FILE = Path(__file__).with_name("endpoints.json")
STOPPED = frozenset({"ABORTED", "TIMED_OUT"})
ENDED = STOPPED | {"FAILED", "SUCCEEDED"}
AGAIN = "-b"  # what the execution that settles another one is called more than that one
NAME_MAX = 80
NAME_TAKEN, UNKNOWN = "ExecutionAlreadyExists", "ExecutionDoesNotExist"


@dataclass(frozen=True)
class Stopped:
    """A run whose execution has ended and which has not. execution: its name; has_changed: whether it wrote what is live; result:
    how it ended after all. given: what it was started with."""

    endpoint: str
    run: str
    execution: str
    status: str
    why: str
    has_changed: bool
    result: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)


def of_event(table: Any, detail: Mapping[str, Any]) -> Stopped | None:
    """The run of an execution that an event tells of; None for one that ended by itself, or that was no run of an endpoint."""
    if detail.get("status") not in STOPPED:
        return None
    # events leave it out where a key of yours encrypts it, and where it is very long
    told = detail if detail.get("input") else _described(str(detail["name"])) or {}
    given = json.loads(told.get("input") or "{}")
    if "endpoint" not in given:
        return None
    run = str(given.get("run") or _run_of(table, given["endpoint"], str(detail["name"])))
    return _stopped(table, given, run, detail)


def without_end(table: Any) -> Iterator[Stopped]:
    """Every run that holds its endpoint though its execution has ended."""
    for endpoint in json.loads(FILE.read_text()):
        run = decisions.history(table, endpoint).owner
        if not run:
            continue
        execution = _described(str(releases.recorded(table, endpoint, run).get("execution") or run))
        if execution is not None and execution["status"] in ENDED:
            given = {"endpoint": endpoint, **json.loads(execution.get("input") or "{}")}
            yield _stopped(table, given, run, execution)


def put_back(found: Stopped) -> None:
    """Start the execution that does it, once for each that was stopped; one that was stopped, too, has another one after it."""
    given = {"endpoint": found.endpoint, "run": found.run, "settles": f"{found.execution} {found.why}"}
    execution = found.execution
    while True:
        execution = _after(execution)
        try:
            client("stepfunctions").start_execution(
                stateMachineArn=os.environ["MACHINE_ARN"], name=execution, input=json.dumps(given, sort_keys=True)
            )
        except ClientError as error:
            if _code(error) != NAME_TAKEN:
                raise
            earlier = _described(execution)
            if earlier is not None and earlier["status"] in STOPPED:
                continue
            return
        log("settles", endpoint=found.endpoint, run=found.run, execution=execution)
        return


def _stopped(table: Any, given: Mapping[str, Any], run: str, execution: Mapping[str, Any]) -> Stopped:
    known = releases.recorded(table, given["endpoint"], run)
    return Stopped(
        endpoint=str(given["endpoint"]),
        run=run,
        execution=str(execution["name"]),
        status=str(execution["status"]),
        why=str(execution.get("cause") or f"ended as {execution['status']} without its last step"),
        has_changed="live_before" in known,
        result=str(known.get("result", "")),
        given={**given, "run": run},
    )


def _run_of(table: Any, endpoint: str, execution: str) -> str:
    """Of an execution that was started by hand under another name: the run that holds the endpoint, if that is its."""
    run = decisions.history(table, endpoint).owner
    is_its = bool(run) and releases.recorded(table, endpoint, run).get("execution") == execution
    return run if is_its else execution


def _after(execution: str) -> str:
    """The name of the execution that settles one."""
    if len(execution) + len(AGAIN) <= NAME_MAX:
        return execution + AGAIN
    return f"{execution[:60]}-{hashlib.sha256(execution.encode()).hexdigest()[:8]}{AGAIN}"


def _described(name: str) -> dict[str, Any] | None:
    """An execution by its name; None for one that was never started, or of which nothing is known any more."""
    machine = os.environ["MACHINE_ARN"]
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
    try:
        found: dict[str, Any] = client("stepfunctions").describe_execution(executionArn=arn)
    except ClientError as error:
        if _code(error) != UNKNOWN:
            raise
        return None
    return found


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code"))
