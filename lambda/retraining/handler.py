"""Retraining Lambda: alarm notifications from SNS in, at most one training job out, every decision logged with its reason.

Environment: POLICY_PARAMETER (SSM parameter with the policy's JSON), STATE_PREFIX (SSM path of what this function remembers).
The order of writes matters: first the training job, whose name is the lock, then the state. An invocation that dies in between is
repeated by Lambda, finds the name taken and writes the state.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from typing import Any

import alarms
import decide
import evidence
import policy as policies
import request
from aws import client, log, patiently
from botocore.exceptions import ClientError

NAME_TAKEN = "ResourceInUse"


class NotYetError(RuntimeError):
    """A decision needs what is not there yet. Lambda delivers the event again, at last to the queue of failed events."""


def handle(event: dict[str, Any], _context: object = None) -> dict[str, Any]:
    """Decide on every alarm of the event; the answer lists the decisions, for people who invoke it by hand."""
    decisions = []
    for item in alarms.read(event):
        if isinstance(item, alarms.Unreadable):
            log(
                "message", action="ignore", reason="unreadable_message", message_id=item.message_id, detail=item.problem
            )
        else:
            decisions.append(_act(item))
    if waiting := [entry for entry in decisions if entry["action"] == decide.Action.RETRY.value]:
        raise NotYetError(f"{waiting[0]['alarm']}: {waiting[0]['reason']}. {waiting[0]['detail']}.")
    return {"decisions": decisions}


def _act(alarm: alarms.Alarm) -> dict[str, Any]:
    policy = policies.read(client("ssm").get_parameter(Name=os.environ["POLICY_PARAMETER"])["Parameter"]["Value"])
    decision = decide.screen(alarm, policy)
    if decision is None:
        state = _read_state()
        facts = _gather(alarm, policy)
        decision = decide.decide(alarm, policy, state, facts)
        if decision.action is decide.Action.START:
            decision = _start(decision, policy.training, facts.empty_channels)
        changed = decide.remember(state, alarm, decision)
        if changed != state:
            _write_state(changed)
    entry = {
        "alarm": alarm.name,
        "state_change_time": alarm.time.isoformat(),
        "is_composite": alarm.is_composite,
        "endpoint": policy.endpoint,
        "schedule": policy.schedule,
        "mode": policy.mode.value,
        "action": decision.action.value,
        "reason": decision.reason,
        "detail": decision.detail,
        "training_job": decision.job_name,
    }
    log("decision", **entry)
    return entry


def _gather(alarm: alarms.Alarm, policy: policies.Policy) -> decide.Facts:
    """The reports of the alarm's runs; where it is about windows that waited for labels, the reports of these windows too:
    broken data explains a bad score of that time, whenever the labels came."""
    s3, place = client("s3"), (policy.reports_uri, policy.endpoint, policy.schedule)
    reports = evidence.reports(s3, *place, alarm, policy.hours)
    checks = policy.alarms[alarm.name]
    windows = evidence.late_windows(reports[-1], alarm, checks) if reports else []
    judged = reports + evidence.of_windows(s3, *place, windows)
    return decide.Facts(
        endpoint_status=evidence.endpoint_status(client("sagemaker"), policy.endpoint),
        jobs=evidence.jobs(client("sagemaker"), policy.job_name_prefix),
        violations=evidence.violations(judged) if reports else None,
        report_verdicts=tuple(str(report.get("verdict", "")) for report in judged),
        is_reported=bool(reports) and (bool(windows) or evidence.shows(reports[-1], alarm, checks)),
        is_rehearsal=evidence.is_rehearsal(client("cloudwatch"), policy, alarm),
        empty_channels=frozenset(
            channel.name for channel in policy.training.channels if evidence.is_empty(s3, channel.uri)
        ),
    )


def _start(decision: decide.Decision, training: policies.Training, empty: frozenset[str]) -> decide.Decision:
    for channel in training.channels:
        if channel.is_optional and channel.name in empty:
            log("channel_left_out", channel=channel.name, reason="prefix_is_empty", training_job=decision.job_name)
    try:
        wanted = request.create_training_job(decision.job_name, training, empty)
        patiently(lambda: client("sagemaker").create_training_job(**wanted))
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != NAME_TAKEN:
            raise
        return decide.Decision(
            decide.Action.RECORD, "already_started", "another invocation was faster", decision.job_name
        )
    return decision


def _state_name() -> str:
    return os.environ["STATE_PREFIX"].rstrip("/") + "/retraining"


def _read_state() -> decide.State:
    try:
        text = client("ssm").get_parameter(Name=_state_name())["Parameter"]["Value"]
    except client("ssm").exceptions.ParameterNotFound:
        return decide.State()
    content = json.loads(text)
    return decide.State(
        handled=tuple(content["handled"]),
        started={end: datetime.fromisoformat(time) for end, time in content["started"].items()},
    )


def _write_state(state: decide.State) -> None:
    content = {
        "handled": list(state.handled),
        "started": {end: time.isoformat() for end, time in state.started.items()},
    }
    client("ssm").put_parameter(
        Name=_state_name(), Value=json.dumps(content, separators=(",", ":")), Type="String", Overwrite=True
    )
