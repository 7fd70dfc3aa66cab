"""Finish Lambda: the last step of every run, of failed ones too. Writes what came of it, publishes its metrics, tells EventBridge.

Environment: TABLE (of runs), MONITORS_PREFIX (SSM path of what each schedule runs).
Event: {"plan", "now"}. The plan has `result` of the runner or `error` of the step that failed; where the plan itself failed, it
has `schedule`, `scheduled_time`, `owner` and `error`. It may be called again at any point: a window has one verdict, and metrics
are read by their maximum.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import decide
import monitors
import runs
from aws import client, log, table_named
from windows import time_of, window

UNPLANNED = timedelta(hours=1)  # after a window's end its values may carry its time


def handle(event: dict[str, Any], _context: object = None) -> dict[str, Any]:
    """End one run; the answer is what was told of it. Raises: what AWS says of a call, and the state machine calls again."""
    plan = {**event["plan"], "now": event["now"]}
    plan = plan if "window" in plan else _unplanned(plan)
    report = None if plan.get("runner") == decide.NONE else _json(plan.get("report", ""))
    run = decide.ended(plan, report)
    table = table_named(os.environ["TABLE"])
    facts = {
        "verdict": run.verdict,
        "reason": run.reason,
        "runner": run.runner,
        "report": plan.get("report", "") if report else "",
        "records": run.records,
        "violations": run.violations,
        "bytes": plan.get("bytes", 0),
        "seconds": Decimal(str(run.seconds)),
        "cost": None if run.cost is None else Decimal(str(run.cost)),
        "endpoint": plan["endpoint"],
        "window_start": plan["window"]["start"],
    }
    place = {"pk": runs.partition(plan["schedule"]), "sk": plan["window"]["end"]}
    if not runs.end(table, place, plan["owner"], facts):
        log("taken", schedule=plan["schedule"], window=plan["window"])
        return {"verdict": "taken"}
    _publish(plan, run, report is not None and decide.is_of_this_run(report, plan))
    told = decide.event(plan, run)
    _tell(told)
    log("ended", **told, cost=run.cost, seconds=run.seconds)
    return told


def _publish(plan: dict[str, Any], run: decide.Ended, has_report: bool) -> None:
    """What the run wrote down; of a run without a report, its verdict."""
    lines = _text(plan["report"].replace("report.json", "metrics.jsonl")) if has_report else None
    own = {plan["namespace"]: decide.verdict_metrics(plan, run.verdict)}
    found = own if lines is None else decide.written_metrics(lines, plan)
    for namespace, points in found.items():
        for batch in decide.calls(points):
            client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=batch)


def _tell(told: dict[str, Any]) -> None:
    entry = {"Source": decide.EVENT_SOURCE, "DetailType": decide.EVENT_TYPE, "Detail": json.dumps(told)}
    answer = client("events").put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        raise RuntimeError(f"EventBridge refused the event: {answer['Entries'][0].get('ErrorCode')}")


def _unplanned(event: dict[str, Any]) -> dict[str, Any]:
    """What is known of a run whose plan failed: its window follows from its time."""
    monitor = monitors.find(event["schedule"])
    found = window(time_of(event["scheduled_time"]), monitor)
    return {
        **event,
        "endpoint": monitor["endpoint"],
        "namespace": monitor["namespace"],
        "window": {"start": runs.stamp(found.start), "end": runs.stamp(found.end)},
        "name": "",
        "report": "",
        "metrics_until": runs.stamp(found.end + UNPLANNED),
    }


def _json(uri: str) -> dict[str, Any] | None:
    text = _text(uri)
    content: dict[str, Any] | None = None if text is None else json.loads(text)
    return content


def _text(uri: str) -> str | None:
    """An object's text; None when there is none, which the role sees because it may list."""
    parts = urlsplit(uri)
    if not parts.path:
        return None
    s3 = client("s3")
    try:
        text: str = s3.get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))["Body"].read().decode()
    except s3.exceptions.NoSuchKey:
        return None
    return text
