"""Conclude Lambda: the last step of every retraining, of failed ones too: the record, the event, the message.

Environment: PARAMETERS, TABLE, KMS_KEY (see releases), TOPIC_ARN, RECORDS (place of records of endpoints without settings),
MACHINE_ARN (see stopped).
Event: {"plan", "execution", "now"}; `Step Functions Execution Status Change` of an execution that was stopped from outside, or the
rule's own, which asks for a look at every run that holds an endpoint.
"""

from __future__ import annotations

import json
import os
from typing import Any

import decide
import decisions
import page
import releases
import stopped
from aws import client, log, table_named

SCHEDULED = "Scheduled Event"


def handle(event: dict[str, Any], _context: object = None) -> dict[str, Any]:
    """End one run; the answer is what was told of it. Raises: what AWS says of a call, and the state machine calls again."""
    kind = event.get("detail-type")
    if kind == SCHEDULED:
        return {"ended": [_settled(each, event["time"]) for each in stopped.without_end(_table())]}
    if kind:
        found = stopped.of_event(_table(), event["detail"])
        return {} if found is None else _settled(found, event["time"])
    plan = event["plan"]
    run = str(plan.get("run") or event["execution"])
    return _end(plan, run, event["now"])


def _settled(found: stopped.Stopped, now: str) -> dict[str, Any]:
    """An execution that somebody stopped, or that took longer than it may, has no last step of its own. Where it changed nothing
    it is ended here; else another execution puts the old model back, and ends it."""
    if found.result:
        decisions.release(_table(), found.endpoint, found.run)  # it was ended, and then died
        return {"endpoint": found.endpoint, "run": found.run}
    if found.has_changed:
        stopped.put_back(found)
        return {"endpoint": found.endpoint, "run": found.run}
    error = {"Error": f"States.{found.status.title()}", "Cause": found.why}
    return _end({**found.given, "result": decide.FAILED, "error": error}, found.run, now)


def _end(plan: dict[str, Any], run: str, now: str) -> dict[str, Any]:
    found = decide.record(plan, run, now)
    folder = plan.get("records") or f"{os.environ['RECORDS']}/{plan['endpoint']}/{run}"
    uri, report = f"{folder}/record.json", f"{folder}/report.html"
    found["report_uri"] = report
    releases.write_json(uri, found)
    releases.write(report, _page(found).encode(), "text/html; charset=utf-8")
    table = _table()
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


def _page(found: dict[str, Any]) -> str:
    """With what the run left of its comparison and its rows; a run that was stopped early left neither."""
    comparison = releases.read_json(found["comparison_uri"]) if found["comparison_uri"] else None
    manifest = releases.read_json(found["manifest"]) if found.get("manifest") else None
    return page.page(found, comparison, manifest)


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


def _table() -> Any:
    return table_named(os.environ["TABLE"])
