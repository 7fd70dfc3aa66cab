"""Reconciler Lambda: hourly, publishes the verdict of executions that no container reported, and removes shadow endpoints that
no run removed; these also at once when a processing job ends.

Environment: TABLE (of what was published). Which schedules and shadow endpoints are meant stands in watched.json.
A value is published first and remembered second: after a crash in between it is published again, and a 0/1 metric read by its
maximum bears that, while a value that is never published would hide a failed run.
"""

from __future__ import annotations

import os
from typing import Any

import decide
import shadows
import watched
from aws import client, log, table_named


class ReconcileError(RuntimeError):
    """Some schedules could not be reconciled; the others were."""


def handle(event: dict[str, Any], _context: object = None) -> dict[str, int]:
    """Reconcile every schedule; one that fails does not keep the others from their verdicts."""
    now = decide.now(event)
    job = shadows.ended_job(event)
    if job is not None:
        return {"removed": _remove_shadows(now, job)}
    published, failed = 0, []
    for schedule, target in watched.schedules().items():
        try:
            published += _reconcile(schedule, target, now)
        except Exception as error:  # noqa: BLE001 (raised again below, after the other schedules)
            log("failed", schedule=schedule, error=f"{type(error).__name__}: {error}")
            failed.append(schedule)
    try:
        removed = _remove_shadows(now)
    except Exception as error:  # noqa: BLE001 (raised again below)
        removed = 0
        log("failed", error=f"{type(error).__name__}: {error}")
        failed.append("shadow endpoints")
    if failed:
        raise ReconcileError(f"not reconciled: {', '.join(failed)}. The log above says why; the next hour tries again.")
    return {"published": published, "removed": removed}


def _remove_shadows(now: Any, job: str | None = None) -> int:
    prefixes = watched.shadow_prefixes()
    if not prefixes:
        return 0
    removed = shadows.remove(client("sagemaker"), prefixes, now, job)
    for name in removed:
        log("removed", endpoint=name, job=job or "")
    return len(removed)


def _reconcile(schedule: str, target: dict[str, Any], now: Any) -> int:
    since = now - decide.LOOKBACK
    published = _read_published(schedule)
    outcomes = decide.unreported(_executions(schedule, since, now), published)
    for outcome in outcomes:
        client("cloudwatch").put_metric_data(
            Namespace=target["namespace"],
            MetricData=decide.metric_data(outcome, schedule, target, now),
        )
        published = decide.kept([*published, outcome.id], since)
        _write_published(schedule, published)
        log(
            "published",
            endpoint=target["endpoint"],
            schedule=schedule,
            scheduled_time=outcome.id,
            verdict=outcome.verdict,
            reason=outcome.reason,
        )
    return len(outcomes)


def _executions(schedule: str, since: Any, until: Any) -> list[dict[str, Any]]:
    """Executions scheduled in the lookback, all pages."""
    request: dict[str, Any] = {
        "MonitoringScheduleName": schedule,
        "ScheduledTimeAfter": since,
        "ScheduledTimeBefore": until,
        "SortBy": "ScheduledTime",
        "SortOrder": "Descending",
        "MaxResults": 100,
    }
    found: list[dict[str, Any]] = []
    while True:
        answer = client("sagemaker").list_monitoring_executions(**request)
        found += answer["MonitoringExecutionSummaries"]
        if not answer.get("NextToken"):
            return found
        request["NextToken"] = answer["NextToken"]


def _place(schedule: str) -> dict[str, str]:
    return {"pk": "reconciled", "sk": schedule}


def _table() -> Any:
    return table_named(os.environ["TABLE"])


def _read_published(schedule: str) -> list[str]:
    return list(_table().get_item(Key=_place(schedule)).get("Item", {}).get("published", []))


def _write_published(schedule: str, published: list[str]) -> None:
    _table().put_item(Item={**_place(schedule), "published": published})
