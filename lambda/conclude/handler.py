"""Conclude Lambda: the last step of every retraining, of failed ones too: the record, the event, the message.

Environment: PARAMETERS, TABLE, KMS_KEY (see releases), TOPIC_ARN, RECORDS (place of records of endpoints without settings).
Event: {"plan", "execution", "now"}, or `Step Functions Execution Status Change` of a run that was stopped from outside.
"""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
import decide
import decisions
import releases
from aws import client, log

STOPPED = frozenset({"ABORTED", "TIMED_OUT"})


def handle(event: dict[str, Any], _context: object = None) -> dict[str, Any]:
    """End one run; the answer is what was told of it. Raises: what AWS says of a call, and the state machine calls again."""
    if event.get("detail-type"):
        return _stopped(event["detail"])
    plan = event["plan"]
    run = str(plan.get("run") or event["execution"])
    return _end(plan, run, event["now"])


def _stopped(detail: dict[str, Any]) -> dict[str, Any]:
    """An execution that somebody stopped, or that took longer than it may, has ended without its last step."""
    if detail.get("status") not in STOPPED:
        return {}
    given = json.loads(detail.get("input") or "{}")
    error = {"Error": f"States.{detail['status'].title()}", "Cause": detail.get("cause") or "the execution was stopped"}
    ended = str(detail.get("stopDate") or "")
    return _end({**given, "result": decide.FAILED, "error": error}, str(given.get("run") or detail["name"]), ended)


def _end(plan: dict[str, Any], run: str, now: str) -> dict[str, Any]:
    found = decide.record(plan, run, now)
    folder = plan.get("records") or f"{os.environ['RECORDS']}/{plan['endpoint']}/{run}"
    uri = f"{folder}/record.json"
    releases.write_json(uri, found)
    table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
    kept = {name: found[name] for name in ("result", "reason", "package_arn", "comparison_uri", "ended")}
    releases.remember(
        table, plan["endpoint"], run, {**kept, "record_uri": uri, "manifest_uri": plan.get("manifest", "")}
    )
    told = decide.event(found, uri)
    _tell(told)
    subject, text = decide.message(found, uri, _old_package(table, plan))
    client("sns").publish(TopicArn=os.environ["TOPIC_ARN"], Subject=subject, Message=text)
    decisions.release(table, plan["endpoint"], run)
    log("ended", **told)
    return {**told, "ended_as": found["result"]}


def _old_package(table: Any, plan: dict[str, Any]) -> str:
    """Of the model that served before."""
    artifact = plan.get("champion", {}).get("artifact", "")
    known = releases.recorded(table, plan["endpoint"], releases.package_name(artifact)) if artifact else {}
    return str(known.get("package_arn", ""))


def _tell(told: dict[str, Any]) -> None:
    entry = {"Source": decide.EVENT_SOURCE, "DetailType": decide.EVENT_TYPE, "Detail": json.dumps(told)}
    answer = client("events").put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        raise RuntimeError(f"EventBridge refused the event: {answer['Entries'][0].get('ErrorCode')}")
