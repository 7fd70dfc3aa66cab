"""Sweep Lambda: every few minutes, looks over all monitors of the environment for those that are silent while there is traffic.

Environment: TABLE (of runs), MONITORS_PREFIX (SSM path of what each schedule runs), TOPIC_ARN, NAMESPACE,
ENVIRONMENT, ROUTES (to others, see recipients).
A message is sent first and remembered second: after a crash in between it is sent again, while one that was remembered and not
sent would hide a dead monitor.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import decide
import monitors
import recipients
import runs
from aws import client, log, table_named
from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError
from windows import time_of

METRIC = "stale_monitors"
SILENCES = "silence"  # where it is kept since when a monitor is looked at, and whether it is silent
MINUTE = 60
HOUR = 3600  # kept for over a year, five minutes for two months


class SweepError(RuntimeError):
    """Some monitors could not be looked at; the others were."""


def handle(event: dict[str, Any], _context: object = None) -> dict[str, int]:
    """Look at every monitor at the time of the event; one that fails does not keep the others from being looked at."""
    now, table = time_of(event["time"]), table_named(os.environ["TABLE"])
    stale, failed, known = 0, [], set()
    for monitor in monitors.every():
        known.add(monitor["schedule"])
        try:
            stale += _look(monitor, now, table)
        except Exception as error:  # noqa: BLE001 (raised again below, after the other monitors)
            log("failed", schedule=monitor["schedule"], error=f"{type(error).__name__}: {error}")
            failed.append(monitor["schedule"])
    client("cloudwatch").put_metric_data(
        Namespace=os.environ["NAMESPACE"],
        MetricData=[
            {
                "MetricName": METRIC,
                "Dimensions": [{"Name": "Environment", "Value": os.environ["ENVIRONMENT"]}],
                "Timestamp": now,
                "Value": float(stale),
                "Unit": "Count",
            }
        ],
    )
    _forget_others(table, known)
    if failed:
        raise SweepError(f"not looked at: {', '.join(failed)}. The log above says why; the next sweep tries again.")
    return {"stale": stale}


def _look(monitor: dict[str, Any], now: datetime, table: Any) -> bool:
    """Whether the monitor is silent now; people are told when that changes."""
    place = _place(monitor["schedule"])
    known = table.get_item(Key=place).get("Item") or {}
    since = time_of(known["since"]) if "since" in known else now
    if not known:
        table.put_item(Item={**place, "since": runs.stamp(now), "is_stale": False})
    due = [window for window in decide.due_windows(now, monitor) if window[0] >= since or known.get("is_stale")]
    is_stale = bool(known.get("is_stale", False))
    if not due:
        return is_stale
    kept = _kept(table, monitor["schedule"], due[0][1], due[-1][1])
    verdicts = {
        end: decide.verdict_of(kept[runs.stamp(end)], end, now, monitor) for _, end in due if runs.stamp(end) in kept
    }
    judged = decide.to_judge(due, verdicts, monitor["staleness_periods"])
    if len(judged) < monitor["staleness_periods"]:  # deployed since
        return is_stale
    seen = [_seen(monitor, window, verdicts.get(window[1])) for window in judged]
    what = decide.change(seen, monitor, is_stale=is_stale)
    if what is not None:
        fault = _capture_fault(monitor) if what is decide.Change.STALE else ""
        subject, text = decide.message(what, seen, monitor, fault)
        for topic in recipients.topics(os.environ["TOPIC_ARN"], monitor["endpoint"], recipients.URGENT):
            client("sns").publish(TopicArn=topic, Subject=subject, Message=text)
        is_stale = what is decide.Change.STALE
        table.put_item(Item={**place, "since": known.get("since", runs.stamp(now)), "is_stale": is_stale})
        log(what.value, schedule=monitor["schedule"], endpoint=monitor["endpoint"])
    return is_stale


def _place(schedule: str) -> dict[str, str]:
    return {"pk": SILENCES, "sk": schedule}


def _forget_others(table: Any, known: set[str]) -> None:
    """A monitor that comes back after its removal begins anew: neither the time between nor what people were told counts."""
    there = {schedule for partition in (runs.TOLD, SILENCES) for schedule in _schedules(table, partition)}
    for schedule in sorted(there - known):
        table.delete_item(Key=runs.told(schedule))  # first: a sweep that died in between finds the silence again
        table.delete_item(Key=_place(schedule))
        log("forgotten", schedule=schedule)


def _schedules(table: Any, partition: str) -> Iterator[str]:
    """Of which something is kept in a partition, through all pages."""
    start: dict[str, Any] = {}
    while True:
        answer = table.query(KeyConditionExpression=Key("pk").eq(partition), **start)
        yield from (item["sk"] for item in answer["Items"])
        if "LastEvaluatedKey" not in answer:
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _capture_fault(monitor: dict[str, Any]) -> str:
    """What is wrong with the endpoint itself. A question that fails keeps nobody from being told the rest."""
    sagemaker, endpoint = client("sagemaker"), monitor["endpoint"]
    try:
        name = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
        configuration = sagemaker.describe_endpoint_config(EndpointConfigName=name)
    except ClientError as error:
        is_missing = "Could not find" in error.response["Error"]["Message"]
        log("endpoint_not_described", endpoint=endpoint, error=error.response["Error"]["Code"])
        return decide.capture_fault(endpoint, None, monitor["capture"]) if is_missing else ""
    return decide.capture_fault(endpoint, configuration, monitor["capture"])


def _seen(monitor: dict[str, Any], window: decide.Window, verdict: str | None) -> decide.Seen:
    """Calls are asked for only where they matter: each question costs money."""
    start, end = window
    return decide.Seen(start, end, 0 if verdict in decide.ALIVE else _calls(monitor, start, end), verdict)


def _kept(table: Any, schedule: str, first: datetime, last: datetime) -> dict[str, dict[str, Any]]:
    """End of window → what is kept of its run."""
    answer = table.query(
        KeyConditionExpression=Key("pk").eq(runs.partition(schedule))
        & Key("sk").between(runs.stamp(first), runs.stamp(last))
    )
    return {item["sk"]: item for item in answer["Items"]}


def _calls(monitor: dict[str, Any], start: datetime, end: datetime) -> float:
    """Requests of all variants, between two times; none where there is no endpoint but transform jobs."""
    if not monitor["variants"]:
        return 0
    answer = client("cloudwatch").get_metric_data(
        MetricDataQueries=_queries(monitor["endpoint"], monitor["variants"], _period(monitor)),
        StartTime=start,
        EndTime=end,
    )
    return sum(sum(found["Values"]) for found in answer["MetricDataResults"])


def _period(monitor: dict[str, Any]) -> int:
    """Seconds that a value stands for."""
    minutes = monitor["period_minutes"]
    return 5 * MINUTE if minutes is not None and minutes * MINUTE < HOUR else HOUR


def _queries(endpoint: str, variants: Sequence[str], period: int) -> list[dict[str, Any]]:
    return [
        {
            "Id": f"v{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/SageMaker",
                    "MetricName": "Invocations",
                    "Dimensions": [
                        {"Name": "EndpointName", "Value": endpoint},
                        {"Name": "VariantName", "Value": variant},
                    ],
                },
                "Period": period,
                "Stat": "Sum",
            },
        }
        for number, variant in enumerate(variants)
    ]
