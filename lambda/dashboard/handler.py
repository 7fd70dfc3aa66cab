"""Dashboard Lambda: what CloudWatch shows of runs, without a metric for any of it. Called by the dashboard's custom widget.

Environment: TABLE (of runs). Which schedules are shown stands in shown.json.
Event: `describe` for the widget's documentation; else `widgetContext` with the time range, and `endpoint` for one alone. Answer:
HTML, which CloudWatch shows without scripts.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import decide
import runs
import shown
from aws import table_named
from boto3.dynamodb.conditions import Key


def handle(event: dict[str, Any], _context: object = None) -> str | dict[str, str]:
    """One table: a row a schedule, a cell a window."""
    if event.get("describe"):
        return {"markdown": decide.ABOUT}
    start, end = decide.time_range(event, datetime.now(UTC))
    table, chosen = table_named(os.environ["TABLE"]), event.get("endpoint")
    rows = [
        decide.Row(endpoint, schedule, _runs(table, schedule, start, end))
        for schedule, endpoint in shown.schedules().items()
        if chosen in (None, endpoint)
    ]
    return decide.page(rows, os.environ["AWS_REGION"])


def _runs(table: Any, schedule: str, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """The newest windows of a time range, oldest first."""
    within = Key("sk").between(runs.stamp(start), runs.stamp(end))
    answer = table.query(
        KeyConditionExpression=Key("pk").eq(runs.partition(schedule)) & within,
        ScanIndexForward=False,
        Limit=decide.MOST,
    )
    found: list[dict[str, Any]] = answer["Items"]
    return found[::-1]
