"""Watch Lambda: whether the monitors speak against a model that serves since a moment ago.

Environment: PARAMETERS, TABLE (see releases).
Event: {"plan", "now"}. Answer: `status` (waiting, healthy, violated, kept) and why.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import datetime
from typing import Any

import decide
import releases
from aws import log, table_named
from boto3.dynamodb.conditions import Key


def handle(event: dict[str, Any], _context: object = None) -> dict[str, Any]:
    """Look at every window since the model serves."""
    plan, now = event["plan"], datetime.fromisoformat(event["now"])
    settings = releases.settings(plan["endpoint"])
    since = datetime.fromisoformat(plan["checked"]["answer"]["at"])
    found = decide.watched(_reports(settings, since, now), _rows(settings, since), since, now, settings["watch"])
    found = found if plan["watch"].get("undoes", True) else decide.kept(found)
    log("watched", endpoint=plan["endpoint"], run=plan["run"], **asdict(found))
    return asdict(found)


def _reports(settings: dict[str, Any], since: datetime, now: datetime) -> list[dict[str, Any]]:
    bucket = releases.split(settings["reports"])[0]
    keys = [
        item["Key"]
        for day in decide.days(since, now)
        for item in releases.listed(f"{settings['reports']}/{day}/")
        if decide.REPORT_KEY.search(item["Key"])
    ]
    return [report for key in sorted(keys) if (report := releases.read_json(f"s3://{bucket}/{key}")) is not None]


def _rows(settings: dict[str, Any], since: datetime) -> list[dict[str, Any]]:
    table = table_named(os.environ["TABLE"])
    start = since.strftime("%Y-%m-%dT%H:%M:%SZ")
    asked = Key("pk").eq(f"run#{settings['schedule']}") & Key("sk").gte(start)
    return list(table.query(KeyConditionExpression=asked)["Items"])
