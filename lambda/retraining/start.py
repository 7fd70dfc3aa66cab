"""The one door through which a training starts.

Environment: none. Whatever was decided, by whomever, comes through here, after the decision and the lock are written. It may come
twice under one name, when an invocation died in between, and starts nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import evidence
import request
from aws import client, log, patiently
from botocore.exceptions import ClientError
from policy import Policy

NAME_TAKEN = "ResourceInUse"


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


def start(wanted: Start, policy: Policy) -> None:
    """Create the training job; a name that is taken was taken by an earlier try of this decision."""
    training = policy.training
    empty = frozenset(channel.name for channel in training.channels if evidence.is_empty(client("s3"), channel.uri))
    for channel in training.channels:
        if channel.is_optional and channel.name in empty:
            log("channel_left_out", channel=channel.name, reason="prefix_is_empty", training_job=wanted.run)
    job = request.create_training_job(wanted.run, training, empty)
    try:
        patiently(lambda: client("sagemaker").create_training_job(**job))
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != NAME_TAKEN:
            raise
        log("already_started", training_job=wanted.run)
