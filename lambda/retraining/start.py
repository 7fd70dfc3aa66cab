"""The one door through which a retraining starts.

Environment: RETRAINING_MACHINE_ARN. Whatever was decided, by whomever, comes through here, after the decision and the lock are
written. It may come twice under one name, when an invocation died in between, and starts nothing twice.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

from aws import client, log, patiently
from botocore.exceptions import ClientError

NAME_TAKEN = "ExecutionAlreadyExists"


@dataclass(frozen=True)
class Start:
    """A training that was decided on. run: its unique name. decision: endpoint and key of the decision. started_by: alarm, pass,
    schedule, manual or accepted."""

    endpoint: str
    run: str
    cause: str
    mode: str
    reason: str
    decision: dict[str, str]
    started_by: str
    policy_parameter: str


def start(wanted: Start) -> None:
    """Start the state machine; a name that is taken was taken by an earlier try of this decision."""
    given = json.dumps(asdict(wanted), sort_keys=True)
    machine = os.environ["RETRAINING_MACHINE_ARN"]
    try:
        patiently(
            lambda: client("stepfunctions").start_execution(stateMachineArn=machine, name=wanted.run, input=given)
        )
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != NAME_TAKEN:
            raise
        log("already_started", run=wanted.run)
