"""Finish Lambda: the last step of every run, of failed ones too. Writes what came of it, publishes its metrics, tells EventBridge,
and people where messages of runs are wanted. A window that no run left a report of gets one here.

Environment: TABLE (of runs), MONITORS_PREFIX (SSM path of what each schedule runs), MESSAGES_TOPIC_ARN
(only where runs tell people), ROUTES (to others, see recipients).
Event: {"plan", "now"}. The plan has `result` of the runner or `error` of the step that failed; where the plan itself failed, it
has `schedule`, `scheduled_time`, `owner` and `error`. It may be called again at any point: a window has one verdict, and metrics
are read by their maximum. A message is sent first and remembered second: only a call that was killed in between sends it again.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import decide
import left
import message
import monitors
import recipients
import runs
from aws import client, encrypted, log, table_named
from botocore.exceptions import ClientError
from windows import report_folder, time_of, window

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
        "report": plan.get("report", ""),
        "records": run.records,
        "violations": run.violations,
        "bytes": plan.get("bytes", 0),
        "seconds": Decimal(str(run.seconds)),
        "cost": None if run.cost is None else Decimal(str(run.cost)),
        "endpoint": plan["endpoint"],
        "window_start": plan["window"]["start"],
        **(_exact(decide.shown(report)) if report and decide.is_of_this_run(report, plan) else {}),
    }
    place = {"pk": runs.partition(plan["schedule"]), "sk": plan["window"]["end"]}
    if not runs.end(table, place, plan["owner"], facts):
        log("taken", schedule=plan["schedule"], window=plan["window"])
        return {"verdict": "taken"}
    if report is None and plan.get("report"):
        _leave(plan, left.report(plan, run))
    _publish(plan, run, report is not None and decide.is_of_this_run(report, plan), is_lost=_is_lost(plan, report))
    told = decide.event(plan, run)
    _tell(told)
    if os.environ.get("MESSAGES_TOPIC_ARN"):
        _tell_people(plan, run, report if report is not None and decide.is_of_this_run(report, plan) else None, table)
    log("ended", **told, cost=run.cost, seconds=run.seconds)
    return told


def _exact(values: dict[str, float | str]) -> dict[str, Decimal | str]:
    """As the table takes numbers."""
    return {name: value if isinstance(value, str) else Decimal(str(value)) for name, value in values.items()}


def _is_lost(plan: dict[str, Any], report: dict[str, Any] | None) -> bool:
    """Whether calls of the window were not captured. A question that fails keeps no verdict from being told."""
    if not plan.get("traffic"):
        return False
    start, end = (datetime.fromisoformat(plan["window"][name]) for name in ("start", "end"))
    asked = decide.queries(plan["traffic"], plan["endpoint"])
    try:
        answer = client("cloudwatch").get_metric_data(MetricDataQueries=asked, StartTime=start, EndTime=end)
    except ClientError as error:
        log("traffic_unknown", schedule=plan["schedule"], error=error.response["Error"]["Code"])
        return False
    is_lost = decide.is_lost(plan["traffic"], decide.captured(plan, report), answer)
    if is_lost:
        log("capture_lost", schedule=plan["schedule"], endpoint=plan["endpoint"], window=plan["window"])
    return is_lost


def _leave(plan: dict[str, Any], content: dict[str, Any]) -> None:
    """A report that cannot be left keeps no verdict from being told."""
    place, key = urlsplit(plan["report"]), str(plan.get("kms_key") or "")
    body = json.dumps(content).encode()
    try:
        client("s3").put_object(Bucket=place.netloc, Key=place.path.lstrip("/"), Body=body, **encrypted(key))
    except ClientError as error:
        log("report_not_left", schedule=plan["schedule"], report=plan["report"], error=error.response["Error"]["Code"])


def _publish(plan: dict[str, Any], run: decide.Ended, has_report: bool, *, is_lost: bool) -> None:
    """What the run wrote down; of a run without a report, its verdict. is_lost: one more cause to tell people."""
    lines = _text(plan["report"].replace("report.json", "metrics.jsonl")) if has_report else None
    own = {plan["namespace"]: decide.verdict_metrics(plan, run.verdict)}
    found = own if lines is None else decide.written_metrics(lines, plan)
    for namespace, points in found.items():
        for batch in decide.calls(decide.with_cause(points, "capture_loss") if is_lost else points):
            client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=batch)


def _tell(told: dict[str, Any]) -> None:
    entry = {"Source": decide.EVENT_SOURCE, "DetailType": decide.EVENT_TYPE, "Detail": json.dumps(told)}
    answer = client("events").put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        raise RuntimeError(f"EventBridge refused the event: {answer['Entries'][0].get('ErrorCode')}")


def _tell_people(plan: dict[str, Any], run: decide.Ended, report: dict[str, Any] | None, table: Any) -> None:
    """One message for a cause that begins, one when all is over; a rehearsal is told as one and changes nothing."""
    window, place = plan["window"], {"pk": runs.partition(plan["schedule"]), "sk": plan["window"]["end"]}
    is_rehearsal = "rehearsal" in (report or {})
    state = runs.told(plan["schedule"])
    kept = {} if is_rehearsal else table.get_item(Key=state, ConsistentRead=True).get("Item") or {}
    known = message.Known(tuple(kept.get("causes", ())), str(kept.get("since", "")), str(kept.get("until", "")))
    found = message.causes(run.verdict, report)
    if message.is_news(window, run.verdict, found, known, plan["now"]) and not _was_told(table, place, run.verdict):
        topic = os.environ.get("MESSAGES_TOPIC_ARN", "")
        region = topic.split(":")[3]
        is_over = run.verdict == message.GOOD
        subject = message.title(plan, run.verdict, is_rehearsal)
        text = (
            message.over(plan, known, region)
            if is_over
            else message.text(plan, run.verdict, run.reason, report, region)
        )
        how = recipients.severity(known.causes if is_over else found)
        for each in recipients.topics(topic, plan["endpoint"], how):
            client("sns").publish(TopicArn=each, Subject=subject, Message=text)
        table.update_item(
            Key=place, UpdateExpression="SET told = :told", ExpressionAttributeValues={":told": run.verdict}
        )
        log("told", schedule=plan["schedule"], window=window, verdict=run.verdict)
    now_known = message.after(window, run.verdict, found, known)
    if not is_rehearsal and now_known != known:
        facts = {"causes": list(now_known.causes), "since": now_known.since, "until": now_known.until}
        table.put_item(Item={**state, **facts})


def _was_told(table: Any, place: dict[str, str], verdict: str) -> bool:
    """Whether people know of this window's verdict already, from an earlier call or an earlier run of it."""
    item = table.get_item(Key=place, ConsistentRead=True).get("Item") or {}
    return bool(item.get("told") == verdict)


def _unplanned(event: dict[str, Any]) -> dict[str, Any]:
    """What is known of a run whose plan failed: its window follows from its time."""
    monitor = monitors.find(event["schedule"])
    found = window(time_of(event["scheduled_time"]), monitor)
    return {
        **event,
        "endpoint": monitor["endpoint"],
        "namespace": monitor["namespace"],
        "published": monitor.get("published"),
        "window": {"start": runs.stamp(found.start), "end": runs.stamp(found.end)},
        "name": "",
        "report": f"{report_folder(monitor['reports'], found, monitor)}/report.json",
        "kms_key": monitor["processing"]["kms_key"],
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
