"""Review clerk: puts the tasks of each run that ended before people, and writes what they answered as labels.

Environment: TABLE (of the environment), GROUND_TRUTH_BUCKET (for endpoints that bring no place of their own), KMS_KEY (of
labels there), NAMESPACE (of metrics), WORKFORCES (of endpoints whose reviewers work elsewhere, how they are reached; see
workforces.py). Beside the code lies reviews.json: of each endpoint the schedule that sends tasks, its rules, its ground truth.
Events of EventBridge: `Monitoring Run Ended`; the end of a human loop; any other is the timer's round. All may come twice: a task
is there once, and a label has one name.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import workforces
from aws import client, encrypted, log, table_named
from review_table import TableStore

from model_monitor.labels.truth_lines import reviewed_line
from model_monitor.review.backend import Backend
from model_monitor.review.desk import Desk, Rules
from model_monitor.review.outside import Outside
from model_monitor.review.records import Finished

RUN_ENDED = "Monitoring Run Ended"
LOOP_ENDED = "SageMaker A2I HumanLoop Status Change"
REPORT, TASKS, CONTEXT = "report.json", "review_tasks.jsonl", "review_context.json"
LABELS_AT_ONCE = 500  # of one endpoint and round; the next round takes the others


def handle(event: dict[str, Any], _context: object = None) -> dict[str, Any]:
    """Take tasks in, take answers in, or go one round over all endpoints."""
    now = datetime.fromisoformat(event["time"]) if "time" in event else datetime.now(UTC)
    if event.get("detail-type") == RUN_ENDED:
        return take_in(event["detail"], now)
    if event.get("detail-type") == LOOP_ENDED:
        return loop_ended(event["detail"], now)
    return {endpoint: go_round(endpoint, now) for endpoint in _reviews()}


def take_in(run: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The tasks that a run left beside its report."""
    endpoint, report = run["endpoint"], run.get("report") or ""
    review = _reviews().get(endpoint)
    if review is None or run["schedule"] != review["schedule"] or not report:
        return {"added": 0}
    lines = _text(report.removesuffix(REPORT) + TASKS)
    context = _text(report.removesuffix(REPORT) + CONTEXT)
    if lines is None or context is None:
        return {"added": 0}
    put = _backend(endpoint).put(map(json.loads, lines.splitlines()), json.loads(context), now)
    log("taken in", endpoint=endpoint, window=run["window"], added=put.added, known=put.known, cut=put.cut)
    return {"added": put.added, "known": put.known, "cut": put.cut}


def loop_ended(loop: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The answers of a human loop, or its tasks back where it has none."""
    endpoint = workforces.endpoint_of(loop["flowDefinitionArn"])
    if endpoint not in _reviews():
        return {"kept": 0}
    backend = _backend(endpoint)
    found = dict(backend.take_in(now, loop["humanLoopName"])) if isinstance(backend, Outside) else {}
    log("loop ended", endpoint=endpoint, status=loop["humanLoopStatus"], **found)
    return {"kept": 0, **found}


def go_round(endpoint: str, now: datetime) -> dict[str, Any]:
    """Labels of what was answered, and metrics of what was not."""
    backend, written = _backend(endpoint), 0
    for one in backend.collect(now)[:LABELS_AT_ONCE]:
        _write(endpoint, one)
        written += backend.delivered(one, now)
    report = backend.report(now)
    values = {
        "review_open": report["open"],
        "review_oldest_hours": report["oldest_hours"],
        "review_labels": written,
        "review_model_agreement": report["model_agreement"],
        "review_reviewer_agreement": report["reviewer_agreement"],
    }
    points = [
        {"MetricName": name, "Dimensions": [{"Name": "Endpoint", "Value": endpoint}], "Timestamp": now, "Value": value}
        for name, value in values.items()
        if value is not None
    ]
    client("cloudwatch").put_metric_data(Namespace=os.environ["NAMESPACE"], MetricData=points)
    log("round", endpoint=endpoint, written=written, **report)
    return {"written": written, **report}


def _write(endpoint: str, one: Finished) -> None:
    """Its name follows from task and revision, so that writing it again changes nothing."""
    brought = _reviews()[endpoint]["ground_truth"]
    folder = brought or f"s3://{os.environ['GROUND_TRUTH_BUCKET']}/{endpoint}/ground-truth"
    parts = urlsplit(f"{folder.rstrip('/')}/{one.path}")
    line = reviewed_line(one.event_id, one.payload_index, one.label, one.reviewers)
    key = "" if brought else os.environ["KMS_KEY"]  # a bucket that was brought has a key of its own
    client("s3").put_object(
        Bucket=parts.netloc, Key=parts.path.lstrip("/"), Body=f"{line}\n".encode(), **encrypted(key)
    )


@cache
def _reviews() -> dict[str, dict[str, Any]]:
    content: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "reviews.json").read_text())
    return content


def _backend(endpoint: str) -> Backend:
    """The desk, or the desk and the people elsewhere."""
    table = table_named(os.environ["TABLE"])
    desk = Desk(TableStore(table, endpoint), Rules(**_reviews()[endpoint]["rules"]))
    workforce = workforces.of(endpoint)
    return desk if workforce is None else Outside(desk, workforce)


def _text(uri: str) -> str | None:
    """An object's text; None when there is none, which the role sees because it may list."""
    parts = urlsplit(uri)
    s3 = client("s3")
    try:
        text: str = s3.get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))["Body"].read().decode()
    except s3.exceptions.NoSuchKey:
        return None
    return text
